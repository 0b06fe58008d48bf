// Globals, and calls of functions of builtins and math that are one operation or a few.
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

bool Lifter::Global() {
  if (in().opcode != LOAD_GLOBAL) return false;
  auto it = snapshot_.globals.find(in().offset);
  if (it == snapshot_.globals.end() || it->second.value == nullptr) return false;
  Node* cell = Emit(Opcode::kGlobalGet, {}, Type::Any());
  cell->imm = reinterpret_cast<int64_t>(it->second.cell);
  uint32_t bits = BitsOf(it->second.value);
  Node* value;
  if ((bits & (kOtherBit | kInstanceBit)) != 0) {
    // Functions and classes stay what they are.
    value = EmitGuard(Opcode::kGuardSame, {cell, ObjectConstant(it->second.value)}, Type(bits));
    value->object = it->second.value;
    if (bits == kInstanceBit) ExpectDetail(value, tierjit::DetailOf(it->second.value));
  } else {
    value = EmitGuard(Opcode::kGuardBound, {cell}, Type::Bound());
    Expect(value, bits);
  }
  Push(value);
  if ((in().oparg & 1) != 0) Push(Emit(Opcode::kNull, {}, Type(kNullBit)));
  return true;
}

namespace {

struct MathEntry {
  absl::string_view name;
  int operands;
};
constexpr MathEntry kMathCalls[] = {
#define MATH1(name) {#name, 1},
#define MATH2(name) {#name, 2},
#include "tier2/ir/math_calls.def"
};

// The function that a guarded callable is: "len", "math.sin"; "" for others.
std::string FunctionName(PyObject* o) {
  if (o == nullptr) return "";
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return "float";
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return "int";
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return "bool";
  if (o == reinterpret_cast<PyObject*>(&PyRange_Type)) return "range";
  if (o == reinterpret_cast<PyObject*>(&PyType_Type)) return "type";
  if (o == reinterpret_cast<PyObject*>(&PyUnicode_Type)) return "str";
  if (o == reinterpret_cast<PyObject*>(&PyZip_Type)) return "zip";
  if (o == reinterpret_cast<PyObject*>(&PyEnum_Type)) return "enumerate";
  if (o == reinterpret_cast<PyObject*>(&PyReversed_Type)) return "reversed";
  if (o == reinterpret_cast<PyObject*>(&PyList_Type)) return "list";
  if (o == reinterpret_cast<PyObject*>(&PyDict_Type)) return "dict";
  if (o == reinterpret_cast<PyObject*>(&PySet_Type)) return "set";
  if (!PyCFunction_CheckExact(o) || PyCFunction_GET_SELF(o) == nullptr || !PyModule_Check(PyCFunction_GET_SELF(o))) return "";
  const char* module = PyModule_GetName(PyCFunction_GET_SELF(o));
  if (module == nullptr) {
    PyErr_Clear();
    return "";
  }
  const char* name = reinterpret_cast<PyCFunctionObject*>(o)->m_ml->ml_name;
  if (std::strcmp(module, "builtins") == 0) return name;
  return std::strcmp(module, "math") == 0 ? absl::StrCat("math.", name) : "";
}

}  // namespace

// A function that a local held at the way in, as in `sqrt = math.sqrt`, is taken to stay there.
PyObject* Lifter::KnownCallable(Node* callable) {
  if (callable->object != nullptr || !callable->Is(Opcode::kLoadLocal)) return callable->object;
  auto it = snapshot_.local_functions.find(callable->index);
  return it == snapshot_.local_functions.end() ? nullptr : it->second;
}

bool Lifter::Call() {
  if (in().opcode != CALL && in().opcode != CALL_KW) return false;
  if (PythonCall() || Construct() || SeveralFunctions()) return true;
  if (in().opcode == CALL_KW) return false;
  constexpr int kMostOperands = 4;
  int count = in().oparg;
  if (count > kMostOperands) return false;
  Node *callable = Top(count + 2).node, *self = Top(count + 1).node;
  std::vector<Node*> args;
  for (int i = count; i >= 1; i--) {
    if (Top(i).position != nullptr) return false;
    args.push_back(Top(i).node);
  }
  PyObject* function = KnownCallable(callable);
  if (function == nullptr) return false;
  if (!self->Is(Opcode::kNull)) {
    if (Py_TYPE(function) != &PyMethodDescr_Type || callable->object == nullptr) return false;
    PyMethodDescrObject* descr = reinterpret_cast<PyMethodDescrObject*>(function);
    GuardDeath(self, count + 2);
    return PushCall(Method(descr->d_method, descr->d_common.d_type, self, args, FollowedBy(POP_TOP)));
  }
  if (BoundMethod(function, args)) return true;
  std::string name = FunctionName(function);
  if (name.empty()) return false;
  if (name == "range") return count > 0 && Range(args);
  if (FreshCall(name, args)) return true;
  if (callable->object == nullptr) EmitGuard(Opcode::kGuardSame, {callable, ObjectConstant(function)}, Type(kOtherBit));
  Node* r = name.starts_with("math.") ? MathCall(name.substr(5), args) : Builtin(name, args);
  if (r == nullptr && PyCFunction_CheckExact(function)) {
    r = CallC(reinterpret_cast<PyCFunctionObject*>(function)->m_ml, name, ObjectConstant(PyCFunction_GET_SELF(function)), args);
  }
  return PushCall(r);
}

