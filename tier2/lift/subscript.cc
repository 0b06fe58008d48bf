// Items of lists, tuples, arrays and bytes.
#include "runtime/cpython/array_object.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

Type Length() { return Type::IntRange(0, INT64_MAX >> 3); }

struct ElementRange {
  char type_code;
  int64_t low, high;
};
// Elements that are ints of int64.
constexpr ElementRange kRanges[] = {
    {'b', INT8_MIN, INT8_MAX},   {'B', 0, UINT8_MAX},  {'h', INT16_MIN, INT16_MAX}, {'H', 0, UINT16_MAX},
    {'i', INT32_MIN, INT32_MAX}, {'I', 0, UINT32_MAX}, {'l', INT64_MIN, INT64_MAX}, {'q', INT64_MIN, INT64_MAX},
};
const ElementRange* RangeOf(char type_code) {
  for (const ElementRange& r : kRanges) {
    if (r.type_code == type_code) return &r;
  }
  return nullptr;
}

}  // namespace

// Guards that the index is right. False: not a container or an index that feedback supports.
bool Lifter::FindElement(Node* container, Node* index, Element* out) {
  if (container->rep != Rep::kBoxed || !IsInt(index)) return false;
  for (uint32_t kind : {kListBit, kTupleBit, kBytesBit, kByteArrayBit, kArrayBit}) {
    if (SeenAs(container, kind)) out->kind = kind;
  }
  if (out->kind == 0) return false;
  bool bytes = out->kind == kBytesBit || out->kind == kByteArrayBit, array = out->kind == kArrayBit;
  out->type_code = bytes ? 'B' : array ? static_cast<char>(DetailOf(container)) : 0;
  if (array && out->type_code != 'd' && RangeOf(out->type_code) == nullptr) return false;
  if (array) {
    out->container = EmitGuard(Opcode::kGuardArray, {container}, Type(kArrayBit));
    out->container->imm = out->type_code;
  } else {
    out->container = GuardKind(container, out->kind);
  }
  Node* i = AsInt(index);
  Node* length = Emit(out->kind == kTupleBit ? Opcode::kTupleLength : Opcode::kListLength, {out->container}, Length());
  RaiseWhere(Opcode::kIntCompare, Relation::kGe, i, length);
  out->index = EmitGuard(Opcode::kNormalizeIndex, {i, length}, Length());
  if (out->kind == kListBit) out->items = Emit(Opcode::kListItems, {out->container}, Type::Int());
  if (bytes || array) {
    out->items = Emit(Opcode::kArrayItems, {out->container}, Type::Int());
    out->items->index = static_cast<int32_t>(out->kind);
  }
  return true;
}

Node* Lifter::LoadItem(const Element& e) {
  if (e.kind == kListBit) return Emit(Opcode::kListGet, {e.container, e.index, e.items}, Type::Bound());
  if (e.kind == kTupleBit) return Emit(Opcode::kTupleGet, {e.container, e.index}, Type::Bound());
  const ElementRange* range = RangeOf(e.type_code);
  Node* n = Emit(Opcode::kArrayGet, {e.container, e.index, e.items}, range != nullptr ? Type::IntRange(range->low, range->high) : Type::Float());
  n->rep = range != nullptr ? Rep::kI64 : Rep::kF64;
  n->imm = e.type_code;
  return n;
}

bool Lifter::Subscript() {
  if (in().opcode != BINARY_SUBSCR) return false;
  Element e;
  Node* item;
  if (FindElement(Top(2).node, Top(1).node, &e)) {
    GuardDeath(Top(2).node, 2);
    item = LoadItem(e);
  } else {
    Node *container = Top(2).node, *key = Top(1).node;
    bool text = container->rep == Rep::kBoxed && SeenAs(container, kStrBit) && IsInt(key);
    Node* known = GuardKind(container, text ? kStrBit : kDictBit);
    if (known == nullptr) return false;
    GuardDeath(container, 2);
    GuardDeath(key, 2);
    item = EmitGuard(Opcode::kGetItem, {known, Boxed(key)}, text ? Type(kStrBit) : Type::Bound());
  }
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
  Node* length = Emit(list ? Opcode::kListLength : Opcode::kTupleLength, {sequence}, Length());
  EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kEq, length, IntConstant(in().oparg))});
  GuardDeath(value, 1);
  Drop(1);
  Element e;
  e.kind = list ? kListBit : kTupleBit;
  e.container = sequence;
  if (list) e.items = Emit(Opcode::kListItems, {sequence}, Type::Int());
  for (int i = in().oparg - 1; i >= 0; i--) {
    e.index = IntConstant(i);
    i == 0 ? PushResult(LoadItem(e)) : Push(LoadItem(e));
  }
  return true;
}

// The list lies under what a comprehension keeps on the stack.
bool Lifter::ListAppend() {
  if (in().opcode != LIST_APPEND) return false;
  Node* list = GuardKind(Top(in().oparg + 1).node, kListBit);
  if (list == nullptr) return false;
  Append(list, Top().node);
  Drop(1);
  return true;
}

// Growing may run out of memory, so it comes first.
Node* Lifter::Append(Node* list, Node* item) {
  EmitGuard(Opcode::kListReserve, {list});
  Node* object = Boxed(item);
  Emit(Opcode::kListPush, {list, object});
  return object;
}

// The value as an array takes it; nullptr: its handler has to look.
Node* Lifter::ForArray(Node* value, char type_code) {
  const ElementRange* range = RangeOf(type_code);
  if (range == nullptr) return IsNumber(value) ? AsFloat(value) : nullptr;
  Node* i = IsInt(value) ? AsInt(value) : nullptr;
  if (i == nullptr) return nullptr;
  EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kGe, i, IntConstant(range->low))});
  EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kLe, i, IntConstant(range->high))});
  return i;
}

// Stack: value, container, index.
bool Lifter::StoreSubscript() {
  if (in().opcode != STORE_SUBSCR) return false;
  Node *value = Top(3).node, *container = Top(2).node;
  if (Node* dict = GuardKind(container, kDictBit)) {
    GuardDeath(dict, 3);
    GuardDeath(Top().node, 3);
    EmitGuard(Opcode::kSetItem, {dict, Boxed(Top(1).node), Boxed(value)});
    Drop(3);
    return true;
  }
  bool list = container->rep == Rep::kBoxed && SeenAs(container, kListBit);
  bool array = container->rep == Rep::kBoxed && (SeenAs(container, kArrayBit) || SeenAs(container, kByteArrayBit));
  if (!list && !array) return false;
  if (array && !(IsNumber(value) && (IsInt(value) || DetailOf(container) == 'd'))) return false;
  Element e;
  if (!FindElement(container, Top(1).node, &e)) return false;
  GuardDeath(container, 3);
  if (list) {
    Node* old = LoadItem(e);
    EmitGuard(Opcode::kGuardReleasable, {old});
    Emit(Opcode::kListSet, {e.container, e.index, Boxed(value), e.items});
  } else {
    Node* element = ForArray(value, e.type_code);
    Node* set = Emit(Opcode::kArraySet, {e.container, e.index, element, e.items});
    set->imm = e.type_code;
  }
  Drop(3);
  return true;
}

}  // namespace tierjit::tier2
