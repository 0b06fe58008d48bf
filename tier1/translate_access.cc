// Attributes, subscripts and calls.
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/helpers/handlers.h"
#include "tier1/inline_cache.h"
#include "tier1/slow_path.h"
#include "tier1/translator.h"

namespace tierjit::tier1 {

namespace {
bool CallsBuiltin(uint8_t adaptive) {
  switch (adaptive) {
    case CALL_BUILTIN_O: case CALL_BUILTIN_FAST: case CALL_BUILTIN_FAST_WITH_KEYWORDS: case CALL_ISINSTANCE: case CALL_LEN:
    case CALL_METHOD_DESCRIPTOR_O: case CALL_METHOD_DESCRIPTOR_NOARGS: case CALL_METHOD_DESCRIPTOR_FAST:
    case CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS: case CALL_BUILTIN_CLASS: case CALL_STR_1: case CALL_TUPLE_1: return true;
    default: return false;
  }
}

// Classes with `__slots__` come under the second, and so does much else.
bool CallsClass(uint8_t adaptive) { return adaptive == CALL_ALLOC_AND_ENTER_INIT || adaptive == CALL_NON_PY_GENERAL; }

// An int constant whose magnitude is usable as an immediate index.
std::optional<int64_t> IndexConstant(const Entry& key) {
  if (key.kind != Kind::kConst) return std::nullopt;
  PyLongObject* o = reinterpret_cast<PyLongObject*>(key.value);
  if (!PyLong_CheckExact(o) || !_PyLong_IsCompact(o)) return std::nullopt;
  return _PyLong_CompactValue(o);
}

// The form of the stencils for containers with indices; -1 if there is none for these operands.
int SubscriptForm(Pair pair, std::optional<int64_t> constant) {
  switch (pair) {
    case kLL: return kSubLL;
    case kLR: return kSubLR;
    case kRL: return kSubRL;
    case kMR: return kSubMR;
    case kLI: return !constant ? -1 : *constant < 0 ? kSubLB : kSubLN;
    case kRI: return !constant ? -1 : *constant < 0 ? kSubRB : kSubRN;
    default: return -1;
  }
}

// The containers whose stencils come before the helper: first what the interpreter has seen.
std::vector<Indexed> TypesSeen(uint8_t adaptive) {
  switch (adaptive) {
    case BINARY_SUBSCR_DICT: return {};
    case BINARY_SUBSCR_LIST_INT: return {Indexed::kList, Indexed::kTuple};
    case BINARY_SUBSCR_TUPLE_INT: return {Indexed::kTuple, Indexed::kList};
    case BINARY_SUBSCR_STR_INT: return {Indexed::kStr, Indexed::kList};
    default: return {Indexed::kList, Indexed::kTuple, Indexed::kArray};
  }
}
}  // namespace

namespace {
// The hot form, by what the interpreter has seen.
const Stencil* AttrForm(uint8_t adaptive, bool local) {
  const StencilIndex& s = Stencils();
  switch (adaptive) {
    case LOAD_ATTR_SLOT: return local ? s.attr_slot_L : s.attr_slot_R;
    case LOAD_ATTR_MODULE: case LOAD_ATTR_CLASS: return local ? s.attr_fixed_L : s.attr_fixed_R;
    case LOAD_ATTR_WITH_HINT: return local ? s.attr_hint_L : s.attr_hint_R;
    default: return local ? s.attr_value_L : s.attr_value_R;
  }
}
const Stencil* MethodForm(uint8_t adaptive, bool local) {
  const StencilIndex& s = Stencils();
  switch (adaptive) {
    case LOAD_ATTR_METHOD_NO_DICT: return local ? s.method_plain_L : s.method_plain_R;
    case LOAD_ATTR_MODULE: case LOAD_ATTR_CLASS: return local ? s.method_fixed_L : s.method_fixed_R;
    default: return local ? s.method_values_L : s.method_values_R;
  }
}
}  // namespace

void Translator::LoadAttr(const Instruction& in) {
  const StencilIndex& s = Stencils();
  OpHandler handler = DecisionFor(LOAD_ATTR).handler;
  bool method = in.oparg & 1;
  if (in.adaptive == LOAD_ATTR_PROPERTY) return LoadProperty(in);
  // Unspecialised: the interpreter does not tell properties whose getter has been compiled already from other attributes.
  bool any_kind = in.adaptive == LOAD_ATTR && !method;
  if (any_kind) SpillBelow(1);
  FreeAccumulator(1);
  if (Top().kind != Kind::kLocal) ToAccumulator();
  bool local = Top().kind == Kind::kLocal;
  uint32_t owner = local ? LocalOffset(Top().value) : 0;
  if (any_kind) return LoadAnyAttr(in);
  Emission& e = Emit(method ? MethodForm(in.adaptive, local) : AttrForm(in.adaptive, local));
  e.cell = NewCell(sizeof(PolyCell));
  if (!method) {
    AddCold(e, local ? s.cold_attr_L : s.cold_attr_R);
    e.a = owner;
    e.p = reinterpret_cast<uint64_t>(PyTuple_GET_ITEM(code_->co_names, in.oparg >> 1));
    SetSite(e, handler, 1, kResultInAcc).fill = FillAttr;
    Drop(1);
    AddDispose(e, kResultInAcc);
    PushAccumulator();
    return;
  }
  const Stencil* plain = local ? s.method_plain_L : s.method_plain_R;
  if (e.stencil != plain && !RunsRarely(in)) AddCold(e, plain);
  AddCold(e, local ? s.cold_method_L : s.cold_method_R);
  e.a = SlotOffset(depth() - 1);
  e.b = owner;
  SetSite(e, handler, 1, 0).fill = FillMethod;
  Drop(1);
  AddDispose(e, 0);
  Push(Kind::kMem, 0, CallableHint(in.oparg >> 1));
  Push(Kind::kMem);
}

// What lies below the owner is canonical.
void Translator::LoadAnyAttr(const Instruction& in) {
  const StencilIndex& s = Stencils();
  bool local = Top().kind == Kind::kLocal;
  Emission& e = Emit(local ? s.attr_value_L : s.attr_value_R);
  AddCold(e, local ? s.cold_attr_or_L : s.cold_attr_or_R);
  AddCold(e, local ? s.call_attr_L : s.call_attr_R);
  AddCold(e, s.after_call);
  AddCold(e, s.cold_after_call);
  e.returns_to_cold = true;
  e.cell = NewCell(sizeof(PolyCell));
  e.a = local ? LocalOffset(Top().value) : 0;
  e.d = SlotOffset(depth() - 1);
  e.p = reinterpret_cast<uint64_t>(PyTuple_GET_ITEM(code_->co_names, in.oparg >> 1));
  Drop(1);
  e.site = MakeSite(nullptr, 0, kResultInAcc);
  SiteDraft& draft = out_->sites[e.site];
  draft.cell = e.cell;
  draft.site.fill = FillAttr;
  AddDispose(e, kResultInAcc);
  PushAccumulator();
}

// The getter may do anything, so what lies below the owner goes to its slots.
void Translator::LoadProperty(const Instruction& in) {
  const StencilIndex& s = Stencils();
  SpillBelow(1);
  if (Top().kind != Kind::kLocal) ToAccumulator();
  bool local = Top().kind == Kind::kLocal;
  Emission& e = Emit(local ? s.call_getter_L : s.call_getter_R);
  e.cell = NewCell(sizeof(GetterCell));
  e.a = local ? LocalOffset(Top().value) : 0;
  e.p = AddressOfUnit(in.op);
  SlowPath(e, DecisionFor(LOAD_ATTR).handler, 1, kResultInAcc).fill = FillGetter;
  AfterCall(1, e.site);
}

void Translator::StoreAttr(const Instruction& in) {
  const StencilIndex& s = Stencils();
  OpHandler handler = DecisionFor(STORE_ATTR).handler;
  FreeAccumulator(2);
  if (Top(2).kind == Kind::kNull || Top().kind == Kind::kNull || Top().kind == Kind::kConst) SpillAll();
  if (Top().kind == Kind::kMem || Top().kind == Kind::kConst) {
    if (Top(2).kind == Kind::kAcc) Spill(depth() - 2);
    ToAccumulator();
  }
  Entry value = Top(2), owner = Top(1);
  bool local = owner.kind == Kind::kLocal;
  const Stencil *values = local ? s.set_value_ML : s.set_value_MR, *slots = local ? s.set_slot_ML : s.set_slot_MR;
  const Stencil *poly = s.set_poly_M, *any = local ? s.put_attr_ML : s.put_attr_MR;
  if (value.kind == Kind::kAcc) values = s.set_value_RL, slots = s.set_slot_RL, poly = s.set_poly_R, any = s.put_attr_RL;
  if (value.kind == Kind::kLocal) {
    values = local ? s.set_value_LL : s.set_value_LR, slots = local ? s.set_slot_LL : s.set_slot_LR;
    poly = s.set_poly_L, any = local ? s.put_attr_LL : s.put_attr_LR;
  }
  if (value.kind == Kind::kConst) {
    values = local ? s.set_value_CL : s.set_value_CR, slots = local ? s.set_slot_CL : s.set_slot_CR;
    poly = s.set_poly_C, any = local ? s.put_attr_CL : s.put_attr_CR;
  }
  bool slot_first = in.adaptive == STORE_ATTR_SLOT;
  Emission& e = Emit(slot_first ? slots : values);
  AddCold(e, slot_first ? values : slots);
  if (local) AddCold(e, poly);
  AddCold(e, any);
  e.cell = NewCell(sizeof(PolyCell));
  e.a = local ? LocalOffset(owner.value) : 0;
  e.b = value.kind == Kind::kLocal ? LocalOffset(value.value) : SlotOffset(depth() - 2);
  e.p = value.value;
  SlowPath(e, handler, 2, 0).fill = FillStoreAttr;
  Drop(2);
  AddDispose(e, 0);
}

// Two operands in a form that pair stencils take, constants of any type included.
Pair Translator::ArrangeObjects() {
  Pair pair = ArrangePair();
  if (pair != kNoPair) return pair;
  ToAccumulator();
  return ArrangePair();
}

void Translator::SetItemOperands(Emission& e, const Entry& a, const Entry& b) {
  SetOperands(e, a, b, depth() - 2);
  if (std::optional<int64_t> constant = IndexConstant(b)) e.c = static_cast<uint32_t>(std::abs(*constant));
  e.p = a.value;
  e.q = b.value;
}

// Of instances whose class has a Python function for it. That may do anything, so what lies below the operands goes to its slots.
void Translator::SubscriptByMethod(const Instruction& in) {
  SpillBelow(2);
  Pair pair = ArrangeObjects();
  Emission& e = Emit(Stencils().call_getitem[pair]);
  SetCallGetItem(e, in);
  AfterCall(2, -1);
}

void Translator::SetCallGetItem(Emission& e, const Instruction& in) {
  SetItemOperands(e, Top(2), Top(1));
  e.d = SlotOffset(depth() - 2);
  e.p = AddressOfUnit(in.op);
}

void Translator::Subscript(const Instruction& in) {
  const StencilIndex& s = Stencils();
  bool constant_container = Top(2).kind == Kind::kConst;
  if (in.adaptive == BINARY_SUBSCR_GETITEM && !constant_container) return SubscriptByMethod(in);
  // Unspecialised: the interpreter does not tell classes whose method has been compiled already from other types.
  bool any_type = in.adaptive == BINARY_SUBSCR && !constant_container;
  if (any_type) SpillBelow(2);
  Pair pair = ArrangeObjects();
  int form = SubscriptForm(pair, IndexConstant(Top(1)));
  std::vector<const Stencil*> order;
  if (form >= 0) {
    for (Indexed type : TypesSeen(in.adaptive)) order.push_back(s.get[static_cast<int>(type)][form]);
  }
  order.push_back(s.item_get[pair]);
  Emission& e = Emit(order[0]);
  for (size_t i = 1; i < order.size(); i++) AddCold(e, order[i]);
  if (any_type) {
    SetCallGetItem(e, in);
    AddCold(e, s.call_getitem[pair]);
    AddCold(e, s.after_call);
    AddCold(e, s.cold_after_call);
    e.returns_to_cold = true;
    Drop(2);
    e.site = MakeSite(nullptr, 0, kResultInAcc);
  } else {
    SetItemOperands(e, Top(2), Top(1));
    SlowPath(e, DecisionFor(BINARY_SUBSCR).handler, 2, kResultInAcc);
    Drop(2);
  }
  AddDispose(e, kResultInAcc);
  PushAccumulator();
}

void Translator::StoreSubscript(const Instruction& in) {
  FreeAccumulator(3);
  if (Top(2).kind == Kind::kAcc || Top(2).kind == Kind::kConst) Spill(depth() - 2);
  if (Top(1).kind == Kind::kMem && Top(3).kind != Kind::kAcc) ToAccumulator();
  Entry v = Top(3), o = Top(2), key = Top(1);
  std::optional<int64_t> constant = IndexConstant(key);
  auto letter = [](const Entry& entry) {
    return entry.kind == Kind::kAcc ? 'R' : entry.kind == Kind::kLocal ? 'L' : entry.kind == Kind::kMem ? 'M' : 'C';
  };
  auto named = [&](const char* type, char index) {
    return FindStencil(absl::StrCat(type, "_set_", std::string{letter(v), letter(o), index}));
  };
  const Stencil* any = named("item", letter(key));
  bool indexed = in.adaptive != STORE_SUBSCR_DICT && (key.kind != Kind::kConst || (constant && *constant >= 0));
  char index = key.kind == Kind::kConst ? 'N' : letter(key);
  Emission& e = Emit(indexed ? named("list", index) : any);
  if (indexed && in.adaptive != STORE_SUBSCR_LIST_INT) AddCold(e, named("array", index));
  if (indexed) AddCold(e, any);
  SetOperands(e, o, key, depth() - 2);
  e.d = v.kind == Kind::kLocal ? LocalOffset(v.value) : SlotOffset(depth() - 3);
  e.p = v.value;
  e.q = key.value;
  SlowPath(e, DecisionFor(STORE_SUBSCR).handler, 3, 0);
  Drop(3);
  AddDispose(e, 0);
}

void Translator::BuildSlice(const Instruction& in) {
  const std::vector<Instruction>& list = decoded_.instructions();
  const Instruction* next = current_ + 1 < static_cast<int>(list.size()) ? &list[current_ + 1] : nullptr;
  bool loads = in.oparg == 3 && next != nullptr && next->opcode == BINARY_SUBSCR && !leader_[next->offset];
  if (!loads) return EmitHandler(in, DecisionFor(BUILD_SLICE).handler, in.oparg, 1);
  current_++;
  EmitHandler(*next, op_binary_strided, 4, 1);
}

void Translator::ContainsOp(const Instruction& in) {
  Pair pair = ArrangeObjects();
  Entry a = Top(2), b = Top(1);
  Emission& e = Emit(Stencils().item_contains[pair]);
  SetItemOperands(e, a, b);
  e.c = static_cast<uint32_t>(in.oparg);
  SlowPath(e, DecisionFor(CONTAINS_OP).handler, 2, kResultInAcc);
  Drop(2);
  AddDispose(e, kResultInAcc);
  PushAccumulator();
}

void Translator::ListAppend(const Instruction& in) {
  SpillBelow(1);
  ToAccumulator();
  Emission& e = Emit(Stencils().list_append);
  e.a = SlotOffset(depth() - 1 - in.oparg);
  AddCold(e, Stencils().list_append_any);
  e.site = MakeSite(nullptr, 1, 0);
  Drop(1);
}

// `site`: that of the call, -1 if it has none.
void Translator::AfterCall(int popped, int site) {
  Drop(popped);
  Emission& after = Emit(Stencils().after_call);
  after.site = site >= 0 ? site : MakeSite(nullptr, 0, kResultInAcc);
  AddCold(after, Stencils().cold_after_call);
  PushAccumulator();
}

// What makes the iterator of `for ... in range(...)` at once; NULL for other calls.
const Stencil* Translator::RangeForLoop(const Instruction& in, bool no_self) const {
  const std::vector<Instruction>& list = decoded_.instructions();
  bool may_be_range = in.adaptive == CALL || in.adaptive == CALL_BUILTIN_CLASS;
  if (!no_self || !may_be_range || current_ + 1 >= static_cast<int>(list.size())) return nullptr;
  const Instruction& next = list[current_ + 1];
  if (next.opcode != GET_ITER || leader_[next.offset]) return nullptr;
  return in.oparg == 1 ? Stencils().call_range_1R : in.oparg == 2 ? Stencils().call_range_2R : nullptr;
}

// What comes first where the interpreter has seen something else than plain functions and classes; NULL: it has not.
const Stencil* Translator::SpecialCall(const Instruction& in, bool no_self) const {
  const StencilIndex& s = Stencils();
  if (CallsBuiltin(in.adaptive)) {
    if (in.oparg <= kMostArgumentsAtSite) return s.call_c[!no_self][in.oparg];
    return no_self ? s.call_any_plain : s.call_any_method;
  }
  switch (in.adaptive) {
    case CALL_BOUND_METHOD_EXACT_ARGS: case CALL_BOUND_METHOD_GENERAL: return no_self ? s.call_bound_plain : s.call_bound_method;
    case CALL_LIST_APPEND: return no_self ? nullptr : s.call_list_append;
    case CALL_TYPE_1: return no_self ? s.call_type : nullptr;
    default: return nullptr;
  }
}

// callable, self or NULL, arguments. Everything goes to its slot, as the callee may look at or change any of it.
void Translator::Call(const Instruction& in) {
  const StencilIndex& s = Stencils();
  int popped = in.oparg + 2;
  int callable = depth() - popped;
  bool no_self = stack_[callable + 1].kind == Kind::kNull || stack_[callable + 1].hint == Hint::kNull;
  int count = in.oparg + !no_self;
  const Stencil* range = RangeForLoop(in, no_self);
  bool resumes = in.oparg == 1 && stack_[callable].hint == (no_self ? Hint::kNext : Hint::kSend);
  const Stencil* special = resumes ? (no_self ? s.call_next : s.call_send) : SpecialCall(in, no_self);
  bool class_first = CallsClass(in.adaptive) && !resumes;
  // A recursive function is compiled before its first call has come to all its places.
  bool never_ran = RunsRarely(in) && range == nullptr && stack_[callable].hint != Hint::kNamesake;
  bool may_hold = special == nullptr && (!class_first || no_self) && !never_ran;
  bool last_in_acc = may_hold && in.oparg > 0 && count < 5 && Top().kind != Kind::kMem && Top().kind != Kind::kNull;
  last_in_acc = last_in_acc || range != nullptr;
  for (int i = 0; i < depth() - last_in_acc; i++) {
    if (i != callable + 1 || !no_self) Spill(i);  // a NULL need not be stored
  }
  if (last_in_acc) {
    ToAccumulator();
    Top() = {Kind::kMem, Hint::kNone, 0};
  }
  const Stencil* any = no_self ? s.call_any_plain : s.call_any_method;
  const Stencil* python = last_in_acc ? s.call_R[!no_self][count] : s.call[!no_self][count < 5 ? count : 5];
  const Stencil* init = !no_self ? s.call_class_method_n : s.call_class[last_in_acc || in.oparg == 0 ? in.oparg : 5];
  const Stencil* first = range != nullptr ? range : special != nullptr ? special : class_first ? init : never_ran ? any : python;
  Emission& e = Emit(first);
  if (last_in_acc) AddCold(e, s.cold_argument);
  if (resumes) AddCold(e, python);
  if ((resumes || first == python) && in.oparg <= kMostArgumentsAtSite) AddCold(e, s.call_c[!no_self][in.oparg]);
  if (first != any) AddCold(e, any);
  e.a = SlotOffset(callable);
  e.b = SlotOffset(callable + 1 + no_self);
  e.c = count;
  e.d = SlotOffset(depth() - 1);
  e.p = AddressOfUnit(in.op);
  e.site = MakeSite(DecisionFor(CALL).handler, popped, kPlainCall);
  if (resumes) e.after_call = no_self ? s.after_call_next : s.after_call_send;
  if (class_first) {
    e.after_call = s.after_init;
    e.cell = NewCell(sizeof(ClassCell));
    SiteDraft& draft = out_->sites[e.site];
    draft.cell = e.cell;
    draft.site.fill = FillClass;
  }
  AfterCall(popped, e.site);
}

// The manager gives way to its `__exit__`, and what `__enter__` returns comes on top.
void Translator::EnterWith(const Instruction& in) {
  SpillAll();
  Emission& e = Emit(Stencils().call_any);
  e.site = MakeSite(DecisionFor(in.opcode).handler, 0, kEnterWith);
  AfterCall(0, e.site);
}

void Translator::CallAny(const Instruction& in) {
  SpillAll();
  int popped = NumPopped(in.opcode, in.oparg);
  Emission& e = Emit(Stencils().call_any);
  e.site = MakeSite(DecisionFor(in.opcode).handler, popped, in.opcode == CALL_KW ? kKeywordCall : 0);
  AfterCall(popped, e.site);
}

}  // namespace tierjit::tier1
