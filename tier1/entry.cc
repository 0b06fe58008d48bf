// Ways from C into compiled code: vectorcall, and loops that the interpreter runs.
#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/bytecode/decoder.h"
#include "runtime/deopt/unwind.h"
#include "tier1/asm_entry.h"
#include "tier1/attention.h"
#include "tier1/call_path.h"
#include "tier1/slow_path.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

extern "C" {
// Saves the C registers, sets the pinned ones and calls `entry` with an aligned stack (it begins with push rbp).
PyObject* tj_enter(PyObject** lp, Rt* rt, PyThreadState* ts, const void* entry);
// As tj_enter for the middle of a unit: sets up the frame that its end takes down.
PyObject* tj_enter_block(PyObject** lp, Rt* rt, PyThreadState* ts, const void* entry);
// Native entry for any linked frame: tj_interpret_frame() with the pinned registers.
void tj_interpret();
struct Interpreted {
  PyObject* result;
  PyObject** lp;  // the caller's
};
Interpreted tj_interpret_frame(PyObject** lp, PyThreadState* ts);
}

asm(R"(
  .text
  .p2align 4
  .globl tj_enter
  .hidden tj_enter
  .type tj_enter, @function
tj_enter:
)" TIERJIT_SAVE_REGISTERS R"(  mov %rdi, %r12
  mov %rsi, %r13
  mov %rdx, %r15
  call *%rcx
  mov %r14, %rax
)" TIERJIT_RESTORE_AND_RETURN R"(  .size tj_enter, .-tj_enter

  .p2align 4
  .globl tj_enter_block
  .hidden tj_enter_block
  .type tj_enter_block, @function
tj_enter_block:
  mov %rcx, %r8
  lea 1f(%rip), %rcx
  jmp tj_enter
1:
  push %rbp
  mov %rsp, %rbp
  jmp *%r8
  .size tj_enter_block, .-tj_enter_block

  .p2align 4
  .globl tj_vectorcall_entry
  .hidden tj_vectorcall_entry
  .type tj_vectorcall_entry, @function
tj_vectorcall_entry:
)" TIERJIT_SAVE_REGISTERS R"(  mov %rdi, %r12
  mov %rsi, %r14
  mov %rdx, %rsi
  mov %rcx, %rdi
  mov %r8, %rdx
  lea tj_rt(%rip), %r13
  call 1f
  mov %r14, %rax
  addl $2, 52(%r15)
)" TIERJIT_RESTORE_AND_RETURN R"(1:
  push %rbp
  mov %rsp, %rbp
  jmp *tj_enter_vectorcall(%rip)
  .size tj_vectorcall_entry, .-tj_vectorcall_entry

  .p2align 4
  .globl tj_interpret
  .hidden tj_interpret
  .type tj_interpret, @function
tj_interpret:
  push %rbp
  mov %rsp, %rbp
  mov %r12, %rdi
  mov %r15, %rsi
  call tj_interpret_frame
  mov %rax, %r14
  mov %rdx, %r12
  pop %rbp
  ret
  .size tj_interpret, .-tj_interpret

  .p2align 4
  .globl tj_construct
  .hidden tj_construct
  .type tj_construct, @function
tj_construct:
  push %rbp
  mov %rsp, %rbp
  pushq tj_pending_call(%rip)
  sub $8, %rsp
  call *tj_pending_call+24(%rip)
  mov -8(%rbp), %rdi
  cmp tj_none(%rip), %r14
  jne 1f
  mov %rdi, %r14
  leave
  ret
1:
  mov %r14, %rsi
  call tj_init_failed
  mov %rax, %r14
  leave
  ret
  .size tj_construct, .-tj_construct

  .p2align 4
  .globl tj_call_keeping
  .hidden tj_call_keeping
  .type tj_call_keeping, @function
tj_call_keeping:
  push %rbp
  mov %rsp, %rbp
  pushq tj_pending_call(%rip)
  pushq tj_pending_call+8(%rip)
  pushq tj_pending_call+16(%rip)
  pushq tj_pending_call+32(%rip)
  call *tj_pending_call+24(%rip)
  mov %r14, %rdi
  mov -8(%rbp), %rsi
  mov -16(%rbp), %rdx
  mov -24(%rbp), %rcx
  mov -32(%rbp), %r8
  call tj_end_kept
  mov %rax, %r14
  leave
  ret
  .size tj_call_keeping, .-tj_call_keeping
)");
static_assert(offsetof(PyThreadState, c_recursion_remaining) == 52 && kCStackUnits == 2);
static_assert(offsetof(PendingCall, keep) == 8 && offsetof(PendingCall, end) == 16 && offsetof(PendingCall, entry) == 24 &&
              offsetof(PendingCall, cls) == 32);

