// Loops over sequences whose iterators are not made: what they would hold is a stack entry of its own kind, which exits make after all.
//
//   for x in lst          v7 = fresh_iter v3           and a position
//   zip(a, b)             v7 = fresh_iter v3 v4        the pairs are not made either when they are taken apart at once
//   enumerate(lst, n)     the same, with a count
//   reversed(lst)         the same, with a position that goes down
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

Type Position() { return Type::IntRange(-1, INT64_MAX >> 3); }

}  // namespace

// The value, known to be a sequence; nullptr: something else was seen.
Node* Lifter::IteratedSequence(Node* value) {
  for (uint32_t kind : {kListBit, kTupleBit, kStrBit, kBytesBit, kByteArrayBit}) {
    if (Node* sequence = GuardKind(value, kind)) return sequence;
  }
  return nullptr;
}

void Lifter::PushFresh(FreshKind kind, absl::Span<Node* const> sequences, Node* position, Node* count) {
  StackEntry entry;
  entry.node = Emit(Opcode::kFreshIter, sequences, Type(kOtherBit));
  entry.node->imm = kind;
  entry.position = position;
  entry.remaining = count;
  state_.stack.push_back(entry);
}

bool Lifter::GetIter() {
  if (in().opcode != GET_ITER || Top().position != nullptr || Root().makes_iterators_) return false;
  Node* sequence = IteratedSequence(Top().node);
  if (sequence == nullptr) return false;
  Drop(1);
  PushFresh(kFreshSequence, {sequence}, IntConstant(0), nullptr);
  return true;
}

// Calls that only a loop is for.
bool Lifter::FreshCall(absl::string_view name, absl::Span<Node* const> args) {
  bool zip = name == "zip", enumerate = name == "enumerate", reversed = name == "reversed";
  if ((!zip && !enumerate && !reversed) || args.empty() || !FollowedBy(GET_ITER) || Root().makes_iterators_) return false;
  if (!zip && args.size() > (enumerate ? 2u : 1u)) return false;
  if (enumerate && args.size() == 2 && !IsInt(args[1])) return false;
  std::vector<Node*> sequences;
  for (Node* a : zip ? args : args.first(1)) {
    Node* sequence = reversed ? GuardKind(a, kListBit) : IteratedSequence(a);
    if (sequence == nullptr) return false;
    sequences.push_back(sequence);
  }
  Node* position = reversed ? Emit(Opcode::kIntSubWrap, {LengthOf(sequences[0]), IntConstant(1)}, Position()) : IntConstant(0);
  Node* count = !enumerate ? nullptr : args.size() == 2 ? AsInt(args[1]) : IntConstant(0);
  Drop(in().oparg + 2);
  PushFresh(zip ? kFreshZip : enumerate ? kFreshEnumerate : kFreshReversed, sequences, position, count);
  current_++;  // GET_ITER gives it as it is
  return true;
}

Node* Lifter::ItemOf(Node* sequence, Node* position) {
  if (sequence->type.Is(kStrBit)) return Emit(Opcode::kTextItem, {sequence, position}, Type(kStrBit));
  Element e;
  e.container = sequence;
  e.index = position;
  e.kind = sequence->type.bits();
  if (e.kind == kListBit) e.items = Emit(Opcode::kListItems, {sequence}, Type::Int());
  if (e.kind == kBytesBit || e.kind == kByteArrayBit) {
    e.type_code = 'B';
    e.items = Emit(Opcode::kArrayItems, {sequence}, Type::Int());
    e.items->index = static_cast<int32_t>(e.kind);
  }
  return LoadItem(e);
}

// The items of this turn: apart when the next instruction takes them apart.
void Lifter::PushItems(const StackEntry& entry, int32_t* next) {
  std::vector<Node*> items;
  if (entry.node->imm == kFreshEnumerate) items.push_back(entry.remaining);
  for (Node* sequence : entry.node->inputs) items.push_back(ItemOf(sequence, entry.position));
  if (entry.node->imm == kFreshSequence || entry.node->imm == kFreshReversed) {
    PushResult(items[0]);
    return;
  }
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  size_t at = static_cast<size_t>(snapshot_.decoded->IndexAt(*next));
  bool apart = list[at].opcode == UNPACK_SEQUENCE && static_cast<size_t>(list[at].oparg) == items.size() &&
               !leader_[static_cast<size_t>(list[at].offset)] && !snapshot_.generic.contains(list[at].offset);
  if (!apart) {
    for (Node*& item : items) item = Boxed(item);
    Push(Emit(Opcode::kNewTuple, items, Type(kTupleBit)));
    return;
  }
  *next = list[at].next;
  // Where they are stored it was noted what they are.
  size_t stored = 0;
  for (at++; at < list.size() && stored < items.size(); at++) {
    bool two = list[at].opcode == STORE_FAST_STORE_FAST;
    if (!two && list[at].opcode != STORE_FAST) break;
    for (const Observation* seen : {&snapshot_.feedback->at(list[at].offset), two ? &snapshot_.feedback->second(list[at].offset) : nullptr}) {
      if (seen == nullptr || stored == items.size()) continue;
      if (items[stored]->rep == Rep::kBoxed) ExpectSeen(items[stored], *seen);
      stored++;
    }
  }
  for (size_t i = items.size(); i-- > 0;) Push(items[i]);
}

bool Lifter::IterateFresh() {
  int32_t target = in().target + 2, next = in().next;
  StackEntry entry = Top();
  bool reversed = entry.node->imm == kFreshReversed;
  Node* length = nullptr;
  for (Node* sequence : entry.node->inputs) {
    Node* n = LengthOf(sequence);
    length = length == nullptr ? n : Emit(Opcode::kIntMin, {length, n}, n->type);
  }
  Node* has_next = reversed ? Compare(Opcode::kIntCompare, Relation::kGe, entry.position, IntConstant(0))
                            : Compare(Opcode::kIntCompare, Relation::kLt, entry.position, length);
  FrameState* here = Here();
  Emit(Opcode::kBranch, {has_next});
  Block* from = block_;
  State before = state_;

  block_ = graph_->NewBlock();
  from->successors.push_back({block_, {}});
  // A list that has become shorter ends the loop.
  if (reversed) EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kLt, entry.position, length)});
  Node* one = IntConstant(1);
  Node* counted = entry.remaining == nullptr ? nullptr : EmitGuard(Opcode::kIntAdd, {entry.remaining, one}, Type::Int());
  Top().position = Emit(reversed ? Opcode::kIntSubWrap : Opcode::kIntAddWrap, {entry.position, one}, Type::Int());
  Top().remaining = counted;
  PushItems(entry, &next);
  JumpTo(next);

  state_ = before;
  EndIteration(from, here, target);
  return true;
}

}  // namespace tierjit::tier2
