// Loads, stores, names that are cached, cells, and the shape of the stack.
#include <algorithm>

#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "tier1/inline_cache.h"
#include "tier1/slow_path.h"
#include "tier1/translator.h"

namespace tierjit::tier1 {

bool Translator::LoadStore(const Instruction& in) {
  switch (in.opcode) {
    case LOAD_FAST: LoadFast(in.oparg); return true;
    case LOAD_FAST_LOAD_FAST:
      LoadFast(in.oparg >> 4);
      LoadFast(in.oparg & 15);
      return true;
    case LOAD_FAST_CHECK: {
      FreeAccumulator(0);
      Emission& e = Emit(Stencils().check_local);
      e.a = LocalOffset(in.oparg);
      SlowPath(e, DecisionFor(LOAD_FAST_CHECK).handler, 0, 0);
      LoadFast(in.oparg);
      return true;
    }
    case LOAD_FAST_AND_CLEAR: {
      SpillLocal(in.oparg);
      FreeAccumulator(0);
      Emit(Stencils().take_local).a = LocalOffset(in.oparg);
      PushAccumulator();
      return true;
    }
    case LOAD_CONST:
      Push(Kind::kConst, reinterpret_cast<uint64_t>(PyTuple_GET_ITEM(code_->co_consts, in.oparg)));
      return true;
    case STORE_FAST: StoreFast(in.oparg); return true;
    case STORE_FAST_LOAD_FAST:
      StoreFast(in.oparg >> 4, true);
      LoadFast(in.oparg & 15);
      return true;
    case STORE_FAST_STORE_FAST:
      StoreFast(in.oparg >> 4, true);
      StoreFast(in.oparg & 15);
      return true;
    case POP_TOP: PopTop(); return true;
    case PUSH_NULL: Push(Kind::kNull); return true;
    case COPY: CopyEntry(in.oparg); return true;
    case SWAP: SwapEntries(in.oparg); return true;
    default: return false;
  }
}

void Translator::StoreFast(int local, bool half) {
  const StencilIndex& s = Stencils();
  Entry value = Top();
  int from = depth() - 1;
  if (value.kind == Kind::kNull) {
    Spill(from);
    value = Top();
  }
  Drop(1);
  if (value.kind == Kind::kLocal && value.value == static_cast<uint64_t>(local)) {
    SpillLocal(local);
    return;  // x = x
  }
  SpillLocal(local);
  FreeAccumulator(0);
  const Stencil* stencil = s.store_M;
  if (value.kind == Kind::kAcc) {
    stencil = value.hint == Hint::kInt ? s.store_R_int : value.hint == Hint::kFloat ? s.store_R_float : s.store_R;
  }
  if (value.kind == Kind::kLocal) stencil = s.store_L;
  if (value.kind == Kind::kConst) stencil = s.store_C;
  Emission& e = Emit(stencil);
  e.a = LocalOffset(local);
  e.b = value.kind == Kind::kLocal ? LocalOffset(value.value) : SlotOffset(from);
  e.p = value.value;
  AddDispose(e, half ? kHalfDone : 0);
}

void Translator::PopTop() {
  Entry top = Top();
  int from = depth() - 1;
  Drop(1);
  if (top.kind != Kind::kAcc && top.kind != Kind::kMem) return;
  Emission& e = Emit(top.kind == Kind::kAcc ? Stencils().pop_R : Stencils().pop_M);
  e.a = SlotOffset(from);
  AddDispose(e, 0);
}

void Translator::CopyEntry(int n) {
  const StencilIndex& s = Stencils();
  int i = depth() - n;
  Entry entry = stack_[i];
  if (entry.kind == Kind::kLocal || entry.kind == Kind::kConst || entry.kind == Kind::kNull) {
    stack_.push_back(entry);
    return;
  }
  if (entry.kind == Kind::kAcc) {
    Emit(s.copy_R).a = SlotOffset(i);
    stack_[i] = {Kind::kMem, Hint::kNone, 0};
    PushAccumulator(entry.hint);
    return;
  }
  FreeAccumulator(0);
  Emit(s.copy_M).a = SlotOffset(i);
  PushAccumulator();
}

void Translator::SwapEntries(int n) {
  const StencilIndex& s = Stencils();
  int i = depth() - n, top = depth() - 1;
  if (stack_[i].kind != Kind::kMem && stack_[top].kind != Kind::kMem) {
    std::swap(stack_[i], stack_[top]);
    return;
  }
  if (stack_[i].kind == Kind::kAcc) Spill(i);
  if (stack_[top].kind == Kind::kAcc) Spill(top);
  bool both = stack_[i].kind == Kind::kMem && stack_[top].kind == Kind::kMem;
  int from = stack_[i].kind == Kind::kMem ? i : top;
  int to = from == i ? top : i;
  Emission& e = Emit(both ? s.swap_M : s.move_M);
  e.a = SlotOffset(to);
  e.b = SlotOffset(from);
  std::swap(stack_[i], stack_[top]);
}

void Translator::LoadGlobal(const Instruction& in) {
  FreeAccumulator(0);
  Emission& e = Emit(Stencils().load_global);
  e.cell = NewCell(sizeof(GlobalCell));
  AddCold(e, Stencils().cold_global);
  // The NULL that bit 0 asks for is pushed statically.
  Site& site = SetSite(e, DecisionFor(LOAD_GLOBAL).handler, 0, kResultInAcc | (in.oparg & 1 ? kNullAbove : 0));
  site.oparg = in.oparg & ~1;
  site.fill = FillGlobal;
  PushAccumulator(CallableHint(in.oparg >> 1));
  if (in.oparg & 1) Push(Kind::kNull);
}

void Translator::LoadName(const Instruction& in) {
  FreeAccumulator(0);
  Emission& e = Emit(Stencils().load_name);
  e.cell = NewCell(sizeof(GlobalCell));
  e.p = reinterpret_cast<uint64_t>(PyTuple_GET_ITEM(code_->co_names, in.oparg));
  AddCold(e, Stencils().cold_name);
  SetSite(e, DecisionFor(LOAD_NAME).handler, 0, kResultInAcc).fill = FillName;
  PushAccumulator();
}

void Translator::StoreName(const Instruction& in) {
  ToAccumulator();
  Emission& e = Emit(in.opcode == STORE_GLOBAL ? Stencils().put_global_R : Stencils().put_name_R);
  e.p = reinterpret_cast<uint64_t>(PyTuple_GET_ITEM(code_->co_names, in.oparg));
  SlowPath(e, DecisionFor(in.opcode).handler, 1, 0);
  Drop(1);
  AddDispose(e, 0);
}

void Translator::CopyFreeVars(const Instruction& in) {
  const StencilIndex& s = Stencils();
  Emission& e = Emit(in.oparg == 1 ? s.copy_free_vars_1 : in.oparg == 2 ? s.copy_free_vars_2 : s.copy_free_vars_n);
  e.a = LocalOffset(static_cast<uint64_t>(nlocalsplus_ - in.oparg));
  e.c = static_cast<uint32_t>(in.oparg);
}

void Translator::LoadDeref(const Instruction& in) {
  FreeAccumulator(0);
  Emission& e = Emit(Stencils().load_deref);
  e.a = LocalOffset(in.oparg);
  SlowPath(e, DecisionFor(LOAD_DEREF).handler, 0, kResultInAcc);
  PushAccumulator();
}

void Translator::StoreDeref(const Instruction& in) {
  ToAccumulator();
  Drop(1);
  Emission& e = Emit(Stencils().store_deref_R);
  e.a = LocalOffset(in.oparg);
  AddDispose(e, 0);
}

// The function is in the accumulator and stays there; it has had no such attribute before.
void Translator::SetFunctionAttribute(const Instruction& in) {
  if (Top(2).kind != Kind::kMem) Spill(depth() - 2);
  ToAccumulator();
  Emission& e = Emit(Stencils().set_function_attribute);
  e.a = SlotOffset(depth() - 2);
  switch (in.oparg) {
    case MAKE_FUNCTION_CLOSURE: e.c = offsetof(PyFunctionObject, func_closure); break;
    case MAKE_FUNCTION_ANNOTATIONS: e.c = offsetof(PyFunctionObject, func_annotations); break;
    case MAKE_FUNCTION_KWDEFAULTS: e.c = offsetof(PyFunctionObject, func_kwdefaults); break;
    default: e.c = offsetof(PyFunctionObject, func_defaults); break;
  }
  Drop(2);
  PushAccumulator();
}

// The stores into different locals that take all items of the UNPACK_SEQUENCE at hand; false: there is something else in
// between.
bool Translator::FindFusedStores(int count, UnpackShape* shape, std::vector<int>* locals) const {
  const std::vector<Instruction>& list = decoded_.instructions();
  if (count < kMinFusedStores || count > kMaxFusedStores) return false;
  for (size_t i = static_cast<size_t>(current_) + 1; static_cast<int>(locals->size()) < count; i++) {
    if (i >= list.size() || leader_[list[i].offset]) return false;
    const Instruction& store = list[i];
    int place = static_cast<int>(locals->size());
    switch (store.opcode) {
      case STORE_FAST: locals->push_back(store.oparg); break;
      case STORE_FAST_STORE_FAST:
        locals->push_back(store.oparg >> 4);
        locals->push_back(store.oparg & 15);
        shape->joined |= 1u << place;
        break;
      case STORE_FAST_LOAD_FAST:
        if (place + 1 != count) return false;
        locals->push_back(store.oparg >> 4);
        shape->load = store.oparg & 15;
        break;
      default: return false;
    }
  }
  shape->count = count;
  std::vector<int> sorted = *locals;
  std::sort(sorted.begin(), sorted.end());
  return static_cast<int>(locals->size()) == count && sorted.back() < kMaxFusedLocal &&
         std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

// The sequence is in the accumulator and what lies below it in its slots.
bool Translator::UnpackIntoLocals(const Instruction& in) {
  UnpackShape shape;
  std::vector<int> locals;
  if (!FindFusedStores(in.oparg, &shape, &locals)) return false;
  Emission& e = Emit(Stencils().unpack_locals);
  for (int i = 0; i < shape.count; i++) (i < 8 ? e.p : e.q) |= static_cast<uint64_t>(locals[i]) << (8 * (i & 7));
  e.site = MakeSite(nullptr, 1, 0);
  out_->sites[e.site].site.oparg = static_cast<int32_t>(shape.Encode());
  Drop(1);
  int stores = 0;
  while (stores < shape.count) {
    stores += decoded_.instructions()[++current_].opcode == STORE_FAST_STORE_FAST ? 2 : 1;
    out_->bytecodes++;
  }
  if (shape.load >= 0) LoadFast(shape.load);
  return true;
}

void Translator::UnpackSequence(const Instruction& in) {
  const StencilIndex& s = Stencils();
  ToAccumulator();
  SpillBelow(1);
  if (UnpackIntoLocals(in)) return;
  bool list = in.adaptive == UNPACK_SEQUENCE_LIST;
  const Stencil* tuple = in.oparg == 2 ? s.unpack_tuple_2 : s.unpack_tuple;
  Emission& e = Emit(list ? s.unpack_list : tuple);
  AddCold(e, list ? tuple : s.unpack_list);
  e.a = SlotOffset(depth() - 1);
  e.c = in.oparg;
  SlowPath(e, DecisionFor(UNPACK_SEQUENCE).handler, 1, 0);
  Drop(1);
  for (int i = 0; i < in.oparg; i++) Push(Kind::kMem);
  AddDispose(e, 0);
}

void Translator::PushHandled() {
  SpillAll();
  Emit(Stencils().push_exc_info).a = SlotOffset(depth());
  Push(Kind::kMem);
}

void Translator::PopHandled() {
  SpillAll();
  Emission& e = Emit(Stencils().pop_except);
  e.a = SlotOffset(depth() - 1);
  Drop(1);
  AddDispose(e, 0);
}

}  // namespace tierjit::tier1