// nullptr: the call was not lifted.
bool Lifter::PushCall(Node* result) {
  if (result == nullptr) return false;
  Drop(in().oparg + 2);
  PushResult(result);
  return true;
}

bool Lifter::FollowedBy(int opcode) const {
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  size_t next = static_cast<size_t>(current_) + 1;
  return next < list.size() && list[next].opcode == opcode && !leader_[static_cast<size_t>(list[next].offset)] &&
         !snapshot_.generic.contains(list[next].offset);
}

// Neither the range nor its iterator is made where the next instruction asks for that.
bool Lifter::Range(absl::Span<Node* const> args) {
  const Instruction& next = snapshot_.decoded->instructions()[static_cast<size_t>(current_) + 1];
  if (next.opcode != GET_ITER || leader_[static_cast<size_t>(next.offset)] || snapshot_.generic.contains(next.offset) || args.size() > 3) return false;
  for (Node* a : args) {
    if (!IsInt(a)) return false;
  }
  Node* one = IntConstant(1);
  Node* start = args.size() == 1 ? IntConstant(0) : AsInt(args[0]);
  Node* stop = AsInt(args[args.size() == 1 ? 0 : 1]);
  Node* step = args.size() < 3 ? one : AsInt(args[2]);
  bool down = step->Is(Opcode::kInt) && step->imm < 0;
  if (step->Is(Opcode::kInt) && (step->imm == 0 || step->imm == INT64_MIN)) return false;
  if (!step->Is(Opcode::kInt)) EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kGt, step, IntConstant(0))});
  // ceil(distance / stride), at least 0.
  Node* distance = down ? EmitGuard(Opcode::kIntSub, {start, stop}, Type::Int()) : EmitGuard(Opcode::kIntSub, {stop, start}, Type::Int());
  Node* count = distance;
  if (step != one) {
    Node* stride = down ? IntConstant(-step->imm) : step;
    Node* more = EmitGuard(Opcode::kIntAdd, {distance, EmitGuard(Opcode::kIntSub, {stride, one}, Type::Int())}, Type::Int());
    count = EmitGuard(Opcode::kIntFloorDiv, {more, stride}, Type::Int());
  }
  count = Emit(Opcode::kIntMax, {count, IntConstant(0)}, Type::IntRange(0, INT64_MAX));
  Drop(in().oparg + 2);
  StackEntry entry;
  entry.node = Emit(Opcode::kFreshRange, {step}, Type(kRangeIterBit));
  Expect(entry.node, kRangeIterBit);
  entry.position = start;
  entry.remaining = count;
  entry.step = step;
  entry.start = start;
  entry.stop = stop;
  state_.stack.push_back(entry);
  current_++;  // GET_ITER gives it as it is
  return true;
}

Node* Lifter::Builtin(absl::string_view name, absl::Span<Node* const> args) {
  if (name == "min" || name == "max") return args.size() < 2 ? nullptr : Extreme(name == "max", args);
  if (name == "pow" && args.size() == 2 && IsFloat(args[0]) && IsNumber(args[1])) {
    Node* base = AsFloat(args[0]);
    return EmitGuard(Opcode::kFloatPow, {base, AsFloat(args[1])}, Type::Float());
  }
  if (name == "isinstance" && args.size() == 2) return IsInstance(args[0], args[1]->object);
  if (args.empty()) return EmptyOf(name);
  if (name == "divmod" && args.size() == 2) return DivMod(args[0], args[1]);
  if (args.size() != 1) return nullptr;
  Node* arg = args[0];
  if (name == "list" && (SeenAs(arg, kListBit) || SeenAs(arg, kTupleBit))) {
    GuardDeath(arg, 3);
    return EmitGuard(Opcode::kListFrom, {arg}, Type(kListBit));
  }
  if (name == "type") return TypeOf(arg);
  if (name == "len") {
    Node* length = LengthOf(arg);
    if (length != nullptr) GuardDeath(arg, in().oparg + 2);
    return length;
  }
  if (name == "abs") return IsFloat(arg) ? Emit(Opcode::kFloatAbs, {AsFloat(arg)}, Type::Float()) : IsInt(arg) ? EmitGuard(Opcode::kIntAbs, {AsInt(arg)}, Type::IntRange(0, INT64_MAX)) : nullptr;
  if (name == "float") return IsNumber(arg) ? AsFloat(arg) : nullptr;
  if (name == "int" || name == "round") return IsFloat(arg) ? Rounded(AsFloat(arg), name == "int" ? "trunc" : name) : IsInt(arg) ? AsInt(arg) : nullptr;
  if (name == "bool") return AsTruth(arg);
  if (name == "str") return SeenAs(arg, kStrBit) || IsNumber(arg) ? EmitGuard(Opcode::kFormatSimple, {Boxed(arg)}, Type(kStrBit)) : nullptr;
  return nullptr;
}