namespace {

// Loop versions that are running, in any thread or greenlet, innermost of each last. [GIL]
struct LoopRun {
  _PyInterpreterFrame* frame;
  const Assembled* code;
};
std::vector<LoopRun>* g_loop_runs = nullptr;  // made for the first

const LoopRun* FindLoopRun(_PyInterpreterFrame* frame) {
  if (g_loop_runs == nullptr) return nullptr;
  for (auto it = g_loop_runs->rbegin(); it != g_loop_runs->rend(); ++it) {
    if (it->frame == frame) return &*it;
  }
  return nullptr;
}

bool RunsNow(const Assembled* code) {
  return g_loop_runs != nullptr &&
         std::any_of(g_loop_runs->begin(), g_loop_runs->end(), [=](const LoopRun& run) { return run.code == code; });
}

void RemoveLoopRun(_PyInterpreterFrame* frame) {
  std::vector<LoopRun>& runs = *g_loop_runs;
  for (size_t i = runs.size(); i-- > 0;) {
    if (runs[i].frame == frame) {
      runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }
}

// Of arguments, by position and by name.
size_t CountOf(size_t nargsf, PyObject* kwnames) {
  return static_cast<size_t>(PyVectorcall_NARGS(nargsf)) + (kwnames == nullptr ? 0 : static_cast<size_t>(PyTuple_GET_SIZE(kwnames)));
}

// `f(*t)`: the arguments are the items of a tuple that only the caller's stack holds. The first one found is the operand: what lies above
// it is left from former calls.
[[gnu::noinline]] bool OnlyInTuple(PyObject* const* bottom, PyObject* const* end, PyObject* function, PyObject* const* args, size_t nargs) {
  PyObject* tuple = reinterpret_cast<PyObject*>(reinterpret_cast<uintptr_t>(args) - offsetof(PyTupleObject, ob_item));
  PyObject* const* slot = std::find(bottom, end, tuple);
  if (slot == end || slot - bottom < 2 || slot[-2] != function) return false;
  return PyTuple_CheckExact(tuple) && Py_REFCNT(tuple) == 1 && static_cast<size_t>(Py_SIZE(tuple)) == nargs && nargs > 0;
}

// Whether `args` are operands on the stack of the running frame, whose instruction calls `function`. Its operands are released from there
// after the call, so they may be taken and None left in their place: they die in the callee, as if the interpreter had moved them itself.
// A C function that is called and passes its arguments on keeps them: it may do so several times.
[[gnu::always_inline]] inline bool MayTakeArguments(PyThreadState* ts, PyObject* function, PyObject* const* args, size_t total) {
  _PyInterpreterFrame* frame = ts->current_frame;
  if (frame == nullptr || frame->owner == FRAME_OWNED_BY_CSTACK) return false;
  PyObject* const* bottom = frame->localsplus + CodeOf(frame)->co_nlocalsplus;
  PyObject* const* end = bottom + CodeOf(frame)->co_stacksize;
  size_t oparg = frame->instr_ptr->op.arg;
  if (args <= bottom || args > end) {
    return frame->instr_ptr->op.code == CALL_FUNCTION_EX && OnlyInTuple(bottom, end, function, args, total);
  }
  if (args[-1] == function) return total == oparg + 1;  // self is the first
  return args[-1] == nullptr && args - bottom >= 2 && args[-2] == function && total == oparg;
}

// Pushes a frame whose arguments are exactly the positional parameters; NULL: no room.
[[gnu::always_inline]] inline _PyInterpreterFrame* PushExact(PyThreadState* ts, PyFunctionObject* function, PyObject* const* args, UnitHeader* unit) {
  _PyInterpreterFrame* frame = PushFrame(ts, function, unit);
  if (frame == nullptr) return nullptr;
  if (MayTakeArguments(ts, reinterpret_cast<PyObject*>(function), args, static_cast<size_t>(unit->argcount))) {
    PyObject** slots = const_cast<PyObject**>(args);
    for (int i = 0; i < unit->argcount; i++) {
      frame->localsplus[i] = slots[i];
      slots[i] = Py_None;
    }
  } else {
    for (int i = 0; i < unit->argcount; i++) frame->localsplus[i] = Py_NewRef(args[i]);
  }
  return frame;
}

constexpr size_t kMaxTaken = 32;
// Binds arguments of any shape; NULL with an exception set when they do not fit.
[[gnu::noinline]] _PyInterpreterFrame* PushBound(PyThreadState* ts, PyFunctionObject* function, PyObject* const* args, size_t nargs,
                               PyObject* kwnames) {
  size_t total = CountOf(nargs, kwnames);
  bool take = MayTakeArguments(ts, reinterpret_cast<PyObject*>(function), args, total);
  PyObject* taken[kMaxTaken];
  take = take && total <= kMaxTaken;
  for (size_t i = 0; i < total; i++) {
    if (take) {
      taken[i] = args[i];
      const_cast<PyObject**>(args)[i] = Py_None;
    } else {
      Py_INCREF(args[i]);
    }
  }
  if (take) args = taken;
  Py_INCREF(function);
  _PyInterpreterFrame* frame = _PyEvalFramePushAndInit(ts, function, nullptr, args, nargs, kwnames);
  if (frame != nullptr) frame->stacktop = -1;
  return frame;
}

[[gnu::always_inline]] inline PyObject* EnterFrame(PyThreadState* ts, _PyInterpreterFrame* frame, UnitHeader* unit) {
  const void* entry = LinkFrame(ts, frame, unit);
  ts->c_recursion_remaining -= kCStackUnits;
  PyObject* result = tj_enter(frame->localsplus, &tj_rt, ts, entry);
  ts->c_recursion_remaining += kCStackUnits;
  return result;
}

}  // namespace

_PyInterpreterFrame* PushFrame(PyThreadState* ts, PyFunctionObject* function, UnitHeader* unit) {
  PyObject** base = ts->datastack_top;
  PyObject** top = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(base) + unit->frame_bytes);
  if (base == nullptr || top >= ts->datastack_limit) return nullptr;
  ts->datastack_top = top;
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(base);
  frame->f_executable = Py_NewRef(unit->code);
  frame->f_funcobj = Py_NewRef(function);
  frame->f_globals = function->func_globals;
  frame->f_builtins = function->func_builtins;
  std::memcpy(&frame->f_locals, &unit->fresh, sizeof unit->fresh);
  return frame;
}

