// Methods of builtin types, which stay what they are.
#include <algorithm>

#include "runtime/feedback/feedback.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

constexpr uint32_t kMethodTypes[] = {kListBit, kDictBit, kSetBit, kStrBit, kTupleBit, kBytesBit, kByteArrayBit};

}  // namespace

// LOAD_ATTR of a method for a call: the method and its object.
bool Lifter::MethodOfBuiltin() {
  if (in().opcode != LOAD_ATTR || (in().oparg & 1) == 0 || Top().node->rep != Rep::kBoxed) return false;
  for (uint32_t bit : kMethodTypes) {
    if (!SeenAs(Top().node, bit)) continue;
    PyObject* method = _PyType_Lookup(BuiltinType(bit), PyTuple_GET_ITEM(snapshot_.code->co_names, in().oparg >> 1));
    if (method == nullptr || Py_TYPE(method) != &PyMethodDescr_Type) return false;
    Node* self = GuardKind(Top().node, bit);
    Drop(1);
    Node* callable = ObjectConstant(method);
    Push(callable);
    Push(self);
    return true;
  }
  return false;
}

// A local that holds a bound method, as in `append = out.append`: another one of another object is as good.
bool Lifter::BoundMethod(PyObject* callable, absl::Span<Node* const> args) {
  if (!PyCFunction_CheckExact(callable) || PyCFunction_GET_SELF(callable) == nullptr) return false;
  PyObject* self = PyCFunction_GET_SELF(callable);
  PyMethodDef* method = reinterpret_cast<PyCFunctionObject*>(callable)->m_ml;
  for (uint32_t bit : kMethodTypes) {
    if (Py_TYPE(self) != BuiltinType(bit)) continue;
    Node* function = Top(in().oparg + 2).node;
    Node* object = EmitGuard(Opcode::kBoundSelf, {function}, Type::Bound());
    object->imm = reinterpret_cast<int64_t>(method);
    Expect(object, bit);
    return PushCall(Method(method, Py_TYPE(self), GuardKind(object, bit), args, FollowedBy(POP_TOP)));
  }
  return false;
}

bool Lifter::IsLocalNumber(const Node* value) const {
  if (value->rep == Rep::kBoxed) return false;
  return std::any_of(state_.locals.begin(), state_.locals.end(), [&](const Local& l) { return l.value == value; });
}

// A number that a container gets from a local is one object: the local's slot gets it, too, and exits leave there what has the right value.
// The slot of such a local; -1: there is none. In front of the effects of the instruction.
int Lifter::PrepareSlotOf(const Node* number) {
  if (frameless()) return -1;
  for (size_t i = 0; i < state_.locals.size(); i++) {
    if (virtual_[i] == 0 || state_.locals[i].value != number || state_.locals[i].bound != nullptr) continue;
    int local = static_cast<int>(i);
    // Slots of other virtual locals hold numbers.
    if (IsVersion(i)) GuardSlot(local);
    return local;
  }
  return -1;
}

void Lifter::FillSlot(int local, Node* object) { Emit(Opcode::kSetLocal, {object})->index = local; }

// nullptr: not lifted. `unused`: the result is not wanted.
Node* Lifter::Method(PyMethodDef* method, PyTypeObject* type, Node* self, absl::Span<Node* const> args, bool unused) {
  absl::string_view name = method->ml_name;
  Node* r = nullptr;
  if (type == &PyList_Type) r = ListMethod(name, self, args, unused);
  if (type == &PyDict_Type || type == &PySet_Type) r = HashMethod(name, self, args);
  return r != nullptr ? r : CallC(method, name, self, args);
}

Node* Lifter::ListMethod(absl::string_view name, Node* list, absl::Span<Node* const> args, bool unused) {
  auto none = [&] { return ObjectConstant(Py_None); };
  bool shared = (name == "append" || name == "insert") && !args.empty() && IsLocalNumber(args.back());
  int slot = shared ? PrepareSlotOf(args.back()) : -1;
  if (shared && slot < 0) return nullptr;
  if (name == "append" && args.size() == 1) {
    Node* item = Append(list, args[0]);
    if (shared) FillSlot(slot, item);
    return none();
  }
  if (name == "pop" && args.size() <= 1) {
    Node* index = args.empty() ? IntConstant(-1) : IsInt(args[0]) ? AsInt(args[0]) : nullptr;
    if (index == nullptr) return nullptr;
    if (!unused) return EmitGuard(Opcode::kListPop, {list, index}, Type::Bound());
    EmitGuard(Opcode::kListDelete, {list, index});
    return none();
  }
  if (name == "insert" && args.size() == 2 && IsInt(args[0])) {
    Node *index = AsInt(args[0]), *item = Boxed(args[1]);
    EmitGuard(Opcode::kListInsert, {list, index, item});
    if (shared) FillSlot(slot, item);
    return none();
  }
  if (name == "extend" && args.size() == 1 && args[0]->rep == Rep::kBoxed && (SeenAs(args[0], kListBit) || SeenAs(args[0], kTupleBit))) {
    GuardDeath(args[0], 3);
    EmitGuard(Opcode::kListExtend, {list, args[0]});
    return none();
  }
  if (name == "copy" && args.empty()) return EmitGuard(Opcode::kListFrom, {list}, Type(kListBit));
  if ((name == "reverse" || name == "clear") && args.empty()) {
    EmitGuard(name == "reverse" ? Opcode::kListReverse : Opcode::kListClear, {list});
    return none();
  }
  return nullptr;
}

Node* Lifter::HashMethod(absl::string_view name, Node* self, absl::Span<Node* const> args) {
  bool dict = SeenAs(self, kDictBit);
  if (dict && name == "get" && (args.size() == 1 || args.size() == 2)) {
    for (Node* a : args) GuardDeath(a, in().oparg + 2);
    Node* otherwise = args.size() == 2 ? Boxed(args[1]) : ObjectConstant(Py_None);
    return EmitGuard(Opcode::kDictGet, {self, Boxed(args[0]), otherwise}, Type::Bound());
  }
  if (!dict && name == "add" && args.size() == 1) {
    GuardDeath(args[0], 3);
    EmitGuard(Opcode::kSetAdd, {self, Boxed(args[0])});
    return ObjectConstant(Py_None);
  }
  return nullptr;
}

}  // namespace tierjit::tier2
