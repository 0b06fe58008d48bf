// Calls of optimised code, and units without frames.
#include <algorithm>

#include "runtime/deopt/calls.h"
#include "tier2/lower/lowerer.h"

namespace tierjit::tier2 {
namespace {

mir::Type TypeOf(Rep rep) { return rep == Rep::kF64 ? mir::Type::kDouble : mir::Type::kI64; }

bool HasDoubles(const Graph& graph) {
  auto is_double = [](const Node* n) { return n->rep == Rep::kF64; };
  return std::any_of(graph.blocks().begin(), graph.blocks().end(), [&](const Block* b) {
    return std::any_of(b->params.begin(), b->params.end(), is_double) || std::any_of(b->nodes.begin(), b->nodes.end(), is_double);
  });
}

}  // namespace

// int64_t status, result = unit(ts, waiting, frames left, arguments...)
mir::Signature Lowerer::FramelessSignature(absl::Span<const Rep> args, Rep result) {
  using T = mir::Type;
  mir::Signature s{{T::kI64, TypeOf(result)}, {T::kI64, T::kI64, T::kI64}};
  for (Rep rep : args) s.args.push_back(TypeOf(rep));
  return s;
}

void Lowerer::OpenFunction() {
  using T = mir::Type;
  if (graph_.frameless) {
    f_ = std::make_unique<mir::Function>(context_, "unit", FramelessSignature(snapshot_.args, graph_.result));
    ts_ = f_->Parameter(0);
    waiting_ = f_->Parameter(1);
    depth_ = f_->Parameter(2);
    return;
  }
  f_ = std::make_unique<mir::Function>(context_, "unit", mir::Signature{{T::kI64, T::kI64}, {T::kI64, T::kI64}});
  lp_ = f_->Parameter(0);
  ts_ = f_->Parameter(1);
  if (!HasDoubles(graph_)) f_->HasNoDoubles();
  for (const Block* b : graph_.blocks()) {
    for (const Node* n : b->nodes) {
      if (!n->Is(Opcode::kCallTyped)) continue;
      depth_ = f_->CallC("tj_frames_left", tj_frames_left, {ts_});
      return;
    }
  }
}

bool Lowerer::Calls(const Node& n) {
  switch (n.opcode) {
    case Opcode::kArg: f_->Move(RegOf(n), f_->Parameter(3 + static_cast<size_t>(n.index))); return true;
    case Opcode::kFunctionCode: f_->Mov(RegOf(n), Field(mir::Type::kI64, IntReg(n.input(0)), offsetof(PyFunctionObject, func_code))); return true;
    case Opcode::kFunctionVersion: f_->Mov(RegOf(n), Field(mir::Type::kU32, IntReg(n.input(0)), offsetof(PyFunctionObject, func_version))); return true;
    case Opcode::kWatched: f_->Mov(RegOf(n), Mem::At(mir::Type::kI64, reinterpret_cast<const void*>(n.imm))); return true;
    case Opcode::kGuardDepth: GuardDepth(n); return true;
    case Opcode::kCallTyped: CallTyped(n); return true;
    default: return false;
  }
}

// A call is allowed while more than one frame is left.
void Lowerer::GuardDepth(const Node& n) {
  if (graph_.frameless) return f_->BLe(ExitFor(n), depth_, n.index);
  f_->BLe(ExitFor(n), Field(mir::Type::kI32, ts_, offsetof(PyThreadState, py_recursion_remaining)), n.index + 1);
}

Lowerer::Mem Lowerer::Waiting(int at) {
  if (graph_.frameless) return Field(mir::Type::kI64, waiting_, static_cast<size_t>(at) * sizeof(int64_t));
  return Mem::At(mir::Type::kI64, &tj_waiting[1 + at]);
}

void Lowerer::CallTyped(const Node& n) {
  using T = mir::Type;
  const CallTarget& target = *reinterpret_cast<const Callee*>(n.imm)->target;
  bool entry = n.index < 0;
  int site = entry ? -1 : NewSite(n);
  int words = 0;
  if (!entry) {
    for (auto [at, node] : exit_values_[static_cast<size_t>(site)]) {
      Mem to = Waiting(at);
      to.type = node->rep == Rep::kF64 ? T::kDouble : T::kI64;
      f_->Store(to, CurrentReg(*node));
    }
    words = exits_[static_cast<size_t>(site)]->waiting;
    f_->Store(Waiting(words), exits_[static_cast<size_t>(site)].get());
    words++;
  }
  Reg waiting = f_->NewInt("waiting");
  if (graph_.frameless) f_->Add(waiting, waiting_, words * static_cast<int>(sizeof(int64_t)));
  else f_->Mov(waiting, &tj_waiting[1 + words]);
  std::vector<Operand> args = {ts_, waiting, entry ? depth_ : f_->Sub(depth_, 1 + static_cast<int>(n.state->inlined.size()))};
  for (const Node* i : n.inputs) args.push_back(ValueOf(i));
  Reg status = f_->NewInt("status");
  Reg results[] = {status, RegOf(n)};
  f_->CallGenerated(FramelessSignature(target.args, target.result), Mem::At(T::kI64, &target.code), results, args);
  Label finished = f_->NewLabel();
  f_->BT(finished, status);
  Later([=, this, &n] {
    f_->Bind(finished);
    if (site >= 0) MayFail("behind call", n.state->origin, finished, ExitPoint::Kind::kEnd);
    CallFinished(site);
  });
}

// The callee has made the frames: the end of this activation, too.
void Lowerer::CallFinished(int site) {
  using T = mir::Type;
  if (site < 0) return f_->Ret({Operand(env_.finished), Operand(Mem::At(T::kI64, &tj_finished_value))});
  ExitDescriptor* descriptor = exits_[static_cast<size_t>(site)].get();
  if (graph_.frameless) {
    f_->CallC("tj_call_finished_frameless", tj_call_finished_frameless, {ts_, descriptor});
    return ReturnFinished();
  }
  Reg resume = f_->NewInt("resume"), value = f_->NewInt("value");
  Reg results[] = {resume, value};
  Operand args[] = {ts_, descriptor};
  f_->Call({{T::kI64, T::kI64}, {T::kI64, T::kI64}}, mir::Callee{"tj_call_finished", reinterpret_cast<const void*>(tj_call_finished)}, results,
           args);
  f_->Ret({resume, value});
}

void Lowerer::ReturnFinished() {
  if (graph_.result == Rep::kF64) return f_->Ret({Operand(1), Double(0.0)});
  f_->Ret({Operand(1), Operand(0)});
}

// `origin` tells whose the call is when it comes back with frames too often.
int Lowerer::NewSite(const Node& n) {
  int site = NewExit(*n.state, &n);
  ExitDescriptor* d = exits_[static_cast<size_t>(site)].get();
  if (d->frames.empty()) MakeFrames(*n.state, d);
  d->frames.back().next = n.index;
  d->frames.back().ending = n.state->ending;
  d->callee = reinterpret_cast<const Callee*>(n.imm)->function;
  d->outermost = !graph_.frameless;
  d->waiting = 0;
  for (auto [at, node] : exit_values_[static_cast<size_t>(site)]) d->waiting = std::max(d->waiting, at + 1);
  most_waiting_ = std::max(most_waiting_, d->waiting);
  return site;
}

void Lowerer::MakeFrames(const FrameState& state, ExitDescriptor* exit) {
  auto stack_end = [&](size_t i) { return i < state.inlined.size() ? state.inlined[i].first_stack : static_cast<int32_t>(state.stack.size()); };
  auto add = [&](PyObject* function, PyObject* code, int32_t first_stack, size_t index) {
    bool innermost = index == state.inlined.size();
    ExitFrame f{};
    f.function = reinterpret_cast<PyFunctionObject*>(function);
    f.code = reinterpret_cast<PyCodeObject*>(code);
    f.instruction = innermost ? state.resume : state.inlined[index].call;
    f.next = innermost ? state.resume : state.inlined[index].next;
    if (!innermost) f.ending = state.inlined[index].ending;
    f.depth = stack_end(index) - first_stack;
    exit->frames.push_back(f);
  };
  add(nullptr, reinterpret_cast<PyObject*>(snapshot_.code), 0, 0);
  for (size_t i = 0; i < state.inlined.size(); i++) add(state.inlined[i].function, state.inlined[i].code, state.inlined[i].first_stack, i + 1);
}

void Lowerer::Return(const Node& end) {
  const Node& value = *end.input(0);
  if (graph_.frameless) return f_->Ret({Operand(0), ValueOf(&value)});
  if (end.state != nullptr) {
    Label held = f_->NewLabel(), done = f_->NewLabel();
    f_->BNe(held, FrameField(offsetof(_PyInterpreterFrame, frame_obj)), 0);
    f_->Bind(done);
    Later([=, this, &end] {
      f_->Bind(held);
      SyncLocals(LocalsExit(end));
      f_->Store(FrameField(offsetof(_PyInterpreterFrame, instr_ptr)), PlaceOf(end.state->resume));
      f_->Jmp(done);
    });
  }
  {
    Label buried = f_->NewLabel(), done = f_->NewLabel();
    f_->BNe(buried, Mem::At(mir::Type::kI64, &tj_buried), 0);
    f_->Bind(done);
    Later([=, this] {
      f_->Bind(buried);
      f_->CallC("tj_flush_buried", tj_flush_buried, {});
      f_->Jmp(done);
    });
  }
  f_->Ret({Operand(0), ValueOf(&value)});
}

}  // namespace tierjit::tier2