bool HaveStackRoom() {
  uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return here - tj_rt.stack_low < tj_rt.stack_span || RefreshStackLimit();
}

const void* LinkFrame(PyThreadState* ts, _PyInterpreterFrame* frame, UnitHeader* unit) {
  frame->instr_ptr = unit->fresh.instr_ptr;
  frame->stacktop = -1;
  frame->previous = ts->current_frame;
  ts->current_frame = frame;
  ts->py_recursion_remaining--;
  // Returns from native code do not look whether a chunk of the data stack begins there, but for a frame object, so there is one.
  bool first = reinterpret_cast<PyObject**>(frame) == &ts->datastack_chunk->data[0];
  if (HaveStackRoom() && (!first || PyEval_GetFrame() != nullptr)) return unit->native_entry;
  return reinterpret_cast<const void*>(&tj_interpret);
}

extern "C" Interpreted tj_interpret_frame(PyObject** lp, PyThreadState* ts) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyCodeObject* code = CodeOf(frame);
  int bound = code->co_argcount + code->co_kwonlyargcount + ((code->co_flags & CO_VARARGS) != 0) +
              ((code->co_flags & CO_VARKEYWORDS) != 0);
  std::fill(lp + bound, lp + code->co_nlocalsplus, nullptr);
  frame->stacktop = code->co_nlocalsplus;
  frame->instr_ptr = _PyCode_CODE(code);
  PyObject* result = RunUnhooked(ts, frame);
  return {result, ts->current_frame->localsplus};
}

bool OnLoopVersion(_PyInterpreterFrame* frame) { return FindLoopRun(frame) != nullptr; }

