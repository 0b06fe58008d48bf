// Values and what feedback says of them.
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

Node* Lifter::Emit(Opcode opcode, absl::Span<Node* const> inputs, Type type) {
  Node* n = graph_->NewNode(opcode, inputs);
  n->type = type;
  n->index = 0;
  return graph_->Append(block_, n);
}

Node* Lifter::EmitGuard(Opcode opcode, absl::Span<Node* const> inputs, Type type) {
  Node* n = Emit(opcode, inputs, type);
  n->state = Here();
  return n;
}

Node* Lifter::EmitGuardForValue(Opcode opcode, Node* value, Type type) {
  // Comprehensions put the value of a variable that is unbound on the stack and back.
  if (!value->type.Is(Type::Bound().bits())) value = EmitGuard(Opcode::kGuardBound, {value}, Type::Bound());
  Node* n = EmitGuard(opcode, {value}, type);
  n->only_for_value = true;
  return n;
}

Node* Lifter::Compare(Opcode opcode, Relation relation, Node* a, Node* b) {
  Node* n = Emit(opcode, {a, b}, Type::Bool());
  n->relation = relation;
  return n;
}

Node* Lifter::IntConstant(int64_t value) {
  Node* n = Emit(Opcode::kInt, {}, Type::IntRange(value, value));
  n->imm = value;
  return n;
}
Node* Lifter::FloatConstant(double value) {
  Node* n = Emit(Opcode::kFloat, {}, Type::Float());
  __builtin_memcpy(&n->imm, &value, sizeof value);
  return n;
}
Node* Lifter::BoolConstant(bool value) {
  Node* n = Emit(Opcode::kBool, {}, Type::Bool());
  n->imm = value;
  return n;
}
Node* Lifter::ObjectConstant(PyObject* object) {
  Node* n = Emit(Opcode::kObject, {}, Type(BitsOf(object)));
  n->object = object;
  return n;
}

FrameState* Lifter::Here() {
  if (here_ != nullptr) return here_;
  here_ = graph_->NewState();
  if (caller_ != nullptr) {
    int id = here_->id;
    *here_ = *during_;
    here_->id = id;
    int32_t next = caller_->in().next;
    here_->inlined.push_back({reinterpret_cast<PyObject*>(callee_->function), reinterpret_cast<PyObject*>(callee_->code), during_->resume,
                              next, static_cast<int32_t>(here_->locals.size()), static_cast<int32_t>(here_->stack.size()), ending_});
  }
  here_->resume = here_->origin = resume_;
  here_->locals.insert(here_->locals.end(), state_.locals.begin(), state_.locals.end());
  for (const StackEntry& e : state_.stack) {
    if (e.position != nullptr) here_->iterators.push_back({static_cast<int>(here_->stack.size()), e.position, e.remaining});
    here_->stack.push_back(e.node);
  }
  return here_;
}

Node* Lifter::Constant(PyObject* o) {
  uint32_t bits = BitsOf(o);
  Node* n = bits == kIntBit     ? IntConstant(PyLong_AsLongLong(o))
            : bits == kFloatBit ? FloatConstant(PyFloat_AS_DOUBLE(o))
            : bits == kBoolBit  ? BoolConstant(o == Py_True)
                                : ObjectConstant(o);
  n->object = o;
  return n;
}

void Lifter::Expect(Node* value, uint32_t bits) {
  size_t id = static_cast<size_t>(value->id);
  if (expected_.size() <= id) expected_.resize(id + 64, 0);
  expected_[id] |= bits;
}

void Lifter::ExpectDetail(Node* value, uint32_t detail) {
  auto [it, fresh] = details_.emplace(value->id, detail);
  if (!fresh) it->second = JoinDetails(it->second, detail);
}

void Lifter::ExpectSeen(Node* value, const Observation& seen) {
  Expect(value, seen.bits);
  if ((seen.bits & (kInstanceBit | kArrayBit)) != 0) ExpectDetail(value, seen.detail);
}

uint32_t Lifter::DetailOf(Node* value) const {
  if (value->type.Is(kInstanceBit) && value->type.version() != 0) return value->type.version();
  if (value == narrowed_.first) return narrowed_.second;
  auto it = details_.find(value->id);
  return it == details_.end() ? 0 : it->second;
}

uint32_t Lifter::ExpectedOf(Node* value) const {
  size_t id = static_cast<size_t>(value->id);
  return id < expected_.size() ? expected_[id] : 0;
}

uint32_t Lifter::Known(Node* value) const { return ExpectedOf(value) != 0 ? ExpectedOf(value) : value->type.bits(); }

bool Lifter::SeenAs(Node* value, uint32_t bits) const {
  if (value->type.Is(bits)) return true;
  uint32_t seen = ExpectedOf(value);
  return seen != 0 && (seen & ~bits) == 0;
}

bool Lifter::IsNumber(Node* value) const {
  return value->rep == Rep::kI64 || value->rep == Rep::kF64 || SeenAs(value, kIntBit) || SeenAs(value, kFloatBit);
}

Node* Lifter::Boxed(Node* value) {
  if (value->rep == Rep::kBoxed) return value;
  if (value->object != nullptr) return ObjectConstant(value->object);
  if (value->rep == Rep::kI64) return Emit(Opcode::kBoxInt, {value}, value->type);
  if (value->rep == Rep::kF64) return Emit(Opcode::kBoxFloat, {value}, Type::Float());
  return Emit(Opcode::kBoxBool, {value}, Type::Bool());
}

Node* Lifter::AsInt(Node* value) {
  if (value->rep == Rep::kI64) return value;
  if (value->rep != Rep::kBoxed || !SeenAs(value, kIntBit)) return nullptr;
  return EmitGuard(Opcode::kGuardInt, {value}, Type::Int().Meet(value->type));
}

Node* Lifter::AsFloat(Node* value) {
  if (value->rep == Rep::kF64) return value;
  if (value->rep == Rep::kBoxed && SeenAs(value, kFloatBit)) return EmitGuard(Opcode::kGuardFloat, {value}, Type::Float());
  Node* i = AsInt(value);
  return i == nullptr ? nullptr : Emit(Opcode::kIntToFloat, {i}, Type::Float());
}

Node* Lifter::AsBool(Node* value) {
  if (value->rep == Rep::kI1) return value;
  if (value->rep != Rep::kBoxed || !SeenAs(value, kBoolBit)) return nullptr;
  return EmitGuard(Opcode::kGuardBool, {value}, Type::Bool());
}

Node* Lifter::GuardKind(Node* value, uint32_t bit) {
  if (value->rep != Rep::kBoxed || !SeenAs(value, bit)) return nullptr;
  if (value->type.Is(bit)) return value;
  return EmitGuard(Opcode::kGuardType, {value}, Type(bit));
}

Node* Lifter::Pop() {
  Node* n = Top().node;
  Drop(1);
  return n;
}

void Lifter::PushResult(Node* node) {
  if (node->rep == Rep::kBoxed) ExpectSeen(node, seen());
  Push(node);
}

}  // namespace tierjit::tier2
