// Items of lists and tuples.
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

bool Lifter::Subscript() {
  if (in().opcode != BINARY_SUBSCR) return false;
  Node *container = Top(2).node, *index = Top(1).node;
  bool list = SeenAs(container, kListBit), tuple = SeenAs(container, kTupleBit);
  if ((!list && !tuple) || container->rep != Rep::kBoxed || !(index->rep == Rep::kI64 || (index->rep == Rep::kBoxed && SeenAs(index, kIntBit)))) {
    return false;
  }
  Node* sequence = GuardKind(container, list ? kListBit : kTupleBit);
  Node* i = AsInt(index);
  Node* length = Emit(list ? Opcode::kListLength : Opcode::kTupleLength, {sequence}, Type::IntRange(0, INT64_MAX >> 3));
  Node* at = EmitGuard(Opcode::kNormalizeIndex, {i, length}, Type::IntRange(0, INT64_MAX >> 3));
  Node* item = Emit(list ? Opcode::kListGet : Opcode::kTupleGet, {sequence, at}, Type::Bound());
  Drop(2);
  PushResult(item);
  return true;
}

bool Lifter::UnpackSequence() {
  if (in().opcode != UNPACK_SEQUENCE) return false;
  Node* value = Top().node;
  if (value->rep != Rep::kBoxed) return false;
  Expect(value, snapshot_.feedback->second(in().offset).bits);
  bool list = SeenAs(value, kListBit);
  if (!list && !SeenAs(value, kTupleBit)) return false;
  Node* sequence = GuardKind(value, list ? kListBit : kTupleBit);
  Node* length = Emit(list ? Opcode::kListLength : Opcode::kTupleLength, {sequence}, Type::IntRange(0, INT64_MAX >> 3));
  EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kEq, length, IntConstant(in().oparg))});
  Drop(1);
  for (int i = in().oparg - 1; i >= 0; i--) {
    Node* item = Emit(list ? Opcode::kListGet : Opcode::kTupleGet, {sequence, IntConstant(i)}, Type::Bound());
    i == 0 ? PushResult(item) : Push(item);
  }
  return true;
}

// The list lies under what a comprehension keeps on the stack.
bool Lifter::ListAppend() {
  if (in().opcode != LIST_APPEND || frameless()) return false;
  Node* list = GuardKind(Top(in().oparg + 1).node, kListBit);
  if (list == nullptr) return false;
  EmitGuard(Opcode::kListAppend, {list, Boxed(Top().node)});
  Drop(1);
  return true;
}

// Stack: value, container, index.
bool Lifter::StoreSubscript() {
  if (in().opcode != STORE_SUBSCR) return false;
  Node *value = Top(3).node, *container = Top(2).node, *index = Top(1).node;
  if (container->rep != Rep::kBoxed || !SeenAs(container, kListBit) ||
      !(index->rep == Rep::kI64 || (index->rep == Rep::kBoxed && SeenAs(index, kIntBit)))) {
    return false;
  }
  Node* list = GuardKind(container, kListBit);
  Node* i = AsInt(index);
  Node* length = Emit(Opcode::kListLength, {list}, Type::IntRange(0, INT64_MAX >> 3));
  Node* at = EmitGuard(Opcode::kNormalizeIndex, {i, length}, Type::IntRange(0, INT64_MAX >> 3));
  Node* old = Emit(Opcode::kListGet, {list, at}, Type::Bound());
  EmitGuard(Opcode::kGuardReleasable, {old});
  Emit(Opcode::kListSet, {list, at, Boxed(value)});
  Drop(3);
  return true;
}

}  // namespace tierjit::tier2
