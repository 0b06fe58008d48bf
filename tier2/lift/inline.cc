// Calls of Python functions: inlined, or to their optimised code.
//
//   v7 = guard_same v5 (object f)           the callable is f
//   guard_same (function_code v7) (watched) and has the code that was looked at, which lives
//   guard_depth                             no RecursionError here
//   ... the body of f, whose exits make its frame ...    or: v12 = call_typed v3, v4
#include <algorithm>

#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

constexpr int kMaxInlineDepth = 3, kMaxLeafDepth = 6;
constexpr size_t kMaxInlinedInstructions = 80, kMaxUnrolledInstructions = 30;

// Most of all `__init__` methods.
bool IsSmallLeaf(const Snapshot& body) {
  const std::vector<Instruction>& list = body.decoded->instructions();
  return list.size() <= kMaxUnrolledInstructions &&
         std::none_of(list.begin(), list.end(), [](const Instruction& in) { return in.opcode == CALL || in.opcode == CALL_KW; });
}

}  // namespace

bool Lifter::PythonCall() {
  bool keywords = in().opcode == CALL_KW;
  int count = in().oparg, above = keywords ? 1 : 0;
  Node *callable = Top(count + above + 2).node, *self = Top(count + above + 1).node;
  if (callable->object == nullptr) return false;
  bool method = !self->Is(Opcode::kNull);
  if (method && callable->Is(Opcode::kObject)) return false;
  PythonCallSite site{callable, {}, count + above + 2, {}};
  for (int i = count + above + method; i > above; i--) site.args.push_back(Top(i).node);
  PyObject* names = keywords ? Top(1).node->object : nullptr;
  if (keywords && names == nullptr) return false;
  if (!BindArguments(callable, names, &site.args)) return false;
  return CallFunction(callable->object, std::move(site));
}

namespace {

uint32_t VersionOfFirst(const std::vector<Node*>& args) { return args.empty() ? 0 : args[0]->type.version(); }

int ParameterNamed(const PyCodeObject* code, PyObject* name) {
  for (int i = code->co_posonlyargcount; i < code->co_argcount; i++) {
    if (PyUnicode_Compare(PyTuple_GET_ITEM(code->co_localsplusnames, i), name) == 0) return i;
  }
  return -1;
}

}  // namespace

bool Lifter::BindArguments(Node* callable, PyObject* names, std::vector<Node*>* args) {
  if (!PyFunction_Check(callable->object)) return false;
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(callable->object);
  const PyCodeObject* code = reinterpret_cast<const PyCodeObject*>(function->func_code);
  size_t count = static_cast<size_t>(code->co_argcount), named = names == nullptr ? 0 : static_cast<size_t>(PyTuple_GET_SIZE(names));
  if (names == nullptr && args->size() == count) return true;
  if (args->size() > count || !CanCall(callable->object, count, VersionOfFirst(*args), {})) return false;
  std::vector<Node*> bound(args->begin(), args->end() - static_cast<std::ptrdiff_t>(named));
  bound.resize(count, nullptr);
  for (size_t i = 0; i < named; i++) {
    int at = ParameterNamed(code, PyTuple_GET_ITEM(names, static_cast<Py_ssize_t>(i)));
    if (at < 0 || bound[static_cast<size_t>(at)] != nullptr) return false;
    bound[static_cast<size_t>(at)] = (*args)[args->size() - named + i];
  }
  size_t defaults = function->func_defaults == nullptr ? 0 : static_cast<size_t>(PyTuple_GET_SIZE(function->func_defaults));
  bool complete = true;
  for (size_t i = 0; i < count; i++) {
    if (bound[i] != nullptr) continue;
    if (i + defaults < count || function->func_version == 0) return false;
    complete = false;
  }
  *args = std::move(bound);
  if (complete) return true;
  // The version tells what the defaults are, too.
  Node* version = Emit(Opcode::kFunctionVersion, {callable}, Type::Int());
  EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kEq, version, IntConstant(function->func_version))});
  for (size_t i = 0; i < count; i++) {
    Node*& a = (*args)[i];
    if (a == nullptr) a = DefaultOf(callable, PyTuple_GET_ITEM(function->func_defaults, static_cast<Py_ssize_t>(i + defaults - count)));
  }
  return true;
}

// The function may let go of a number, but not of its value.
Node* Lifter::DefaultOf(Node* callable, PyObject* value) {
  switch (BitsOf(value)) {
    case kIntBit: return IntConstant(PyLong_AsLongLong(value));
    case kFloatBit: return FloatConstant(PyFloat_AS_DOUBLE(value));
    case kBoolBit: return BoolConstant(value == Py_True);
    case kNoneBit: return ObjectConstant(value);
    default: return ClassValue(callable, value);
  }
}

const Callee* Lifter::FindCallee(PyObject* function, size_t args, uint32_t self_version) const {
  const Callee* callee = snapshot_.callees == nullptr ? nullptr : snapshot_.callees->Find(function, self_version);
  return callee == nullptr || callee->code->co_argcount != static_cast<int>(args) ? nullptr : callee;
}

