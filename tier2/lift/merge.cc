// Edges and merges. A block's parameters are what the first edge into it brings: virtual locals, stack entries and the fields of
// iterators; later edges adapt.
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

Node* ParamLike(Graph* graph, Block* block, Node* value) {
  return value == nullptr ? nullptr : graph->AddParam(block, value->rep, Type());
}

uint32_t IteratorKind(uint32_t bits) {
  return bits == kRangeIterBit || bits == kListIterBit || bits == kTupleIterBit ? bits : 0;
}

}  // namespace

Lifter::BlockInfo& Lifter::InfoAt(const Place& place) {
  BlockInfo& info = blocks_[place];
  int32_t unit = place.unit;
  if (info.block != nullptr) return info;
  info.block = graph_->NewBlock(unit);
  info.block->depth = LoopDepth(unit);
  info.block->rare = regular_[static_cast<size_t>(unit)] == 0;
  const Instruction& first = snapshot_.decoded->instructions()[static_cast<size_t>(snapshot_.decoded->IndexAt(unit))];
  uint32_t item;
  bool iterates = first.opcode == FOR_ITER && !snapshot_.generic.contains(first.offset) &&
                  (!SeenAs(Top().node, kEnumerateBit) || PairBehind(first, &item));
  MakeParams(&info, iterates);
  pending_.insert(place);
  return info;
}

void Lifter::MakeParams(BlockInfo* info, bool iterates) {
  if (iterates && Top().position == nullptr) OpenIterator(&Top());
  for (size_t i = 0; i < state_.locals.size(); i++) {
    Local& l = state_.locals[i];
    // Another edge may not have the value yet.
    if (comes_late_[i] && l.bound == nullptr) l.bound = BoolConstant(true);
    info->state.locals.push_back({ParamLike(graph_, info->block, l.value), ParamLike(graph_, info->block, l.bound)});
    if (l.value != nullptr && l.value->rep == Rep::kBoxed) {
      Node* param = info->state.locals.back().value;
      uint32_t known = ExpectedOf(l.value) == 0 && l.value->type.IsBottom() ? 0 : Known(l.value);
      if ((known & ~kNullBit) != (kAllBits & ~kNullBit)) Expect(param, (known | stored_bits_[i]) & ~kNullBit);
      constexpr uint32_t kDetailed = kInstanceBit | kArrayBit;
      if (DetailOf(l.value) != 0 || details_.contains(l.value->id)) ExpectDetail(param, DetailOf(l.value));
      if ((stored_bits_[i] & kDetailed) != 0) ExpectDetail(param, stored_details_[i]);
    }
  }
  for (const StackEntry& e : state_.stack) {
    StackEntry param{e.fresh() ? e.node : ParamLike(graph_, info->block, e.node), ParamLike(graph_, info->block, e.position),
                     ParamLike(graph_, info->block, e.remaining), e.fresh() ? e.step : ParamLike(graph_, info->block, e.step), e.start, e.stop};
    size_t id = static_cast<size_t>(e.node->id);
    uint32_t seen = id < expected_.size() ? expected_[id] : 0;
    Expect(param.node, seen != 0 ? seen : e.node->type.bits());
    if (DetailOf(e.node) != 0 || details_.contains(e.node->id)) ExpectDetail(param.node, DetailOf(e.node));
    info->state.stack.push_back(param);
  }
}

// The fields of an iterator that only the operand stack knows.
void Lifter::OpenIterator(StackEntry* entry) {
  if (entry->node->rep != Rep::kBoxed) return;
  if (SeenAs(entry->node, kEnumerateBit)) return OpenEnumerate(entry);
  for (uint32_t kind : {kRangeIterBit, kListIterBit, kTupleIterBit}) {
    if (!SeenAs(entry->node, kind)) continue;
    Node* it = EmitGuard(Opcode::kGuardType, {entry->node}, Type(kind));
    EmitGuard(Opcode::kGuardUnshared, {it});
    auto field = [&](int64_t which) {
      Node* n = Emit(Opcode::kIterField, {it}, Type::Int());
      n->imm = which;
      n->index = static_cast<int32_t>(kind);
      return n;
    };
    entry->node = it;
    Expect(it, kind);
    entry->position = field(kPosition);
    if (kind != kRangeIterBit) {
      // An exhausted iterator has let its sequence go.
      EmitGuard(Opcode::kGuardBound, {Emit(Opcode::kIterSequence, {it}, Type::Any())}, Type::Bound());
      return;
    }
    entry->remaining = field(kRemaining);
    entry->step = field(kStep);
    return;
  }
}

