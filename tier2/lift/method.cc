// What instances of Python classes have from their class: methods, properties, operators, plain values; and tests of what they are.
//
//   v2 = guard_type v1 (instance of version)     its class is as it was, so what it has, too
//   guard_true (inline_valid v2); keys_count v2 == n    and nothing of its own hides that
//   v5 = class_value v2 (method)                 then as a call of any function: see inline.cc
#include "runtime/cpython/opcode_info.h"
#include "runtime/feedback/feedback.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

constexpr uint32_t kKnownClasses[] = {kIntBit, kFloatBit, kBoolBit, kStrBit, kListBit, kTupleBit, kDictBit, kBytesBit, kByteArrayBit};

}  // namespace

PyTypeObject* Lifter::SeenClass(Node* value, uint32_t also) const {
  std::vector<PyTypeObject*> types = SeenClasses(value, also);
  return types.size() == 1 ? types[0] : nullptr;
}

PyTypeObject* Lifter::SeenType(Node* value) const {
  if (value->rep == Rep::kI64) return &PyLong_Type;
  if (value->rep == Rep::kF64) return &PyFloat_Type;
  if (value->rep == Rep::kI1) return &PyBool_Type;
  for (uint32_t bit : kKnownClasses) {
    if (SeenAs(value, bit)) return BuiltinType(bit);
  }
  return SeenClass(value);
}

// `type` is what SeenType() gave.
Node* Lifter::GuardClass(Node* value, PyTypeObject* type) {
  Node* guard = nullptr;
  uint32_t bit = BitOfType(type);
  if (value->rep != Rep::kBoxed) return value;
  if (bit == kIntBit) guard = AsInt(value);
  else if (bit == kFloatBit) guard = AsFloat(value);
  else if (bit == kBoolBit) guard = AsBool(value);
  else if (bit != 0) guard = GuardKind(value, bit);
  else guard = EmitGuard(Opcode::kGuardType, {value}, Type::Instance(type->tp_version_tag));
  return guard;
}

Node* Lifter::ClassValue(Node* instance, PyObject* value) {
  Node* n = Emit(Opcode::kClassValue, {instance}, Type(BitsOf(value)));
  n->object = value;
  return n;
}

// What the class of a guarded instance, or a guarded class, has: it may let go of a number, but not of its value.
Node* Lifter::ConstantOf(Node* holder, PyObject* value) {
  switch (BitsOf(value)) {
    case kIntBit: return IntConstant(PyLong_AsLongLong(value));
    case kFloatBit: return FloatConstant(PyFloat_AS_DOUBLE(value));
    case kBoolBit: return BoolConstant(value == Py_True);
    default: return ClassValue(holder, value);
  }
}

// `Class.name`, where the class is known.
bool Lifter::AttributeOfClass() {
  Node* owner = in().opcode == LOAD_ATTR ? Top().node : nullptr;
  if (owner == nullptr || owner->object == nullptr || !PyType_Check(owner->object) || snapshot_.find_of_class == nullptr) return false;
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(owner->object);
  Snapshot::OfClass found = snapshot_.find_of_class(type, PyTuple_GET_ITEM(snapshot_.code->co_names, in().oparg >> 1));
  bool called = (in().oparg & 1) != 0;
  if (found.value == nullptr || (found.takes_class && !called) || !NoteType(type)) return false;
  Node* cls = EmitGuard(Opcode::kGuardVersion, {owner}, owner->type);
  cls->imm = type->tp_version_tag;
  cls->object = owner->object;
  Node* value = ConstantOf(cls, found.value);
  Drop(1);
  Push(value);
  if (called) Push(found.takes_class ? cls : Emit(Opcode::kNull, {}, Type(kNullBit)));
  return true;
}

