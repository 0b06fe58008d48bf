// C functions of builtin types and modules that run no foreign code when their arguments are of the right types.
#include <cstring>

#include "tier2/ir/helper.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

struct PureCall {
  const char* type;       // of `self`; "": a function of builtins
  const char* name;
  const char* arguments;  // s: str, i: int, b: bytes, p: list or tuple of numbers alone or of text alone; behind |: may be left out
  uint32_t result;        // TypeBits; 0: not one only
};

constexpr PureCall kCalls[] = {
    {"str", "isdigit", "", kBoolBit},   {"str", "isalpha", "", kBoolBit},  {"str", "isalnum", "", kBoolBit},
    {"str", "isspace", "", kBoolBit},   {"str", "isupper", "", kBoolBit},  {"str", "islower", "", kBoolBit},
    {"str", "isnumeric", "", kBoolBit}, {"str", "isdecimal", "", kBoolBit}, {"str", "isidentifier", "", kBoolBit},
    {"str", "upper", "", kStrBit},      {"str", "lower", "", kStrBit},     {"str", "title", "", kStrBit},
    {"str", "swapcase", "", kStrBit},   {"str", "capitalize", "", kStrBit}, {"str", "strip", "|s", kStrBit},
    {"str", "lstrip", "|s", kStrBit},   {"str", "rstrip", "|s", kStrBit},  {"str", "startswith", "s|ii", kBoolBit},
    {"str", "endswith", "s|ii", kBoolBit}, {"str", "find", "s|ii", kIntBit}, {"str", "rfind", "s|ii", kIntBit},
    {"str", "index", "s|ii", kIntBit},  {"str", "count", "s|ii", kIntBit}, {"str", "replace", "ss|i", kStrBit},
    {"str", "join", "p", kStrBit},      {"str", "split", "|si", kListBit}, {"str", "splitlines", "", kListBit},
    {"str", "zfill", "i", kStrBit},     {"str", "ljust", "i|s", kStrBit},  {"str", "rjust", "i|s", kStrBit},
    {"str", "center", "i|s", kStrBit},  {"str", "partition", "s", kTupleBit},
    {"bytes", "find", "b|ii", kIntBit}, {"bytes", "startswith", "b", kBoolBit}, {"bytes", "hex", "", kStrBit},
    {"", "sum", "p", 0},                {"", "sorted", "p", kListBit},     {"", "min", "p", 0},
    {"", "max", "p", 0},                {"", "any", "p", kBoolBit},        {"", "all", "p", kBoolBit},
    {"", "ord", "s", kIntBit},          {"", "chr", "i", kStrBit},         {"", "hash", "s", kIntBit},
    {"", "bin", "i", kStrBit},          {"", "hex", "i", kStrBit},
};

uint32_t KindOf(char code) { return code == 's' ? kStrBit : code == 'b' ? kBytesBit : 0; }

bool IsOf(const char* type, Node* self) {
  absl::string_view name = type;
  if (name == "str") return self->type.Is(kStrBit);
  if (name == "bytes") return self->type.Is(kBytesBit);
  return self->object != nullptr && PyModule_Check(self->object) && std::strcmp(PyModule_GetName(self->object), "builtins") == 0;
}

// Whether as many are given as the signature demands.
bool Takes(absl::string_view signature, size_t count) {
  size_t least = signature.find('|');
  if (least == absl::string_view::npos) return count == signature.size();
  return count >= least && count < signature.size();
}

}  // namespace

Node* Lifter::CallC(PyMethodDef* method, absl::string_view name, Node* self, absl::Span<Node* const> args) {
  for (const PureCall& call : kCalls) {
    if (name != call.name || !IsOf(call.type, self) || !Takes(call.arguments, args.size())) continue;
    std::string signature = call.arguments;
    std::erase(signature, '|');
    int32_t checks = 0;
    for (size_t i = 0; i < args.size(); i++) {
      bool right = signature[i] == 'i' ? IsInt(args[i]) : signature[i] == 'p' ? args[i]->rep == Rep::kBoxed && (SeenAs(args[i], kListBit) || SeenAs(args[i], kTupleBit))
                                                                            : args[i]->rep == Rep::kBoxed && SeenAs(args[i], KindOf(signature[i]));
      if (!right) return nullptr;
      int32_t check = signature[i] == 'i' ? kExactInt : signature[i] == 'p' ? kPlainItems : kAnyArgument;
      checks |= check << (kBitsOfCheck * static_cast<int>(i));
    }
    for (Node* a : args) GuardDeath(a, in().oparg + 2);
    std::vector<Node*> inputs = {self};
    for (size_t i = 0; i < args.size(); i++) {
      uint32_t kind = KindOf(signature[i]);
      inputs.push_back(kind != 0 ? GuardKind(args[i], kind) : Boxed(args[i]));
    }
    Node* n = EmitGuard(Opcode::kCallC, inputs, call.result == 0 ? Type::Bound() : Type(call.result));
    n->imm = reinterpret_cast<int64_t>(method);
    n->index = checks;
    return n;
  }
  return nullptr;
}

}  // namespace tierjit::tier2
