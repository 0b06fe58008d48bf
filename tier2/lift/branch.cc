// Jumps and loops over iterators.
#include "runtime/bytecode/families.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

bool Lifter::Jumps(bool* ended) {
  *ended = true;
  switch (in().opcode) {
    case JUMP_FORWARD: case JUMP_BACKWARD_NO_INTERRUPT: JumpTo(in().target); return true;
    case JUMP_BACKWARD:
      EmitGuard(Opcode::kPoll, {});
      JumpTo(in().target);
      return true;
    case POP_JUMP_IF_TRUE: case POP_JUMP_IF_FALSE: {
      Node* condition = Top().node;
      if (condition->rep == Rep::kBoxed) condition = EmitGuard(Opcode::kGuardBool, {condition}, Type::Bool());
      bool if_true = in().opcode == POP_JUMP_IF_TRUE;
      int32_t target = in().target, next = in().next;
      Drop(1);
      BranchTo(condition, if_true ? target : next, if_true ? next : target);
      return true;
    }
    case POP_JUMP_IF_NONE: case POP_JUMP_IF_NOT_NONE: {
      Node* value = Top().node;
      if (DiesInHandler(value)) {
        Node* taken = Emit(Opcode::kTaken, {CallHandler()}, Type::Bool());
        Drop(1);
        BranchTo(taken, in().target, in().next);
        return true;
      }
      Node* condition = value->rep != Rep::kBoxed ? BoolConstant(false)
                                                  : Emit(Opcode::kSame, {value, ObjectConstant(Py_None)}, Type::Bool());
      GuardDeath(value, 1);
      bool if_none = in().opcode == POP_JUMP_IF_NONE;
      int32_t target = in().target, next = in().next;
      Drop(1);
      BranchTo(condition, if_none ? target : next, if_none ? next : target);
      return true;
    }
    case FOR_ITER: return Iterate();
    default: return *ended = false;
  }
}

// The block starts here, so the iterator's fields are its parameters when they can be.
bool Lifter::Iterate() {
  int32_t target = in().target + 2, next = in().next;
  StackEntry& it = Top();
  if (it.position == nullptr) {
    if (frameless()) return NeedsHandler(), true;
    // Any iterator: its handler pushes the item, or pops the iterator and jumps.
    Node* call = CallHandler();
    CatchFrom(call);
    Node* taken = Emit(Opcode::kTaken, {call}, Type::Bool());
    Emit(Opcode::kBranch, {taken});
    Block* from = block_;
    State before = state_;
    const Observation observed = seen();
    block_ = graph_->NewBlock();
    from->successors.push_back({block_, {}});
    Drop(1);
    JumpTo(target);
    state_ = before;
    block_ = graph_->NewBlock();
    from->successors.push_back({block_, {}});
    // The handler was given the iterator and gives it back.
    Node* iterator = Emit(Opcode::kResult, {call}, Type::Bound());
    Expect(iterator, ExpectedOf(Top().node));
    Top().node = iterator;
    Node* item = Emit(Opcode::kResult, {call}, Type::Bound());
    item->imm = 1;  // above the iterator
    ExpectSeen(item, observed);
    Push(item);
    JumpTo(next);
    return true;
  }
  if (it.node->Is(Opcode::kFreshIter)) return IterateFresh();
  StackEntry entry = it;
  FrameState* here = Here();
  Node *has_next, *sequence = nullptr;
  bool list = false;
  bool enumerates = entry.remaining != nullptr && entry.step == nullptr;
  if (enumerates) {
    list = true;
    sequence = Emit(Opcode::kIterSequence, {InnerIterator(entry.node)}, Type(kListBit));
    Node* length = Emit(Opcode::kListLength, {sequence}, Type::IntRange(0, INT64_MAX >> 3));
    has_next = Compare(Opcode::kIntCompare, Relation::kLt, entry.position, length);
  } else if (entry.remaining != nullptr) {
    has_next = Compare(Opcode::kIntCompare, Relation::kGt, entry.remaining, IntConstant(0));
  } else {
    list = SeenAs(entry.node, kListIterBit);
    sequence = Emit(Opcode::kIterSequence, {entry.node}, Type(list ? kListBit : kTupleBit));
    Node* length = Emit(list ? Opcode::kListLength : Opcode::kTupleLength, {sequence}, Type::IntRange(0, INT64_MAX >> 3));
    has_next = Compare(Opcode::kIntCompare, Relation::kLt, entry.position, length);
  }
  Emit(Opcode::kBranch, {has_next});
  Block* from = block_;
  State before = state_;
  const Observation observed = seen();

  block_ = graph_->NewBlock();
  from->successors.push_back({block_, {}});
  Node* item;
  Node* one = IntConstant(1);
  if (enumerates) {
    uint32_t bits = 0;
    PairBehind(in(), &bits);
    item = Emit(Opcode::kListGet, {sequence, entry.position, Emit(Opcode::kListItems, {sequence}, Type::Int())}, Type::Bound());
    Expect(item, bits);
    Top().remaining = EmitGuard(Opcode::kIntAdd, {entry.remaining, one}, Type::Int());
    Top().position = Emit(Opcode::kIntAddWrap, {entry.position, one}, Type::Int());
    Push(item);
    item = entry.remaining;
    next = snapshot_.decoded->instructions()[static_cast<size_t>(current_) + 1].next;
  } else if (sequence == nullptr) {
    item = entry.position;
    if (entry.start != nullptr) item = Emit(Opcode::kRangeItem, {entry.position, entry.start, entry.stop, entry.step}, Type::Int());
    // The iterator computes one step too far as well, but never shows it.
    Top().position = Emit(Opcode::kIntAddWrap, {entry.position, entry.step}, Type::Int());
    Top().remaining = Emit(Opcode::kIntSubWrap, {entry.remaining, one}, Type::Int());
  } else {
    item = list ? Emit(Opcode::kListGet, {sequence, entry.position, Emit(Opcode::kListItems, {sequence}, Type::Int())}, Type::Bound())
                : Emit(Opcode::kTupleGet, {sequence, entry.position}, Type::Bound());
    ExpectSeen(item, observed);
    Top().position = Emit(Opcode::kIntAddWrap, {entry.position, one}, Type::Int());
  }
  Push(item);
  JumpTo(next);

  state_ = before;
  EndIteration(from, here, target);
  return true;
}

void Lifter::EndIteration(Block* from, FrameState* here, int32_t target) {
  block_ = graph_->NewBlock();
  from->successors.push_back({block_, {}});
  here_ = here;
  if (DiesInHandler(Top().node)) CallHandler();
  else GuardDeath(Top().node, 1);
  Drop(1);
  JumpTo(target);
}

}  // namespace tierjit::tier2