bool Lifter::ClassAttribute() {
  if (in().opcode != LOAD_ATTR) return false;
  Node* owner = Top().node;
  Snapshot::FromClass found = ClassValueIn(SeenClasses(owner, kNoneBit), PyTuple_GET_ITEM(snapshot_.code->co_names, in().oparg >> 1));
  bool method = found.value != nullptr && PyFunction_Check(found.value), called = (in().oparg & 1) != 0;
  if (found.value == nullptr || (method && !called)) return false;
  Node* instance = GuardClasses(owner, DetailOf(owner));
  if (found.values != 0) {
    Node* valid = Emit(Opcode::kInlineValid, {instance}, Type::Bool());
    valid->imm = found.values;
    EmitGuard(Opcode::kGuardTrue, {valid});
    Node* count = Emit(Opcode::kKeysCount, {instance}, Type::Int());
    EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kEq, count, IntConstant(found.keys))});
  }
  if (found.dict) {
    Node* dict = Emit(Opcode::kManagedDict, {instance}, Type::Int());
    EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kEq, dict, IntConstant(0))});
  }
  Node* value = ConstantOf(instance, found.value);
  if (!method) GuardDeath(owner, 1);
  Drop(1);
  Push(value);
  if (called) Push(method ? instance : Emit(Opcode::kNull, {}, Type(kNullBit)));
  return true;
}

bool Lifter::Property() {
  if (in().opcode != LOAD_ATTR || (in().oparg & 1) != 0 || snapshot_.find_getter == nullptr) return false;
  PyTypeObject* type = SeenClass(Top().node, kNoneBit);
  if (type == nullptr) return false;
  PyObject* getter = snapshot_.find_getter(type, PyTuple_GET_ITEM(snapshot_.code->co_names, in().oparg >> 1));
  if (getter == nullptr || !CanCall(getter, 1, type->tp_version_tag, {})) return false;
  Node* instance = GuardClass(Top().node, type);
  return CallFunction(getter, {ClassValue(instance, getter), {instance}, 1, {}});
}

namespace {

// Which operands a method gets, self first, as positions lowest first.
struct Order {
  uint8_t opcode;
  int count;
  int at[3];
};
constexpr Order kOrders[] = {
    {BINARY_OP, 2, {0, 1}},   {COMPARE_OP, 2, {0, 1}},    {CONTAINS_OP, 2, {1, 0}},  {BINARY_SUBSCR, 2, {0, 1}},
    {STORE_SUBSCR, 3, {1, 2, 0}}, {TO_BOOL, 1, {0}},      {UNARY_NEGATIVE, 1, {0}}, {UNARY_INVERT, 1, {0}},
};
const Order* OrderFor(uint8_t opcode) {
  for (const Order& o : kOrders) {
    if (o.opcode == opcode) return &o;
  }
  return nullptr;
}

}  // namespace

namespace {
uint32_t SelfVersion(PyTypeObject* const* types, const Order& order, bool reflected) {
  const PyTypeObject* self = types[order.at[reflected ? 1 : 0]];
  return self == nullptr || BitOfType(self) != 0 ? 0 : self->tp_version_tag;
}
}  // namespace

bool Lifter::OperationMethod() {
  const Order* order = OrderFor(in().opcode);
  if (order == nullptr || snapshot_.find_operation == nullptr) return false;
  // What two classes have decides together.
  bool both = in().opcode == BINARY_OP || in().opcode == COMPARE_OP, any = false;
  PyTypeObject* types[3] = {};
  Node* operands[3];
  for (int i = 0; i < order->count; i++) {
    operands[i] = Top(order->count - i).node;
    if (Top(order->count - i).position != nullptr) return false;
    if (both || i == order->at[0]) {
      types[i] = SeenType(operands[i]);
      if (types[i] == nullptr) return false;
      any = any || BitOfType(types[i]) == 0;
    }
  }
  if (!any) return false;
  Snapshot::OperationMethod method = snapshot_.find_operation(in().opcode, in().oparg, types);
  bool moved = in().opcode == BINARY_SUBSCR;
  CallEnding ending;
  if (!moved) ending = {CallEnding::Kind::kOperation, in().opcode, method.flags, in().oparg};
  if (method.function == nullptr || !CanCall(method.function, static_cast<size_t>(order->count), SelfVersion(types, *order, method.reflected), ending)) return false;
  for (int i = 0; i < order->count; i++) {
    if (types[i] != nullptr) operands[i] = GuardClass(operands[i], types[i]);
  }
  for (int i = 0; i < order->count && !moved; i++) GuardDeath(Top(order->count - i).node, order->count);
  PythonCallSite site{nullptr, {}, moved ? 2 : 0, ending};
  for (int i = 0; i < order->count; i++) site.args.push_back(operands[order->at[i]]);
  if (method.reflected) std::swap(site.args[0], site.args[1]);
  site.function = ClassValue(site.args[0], method.function);
  return CallFunction(method.function, std::move(site));
}