// A call without arguments.
Node* Lifter::EmptyOf(absl::string_view name) {
  if (name == "list") return Emit(Opcode::kMakeList, {}, Type(kListBit));
  if (name != "dict" && name != "set") return nullptr;
  uint32_t kind = name == "dict" ? kDictBit : kSetBit;
  Node* made = Emit(Opcode::kMakeEmpty, {}, Type(kind));
  made->imm = kind;
  return made;
}

Node* Lifter::DivMod(Node* a, Node* b) {
  if (!IsInt(a) || !IsInt(b)) return nullptr;
  Node *x = AsInt(a), *y = AsInt(b);
  Node* quotient = EmitGuard(Opcode::kIntFloorDiv, {x, y}, Type::Int());
  Node* rest = EmitGuard(Opcode::kIntMod, {x, y}, Type::Int());
  return Emit(Opcode::kNewTuple, {Boxed(quotient), Boxed(rest)}, Type(kTupleBit));
}

Node* Lifter::MathCall(absl::string_view name, absl::Span<Node* const> args) {
  for (Node* a : args) {
    if (!IsNumber(a)) return nullptr;
  }
  if (args.size() == 1) {
    if (name == "fabs") return Emit(Opcode::kFloatAbs, {AsFloat(args[0])}, Type::Float());
    if (name == "sqrt") return EmitGuard(Opcode::kFloatSqrt, {AsFloat(args[0])}, Type::Float());
    if (name == "floor" || name == "ceil" || name == "trunc") return IsInt(args[0]) ? AsInt(args[0]) : Rounded(AsFloat(args[0]), name);
  }
  for (size_t i = 0; i < std::size(kMathCalls); i++) {
    if (kMathCalls[i].name != name || kMathCalls[i].operands != static_cast<int>(args.size())) continue;
    Node* a = AsFloat(args[0]);
    Node* n = args.size() == 1 ? EmitGuard(Opcode::kFloatMath, {a}, Type::Float())
                               : EmitGuard(Opcode::kFloatMath2, {a, AsFloat(args[1])}, Type::Float());
    n->imm = static_cast<int64_t>(i);
    return n;
  }
  return nullptr;
}

// Of operands of one kind: an int that is less than a float would be the result as it is.
Node* Lifter::Extreme(bool max, absl::Span<Node* const> args) {
  bool ints = true, floats = true;
  for (Node* a : args) ints = ints && IsInt(a), floats = floats && IsFloat(a);
  if (!ints && !floats) return nullptr;
  Opcode opcode = ints ? (max ? Opcode::kIntMax : Opcode::kIntMin) : (max ? Opcode::kFloatMax : Opcode::kFloatMin);
  auto number = [&](Node* a) { return ints ? AsInt(a) : AsFloat(a); };
  Node* r = number(args[0]);
  for (size_t i = 1; i < args.size(); i++) r = Emit(opcode, {r, number(args[i])}, ints ? Type::Int() : Type::Float());
  return r;
}

// The int next to a float.
Node* Lifter::Rounded(Node* value, absl::string_view how) {
  if (how == "round") value = Emit(Opcode::kFloatRound, {value}, Type::Float());
  Node* whole = EmitGuard(Opcode::kFloatToInt, {value}, Type::Int());
  if (how != "floor" && how != "ceil") return whole;
  Node* back = Emit(Opcode::kIntToFloat, {whole}, Type::Float());
  bool floor = how == "floor";
  Node* beyond = Compare(Opcode::kFloatCompare, floor ? Relation::kGt : Relation::kLt, back, value);
  Node* step = Emit(Opcode::kBoolToInt, {beyond}, Type::IntRange(0, 1));
  return Emit(floor ? Opcode::kIntSubWrap : Opcode::kIntAddWrap, {whole, step}, Type::Int());
}

}  // namespace tierjit::tier2