// What the result of an operation has to be is guarded in inlined code only.
bool Lifter::CanCall(PyObject* function, size_t args, uint32_t self_version, const CallEnding& ending) const {
  const Callee* callee = FindCallee(function, args, self_version);
  if (callee == nullptr) return false;
  bool plain = ending.kind == CallEnding::Kind::kPush || ending.opcode == STORE_SUBSCR;
  return MayInline(*callee) || (callee->target != nullptr && plain);
}

bool Lifter::CallFunction(PyObject* function, PythonCallSite site) {
  uint32_t self_version = VersionOfFirst(site.args);
  if (!CanCall(function, site.args.size(), self_version, site.ending)) return false;
  const Callee* callee = FindCallee(function, site.args.size(), self_version);
  bool inlined = MayInline(*callee);
  for (StackEntry& e : state_.stack) {
    bool passed = std::find(site.args.begin(), site.args.end(), e.node) != site.args.end();
    if (!passed || e.position == nullptr) continue;
    Node* before = e.node;
    CloseIterator(&e);
    std::replace(site.args.begin(), site.args.end(), before, e.node);
  }
  if (!inlined) return CallTyped(*callee, std::move(site));
  Inline(*callee, std::move(site));
  return true;
}

bool Lifter::MayInline(const Callee& callee) const {
  if (callee.body == nullptr || InlineDepth() >= kMaxLeafDepth || graph_->node_count() > max_nodes_ / 2 || barred_->contains(callee.code)) return false;
  if (InlineDepth() >= kMaxInlineDepth && !IsSmallLeaf(*callee.body)) return false;
  if (callee.body->decoded->instructions().size() > kMaxInlinedInstructions) return false;
  // What only a handler can do has no place here.
  if (!callee.body->generic.empty()) return false;
  int same = 0;
  for (const Lifter* l = this; l != nullptr; l = l->caller_) same += l->snapshot_.code == callee.code;
  // Recursion is unrolled once by who compiles the function itself.
  return same == 0 || (same == 1 && caller_ == nullptr && callee.body->decoded->instructions().size() <= kMaxUnrolledInstructions);
}

void Lifter::GuardCode(const Callee& callee, Node* function) {
  Node* code = Emit(Opcode::kFunctionCode, {function}, Type::Bound());
  Node* alive = Emit(Opcode::kGlobalGet, {}, Type::Any());
  alive->imm = reinterpret_cast<int64_t>(callee.alive);
  EmitGuard(Opcode::kGuardSame, {code, alive}, Type::Bound());
}

// Tools may listen to the callee alone: its code is checked for them when it is entered, as often as that needs.
void Lifter::GuardEvents(const Callee& callee) {
  auto word = [&](const uintptr_t* address) {
    Node* n = Emit(Opcode::kWatched, {}, Type::Int());
    n->imm = reinterpret_cast<int64_t>(address);
    return n;
  };
  Node* mine = word(Root().snapshot_.expected_breaker);
  EmitGuard(Opcode::kGuardTrue, {Compare(Opcode::kIntCompare, Relation::kEq, mine, word(callee.expected_breaker))});
}

void Lifter::GuardDepth() { EmitGuard(Opcode::kGuardDepth, {})->index = InlineDepth(); }

void Lifter::Inline(const Callee& callee, PythonCallSite site) {
  GuardCode(callee, site.function);
  GuardEvents(callee);
  GuardDepth();
  if (site.made != nullptr) AppendMade(site.made);
  Drop(site.popped);
  if (site.made != nullptr) Push(site.made);
  here_ = nullptr;
  for (size_t i = 0; i < site.args.size(); i++) {
    Node* arg = site.args[i];
    if (arg->rep == Rep::kBoxed && ExpectedOf(arg) == 0) ExpectSeen(arg, {nullptr, callee.body->local_bits[i], callee.body->local_details[i]});
  }
  Lifter body(this, callee, Here(), site.ending);
  body.block_ = block_;
  body.FindLeaders();
  body.EnterWith(site.args);
  body.LiftBlocks();
  if (!body.status_.ok()) {
    status_ = body.status_;
    return;
  }
  graph_->calls++;
  Node* result = body.JoinReturns(this);
  here_ = nullptr;
  ended_ = result == nullptr;
  if (!ended_) FinishCall(site.ending, result);
}

// The stack behind the call.
void Lifter::FinishCall(const CallEnding& ending, Node* result) {
  if (ending.kind == CallEnding::Kind::kNone) return;
  if (ending.kind == CallEnding::Kind::kOperation) Drop(NumPopped(in().opcode, in().oparg));
  if (in().opcode == STORE_SUBSCR) return;
  if (result->rep == Rep::kBoxed) Expect(result, seen().bits);
  Push(result);
}