// What a method has returned is guarded while its frame is there: the interpreter's view is that it is about to return. nullptr: only the
// interpreter knows.
Node* Lifter::Returned(Node* value) {
  if (ending_.kind == CallEnding::Kind::kPush || ending_.opcode == STORE_SUBSCR) return value;
  if (ending_.kind == CallEnding::Kind::kNone) {
    if (value->Is(Opcode::kObject) && value->object == Py_None) return value;
    return EmitGuard(Opcode::kGuardSame, {Boxed(value), ObjectConstant(Py_None)}, Type(kNoneBit));
  }
  Node* truth = nullptr;
  switch (ending_.opcode) {
    case TO_BOOL: {
      if ((ending_.flags & kLengthMethod) == 0) return AsBool(value);
      Node* length = AsInt(value);
      if (length == nullptr) return nullptr;
      EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kGe, length, IntConstant(0))});
      return Compare(Opcode::kIntCompare, Relation::kNe, length, IntConstant(0));
    }
    case CONTAINS_OP:
      truth = AsTruth(value);
      return truth != nullptr && ending_.oparg != 0 ? Emit(Opcode::kNot, {truth}, Type::Bool()) : truth;
    case COMPARE_OP: case BINARY_OP:
      if (value->rep == Rep::kBoxed && value->type.MayBe(kOtherBit)) {
        Node* given_up = Emit(Opcode::kSame, {value, ObjectConstant(Py_NotImplemented)}, Type::Bool());
        EmitGuard(Opcode::kGuardFalse, {given_up});
      }
      if (ending_.opcode == BINARY_OP) return value;
      if ((ending_.flags & kNegatedMethod) == 0 && (ending_.oparg & 16) == 0) return value;
      truth = AsTruth(value);
      return truth != nullptr && (ending_.flags & kNegatedMethod) != 0 ? Emit(Opcode::kNot, {truth}, Type::Bool()) : truth;
    default: return value;
  }
}

Node* Lifter::IsInstance(Node* value, PyObject* cls) {
  PyTypeObject* type = cls == nullptr || snapshot_.is_instance == nullptr ? nullptr : SeenType(value);
  int is = type == nullptr ? -1 : snapshot_.is_instance(type, cls);
  if (is < 0) return nullptr;
  GuardClass(value, type);
  return BoolConstant(is != 0);
}

Node* Lifter::TypeOf(Node* value) {
  PyTypeObject* type = SeenType(value);
  if (type == nullptr) return nullptr;
  Node* guarded = GuardClass(value, type);
  return BitOfType(type) != 0 ? ObjectConstant(reinterpret_cast<PyObject*>(type)) : ClassValue(guarded, reinterpret_cast<PyObject*>(type));
}

// Made when something wants it as an object.
bool Lifter::BuildTuple() {
  if (in().opcode != BUILD_TUPLE || in().oparg == 0) return false;
  std::vector<Node*> items;
  for (int i = in().oparg; i >= 1; i--) {
    if (Top(i).position != nullptr) return false;
    items.push_back(Boxed(Top(i).node));
  }
  Drop(in().oparg);
  Push(Emit(Opcode::kNewTuple, items, Type(kTupleBit)));
  return true;
}

}  // namespace tierjit::tier2
