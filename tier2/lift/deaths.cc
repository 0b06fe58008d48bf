// References that an instruction drops without putting them anywhere. When the last one goes and the program could tell, the unit leaves in
// front of the instruction: `guard_death`. Where somebody else holds the object anyway, the ownership pass takes the guard away.
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/cpython/opcode_info.h"
#include "tier2/lift/lifter.h"
#include "tier2/passes/ownership.h"

namespace tierjit::tier2 {

// By a local of a unit without a frame, by a stack entry below the `popped` ones, or by frames that wait.
bool Lifter::IsHeld(Node* value, int popped, bool by_locals) const {
  Node* root = Ownership::RootOf(value);
  auto holds = [&](const Node* n) { return n != nullptr && n->rep == Rep::kBoxed && Ownership::RootOf(const_cast<Node*>(n)) == root; };
  for (const Local& l : state_.locals) {
    if (by_locals && holds(l.value)) return true;
  }
  for (int i = 0; i < depth() - popped; i++) {
    if (holds(state_.stack[static_cast<size_t>(i)].node)) return true;
  }
  if (during_ == nullptr) return false;
  for (const Local& l : during_->locals) {
    if (holds(l.value)) return true;
  }
  for (const Node* n : during_->stack) {
    if (holds(n)) return true;
  }
  return false;
}

bool Lifter::MayBeLast(Node* value) const {
  if (value == nullptr || value->rep != Rep::kBoxed || (value->type.IsSimple() && !value->type.IsBottom())) return false;
  switch (Ownership::RootOf(value)->opcode) {
    case Opcode::kObject: case Opcode::kNull: case Opcode::kFreshRange: case Opcode::kArg: case Opcode::kLoadLocal: return false;
    default: return true;
  }
}

// Only in a frame can it be left to a handler; what has failed in inlined code is not inlined again.
void Lifter::EmitDeathGuard(Node* value) {
  if (frameless() && snapshot_.generic.contains(in().offset)) status_ = absl::UnimplementedError(absl::StrCat(OpcodeName(in().opcode), " needs a frame"));
  EmitGuard(Opcode::kGuardDeath, {value});
}

// Whether the jump that takes `value` is the handler's, because too many have died here. Never a number.
bool Lifter::DiesInHandler(Node* value) const {
  return !frameless() && value->rep == Rep::kBoxed && !value->Is(Opcode::kFreshRange) && snapshot_.generic.contains(in().offset);
}

// The instruction takes `value` from the stack, with `popped` entries in all.
void Lifter::GuardDeath(Node* value, int popped) {
  if (value->Is(Opcode::kFreshIter)) {
    // The iterator dies, and with it what it alone holds.
    for (Node* sequence : value->inputs) GuardDeath(sequence, popped);
    return;
  }
  if (MayBeLast(value) && !IsHeld(value, popped, true)) EmitDeathGuard(value);
}

// Without a frame, a store to the local lets go what it holds.
void Lifter::GuardOverwritten(int local) {
  Local& l = state_.locals[static_cast<size_t>(local)];
  Node* old = std::exchange(l.value, nullptr);
  bool dies = MayBeLast(old) && !IsHeld(old, 0, true);
  l.value = old;
  if (dies) EmitDeathGuard(old);
}

// A return without a frame lets all locals go.
void Lifter::GuardLocals() {
  for (const Local& l : state_.locals) {
    if (MayBeLast(l.value) && !IsHeld(l.value, 0, false)) EmitDeathGuard(l.value);
  }
}

}  // namespace tierjit::tier2