extern "C" PyObject* tj_vectorcall(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames,
                                   UnitHeader* unit) {
  PyThreadState* ts = PyThreadState_GetUnchecked();
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(callable);
  size_t nargs = PyVectorcall_NARGS(nargsf);
  // The limits raise their errors in the interpreter's own words.
  if (ts->interp->eval_frame != nullptr) {
    NoteWatchers(ts);
    return DefaultVectorcall()(callable, args, nargsf, kwnames);
  }
  if (ts->py_recursion_remaining <= 1 || ts->c_recursion_remaining <= kCStackUnits ||
      function->func_code != reinterpret_cast<PyObject*>(unit->code)) {
    return DefaultVectorcall()(callable, args, nargsf, kwnames);
  }
  _PyInterpreterFrame* frame = nullptr;
  if (kwnames == nullptr && static_cast<int32_t>(nargs) == unit->argcount) frame = PushExact(ts, function, args, unit);
  if (frame == nullptr) frame = PushBound(ts, function, args, nargs, kwnames);
  if (frame == nullptr) return nullptr;
  return EnterFrame(ts, frame, unit);
}

PyObject* CallInterpreted(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  PyThreadState* ts = PyThreadState_GetUnchecked();
  // A frame evaluator (PEP 523) gets its calls by the interpreter's own entry.
  if (ts->interp->eval_frame != nullptr || !MayTakeArguments(ts, callable, args, CountOf(nargsf, kwnames))) {
    return DefaultVectorcall()(callable, args, nargsf, kwnames);
  }
  _PyInterpreterFrame* frame =
      PushBound(ts, reinterpret_cast<PyFunctionObject*>(callable), args, PyVectorcall_NARGS(nargsf), kwnames);
  if (frame == nullptr) return nullptr;
  frame->stacktop = CodeOf(frame)->co_nlocalsplus;
  return _PyEval_EvalFrameDefault(ts, frame, 0);
}

// Exceptions that no handler of the loop version takes are raised by the interpreter at the faulting instruction.
Departure LeaveLoopByException(PyThreadState* ts, _PyInterpreterFrame* frame) {
  const Assembled* code = FindLoopRun(frame)->code;
  int32_t fault = static_cast<int32_t>(frame->instr_ptr - _PyCode_CODE(CodeOf(frame)));
  ExceptionRange range;
  if (!FindHandler(CodeOf(frame), fault, &range)) return {nullptr, nullptr};
  CaughtException caught;
  UnwindToHandler(ts, frame, code->Handlers(), &caught);
  Handler* handler = caught.handler;
  if (handler == nullptr) return {nullptr, nullptr};
  if (handler->address == nullptr) handler->address = code->AddressOf(handler->range.target);
  if (handler->address != nullptr) return {handler->address, nullptr};
  frame->instr_ptr = _PyCode_CODE(CodeOf(frame)) + handler->range.target;
  frame->stacktop = static_cast<int>(caught.sp - frame->localsplus);
  return {nullptr, Py_None};
}

int RunLoop(PyThreadState* ts, _PyInterpreterFrame* frame, Unit* unit, int32_t header) {
  UnitImpl* impl = static_cast<UnitImpl*>(unit);
  const Assembled* code = impl->LoopVersion(header, frame->stacktop - CodeOf(frame)->co_nlocalsplus);
  const void* address = code == nullptr ? nullptr : code->AddressOf(header);
  if (address == nullptr || ts->c_recursion_remaining <= kCStackUnits || !HaveStackRoom()) return 0;
  UnitHeader* h = code->header();
  if (!BindNames(h, frame->f_globals, frame->f_builtins)) {
    if (RunsNow(code)) return 0;
    impl->ForgetNames(*code);  // exec() runs the same code in many namespaces
    BindNames(h, frame->f_globals, frame->f_builtins);
  }
  if (g_loop_runs == nullptr) g_loop_runs = new std::vector<LoopRun>;
  g_loop_runs->push_back({frame, code});
  frame->stacktop = -1;
  ts->c_recursion_remaining -= kCStackUnits;
  PyObject* result = tj_enter_block(frame->localsplus, &tj_rt, ts, address);
  ts->c_recursion_remaining += kCStackUnits;
  RemoveLoopRun(frame);
  return result == nullptr ? -1 : 0;
}

}  // namespace tierjit::tier1
