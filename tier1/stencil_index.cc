#include "tier1/stencil_index.h"

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace tierjit::tier1 {
namespace {

using NameMap = absl::flat_hash_map<absl::string_view, const Stencil*>;

const NameMap& Names() {
  static const NameMap* map = [] {
    auto* m = new NameMap;
    for (size_t i = 0; i < kStencilCount; i++) m->emplace(kStencils[i].name, &kStencils[i]);
    return m;
  }();
  return *map;
}

const Stencil* Require(absl::string_view name) {
  const Stencil* s = FindStencil(name);
  if (s == nullptr) {
    std::fprintf(stderr, "tierjit: no stencil %.*s\n", static_cast<int>(name.size()), name.data());
    std::abort();
  }
  return s;
}

constexpr const char* kIntPairs[] = {"LL", "LN", "LR", "RL", "RN", "MR", "NL", "NR"};
constexpr const char* kFloatPairs[] = {"LL", "LF", "LR", "RL", "RF", "MR", "FL", "FR"};
constexpr const char* kSubscriptNames[] = {"LL", "LN", "LR", "RL", "RN", "MR", "LB", "RB"};
constexpr const char* kObjectPairs[] = {"LL", "LC", "LR", "RL", "RC", "MR", "CL", "CR"};
constexpr const char* kArithmeticNames[] = {"add",      "sub", "mul",    "truediv", "and", "or", "xor",
                                            "floordiv", "mod", "lshift", "rshift"};
constexpr const char* kRelationNames[] = {"lt", "le", "eq", "ne", "gt", "ge"};

void FillArithmetic(StencilIndex* s) {
  for (int op = 0; op < kArithmeticCount; op++) {
    for (int pair = 0; pair < kPairCount; pair++) {
      s->int_op[op][pair] = Require(absl::StrCat("int_", kArithmeticNames[op], "_", kIntPairs[pair]));
      s->wide_op[op][pair] = FindStencil(absl::StrCat("wide_", kArithmeticNames[op], "_", kIntPairs[pair]));
      s->mixed_op[op][pair] = FindStencil(absl::StrCat("mixed_", kArithmeticNames[op], "_", kFloatPairs[pair]));
      s->float_op[op][pair] = FindStencil(absl::StrCat("float_", kArithmeticNames[op], "_", kFloatPairs[pair]));
    }
  }
}

void FillComparisons(StencilIndex* s) {
  for (int rel = 0; rel < 6; rel++) {
    for (int pair = 0; pair < kComparePairs; pair++) {
      std::string int_tail = absl::StrCat(kRelationNames[rel], "_", kIntPairs[pair]);
      std::string float_tail = absl::StrCat(kRelationNames[rel], "_", kFloatPairs[pair]);
      s->int_jump[rel][pair] = Require(absl::StrCat("int_jump_", int_tail));
      s->int_bool[rel][pair] = Require(absl::StrCat("int_bool_", int_tail));
      s->wide_jump[rel][pair] = Require(absl::StrCat("wide_jump_", int_tail));
      s->wide_bool[rel][pair] = Require(absl::StrCat("wide_bool_", int_tail));
      s->float_jump[rel][pair] = Require(absl::StrCat("float_jump_", float_tail));
      s->float_jumpnot[rel][pair] = Require(absl::StrCat("float_jumpnot_", float_tail));
      s->float_bool[rel][pair] = Require(absl::StrCat("float_bool_", float_tail));
    }
  }
}

void FillGeneric(StencilIndex* s) {
  for (int pair = 0; pair < kPairCount; pair++) {
    s->binary_any[pair] = Require(absl::StrCat("binary_any_", kObjectPairs[pair]));
    s->slot_op[pair] = FindStencil(absl::StrCat("slot_op_", kObjectPairs[pair]));
    s->compare_any[pair] = Require(absl::StrCat("compare_any_", kObjectPairs[pair]));
    s->compare_jump[0][pair] = Require(absl::StrCat("compare_jumpnot_", kObjectPairs[pair]));
    s->compare_jump[1][pair] = Require(absl::StrCat("compare_jump_", kObjectPairs[pair]));
    s->quick[pair] = Require(absl::StrCat("quick_", kObjectPairs[pair]));
  }
}

void FillOthers(StencilIndex* s) {
  constexpr const char* kTypes[] = {"list", "tuple", "str", "array"};
  for (int type = 0; type < kIndexedCount; type++) {
    for (int pair = 0; pair < kSubscriptPairs; pair++) {
      s->get[type][pair] = Require(absl::StrCat(kTypes[type], "_get_", kSubscriptNames[pair]));
    }
  }
  for (int pair = 0; pair < kPairCount; pair++) {
    s->call_getitem[pair] = FindStencil(absl::StrCat("call_getitem_", kObjectPairs[pair]));
    s->item_get[pair] = Require(absl::StrCat("item_get_", kObjectPairs[pair]));
    s->item_contains[pair] = Require(absl::StrCat("item_contains_", kObjectPairs[pair]));
  }
  for (int n = 0; n < 6; n++) {
    std::string count = n < 5 ? absl::StrCat(n) : "n";
    s->call[0][n] = Require(absl::StrCat("call_plain_", count));
    s->call[1][n] = FindStencil(absl::StrCat("call_method_", count));
    if (n < kMostArgumentsAtSite + 1) {
      s->call_c[0][n] = Require(absl::StrCat("call_c_plain_", n));
      s->call_c[1][n] = Require(absl::StrCat("call_c_method_", n));
    }
    s->call_class[n] = Require(absl::StrCat("call_class_", count, n == 0 || n == 5 ? "" : "R"));
    if (n == 0 || n == 5) continue;
    s->call_R[0][n] = Require(absl::StrCat("call_plain_", count, "R"));
    s->call_R[1][n] = Require(absl::StrCat("call_method_", count, "R"));
  }
  for (int n = 0; n <= kMaxDropsAtOnce; n++) {
    for (int bound = 0; bound < 2; bound++) {
      const char* suffix = bound || n == 0 ? "bound_" : "";
      s->leave[0][bound][n] = Require(absl::StrCat("return_R_", suffix, n));
      s->leave[1][bound][n] = FindStencil(absl::StrCat("return_L_", suffix, n));
    }
  }
  for (int n = 0; n < 9; n++) s->clear_locals[n] = FindStencil(absl::StrCat("clear_locals_", n));
  s->clear_locals[0] = Require("clear_locals");
#define X(name) s->name = Require(#name);
  TIERJIT_NAMED_STENCILS(X)
#undef X
}

}  // namespace

const Stencil* FindStencil(absl::string_view name) {
  auto it = Names().find(name);
  return it == Names().end() ? nullptr : it->second;
}

const StencilIndex& Stencils() {
  static const StencilIndex* index = [] {
    auto* s = new StencilIndex{};
    FillArithmetic(s);
    FillComparisons(s);
    FillGeneric(s);
    FillOthers(s);
    return s;
  }();
  return *index;
}

}  // namespace tierjit::tier1