// An enumerate counts, and its iterator of a list knows the position; `remaining` is the count.
void Lifter::OpenEnumerate(StackEntry* entry) {
  Node* it = EmitGuard(Opcode::kGuardType, {entry->node}, Type(kEnumerateBit));
  EmitGuard(Opcode::kGuardUnshared, {it});
  Node* inner = EmitGuard(Opcode::kGuardType, {InnerIterator(it)}, Type(kListIterBit));
  EmitGuard(Opcode::kGuardUnshared, {inner});
  EmitGuard(Opcode::kGuardBound, {Emit(Opcode::kIterSequence, {inner}, Type::Any())}, Type::Bound());
  entry->node = it;
  Expect(it, kEnumerateBit);
  entry->position = Emit(Opcode::kIterField, {inner}, Type::Int());
  entry->position->imm = kPosition;
  entry->position->index = static_cast<int32_t>(kListIterBit);
  entry->remaining = Emit(Opcode::kIterField, {it}, Type::Int());
  entry->remaining->imm = kRemaining;
  entry->remaining->index = static_cast<int32_t>(kEnumerateBit);
}

Node* Lifter::InnerIterator(Node* enumerate) {
  Node* inner = Emit(Opcode::kIterSequence, {enumerate}, Type::Bound());
  inner->index = static_cast<int32_t>(kEnumerateBit);
  return inner;
}

// A FOR_ITER whose pairs are unpacked at once. `item`: types of their second halves, which are let go of early: they must be simple.
bool Lifter::PairBehind(const Instruction& loop, uint32_t* item) const {
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  size_t at = static_cast<size_t>(snapshot_.decoded->IndexAt(loop.next));
  if (at + 1 >= list.size() || list[at].opcode != UNPACK_SEQUENCE || list[at].oparg != 2) return false;
  if (leader_[static_cast<size_t>(list[at].offset)] || list[at + 1].opcode != STORE_FAST_STORE_FAST) return false;
  *item = snapshot_.feedback->second(list[at + 1].offset).bits;
  return *item != 0 && (*item & ~kSimpleBits) == 0;
}

// The fields back into the iterator.
void Lifter::CloseIterator(StackEntry* entry) {
  if (entry->node->Is(Opcode::kFreshIter)) {
    std::vector<Node*> inputs = {entry->position, entry->remaining != nullptr ? entry->remaining : IntConstant(0)};
    inputs.insert(inputs.end(), entry->node->inputs.begin(), entry->node->inputs.end());
    Node* made = Emit(Opcode::kMakeIter, inputs, Type::Bound());
    made->imm = entry->node->imm;
    bool sequence = made->imm == kFreshSequence;
    if (made->imm == kFreshEnumerate && inputs[2]->type.Is(kListBit)) Expect(made, kEnumerateBit);
    if (sequence && (inputs[2]->type.Is(kListBit) || inputs[2]->type.Is(kTupleBit))) Expect(made, inputs[2]->type.Is(kListBit) ? kListIterBit : kTupleIterBit);
    *entry = {made};
    here_ = nullptr;
    return;
  }
  if (entry->fresh()) {
    Node* made = Emit(Opcode::kMakeRange, {entry->position, entry->remaining, entry->step}, Type(kRangeIterBit));
    Expect(made, kRangeIterBit);
    *entry = {made};
    here_ = nullptr;
    return;
  }
  if (entry->remaining != nullptr && entry->step == nullptr) {
    Node* position = Emit(Opcode::kSetIterField, {InnerIterator(entry->node), entry->position});
    position->imm = kPosition;
    position->index = static_cast<int32_t>(kListIterBit);
    Node* count = Emit(Opcode::kSetIterField, {entry->node, entry->remaining});
    count->imm = kRemaining;
    count->index = static_cast<int32_t>(kEnumerateBit);
    entry->position = entry->remaining = nullptr;
    here_ = nullptr;
    return;
  }
  auto write = [&](Node* value, int64_t which) {
    Node* n = Emit(Opcode::kSetIterField, {entry->node, value});
    n->imm = which;
    n->index = static_cast<int32_t>(entry->remaining != nullptr ? kRangeIterBit : kListIterBit);
  };
  write(entry->position, kPosition);
  if (entry->remaining != nullptr) write(entry->remaining, kRemaining);
  entry->position = entry->remaining = entry->step = nullptr;
  here_ = nullptr;
}

