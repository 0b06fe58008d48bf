// Exceptions that a handler of the unit deals with.
//
//     v5 = generic v3 v4 @12 !s2
//     v6 = raised v5
//     branch v6 -> b7(), b8()
//   b7:                                     v3, v4 are gone; what else was above the handler's stack dies here, quietly
//     v9 = caught v5 =1                     the exception
//     jump -> b9(.., v9)                    the handler, at its first instruction
//
// A handler that was never seen to run is a block that leaves.
#include <utility>

#include "runtime/cpython/opcode_info.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

bool NeverGoesOn(const Instruction& in) {
  switch (in.opcode) {
    case JUMP_FORWARD: case JUMP_BACKWARD: case JUMP_BACKWARD_NO_INTERRUPT: case RETURN_VALUE: case RETURN_CONST: case RAISE_VARARGS: case RERAISE:
      return true;
    default: return false;
  }
}

const ExceptionRange* Lifter::Protection() const {
  for (const ExceptionRange& range : snapshot_.decoded->exceptions()) {
    if (in().offset >= range.start && in().offset < range.end) return &range;
  }
  return nullptr;
}

// Goes on with what comes behind the operation if it has not raised.
void Lifter::CatchFrom(Node* call) {
  const ExceptionRange* range = Protection();
  if (range == nullptr) return;
  Emit(Opcode::kBranch, {Emit(Opcode::kRaised, {call}, Type::Bool())});
  Block* from = block_;
  State before = state_;
  block_ = graph_->NewBlock();
  block_->rare = true;
  from->successors.push_back({block_, {}});
  EnterHandler(call, *range);
  state_ = std::move(before);
  here_ = nullptr;
  resume_ = in().offset;
  block_ = graph_->NewBlock();
  from->successors.push_back({block_, {}});
}

// Ends the block.
void Lifter::EnterHandler(Node* call, const ExceptionRange& range) {
  state_.stack.resize(static_cast<size_t>(range.depth));
  for (int i = 0; i <= range.push_lasti; i++) {
    Node* caught = Emit(Opcode::kCaught, {call}, Type::Bound());
    caught->imm = range.depth + i;
    Push(caught);
  }
  JumpTo(range.target);
}

// Ends the block. Without a handler here, Tier 1 lets the exception out of the function.
bool Lifter::Raise() {
  const ExceptionRange* range = Protection();
  if (range == nullptr || frameless()) {
    LeaveHere();
    return false;
  }
  Node* call = CallHandler();
  Emit(Opcode::kJump);
  Block* raised = graph_->NewBlock();
  block_->successors.push_back({raised, {}});
  block_ = raised;
  EnterHandler(call, *range);
  return false;
}

// An operation that has raised here, for a handler of the unit, where `a` and `b` compare so: its handler does it then. Before any effect of
// the instruction.
void Lifter::RaiseWhere(Opcode compare, Relation relation, Node* a, Node* b) {
  if (frameless() || Protection() == nullptr || !snapshot_.feedback->raised(in().op)) return;
  Emit(Opcode::kBranch, {Compare(compare, relation, a, b)});
  Block* from = block_;
  State before = state_;
  block_ = graph_->NewBlock();
  block_->rare = true;
  from->successors.push_back({block_, {}});
  Generic();
  block_->rare = true;
  resume_ = in().next;  // not that it would come back
  here_ = nullptr;
  LeaveHere();
  state_ = std::move(before);
  here_ = nullptr;
  resume_ = in().offset;
  block_ = graph_->NewBlock();
  from->successors.push_back({block_, {}});
}

// What is reached without exceptions; everything else is rare.
void Lifter::FindWaysWithoutExceptions() {
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  regular_.assign(static_cast<size_t>(snapshot_.decoded->unit_count()) + 1, 0);
  std::vector<int32_t> work = {snapshot_.entry};
  while (!work.empty()) {
    int32_t unit = work.back();
    work.pop_back();
    if (unit >= snapshot_.decoded->unit_count() || regular_[static_cast<size_t>(unit)]) continue;
    regular_[static_cast<size_t>(unit)] = 1;
    const Instruction& i = list[static_cast<size_t>(snapshot_.decoded->IndexAt(unit))];
    if (i.target >= 0) work.push_back(i.target);
    if (!NeverGoesOn(i)) work.push_back(i.next);
  }
}

}  // namespace tierjit::tier2
