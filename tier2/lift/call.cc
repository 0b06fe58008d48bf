// Globals, and calls of builtins that are one operation.
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

bool Lifter::Global() {
  if (in().opcode != LOAD_GLOBAL) return false;
  auto it = snapshot_.globals.find(in().offset);
  if (it == snapshot_.globals.end() || it->second.value == nullptr) return false;
  Node* cell = Emit(Opcode::kGlobalGet, {}, Type::Any());
  cell->imm = reinterpret_cast<int64_t>(it->second.cell);
  uint32_t bits = BitsOf(it->second.value);
  Node* value;
  if ((bits & (kOtherBit | kInstanceBit)) != 0) {
    // Functions and classes stay what they are.
    value = EmitGuard(Opcode::kGuardSame, {cell, ObjectConstant(it->second.value)}, Type(bits));
    value->object = it->second.value;
  } else {
    value = EmitGuard(Opcode::kGuardBound, {cell}, Type::Bound());
    Expect(value, bits);
  }
  Push(value);
  if ((in().oparg & 1) != 0) Push(Emit(Opcode::kNull, {}, Type(kNullBit)));
  return true;
}

namespace {

// The builtin that a guarded callable is, by its C name; "" for others.
absl::string_view BuiltinName(Node* callable) {
  if (callable->object == nullptr) return "";
  PyObject* o = callable->object;
  if (PyCFunction_CheckExact(o) && PyCFunction_GET_SELF(o) != nullptr && PyModule_Check(PyCFunction_GET_SELF(o)) &&
      std::strcmp(PyModule_GetName(PyCFunction_GET_SELF(o)), "builtins") == 0) {
    return reinterpret_cast<PyCFunctionObject*>(o)->m_ml->ml_name;
  }
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return "float";
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return "int";
  return "";
}

}  // namespace

// range() of ints that a loop iterates over at once: the iterator alone.
bool Lifter::LoopOverRange() {
  int count = in().oparg;
  if (count < 1 || count > 2 || !Top(count + 1).node->Is(Opcode::kNull)) return false;
  if (Top(count + 2).node->object != reinterpret_cast<PyObject*>(&PyRange_Type)) return false;
  const std::vector<Instruction>& list = snapshot_.decoded->instructions();
  size_t behind = static_cast<size_t>(current_) + 1;
  if (behind >= list.size() || list[behind].opcode != GET_ITER || leader_[static_cast<size_t>(list[behind].offset)]) return false;
  for (int i = count; i >= 1; i--) {
    Node* arg = Top(i).node;
    if (arg->rep != Rep::kI64 && !(arg->rep == Rep::kBoxed && SeenAs(arg, kIntBit))) return false;
  }
  Node* start = count == 2 ? AsInt(Top(2).node) : IntConstant(0);
  Node* stop = AsInt(Top(1).node);
  Node* length = count == 2 ? EmitGuard(Opcode::kIntSub, {stop, start}, Type::Int()) : stop;
  Drop(count + 2);
  Node* iterator = Emit(Opcode::kRangeIterator, {start, length}, Type(kRangeIterBit));
  Expect(iterator, kRangeIterBit);
  Push(iterator);
  current_++;  // GET_ITER
  return true;
}

bool Lifter::Call() {
  if (in().opcode != CALL) return false;
  if (PythonCall() || LoopOverRange()) return true;
  if (in().oparg != 1) return false;
  Node *callable = Top(3).node, *self = Top(2).node, *arg = Top(1).node;
  if (!self->Is(Opcode::kNull)) return false;
  absl::string_view name = BuiltinName(callable);
  Node* r = nullptr;
  if (name == "len") {
    if (Node* list = GuardKind(arg, kListBit)) r = Emit(Opcode::kListLength, {list}, Type::IntRange(0, INT64_MAX >> 3));
    else if (Node* tuple = GuardKind(arg, kTupleBit)) r = Emit(Opcode::kTupleLength, {tuple}, Type::IntRange(0, INT64_MAX >> 3));
  } else if (name == "abs" && (arg->rep == Rep::kF64 || SeenAs(arg, kFloatBit))) {
    r = Emit(Opcode::kFloatAbs, {AsFloat(arg)}, Type::Float());
  } else if (name == "float" && IsNumber(arg)) {
    r = AsFloat(arg);
  } else if (name == "int" && (arg->rep == Rep::kF64 || SeenAs(arg, kFloatBit))) {
    r = EmitGuard(Opcode::kFloatToInt, {AsFloat(arg)}, Type::Int());
  } else if (name == "int") {
    r = AsInt(arg);
  }
  if (r == nullptr) return false;
  Drop(3);
  Push(r);
  return true;
}

}  // namespace tierjit::tier2
