// Slices, whose objects are not made:
//
//   BINARY_SLICE, BUILD_SLICE with BINARY_SUBSCR     v9 = get_slice v1 start stop step !s3
//   STORE_SLICE, BUILD_SLICE with STORE_SUBSCR       set_slice v1 start stop step value !s3
#include <algorithm>

#include "tier2/lift/lifter.h"
#include "tier2/passes/pass.h"

namespace tierjit::tier2 {

// What was seen to be sliced; nullptr: something else.
Node* Lifter::SlicedSequence(Node* container, bool store) {
  for (uint32_t kind : {kListBit, kByteArrayBit}) {
    if (Node* known = GuardKind(container, kind)) return known;
  }
  for (uint32_t kind : {kStrBit, kTupleBit, kBytesBit}) {
    Node* known = store ? nullptr : GuardKind(container, kind);
    if (known != nullptr) return known;
  }
  return nullptr;
}

// Ends that are left out depend on the direction, so it has to be known then.
bool Lifter::SliceEnds(Node* start, Node* stop, Node* step, Node* ends[3]) {
  auto right = [&](Node* n) { return IsNone(n) || IsInt(n); };
  if (!right(start) || !right(stop) || (step != nullptr && !right(step))) return false;
  ends[2] = step == nullptr || IsNone(step) ? IntConstant(1) : AsInt(step);
  bool known = ends[2]->Is(Opcode::kInt) && ends[2]->imm != 0 && ends[2]->imm > -INT64_MAX;
  if (!known && ends[2]->Is(Opcode::kInt)) return false;
  if (!known && (IsNone(start) || IsNone(stop))) {
    // Upwards, as most slices go.
    EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kGt, ends[2], IntConstant(0))});
  }
  bool down = known && ends[2]->imm < 0;
  ends[0] = IsNone(start) ? IntConstant(down ? INT64_MAX : 0) : AsInt(start);
  ends[1] = IsNone(stop) ? IntConstant(down ? INT64_MIN : INT64_MAX) : AsInt(stop);
  return true;
}

// The slice of a list that is on its way into another one (or the same) is not made when nothing has been done since: who leaves in
// between begins anew with it.
bool Lifter::TakeSlice(Node* value, Node* inputs[4]) {
  if (!value->Is(Opcode::kGetSlice) || !value->type.Is(kListBit) || value->block != block_) return false;
  int entries = 0;
  for (const StackEntry& e : state_.stack) entries += e.node == value;
  auto first = std::find(block_->nodes.begin(), block_->nodes.end(), value);
  bool idle = std::all_of(first + 1, block_->nodes.end(), [&](Node* n) {
    return (IsPure(n->opcode) || IsStableGuard(n->opcode) || ReadsOf(n->opcode) != kNoRegion) &&
           std::find(n->inputs.begin(), n->inputs.end(), value) == n->inputs.end();
  });
  if (entries != 1 || !idle) return false;
  for (auto n = first + 1; n != block_->nodes.end(); n++) {
    if ((*n)->state != nullptr) (*n)->state = BeforeSlice(*value->state, (*n)->state->origin);
  }
  std::copy(value->inputs.begin(), value->inputs.end(), inputs);
  block_->nodes.erase(first);
  return true;
}

FrameState* Lifter::BeforeSlice(const FrameState& before, int32_t origin) {
  FrameState* s = graph_->NewState();
  int id = s->id;
  *s = before;
  s->id = id;
  s->origin = origin;
  return s;
}

bool Lifter::Slices() {
  Node* ends[3];
  switch (in().opcode) {
    case BINARY_SLICE: {
      Node* sequence = SlicedSequence(Top(3).node, false);
      if (sequence == nullptr || !SliceEnds(Top(2).node, Top(1).node, nullptr, ends)) return false;
      GuardDeath(sequence, 3);
      Node* slice = EmitGuard(Opcode::kGetSlice, {sequence, ends[0], ends[1], ends[2]}, sequence->type);
      Drop(3);
      Push(slice);
      return true;
    }
    case STORE_SLICE: {
      Node* sequence = SlicedSequence(Top(3).node, true);
      if (sequence == nullptr || !SliceEnds(Top(2).node, Top(1).node, nullptr, ends)) return false;
      Node *value = Top(4).node, *from[4];
      FrameState* before = value->state;
      if (sequence->type.Is(kListBit) && TakeSlice(value, from)) {
        Node* copy = Emit(Opcode::kCopySlice, {sequence, ends[0], ends[1], ends[2], from[0], from[1], from[2], from[3]});
        copy->state = BeforeSlice(*before, resume_);
      } else {
        GuardDeath(value, 4);
        GuardDeath(sequence, 4);
        EmitGuard(Opcode::kSetSlice, {sequence, ends[0], ends[1], ends[2], Boxed(value)});
      }
      Drop(4);
      return true;
    }
    case BUILD_SLICE: {
      bool load = FollowedBy(BINARY_SUBSCR), store = FollowedBy(STORE_SUBSCR);
      int n = in().oparg;
      if ((!load && !store) || depth() < n + (store ? 2 : 1)) return false;
      Node* sequence = SlicedSequence(Top(n + 1).node, store);
      if (sequence == nullptr || !SliceEnds(Top(n).node, Top(n - 1).node, n == 3 ? Top(1).node : nullptr, ends)) return false;
      // Whoever leaves here makes the slice first.
      GuardDeath(sequence, n + (load ? 1 : 2));
      if (load) {
        Node* slice = EmitGuard(Opcode::kGetSlice, {sequence, ends[0], ends[1], ends[2]}, sequence->type);
        Drop(n + 1);
        Push(slice);
      } else {
        GuardDeath(Top(n + 2).node, n + 2);
        EmitGuard(Opcode::kSetSlice, {sequence, ends[0], ends[1], ends[2], Boxed(Top(n + 2).node)});
        Drop(n + 2);
      }
      current_++;
      return true;
    }
    default: return false;
  }
}

}  // namespace tierjit::tier2
