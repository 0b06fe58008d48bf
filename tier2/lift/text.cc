// Operators of sequences, comparisons and formatting of text, membership, lengths.
#include "tier2/lift/lifter.h"
#include "tier2/lower/sequence_calls.h"

namespace tierjit::tier2 {
namespace {

constexpr uint32_t kSequences[] = {kStrBit, kListBit, kTupleBit, kBytesBit};

}  // namespace

// + of two sequences of one kind, * with an int.
bool Lifter::SequenceOperator() {
  if (in().opcode != BINARY_OP) return false;
  Node *a = Top(2).node, *b = Top(1).node;
  Node* r = nullptr;
  // What grows in place is the handler's: it knows where the result goes.
  if (in().oparg == NB_ADD) {
    for (uint32_t kind : kSequences) {
      if (a->rep != Rep::kBoxed || b->rep != Rep::kBoxed || !SeenAs(a, kind) || !SeenAs(b, kind)) continue;
      if (kind == kStrBit && (FollowedBy(STORE_FAST) || FollowedBy(STORE_FAST_LOAD_FAST))) return false;
      Node* left = GuardKind(a, kind);
      GuardDeath(a, 2);
      GuardDeath(b, 2);
      r = EmitGuard(Opcode::kConcat, {left, GuardKind(b, kind)}, Type(kind));
    }
  } else if (in().oparg == NB_MULTIPLY) {
    Node *sequence = IsInt(b) ? a : b, *count = IsInt(b) ? b : a;
    if (sequence->rep != Rep::kBoxed || !IsInt(count)) return false;
    for (uint32_t kind : kSequences) {
      if (!SeenAs(sequence, kind)) continue;
      Node* known = GuardKind(sequence, kind);
      GuardDeath(known, 2);
      r = EmitGuard(Opcode::kRepeat, {known, AsInt(count)}, Type(kind));
    }
  }
  if (r == nullptr) return false;
  Drop(2);
  Push(r);
  return true;
}

bool Lifter::CompareText() {
  if (in().opcode != COMPARE_OP) return false;
  Node *a = Top(2).node, *b = Top(1).node;
  if (a->rep != Rep::kBoxed || b->rep != Rep::kBoxed || !SeenAs(a, kStrBit) || !SeenAs(b, kStrBit)) return false;
  Relation relation = ComparedFor();
  Node* x = GuardKind(a, kStrBit);
  Node* y = GuardKind(b, kStrBit);
  Node* r;
  if (relation == Relation::kEq || relation == Relation::kNe) {
    r = Emit(Opcode::kSameText, {x, y}, Type::Bool());
    if (relation == Relation::kNe) r = Emit(Opcode::kNot, {r}, Type::Bool());
  } else {
    r = Compare(Opcode::kIntCompare, relation, Emit(Opcode::kOrderOfText, {x, y}, Type::Int()), IntConstant(0));
  }
  Drop(2);
  Push(r);
  return true;
}

// Pieces of f-strings.
bool Lifter::Format() {
  Node* r;
  auto formatted = [&](Node* n) { return IsNumber(n) || (n->rep == Rep::kBoxed && SeenAs(n, kStrBit)); };
  switch (in().opcode) {
    case FORMAT_SIMPLE:
      if (!formatted(Top().node)) return false;
      r = SeenAs(Top().node, kStrBit) ? GuardKind(Top().node, kStrBit) : EmitGuard(Opcode::kFormatSimple, {Boxed(Top().node)}, Type(kStrBit));
      Drop(1);
      break;
    case FORMAT_WITH_SPEC:
      if (!formatted(Top(2).node) || Top().node->rep != Rep::kBoxed) return false;
      r = EmitGuard(Opcode::kFormatWith, {Boxed(Top(2).node), Top().node}, Type(kStrBit));
      Drop(2);
      break;
    case BUILD_STRING: {
      if (in().oparg > kMaxGathered) return false;
      std::vector<Node*> pieces;
      for (int i = in().oparg; i >= 1; i--) pieces.push_back(Top(i).node);
      for (Node* p : pieces) {
        if (p->rep != Rep::kBoxed) return false;
      }
      r = EmitGuard(Opcode::kJoinText, pieces, Type(kStrBit));
      Drop(in().oparg);
      break;
    }
    default: return false;
  }
  Push(r);
  return true;
}

bool Lifter::Membership() {
  if (in().opcode != CONTAINS_OP) return false;
  Node *item = Top(2).node, *container = Top(1).node;
  if (container->rep != Rep::kBoxed) return false;
  for (uint32_t kind : {kDictBit, kSetBit, kListBit, kTupleBit, kStrBit, kBytesBit}) {
    Node* known = GuardKind(container, kind);
    if (known == nullptr) continue;
    GuardDeath(item, 2);
    GuardDeath(known, 2);
    Node* r = EmitGuard(Opcode::kContains, {Boxed(item), known}, Type::Bool());
    if (in().oparg == 1) r = Emit(Opcode::kNot, {r}, Type::Bool());
    Drop(2);
    Push(r);
    return true;
  }
  return false;
}

Node* Lifter::LengthOf(Node* value) {
  Type length = Type::IntRange(0, INT64_MAX >> 3);
  for (uint32_t kind : {kListBit, kBytesBit, kByteArrayBit, kDictBit, kSetBit}) {
    Node* container = GuardKind(value, kind);
    if (container == nullptr) continue;
    Node* n = Emit(Opcode::kListLength, {container}, length);
    if (kind == kSetBit) n->index = kSetBit;
    return n;
  }
  for (uint32_t kind : {kTupleBit, kStrBit}) {
    if (Node* sequence = GuardKind(value, kind)) return Emit(Opcode::kTupleLength, {sequence}, length);
  }
  return nullptr;
}

}  // namespace tierjit::tier2
