// Attributes of instances that lie in them, and of modules.
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
// The owner, known to be of a class that was seen and to keep the attribute in itself; nullptr: that is not known.
Node* Lifter::GuardPlace(Node* owner, PyObject* name, bool store, Snapshot::Place* place) {
  // None has hardly any attribute, and not the one that was found.
  *place = PlaceIn(SeenClasses(owner, kNoneBit), name, store);
  if (place->offset == 0) return nullptr;
  Node* instance = GuardClasses(owner, DetailOf(owner));
  if (place->values == 0) return instance;
  Node* valid = Emit(Opcode::kInlineValid, {instance}, Type::Bool());
  valid->imm = place->values;
  EmitGuard(Opcode::kGuardTrue, {valid});
  if (store) {
    // A dict that shares the values has to be told.
    Node* dict = Emit(Opcode::kManagedDict, {instance}, Type::Int());
    EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kEq, dict, IntConstant(0))});
  }
  return instance;
}

bool Lifter::LoadAttribute() {
  if (in().opcode != LOAD_ATTR) return false;
  Node* owner = Top().node;
  PyObject* name = PyTuple_GET_ITEM(snapshot_.code->co_names, in().oparg >> 1);
  if (owner->rep != Rep::kBoxed) return false;
  if (owner->object != nullptr && PyModule_CheckExact(owner->object)) return ModuleAttribute(owner);
  Snapshot::Place place;
  Node* instance = GuardPlace(owner, name, false, &place);
  if (instance == nullptr) return false;
  GuardDeath(owner, 1);
  Node* value = Emit(Opcode::kAttrGet, {instance}, Type::Any());
  value->imm = place.offset;
  Node* bound = EmitGuard(Opcode::kGuardBound, {value}, Type::Bound());
  Drop(1);
  PushResult(bound);
  if ((in().oparg & 1) != 0) Push(Emit(Opcode::kNull, {}, Type(kNullBit)));
  return true;
}

// Of an object of too many classes, or of a class itself, by a look-up that runs no foreign code.
bool Lifter::AnyAttribute() {
  if (in().opcode != LOAD_ATTR || (in().oparg & 1) != 0 || Top().node->rep != Rep::kBoxed || (seen().bits & ~kNullBit) == 0) return false;
  Node* owner = Top().node;
  if (Top().position != nullptr) return false;
  GuardDeath(owner, 1);
  Node* value = EmitGuard(Opcode::kFindAttribute, {owner}, Type::Bound());
  value->imm = reinterpret_cast<int64_t>(PyTuple_GET_ITEM(snapshot_.code->co_names, in().oparg >> 1));
  Drop(1);
  PushResult(value);
  return true;
}

bool Lifter::StoreAttribute() {
  if (in().opcode != STORE_ATTR) return false;
  Node *value = Top(2).node, *owner = Top(1).node;
  Snapshot::Place place;
  Node* instance = GuardPlace(owner, PyTuple_GET_ITEM(snapshot_.code->co_names, in().oparg), true, &place);
  if (instance == nullptr) return false;
  Node* old = Emit(Opcode::kAttrGet, {instance}, Type::Any());
  old->imm = place.offset;
  EmitGuard(Opcode::kGuardReleasable, {old});
  GuardDeath(owner, 2);
  Node* set = Emit(Opcode::kAttrSet, {instance, Boxed(value)});
  set->imm = place.offset;
  set->index = static_cast<int32_t>(place.values);
  Drop(2);
  return true;
}

Node* Lifter::CellIs(PyObject** cell, PyObject* value) {
  Node* now = Emit(Opcode::kGlobalGet, {}, Type::Any());
  now->imm = reinterpret_cast<int64_t>(cell);
  return EmitGuard(Opcode::kGuardSame, {now, ObjectConstant(value)}, Type(BitsOf(value)));
}

// What a module holds under the name is taken to stay the same.
bool Lifter::ModuleAttribute(Node* module) {
  auto it = snapshot_.module_values.find(in().offset);
  if (it == snapshot_.module_values.end() || it->second.module != module->object) return false;
  const Snapshot::ModuleValue& use = it->second;
  CellIs(use.module_cell, use.module);
  EmitGuard(Opcode::kGuardExact, {module}, module->type)->imm = reinterpret_cast<int64_t>(&PyModule_Type);
  Node* value = CellIs(use.value_cell, use.value);
  value->object = use.value;
  Drop(1);
  // Not a constant: the module may have let go of the object while the number is still in use.
  Push(BitsOf(use.value) == kFloatBit ? Emit(Opcode::kUnboxFloat, {value}, Type::Float()) : value);
  if ((in().oparg & 1) != 0) Push(Emit(Opcode::kNull, {}, Type(kNullBit)));
  return true;
}

}  // namespace tierjit::tier2
