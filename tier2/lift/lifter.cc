#include "tier2/lift/lifter.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/cpython/suspension.h"

namespace tierjit::tier2 {
namespace {

bool Reads(const Instruction& in, int local) {
  switch (in.opcode) {
    case LOAD_FAST: case LOAD_FAST_CHECK: case LOAD_FAST_AND_CLEAR: case DELETE_FAST: return in.oparg == local;
    case LOAD_FAST_LOAD_FAST: return in.oparg >> 4 == local || (in.oparg & 15) == local;
    case STORE_FAST_LOAD_FAST: return in.oparg >> 4 != local && (in.oparg & 15) == local;
    default: return false;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Graph>> Lift(const Snapshot& snapshot, int max_nodes) {
  constexpr int kMostAttempts = 5;
  Lifter::CodeSet barred;
  bool makes_iterators = false;
  for (int attempt = 1;; attempt++) {
    Lifter lifter(snapshot, max_nodes, &barred);
    if (makes_iterators) lifter.MakeIterators();
    size_t before = barred.size();
    absl::StatusOr<std::unique_ptr<Graph>> graph = lifter.Run();
    // Foreign code, which may ask the collector, runs while there should be an iterator.
    bool shows_iterators = graph.ok() && lifter.shows_iterators() && !makes_iterators;
    if (attempt == kMostAttempts || (barred.size() == before && !shows_iterators)) return graph;
    makes_iterators = makes_iterators || shows_iterators;
  }
}

Lifter::Lifter(const Snapshot& snapshot, int max_nodes, CodeSet* barred)
    : snapshot_(snapshot), nest_(*snapshot.decoded), max_nodes_(max_nodes), barred_(barred), own_graph_(new Graph), graph_(own_graph_.get()), expected_(own_expected_),
      details_(own_details_) {
  graph_->local_count = snapshot.code->co_nlocalsplus;
  graph_->frameless = snapshot.frameless;
}

Lifter::Lifter(Lifter* caller, const Callee& callee, FrameState* during, const CallEnding& ending)
    : snapshot_(*callee.body), nest_(*callee.body->decoded), max_nodes_(caller->max_nodes_), barred_(caller->barred_), caller_(caller), callee_(&callee), during_(during), ending_(ending),
      graph_(caller->graph_), expected_(caller->expected_), details_(caller->details_) {}

bool MayGoWithoutFrame(const PyCodeObject* code) {
  constexpr int kOthers = CO_VARARGS | CO_VARKEYWORDS | kSuspends | CO_ITERABLE_COROUTINE;
  return (code->co_flags & kOthers) == 0 && code->co_kwonlyargcount == 0 && code->co_ncellvars == 0 && code->co_nfreevars == 0;
}

// A loop of a generator that only computes is like any other.
absl::Status Lifter::CheckSuspension() const {
  const LoopNest::Extent* loop = nest_.Find(snapshot_.entry);
  for (const Instruction& in : snapshot_.decoded->instructions()) {
    bool suspends = in.opcode == YIELD_VALUE || in.opcode == RETURN_GENERATOR;
    if (suspends && (loop == nullptr || loop->Contains(in.offset))) return absl::UnimplementedError("generators and coroutines suspend");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Graph>> Lifter::Run() {
  if (absl::Status s = CheckSuspension(); !s.ok()) return s;
  FindLeaders();
  if (snapshot_.frameless) {
    block_ = graph_->NewBlock();
    std::vector<Node*> args;
    for (size_t i = 0; i < snapshot_.args.size(); i++) {
      Rep rep = snapshot_.args[i];
      Node* n = Emit(Opcode::kArg, {}, rep == Rep::kI64 ? Type::Int() : rep == Rep::kF64 ? Type::Float() : Type::Bound());
      n->rep = rep;
      n->index = static_cast<int32_t>(i);
      if (rep == Rep::kBoxed) ExpectSeen(n, {nullptr, snapshot_.local_bits[i], snapshot_.local_details[i]});
      args.push_back(n);
    }
    EnterWith(args);
  } else {
    ChooseVirtualLocals();
    Enter();
  }
  LiftBlocks();
  if (!status_.ok()) return status_;
  if (snapshot_.frameless) FinishReturns();
  graph_->Connect();
  NoteDepths();
  return std::move(own_graph_);
}

void Lifter::LiftBlocks() {
  while (!pending_.empty() && status_.ok()) {
    Place place = *pending_.begin();
    pending_.erase(pending_.begin());
    LiftBlock(place);
  }
}

// Loops of the bytecode: seen from a way into an inner loop, the graph's loops around it have the same header.
int Lifter::LoopDepth(int32_t unit) const {
  return nest_.DepthAt(unit) + (caller_ == nullptr ? 0 : caller_->LoopDepth(caller_->in().offset));
}

void Lifter::NoteDepths() {
  // Blocks that start at no instruction stand behind one that does, and at most between two.
  for (Block* b : graph_->ReversePostOrder()) {
    if (b->unit >= 0 || b->predecessors.empty()) continue;
    b->depth = b->predecessors[0]->depth;
    b->rare = b->rare || b->predecessors[0]->rare;
    for (const Edge& e : b->successors) {
      if (e.to->unit >= 0 && !e.to->rare) b->depth = std::min(b->depth, e.to->depth);
    }
  }
}

// What the local holds at the way in, if that matters: one that is stored to before it is read there is as good as unbound.
uint32_t Lifter::EntryBits(size_t local) const {
  if (frameless() && local < state_.locals.size()) {
    Node* arg = state_.locals[local].value;
    return arg == nullptr                                   ? kNullBit
           : arg->rep == Rep::kBoxed && ExpectedOf(arg) != 0 ? ExpectedOf(arg)
                                                            : arg->type.bits();
  }
  uint32_t bits = local < snapshot_.local_bits.size() ? snapshot_.local_bits[local] : kNullBit;
  return bits == kNullBit || !ReadBeforeStored(static_cast<int>(local)) ? kNullBit : bits;
}

// Ways into exception handlers do not count: what is read there is looked for in the slot first.
void Lifter::WalkFromEntry(absl::FunctionRef<bool(const Instruction&)> visit) const {
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  std::vector<uint8_t> seen(list.size(), 0);
  std::vector<int> work = {snapshot_.decoded->IndexAt(snapshot_.entry)};
  while (!work.empty()) {
    size_t at = static_cast<size_t>(work.back());
    work.pop_back();
    if (at >= list.size() || seen[at]) continue;
    seen[at] = 1;
    const Instruction& in = list[at];
    if (!visit(in)) continue;
    if (in.target >= 0) work.push_back(snapshot_.decoded->IndexAt(in.target));
    if (!NeverGoesOn(in)) work.push_back(static_cast<int>(at) + 1);
  }
}

// On some way from the entry.
bool Lifter::ReadBeforeStored(int local) const {
  bool read = false;
  WalkFromEntry([&](const Instruction& in) {
    read = read || Reads(in, local);
    int locals[2];
    int n = StoredLocals(in, locals);
    return !read && !(n > 0 && locals[0] == local) && !(n > 1 && locals[1] == local);
  });
  return read;
}

// Whether the comprehension that begins at `unit` does something by handlers in each turn: what they can see of its variables would have to be
// put into the frame each time.
bool Lifter::LeavesToHandlers(int32_t unit) const {
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  int32_t end = std::numeric_limits<int32_t>::max();
  for (size_t i = static_cast<size_t>(snapshot_.decoded->IndexAt(unit)); i < list.size() && list[i].offset < end; i++) {
    if (list[i].opcode == FOR_ITER && end == std::numeric_limits<int32_t>::max()) end = list[i].target;
    if (end != std::numeric_limits<int32_t>::max() && IsLeftToHandler(list[i])) return true;
  }
  return false;
}

// As far as opcodes and the profile tell.
bool Lifter::IsLeftToHandler(const Instruction& in) const {
  constexpr uint32_t kNumbers = kIntBit | kFloatBit | kBoolBit;
  bool number = (snapshot_.feedback->at(in.offset).bits & ~kNumbers) == 0;
  switch (in.opcode) {
    case MAP_ADD: case SET_ADD: case CALL_KW: case CALL_FUNCTION_EX: case MAKE_FUNCTION: case FORMAT_SIMPLE: case FORMAT_WITH_SPEC:
    case BUILD_STRING: return true;
    case BINARY_OP: return !number;
    case CALL: {
      const PyTypeObject* callable = snapshot_.feedback->second(in.offset).last;
      return callable == &PyMethodDescr_Type || (callable == &PyCFunction_Type && !number);
    }
    default: return false;
  }
}

// A local is virtual when one kind of number is all that it was seen to hold, at the way in and at each store that the unit can come to: what
// other loops and comprehensions make of the name does not matter. Cells never are.
void Lifter::ChooseVirtualLocals() {
  PyCodeObject* code = snapshot_.code;
  size_t count = static_cast<size_t>(code->co_nlocalsplus);
  virtual_.assign(count, 0);
  stored_bits_.assign(count, 0);
  std::vector<uint8_t> barred(count, 0);
  stored_.assign(count, 0);
  cleared_.assign(count, 0);
  stored_details_.assign(count, 0);
  for (size_t i = 0; i < count; i++) {
    barred[i] = _PyLocals_GetKind(code->co_localspluskinds, static_cast<int>(i)) != CO_FAST_LOCAL;
    virtual_[i] = EntryBits(i) & ~kNullBit;
  }
  WalkFromEntry([&](const Instruction& in) {
    if (!snapshot_.extent.Contains(in.offset)) return false;
    int locals[2];
    int n = StoredLocals(in, locals);
    for (int k = 0; k < n; k++) {
      size_t local = static_cast<size_t>(locals[k]);
      stored_[local] = 1;
      const Observation& seen = k == 0 ? snapshot_.feedback->at(in.offset) : snapshot_.feedback->second(in.offset);
      constexpr uint32_t kDetailed = kInstanceBit | kArrayBit;
      if ((seen.bits & kDetailed) != 0) {
        bool first = (stored_bits_[local] & kDetailed) == 0;
        stored_details_[local] = first ? seen.detail : JoinDetails(stored_details_[local], seen.detail);
      }
      stored_bits_[local] |= seen.bits;
      if (snapshot_.generic.contains(in.offset)) barred[local] = 1;
    }
    if (in.opcode == LOAD_FAST_AND_CLEAR || in.opcode == DELETE_FAST) {
      size_t local = static_cast<size_t>(in.oparg);
      stored_[local] = cleared_[local] = 1;
      barred[local] |= in.opcode == DELETE_FAST || snapshot_.generic.contains(in.offset) || LeavesToHandlers(in.offset);
    }
    return true;
  });
  for (size_t i = 0; i < count; i++) {
    virtual_[i] |= stored_bits_[i] & ~kNullBit;
    bool holds_more = !frameless() && i < snapshot_.local_bits.size() && (snapshot_.local_bits[i] & ~kSimpleBits) != 0;
    bool may_hold_more = !frameless() && snapshot_.any_locals && (EntryBits(i) & ~kNullBit) == 0;
    if (!stored_[i] || barred[i] || holds_more || may_hold_more || !IsNumberKind(virtual_[i])) virtual_[i] = 0;
  }
  own_virtual_ = virtual_;
  ChooseVersions();
}

void Lifter::NoteLateOnes() {
  comes_late_ = cleared_;
  for (size_t i = 0; i < virtual_.size(); i++) comes_late_[i] &= virtual_[i] != 0;
}

void Lifter::FindLeaders() {
  leader_.assign(static_cast<size_t>(snapshot_.decoded->unit_count()) + 1, 0);
  for (const Instruction& in : snapshot_.decoded->instructions()) {
    if (in.target >= 0) leader_[static_cast<size_t>(in.opcode == FOR_ITER ? in.target + 2 : in.target)] = 1;
  }
  for (const ExceptionRange& range : snapshot_.decoded->exceptions()) leader_[static_cast<size_t>(range.target)] = kHandler;
  FindWaysWithoutExceptions();
}

// The entry block takes the frame over: virtual locals into registers, the stack with its references.
void Lifter::Enter() {
  block_ = graph_->NewBlock();
  state_.locals.assign(virtual_.size(), Local{});
  NoteLateOnes();
  for (size_t i = 0; i < snapshot_.stack_bits.size(); i++) {
    Node* n = Emit(Opcode::kTakeStack, {}, Type::Any());  // NULL where a comprehension has put an unbound local away
    n->index = static_cast<int32_t>(i);
    Expect(n, snapshot_.stack_bits[i]);
    Push(n);
  }
  // Until the guards have passed, frame states name no virtual locals: the slots are right.
  resume_ = snapshot_.entry;
  std::vector<Local> locals(virtual_.size());
  for (size_t i = 0; i < virtual_.size(); i++) {
    if (virtual_[i] == 0) continue;
    if ((EntryBits(i) & ~kNullBit) == 0) {
      locals[i] = Unbound(virtual_[i]);
      comes_late_[i] = 1;
      // What the slot holds dies at the first store, but not in here.
      Node* before = Emit(Opcode::kLoadLocal, {}, Type::Any());
      before->index = static_cast<int32_t>(i);
      here_ = nullptr;
      EmitGuard(Opcode::kGuardSimple, {before})->state->origin = kOtherLocals;
      here_ = nullptr;
      continue;
    }
    Node* slot = Emit(Opcode::kLoadLocal, {}, Type::Any());
    slot->index = static_cast<int32_t>(i);
    locals[i].value = NumberOf(EmitGuard(Opcode::kGuardBound, {slot}, Type::Bound()), virtual_[i]);
    if (auto now = snapshot_.local_values.find(static_cast<int32_t>(i)); virtual_[i] == kIntBit && now != snapshot_.local_values.end()) {
      locals[i].value->index = 1;
      locals[i].value->imm = now->second;
    }
  }
  state_.locals = std::move(locals);
  JumpTo(snapshot_.entry);
}

void Lifter::LiftBlock(const Place& place) {
  BlockInfo& info = blocks_[place];
  int32_t unit = place.unit;
  version_ = place.typed ? place.loop : -1;
  virtual_ = place.typed ? versions_[place.loop] : own_virtual_;
  block_ = info.block;
  state_ = info.state;
  current_ = snapshot_.decoded->IndexAt(unit);
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  resume_ = unit;
  here_ = nullptr;
  if (leader_[static_cast<size_t>(unit)]) block_->state = Here();
  if (leader_[static_cast<size_t>(unit)] == kHandler && seen().bits == 0) return LeaveHere();
  while (true) {
    resume_ = in().offset;
    here_ = nullptr;
    if (!LiftInstruction() || !status_.ok()) return;
    if (graph_->node_count() > max_nodes_) {
      status_ = absl::ResourceExhaustedError(absl::StrCat("more than ", max_nodes_, " nodes"));
      return;
    }
    current_++;
    if (current_ >= static_cast<int>(list.size())) return LeaveHere();
    if (leader_[static_cast<size_t>(in().offset)]) return JumpTo(in().offset);
  }
}

// The arguments are what the first locals hold; all others are unbound.
void Lifter::EnterWith(absl::Span<Node* const> args) {
  size_t count = static_cast<size_t>(snapshot_.code->co_nlocalsplus);
  state_.locals.assign(count, Local{});
  for (size_t i = 0; i < args.size(); i++) state_.locals[i].value = args[i];
  ChooseVirtualLocals();
  NoteLateOnes();
  Node* null = Emit(Opcode::kNull, {}, Type(kNullBit));
  std::vector<Local> locals = state_.locals;
  for (Local& l : state_.locals) {
    if (l.value == nullptr) l.value = null;
  }
  resume_ = 0;
  here_ = nullptr;
  for (size_t i = 0; i < count; i++) {
    Node* value = locals[i].value;
    if (virtual_[i] == 0) {
      locals[i].value = value == nullptr ? null : stored_[i] ? Boxed(value) : value;
    } else if (value == nullptr) {
      locals[i] = Unbound(virtual_[i]);
      comes_late_[i] = 1;
    } else if (value->rep == Rep::kBoxed) {
      locals[i].value = NumberOf(value, virtual_[i]);
    }
  }
  state_.locals = std::move(locals);
  JumpTo(0);
}

// What the profiled version would have noted if it had come by.
bool Lifter::NeverSeen() const {
  if (snapshot_.feedback->raised(in().op)) return false;
  switch (in().opcode) {
    case STORE_FAST: case STORE_FAST_LOAD_FAST: case STORE_FAST_STORE_FAST: case BINARY_OP: case BINARY_SUBSCR: case COMPARE_OP: case CALL:
    case LOAD_ATTR: case LOAD_GLOBAL: case GET_ITER: return seen().bits == 0;
    case LOAD_FAST: case LOAD_FAST_LOAD_FAST: case LOAD_FAST_CHECK: case LOAD_FAST_AND_CLEAR: case LOAD_CONST: case PUSH_NULL: case COPY: case SWAP:
    case FOR_ITER: case RESUME: return false;
    // Without a frame, nothing can be left to a handler.
    default: return frameless() && NumPushed(in().opcode, in().oparg) > 0 && seen().bits == 0;
  }
}

bool Lifter::LiftInstruction() {
  bool ended = false;
  if (NeverSeen()) {
    LeaveHere();
    return false;
  }
  switch (in().opcode) {
    case NOP: case CACHE: case EXTENDED_ARG: return true;
    case RESUME:
      if (snapshot_.frameless && caller_ == nullptr) EmitGuard(Opcode::kPoll, {});
      if ((in().oparg & 3) == 0) return true;
      LeaveHere();
      return false;
    case RETURN_VALUE: case RETURN_CONST: {
      if (Suspends(snapshot_.code)) {
        // The end of a generator is more than a value.
        LeaveHere();
        return false;
      }
      if (frameless()) GuardLocals();
      bool constant = in().opcode == RETURN_CONST;
      Node* value = constant ? Constant(PyTuple_GET_ITEM(snapshot_.code->co_consts, in().oparg)) : Top().node;
      if (caller_ != nullptr) value = Returned(value);
      if (value == nullptr) {
        LeaveHere();
        return false;
      }
      if (!constant) Drop(1);
      if (frameless()) {
        returns_.push_back({block_, value});
        return false;
      }
      Return(Boxed(value));
      return false;
    }
    default: break;
  }
  if (Jumps(&ended)) return !ended;
  if (!snapshot_.generic.contains(in().offset)) {
    if (LoadStore() || BinaryOp() || CompareOp() || UnaryOp() || Truth() || Identity() || Subscript() || StoreSubscript() || UnpackSequence() || ListAppend() ||
        Slices() || GetIter() || Display() || SequenceOperator() || CompareText() || Format() || Membership() || Global() ||
        Deref() || BuildTuple() || MethodOfBuiltin() || LoadAttribute() || ClassAttribute() || AttributeOfClass() || Property() ||
        StoreAttribute() || SeveralClasses() || AnyAttribute() || AnyNumbers() || OperationMethod() || Call()) {
      return !std::exchange(ended_, false);
    }
  } else if (AnyNumbers()) {
    return true;
  } else if (int locals[2]; (in().opcode == STORE_FAST || StoredLocals(in(), locals) == 0) && LoadStore()) {
    return true;
  }
  if (in().opcode == RERAISE || in().opcode == RAISE_VARARGS) return Raise();
  if (DecisionFor(in().opcode).decision != Decision::kHandler || StoresVirtual()) {
    LeaveHere();
    return false;
  }
  if (frameless()) return NeedsHandler();
  Generic();
  return true;
}

// A function that needs handlers is not worth being without a frame. Where an inlined one does (because of what may not be inlined this deep)
// it is called instead.
bool Lifter::NeedsHandler() {
  LeaveHere();
  if (caller_ != nullptr) barred_->insert(callee_->code);
  if (caller_ == nullptr) status_ = absl::UnimplementedError(absl::StrCat(OpcodeName(in().opcode), " needs a frame"));
  return false;
}

// The state before the current instruction, with every stack entry as the slots take it.
FrameState* Lifter::BoxStack() {
  for (StackEntry& e : state_.stack) e.node = Boxed(e.node);
  here_ = nullptr;
  return Here();
}

// Whether the instruction stores to a local that lives in a register: its handler would not tell.
bool Lifter::StoresVirtual() const {
  if (frameless()) return false;
  int locals[2];
  int n = StoredLocals(in(), locals);
  for (int k = 0; k < n; k++) {
    if (virtual_[static_cast<size_t>(locals[k])] != 0) return true;
  }
  return false;
}

// The frame may be held by somebody, who sees its locals when it has returned.
void Lifter::Return(Node* value) {
  Node* end = Emit(Opcode::kReturn, {value});
  bool any = std::any_of(state_.locals.begin(), state_.locals.end(), [](const Local& l) { return l.value != nullptr; });
  if (!any) return;
  state_.stack.clear();
  here_ = nullptr;
  end->state = Here();
}

namespace {

// Of a generic call of `callable`, NULL: unknown.
int64_t CallKind(PyObject* callable) {
  if (callable == nullptr || PyFunction_Check(callable)) return kPythonCall;
  return PyType_Check(callable) && (reinterpret_cast<PyTypeObject*>(callable)->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0 ? kConstruction : 0;
}

}  // namespace

Node* Lifter::CallHandler() {
  int popped = NumPopped(in().opcode, in().oparg);
  // An operation that takes an iterator sees it as it is.
  for (int i = popped; i >= 1; i--) {
    if (Top(i).position != nullptr) CloseIterator(&Top(i));
  }
  for (const StackEntry& e : state_.stack) shows_iterators_ = shows_iterators_ || e.node->Is(Opcode::kFreshIter);
  FrameState* state = BoxStack();
  std::vector<Node*> operands;
  for (int i = popped; i >= 1; i--) operands.push_back(Top(i).node);
  Node* call = Emit(Opcode::kGeneric, operands);
  call->index = in().offset;
  if (in().opcode == CALL || in().opcode == CALL_KW) call->imm = CallKind(KnownCallable(operands[0]));
  if (in().opcode == GET_ITER && SeenClass(operands[0]) != nullptr) call->imm = kSlotCall;  // most likely
  call->state = state;
  return call;
}

void Lifter::Generic() {
  Node* call = CallHandler();
  CatchFrom(call);
  int popped = NumPopped(in().opcode, in().oparg), pushed = NumPushed(in().opcode, in().oparg);
  Drop(popped);
  for (int i = 0; i < pushed; i++) {
    Node* r = Emit(Opcode::kResult, {call}, Type::Any());
    r->imm = i;
    if (i == pushed - 1) ExpectSeen(r, seen());
    Push(r);
  }
}

}  // namespace tierjit::tier2