// `value` in the parameter's representation; nullptr: only by leaving.
Node* Lifter::Adapt(Node* value, const Node* param) {
  if (value->rep == param->rep) return value;
  if (param->rep == Rep::kBoxed) return Boxed(value);
  if (value->rep != Rep::kBoxed) return nullptr;
  if (param->rep == Rep::kI64) return EmitGuardForValue(Opcode::kGuardInt, value, Type::Int());
  if (param->rep == Rep::kF64) return EmitGuardForValue(Opcode::kGuardFloat, value, Type::Float());
  return EmitGuardForValue(Opcode::kGuardBool, value, Type::Bool());
}

void Lifter::AdaptLocal(const Local& param, Local* from) {
  if (param.value == nullptr) return;
  if (param.bound != nullptr && from->bound == nullptr) from->bound = BoolConstant(true);
  if (param.bound == nullptr && from->bound != nullptr) EmitGuard(Opcode::kGuardTrue, {from->bound});
}

void Lifter::AdaptEntry(const StackEntry& param, StackEntry* from) {
  if (param.position != nullptr && from->position == nullptr) {
    Expect(from->node, param.step != nullptr ? kRangeIterBit : param.remaining != nullptr ? kEnumerateBit : 0);
    OpenIterator(from);
  }
  if (from->position != nullptr && (param.position == nullptr || (from->fresh() && !param.fresh()))) {
    CloseIterator(from);
    if (param.position != nullptr) OpenIterator(from);
  }
  if (Node* adapted = Adapt(from->node, param.node)) from->node = adapted;
}

void Lifter::JumpTo(int32_t unit) {
  resume_ = unit;
  here_ = nullptr;
  if (!snapshot_.extent.Contains(unit)) {
    LeaveHere();
    block_->end()->imm = kPlannedLeave;
    return;
  }
  Place place = PlaceOf(unit);
  std::vector<uint32_t> kinds = virtual_;
  int32_t version = version_;
  if (version >= 0 && !place.typed) LeaveVersion();
  if (!place.typed && place.unit == place.loop && versions_.contains(unit)) {
    EnterVersion(unit);
  } else {
    JumpToPlace(place);
  }
  virtual_ = std::move(kinds);
  version_ = version;
}

void Lifter::JumpToPlace(const Place& place) {
  BlockInfo& info = InfoAt(place);
  for (size_t i = 0; i < state_.locals.size(); i++) AdaptLocal(info.state.locals[i], &state_.locals[i]);
  bool fits = true;
  for (size_t i = 0; i < state_.stack.size(); i++) {
    const StackEntry& param = info.state.stack[i];
    StackEntry& from = state_.stack[i];
    AdaptEntry(param, &from);
    fits = fits && from.node->rep == param.node->rep && from.fresh() == param.fresh() && (!param.fresh() || from.node == param.node) && (from.position != nullptr) == (param.position != nullptr) &&
           (from.remaining != nullptr) == (param.remaining != nullptr) &&
           (param.position == nullptr || ExpectedOf(from.node) == ExpectedOf(param.node));
  }
  if (!fits) return LeaveHere();
  Edge edge{info.block, {}};
  auto pass = [&](Node* param, Node* value) {
    if (param != nullptr) edge.args.push_back(value);
  };
  for (size_t i = 0; i < state_.locals.size(); i++) {
    pass(info.state.locals[i].value, state_.locals[i].value);
    pass(info.state.locals[i].bound, state_.locals[i].bound);
  }
  for (size_t i = 0; i < state_.stack.size(); i++) {
    const StackEntry &param = info.state.stack[i], &from = state_.stack[i];
    if (!param.fresh()) pass(param.node, from.node);
    pass(param.position, from.position);
    pass(param.remaining, from.remaining);
    if (!param.fresh()) pass(param.step, from.step);
  }
  Emit(Opcode::kJump);
  block_->successors.push_back(std::move(edge));
}

// Both ways get a block of their own for what their edges have to adapt.
void Lifter::BranchTo(Node* condition, int32_t if_true, int32_t if_false) {
  Emit(Opcode::kBranch, {condition});
  Block* from = block_;
  State state = state_;
  for (int32_t unit : {if_true, if_false}) {
    block_ = graph_->NewBlock();
    from->successors.push_back({block_, {}});
    state_ = state;
    JumpTo(unit);
  }
}

void Lifter::LeaveHere() { EmitGuard(Opcode::kLeave, {}); }

}  // namespace tierjit::tier2
