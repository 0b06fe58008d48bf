#include "tier1/translator.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/cpython/suspension.h"
#include "tier1/functions.h"
#include "tier1/inline_cache.h"
#include "tier1/known_types.h"
#include "tier1/slow_path.h"

namespace tierjit::tier1 {

namespace {
constexpr int kMaxInlinedDrops = 8;  // with more locals a return is code for the loop that all units share
}  // namespace

Translator::Translator(PyCodeObject* code, Workspace& workspace, TranslationMode mode)
    : code_(code),
      decoded_(workspace.decoded),
      mode_(mode),
      out_(&workspace.translation),
      nlocalsplus_(code->co_nlocalsplus),
      stack_(workspace.stack),
      depth_at_(workspace.depth_at),
      nulls_at_(workspace.nulls_at),
      leader_(workspace.leader),
      done_(workspace.done),
      in_loop_(workspace.in_loop),
      always_bound_(workspace.always_bound) {
}

absl::Status Translator::Run() {
  TranslateAll();
  if (nulls_differ_) {
    know_nulls_ = false;
    TranslateAll();
  }
  Weigh();
  return status_;
}

void Translator::TranslateAll() {
  out_->Clear();
  stack_.clear();
  out_->emissions.reserve(decoded_.instructions().size() * 3 / 2 + 16);
  out_->sites.reserve(decoded_.instructions().size());
  size_t units = static_cast<size_t>(decoded_.unit_count()) + 1;
  depth_at_.assign(units, -1);
  nulls_at_.assign(units, 0);
  leader_.assign(units, 0);
  done_.assign(units, 0);
  in_loop_.assign(units, 0);
  FindLeaders();
  if (mode_.loop) {
    if (mode_.loop_header >= 0) {
      leader_[mode_.loop_header] = 1;
      Reach(mode_.loop_header, mode_.loop_depth);
    }
  } else {
    EnterUnit();
    Reach(0, 0);
  }
  while (TranslateReachableBlocks() && status_.ok()) {
  }
}

// Rough: a back-edge stands for the mean loop, an entry for what lies outside of loops.
void Translator::Weigh() {
  int in_loops = 0, loops = 0;
  for (const Instruction& in : decoded_.instructions()) {
    if (in.opcode != JUMP_BACKWARD) continue;
    in_loops += decoded_.IndexAt(in.offset) - decoded_.IndexAt(in.target) + 1;
    loops++;
  }
  out_->loop_weight = loops == 0 ? 0 : in_loops / loops;
  out_->entry_weight = std::max(1, out_->bytecodes - in_loops);
}

void Translator::FindLeaders() {
  for (const Instruction& in : decoded_.instructions()) {
    if (in.opcode == RETURN_GENERATOR || in.opcode == YIELD_VALUE) leader_[in.next] = 1;
    if (const Instruction* store = LoopStore(in)) leader_[store->next] = 1;
    if (in.target < 0) continue;
    if (in.target < in.offset) std::fill(in_loop_.begin() + in.target, in_loop_.begin() + in.offset, 1);
    // An exhausted loop goes on behind END_FOR and POP_TOP.
    leader_[in.opcode == FOR_ITER ? in.target + 2 : in.target] = 1;
  }
  for (const ExceptionRange& range : decoded_.exceptions()) {
    leader_[range.target] = 1;
    if (!mode_.loop) depth_at_[range.target] = static_cast<int16_t>(range.depth + range.push_lasti + 1);
  }
  leader_[0] = 1;
  if (mode_.feedback == nullptr) return;
  for (const Instruction& in : decoded_.instructions()) leader_[in.offset] = 1;
}

// A unit entered through a loop knows the depth of the header only from whoever runs it; blocks are reached from there.
void Translator::Reach(int32_t unit, int depth) {
  uint64_t nulls = Nulls(depth);
  if (depth_at_[unit] >= 0) {
    if ((nulls_at_[unit] & ~nulls) == 0) return;
    nulls_at_[unit] &= nulls;
    nulls_differ_ = nulls_differ_ || done_[unit];
    return;
  }
  depth_at_[unit] = static_cast<int16_t>(depth);
  nulls_at_[unit] = nulls;
  grew_ = true;
}

// What protects the instruction at `unit` becomes part of a version that is entered through a loop: there handlers are not leaders from
// the beginning, because most of the code is usually not reached.
void Translator::ReachHandler(int32_t unit) {
  for (const ExceptionRange& range : decoded_.exceptions()) {
    if (unit < range.start || unit >= range.end || depth_at_[range.target] >= 0) continue;
    depth_at_[range.target] = static_cast<int16_t>(range.depth + range.push_lasti + 1);
    grew_ = true;
  }
}

// Which of the lowest entries are NULL for sure: the place of `self` under the arguments of a call.
uint64_t Translator::Nulls(int depth) const {
  uint64_t nulls = 0;
  int known = know_nulls_ ? std::min({depth, static_cast<int>(stack_.size()), 64}) : 0;
  for (int i = 0; i < known; i++) nulls |= static_cast<uint64_t>(stack_[i].hint == Hint::kNull || stack_[i].kind == Kind::kNull) << i;
  return nulls;
}

bool Translator::TranslateReachableBlocks() {
  grew_ = false;
  const std::vector<Instruction>& list = decoded_.instructions();
  for (int i = 0; i < static_cast<int>(list.size()) && status_.ok(); i++) {
    int32_t unit = list[i].offset;
    if (!leader_[unit] || depth_at_[unit] < 0 || done_[unit]) continue;
    done_[unit] = 1;
    TranslateBlock(i);
  }
  return grew_;
}

void Translator::EnterUnit() {
  int argcount = code_->co_argcount + code_->co_kwonlyargcount + ((code_->co_flags & CO_VARARGS) != 0) +
                 ((code_->co_flags & CO_VARKEYWORDS) != 0);
  always_bound_.assign(static_cast<size_t>(nlocalsplus_), 0);
  std::fill_n(always_bound_.begin(), argcount, 1);
  // Cells of a closure, the last locals, are there from the first instruction on.
  const Instruction& first = decoded_.instructions().front();
  int free_vars = first.opcode == COPY_FREE_VARS ? first.oparg : 0;
  std::fill_n(always_bound_.end() - free_vars, free_vars, 1);
  for (const Instruction& in : decoded_.instructions()) {
    if (in.opcode == DELETE_FAST || in.opcode == LOAD_FAST_AND_CLEAR) always_bound_[static_cast<size_t>(in.oparg)] = 0;
  }
  int count = nlocalsplus_ - argcount - free_vars;
  if (count <= 0) return;
  const StencilIndex& s = Stencils();
  const Stencil* exact = count < 9 ? s.clear_locals[count] : nullptr;
  Emission& e = Emit(exact != nullptr ? exact : s.clear_locals[0]);
  e.a = LocalOffset(argcount);
  e.b = LocalOffset(static_cast<uint64_t>(nlocalsplus_ - free_vars));
}

void Translator::TranslateBlock(int first) {
  const std::vector<Instruction>& list = decoded_.instructions();
  int32_t unit = list[first].offset;
  out_->blocks.push_back({unit, static_cast<int32_t>(out_->emissions.size())});
  stack_.assign(static_cast<size_t>(depth_at_[unit]), Entry{Kind::kMem, Hint::kNone, 0});
  for (int i = 0; i < std::min(depth(), 64); i++) {
    if (nulls_at_[unit] >> i & 1) stack_[i].hint = Hint::kNull;
  }
  current_ = first;
  if (IsResumePoint(first)) EnterResumePoint(unit);
  if (mode_.feedback != nullptr && IsHandler(unit)) EmitObserve(depth() - 1, &mode_.feedback->at(unit));
  while (true) {
    out_->bytecodes++;
    const Instruction& in = list[current_];
    if (mode_.loop) ReachHandler(in.offset);
    if (mode_.feedback != nullptr) ObserveOperands(in);
    if (!TranslateInstruction() || !status_.ok()) return;
    if (mode_.feedback != nullptr) ObserveResult(in);
    current_++;
    if (current_ >= static_cast<int>(list.size())) return;
    if (leader_[list[current_].offset]) return FallTo(list[current_].offset);
  }
}

bool Translator::IsHandler(int32_t unit) const {
  return std::any_of(decoded_.exceptions().begin(), decoded_.exceptions().end(), [&](const ExceptionRange& r) { return r.target == unit; });
}

void Translator::EmitObserve(int entry, Observation* observation) {
  Emission& e = Emit(Stencils().observe);
  e.a = SlotOffset(entry);
  e.p = reinterpret_cast<uint64_t>(observation);
}

// Whatever is stored to locals, and what decides about the best form.
void Translator::ObserveOperands(const Instruction& in) {
  bool one = in.opcode == STORE_FAST || in.opcode == STORE_FAST_LOAD_FAST, two = in.opcode == STORE_FAST_STORE_FAST;
  if (one || two) EmitObserve(depth() - 1, &mode_.feedback->at(in.offset));
  if (two) EmitObserve(depth() - 2, &mode_.feedback->second(in.offset));
  int deciding = DecidingOperand(in);
  if (deciding > 0) EmitObserve(depth() - deciding, &mode_.feedback->second(in.offset));
}

// The top of the stack behind an instruction that made it.
void Translator::ObserveResult(const Instruction& in) {
  switch (in.opcode) {
    case LOAD_FAST: case LOAD_FAST_LOAD_FAST: case LOAD_FAST_CHECK: case LOAD_CONST: case PUSH_NULL: case COPY: case SWAP: case POP_TOP:
    case STORE_FAST: case STORE_FAST_LOAD_FAST: case STORE_FAST_STORE_FAST: return;
    default: break;
  }
  SpillAll();
  if (depth() > 0 && NumPushed(in.opcode, in.oparg) > 0) EmitObserve(depth() - 1, &mode_.feedback->at(in.offset));
}

// The block's successor comes next in the code if it was not translated before and nothing else lies between.
void Translator::FallTo(int32_t unit) {
  current_--;  // listings: spills belong to the instruction before
  SpillAll();
  current_++;
  Reach(unit, depth());
  if (done_[unit]) {
    JumpTo(unit);
    return;
  }
  done_[unit] = 1;
  TranslateBlock(current_);
}

void Translator::JumpTo(int32_t unit) {
  Emit(Stencils().jump).target = unit;
}

void Translator::EmitLeave(const Instruction& in) {
  SpillAll();
  Emission& e = Emit(Stencils().cold_slow);
  SlowPath(e, nullptr, 0, kLeave);
}

bool Translator::TranslateInstruction() {
  const Instruction& in = decoded_.instructions()[current_];
  switch (in.opcode) {
    case NOP: case CACHE: case EXTENDED_ARG: return true;
    case RESUME: Resume(in); return true;
    case JUMP_FORWARD: case JUMP_BACKWARD_NO_INTERRUPT:
      SpillAll();
      Reach(in.target, depth());
      JumpTo(in.target);
      return false;
    case JUMP_BACKWARD: JumpBackward(in); return false;
    case RETURN_VALUE: case RETURN_CONST: Return(in); return false;
    case RERAISE:
      // Without a handler here it must be the interpreter that raises again: it adds no traceback entry then.
      if (mode_.loop) {
        EmitLeave(in);
        return false;
      }
      [[fallthrough]];
    case RAISE_VARARGS:
      EmitHandler(in, DecisionFor(in.opcode).handler, NumPopped(in.opcode, in.oparg), 0);
      return false;
    case BINARY_OP: BinaryOp(in); return true;
    case UNARY_NEGATIVE: UnaryNegative(in); return true;
    case UNARY_INVERT: UnaryInvert(in); return true;
    case UNARY_NOT: UnaryNot(in); return true;
    case LIST_APPEND: ListAppend(in); return true;
    case COMPARE_OP: CompareOp(in); return true;
    case TO_BOOL: ToBool(in); return true;
    case IS_OP: IsOp(in); return true;
    case CONTAINS_OP: ContainsOp(in); return true;
    case POP_JUMP_IF_TRUE: case POP_JUMP_IF_FALSE: TruthJump(in); return true;
    case POP_JUMP_IF_NONE: case POP_JUMP_IF_NOT_NONE: NoneJump(in); return true;
    case LOAD_ATTR: LoadAttr(in); return true;
    case STORE_ATTR: StoreAttr(in); return true;
    case LOAD_GLOBAL: LoadGlobal(in); return true;
    case LOAD_NAME: LoadName(in); return true;
    case STORE_NAME: case STORE_GLOBAL: StoreName(in); return true;
    case LOAD_DEREF: LoadDeref(in); return true;
    case COPY_FREE_VARS: CopyFreeVars(in); return true;
    case STORE_DEREF: StoreDeref(in); return true;
    case BINARY_SUBSCR: Subscript(in); return true;
    case STORE_SUBSCR: StoreSubscript(in); return true;
    case BUILD_SLICE: BuildSlice(in); return true;
    case UNPACK_SEQUENCE: UnpackSequence(in); return true;
    case CALL: Call(in); return true;
    case CALL_KW: case CALL_FUNCTION_EX: CallAny(in); return true;
    case BEFORE_WITH: case BEFORE_ASYNC_WITH: EnterWith(in); return true;
    case FOR_ITER: ForIter(in); return true;
    case RETURN_GENERATOR: ReturnGenerator(in); return false;
    case YIELD_VALUE: Yield(in); return false;
    case SEND: Send(in); return true;
    case END_SEND: EndSend(in); return true;
    case GET_ITER: case GET_YIELD_FROM_ITER:
      AskOperand(in, {Stencils().get_iter, Stencils().get_iter_any, Stencils().cold_iter});
      return true;
    case GET_AWAITABLE: AskOperand(in, {Stencils().get_awaitable, Stencils().cold_iter}); return true;
    case GET_ANEXT: GetAnext(in); return true;
    case PUSH_EXC_INFO: PushHandled(); return true;
    case POP_EXCEPT: PopHandled(); return true;
    case CHECK_EXC_MATCH: EmitHandler(in, DecisionFor(in.opcode).handler, 1, 1, {Stencils().check_exc_match}); return true;
    case MAKE_FUNCTION: EmitHandler(in, MakeFunction, 1, 1); return true;
    case SET_FUNCTION_ATTRIBUTE: SetFunctionAttribute(in); return true;
    default: break;
  }
  if (LoadStore(in)) return true;
  const OpcodeDecision& decision = DecisionFor(in.opcode);
  if (decision.decision == Decision::kHandler) {
    EmitHandler(in, decision.handler, NumPopped(in.opcode, in.oparg), NumPushed(in.opcode, in.oparg));
    return true;
  }
  if (mode_.loop) {
    EmitLeave(in);
    return false;
  }
  status_ = absl::UnimplementedError(absl::StrCat(decision.reason_code != nullptr ? decision.reason_code : "TJ-000", ": ",
                                                  decision.reason != nullptr ? decision.reason : decision.name));
  return false;
}

void Translator::Resume(const Instruction& in) {
  constexpr int kLocation = 3, kAfterYieldFrom = 2;  // parts and values of the argument
  SpillAll();
  if ((in.oparg & kLocation) == 0) {
    Emission& e = Emit(Stencils().resume);
    e.site = MakeSite(nullptr, 0, kEntryCheck);
    AddCold(e, Stencils().cold_entry);
    return;
  }
  SlowPath(Emit(Stencils().resume_yield), nullptr, 0, kEntryCheck | ((in.oparg & kLocation) >= kAfterYieldFrom ? kNoPolling : 0));
}

void Translator::JumpBackward(const Instruction& in) {
  SpillAll();
  Reach(in.target, depth());
  Emission& e = Emit(Stencils().jump_backward);
  e.target = in.target;
  e.site = MakeSite(nullptr, 0, kEntryCheck);
  out_->sites[static_cast<size_t>(e.site)].site.next = in.target;
  AddCold(e, Stencils().cold_back_edge);
}

void Translator::Return(const Instruction& in) {
  if (mode_.loop) return EmitLeave(in);
  if (in.opcode == RETURN_CONST) {
    Push(Kind::kConst, reinterpret_cast<uint64_t>(PyTuple_GET_ITEM(code_->co_consts, in.oparg)));
  }
  const StencilIndex& s = Stencils();
  uint64_t here = AddressOfUnit(in.op);
  bool inlined = nlocalsplus_ <= kMaxInlinedDrops && !Suspends(code_);
  if (!inlined || Top().kind != Kind::kLocal) ToAccumulator();
  Entry value = Top();
  Drop(1);
  if (!inlined) {
    Emit(Suspends(code_) ? s.return_generator_R : s.return_any_R).p = here;
    return;
  }
  // The reference of a local that is returned moves out of the frame.
  bool local = value.kind == Kind::kLocal;
  if (ReturnAtOnce(value, here)) return;
  Emission& leave = Emit(s.leave_frame);
  leave.p = here;
  leave.d = LocalOffset(value.value);
  AddCold(leave, local ? s.return_any_L : s.return_any_R);
  if (local) Emit(s.load_M).a = LocalOffset(value.value);
  DropLocals(local ? static_cast<int>(value.value) : -1);
  Emit(s.return_R);
}

// Few locals: one stencil does it all.
bool Translator::ReturnAtOnce(const Entry& value, uint64_t here) {
  const StencilIndex& s = Stencils();
  bool local = value.kind == Kind::kLocal;
  uint32_t offsets[kMaxDropsAtOnce] = {};
  int drops = 0;
  bool bound = true;
  for (int i = 0; i < nlocalsplus_; i++) {
    if (local && i == static_cast<int>(value.value)) continue;
    if (drops == kMaxDropsAtOnce) return false;
    bound = bound && always_bound_[static_cast<size_t>(i)];
    offsets[drops++] = LocalOffset(static_cast<uint64_t>(i));
  }
  const Stencil* stencil = s.leave[local][bound][drops];
  if (stencil == nullptr) return false;
  Emission& e = Emit(stencil);
  AddCold(e, local ? s.return_any_L : s.return_any_R);
  e.a = offsets[0];
  e.b = offsets[1];
  e.c = offsets[2];
  e.d = local ? LocalOffset(value.value) : offsets[3];
  e.p = here;
  return true;
}

void Translator::DropLocals(int kept) {
  for (int i = 0; i < nlocalsplus_; i++) {
    if (i == kept) continue;
    Emission& e = Emit(always_bound_[static_cast<size_t>(i)] ? Stencils().drop_local_bound : Stencils().drop_local);
    e.a = LocalOffset(static_cast<uint64_t>(i));
    AddPlainDispose(e, PlainDeath::Encode(e.instr < 1 << PlainDeath::kUnitBits ? e.instr : 0, 0, PlainDeath::kLast));
  }
}

// The STORE_FAST that takes the items of a loop over a range, or of one not seen yet that iterates over what a call has made.
const Instruction* Translator::LoopStore(const Instruction& in) const {
  const std::vector<Instruction>& list = decoded_.instructions();
  ptrdiff_t index = &in - list.data();
  // Profiled code shows each value that is stored.
  if (mode_.feedback != nullptr || in.opcode != FOR_ITER || in.declined || index < 2 || list[index + 1].opcode != STORE_FAST) return nullptr;
  bool of_call = list[index - 1].opcode == GET_ITER && list[index - 2].opcode == CALL && list[index - 2].oparg <= 3;
  return in.adaptive == FOR_ITER_RANGE || (in.adaptive == FOR_ITER && of_call) ? &list[index + 1] : nullptr;
}

// A loop that takes pairs from what a call has made, and of which no more is known.
bool Translator::MayEnumerate(const Instruction& in) const {
  const std::vector<Instruction>& list = decoded_.instructions();
  ptrdiff_t index = &in - list.data();
  if (in.adaptive != FOR_ITER || in.declined || index < 2) return false;
  bool of_call = list[index - 1].opcode == GET_ITER && list[index - 2].opcode == CALL && list[index - 2].oparg <= 2;
  return of_call && list[index + 1].opcode == UNPACK_SEQUENCE && list[index + 1].oparg == 2;
}

void Translator::AskOperand(const Instruction& in, std::initializer_list<const Stencil*> chain) {
  SpillAll();
  Emission& e = Emit(*chain.begin());
  e.a = SlotOffset(depth() - 1);
  e.p = AddressOfUnit(in.op);
  e.cell = NewCell(sizeof(GetterCell));
  for (size_t i = 1; i < chain.size(); i++) AddCold(e, chain.begin()[i]);
  SetSite(e, DecisionFor(in.opcode).handler, 1, kResultInAcc).fill = FillGetter;
  Drop(NumPopped(in.opcode, in.oparg) + 1 - NumPushed(in.opcode, in.oparg));
  PushAccumulator();
}

void Translator::ForIter(const Instruction& in) {
  const StencilIndex& s = Stencils();
  SpillAll();
  std::array<const Stencil*, 6> order = {s.for_range, s.for_list, s.for_tuple, s.for_generator, s.for_instance, s.for_any};
  bool pairs = MayEnumerate(in);
  if (pairs) order[0] = s.for_enumerate;
  if (in.adaptive == FOR_ITER_RANGE) order = {s.for_range, s.for_generator, s.for_any};
  if (in.adaptive == FOR_ITER_LIST) order = {s.for_list, s.for_generator, s.for_any};
  if (in.adaptive == FOR_ITER_TUPLE) order = {s.for_tuple, s.for_generator, s.for_any};
  if (in.adaptive == FOR_ITER_GEN) order = {s.for_generator, s.for_any};
  if (in.declined) order = {s.for_instance, s.for_any};
  if (const Instruction* store = LoopStore(in)) {
    Emission& shortcut = Emit(s.for_range_local);
    shortcut.a = SlotOffset(depth() - 1);
    shortcut.b = LocalOffset(static_cast<uint64_t>(store->oparg));
    shortcut.target = store->next;
  }
  Emission& e = Emit(order[0]);
  if (order[0] == s.for_range) AddCold(e, s.for_range_end);
  for (size_t i = 1; i < order.size(); i++) {
    if (order[i] != nullptr) AddCold(e, order[i]);
  }
  AddCold(e, s.cold_for);
  e.a = SlotOffset(depth() - 1);
  e.p = AddressOfUnit(in.op);
  e.after_call = pairs ? s.after_for_pair : s.after_for_generator;
  e.target = in.target + 2;
  if (order[order.size() - 2] == s.for_instance || in.declined) e.cell = NewCell(sizeof(GetterCell));
  Site& site = AttachBranchSite(e, MakeSite(nullptr, 0, 0), in);
  if (e.cell >= 0) site.fill = FillGetter;
  Reach(e.target, depth() - 1);
  PushAccumulator(order[0] == s.for_range ? Hint::kInt : Hint::kNone);
}

}  // namespace tierjit::tier1