// The way on in the caller, with the result; as it is when all results are of one kind.
Node* Lifter::JoinReturns(Lifter* caller) {
  if (returns_.empty()) return nullptr;
  if (returns_.size() == 1) {
    caller->block_ = returns_[0].first;
    return returns_[0].second;
  }
  bool same = true;
  for (auto [block, value] : returns_) same = same && value->rep == returns_[0].second->rep;
  Block* on = graph_->NewBlock();
  Node* param = graph_->AddParam(on, same ? returns_[0].second->rep : Rep::kBoxed, Type());
  for (auto [block, value] : returns_) {
    block_ = block;
    if (!same) value = Boxed(value);
    Expect(param, ExpectedOf(value));
    Emit(Opcode::kJump);
    block->successors.push_back(Edge{on, {value}});
  }
  caller->block_ = on;
  return param;
}

// The ends of a frameless unit. Its result is unboxed when it always can be.
void Lifter::FinishReturns() {
  Rep rep = Rep::kNone;
  for (auto [block, value] : returns_) rep = rep == Rep::kNone || rep == value->rep ? value->rep : Rep::kBoxed;
  if (rep != Rep::kI64 && rep != Rep::kF64) rep = Rep::kBoxed;
  graph_->result = rep;
  for (auto [block, value] : returns_) {
    block_ = block;
    Emit(Opcode::kReturn, {rep == Rep::kBoxed ? Boxed(value) : value});
  }
}

// `value` as an argument of that kind. False: not seen as one.
bool Lifter::AsPassed(Node** value, Rep rep) {
  if ((*value)->rep == rep) return true;
  if (rep == Rep::kBoxed) {
    *value = Boxed(*value);
    return true;
  }
  uint32_t bit = rep == Rep::kI64 ? kIntBit : kFloatBit;
  if ((*value)->rep != Rep::kBoxed || !SeenAs(*value, bit)) return false;
  *value = EmitGuard(rep == Rep::kI64 ? Opcode::kGuardInt : Opcode::kGuardNumber, {*value}, Type(bit));
  return true;
}

bool Lifter::CallTyped(const Callee& callee, PythonCallSite site) {
  const CallTarget& target = *callee.target;
  for (size_t i = 0; i < site.args.size(); i++) {
    if (!AsPassed(&site.args[i], target.args[i])) return false;
  }
  GuardCode(callee, site.function);
  GuardDepth();
  // The callee borrows them.
  for (Node* a : site.args) GuardDeath(a, site.popped);
  Drop(site.popped);
  here_ = nullptr;
  Type type = target.result == Rep::kI64 ? Type::Int() : target.result == Rep::kF64 ? Type::Float() : Type::Bound();
  Node* call = Emit(Opcode::kCallTyped, site.args, type);
  call->rep = target.result;
  call->imm = reinterpret_cast<int64_t>(&callee);
  call->index = in().next;
  call->state = graph_->NewState();
  int id = call->state->id;
  *call->state = *Here();
  call->state->id = id;
  call->state->ending = site.ending;
  here_ = nullptr;
  graph_->calls++;
  if (call->rep == Rep::kBoxed) ExpectSeen(call, seen());
  FinishCall(site.ending, call);
  return true;
}

std::unique_ptr<Graph> LiftEntry(const Callee& callee, int32_t entry) {
  auto graph = std::make_unique<Graph>();
  graph->local_count = callee.code->co_nlocalsplus;
  graph->calls = 1;
  Block* block = graph->NewBlock();
  FrameState* state = graph->NewState();
  state->resume = state->origin = entry;
  state->locals.resize(static_cast<size_t>(graph->local_count));
  auto emit = [&](Opcode opcode, absl::Span<Node* const> inputs, Type type) {
    Node* n = graph->NewNode(opcode, inputs);
    n->type = type;
    return graph->Append(block, n);
  };
  std::vector<Node*> args;
  for (size_t i = 0; i < callee.target->args.size(); i++) {
    Rep rep = callee.target->args[i];
    args.push_back(emit(Opcode::kLoadLocal, {}, Type::Bound()));
    args.back()->index = static_cast<int32_t>(i);
    if (rep == Rep::kBoxed) continue;
    args.back() = emit(rep == Rep::kI64 ? Opcode::kGuardInt : Opcode::kGuardNumber, {args.back()}, rep == Rep::kI64 ? Type::Int() : Type::Float());
    args.back()->state = state;
  }
  Rep rep = callee.target->result;
  Node* result = emit(Opcode::kCallTyped, args, rep == Rep::kI64 ? Type::Int() : rep == Rep::kF64 ? Type::Float() : Type::Bound());
  result->rep = rep;
  result->imm = reinterpret_cast<int64_t>(&callee);
  result->index = -1;
  result->state = state;
  if (rep == Rep::kI64) result = emit(Opcode::kBoxInt, {result}, Type::Int());
  if (rep == Rep::kF64) result = emit(Opcode::kBoxFloat, {result}, Type::Float());
  emit(Opcode::kReturn, {result}, Type());
  graph->Connect();
  return graph;
}

}  // namespace tierjit::tier2
