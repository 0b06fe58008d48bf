#include "tier1/generator_path.h"

#include <cstring>

#include "runtime/helpers/handlers.h"
#include "tier1/attention.h"
#include "tier1/call_path.h"
#include "tier1/slow_path.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

extern "C" {
void tj_resume_elsewhere();
// Saves the C registers, sets the pinned ones and calls `entry`, the resume thunk.
PyObject* tj_enter_generator(PyGenObject* gen, PyObject* sent, Rt* rt, PyThreadState* ts, const void* entry);
}

// The resume thunk jumps to tj_resume_elsewhere with the consumer's return address on the stack: rdi and rsi are the generator and what
// is sent, r15 is the thread state, and the result goes to r14.
asm(R"(
  .text
  .p2align 4
  .globl tj_resume_elsewhere
  .hidden tj_resume_elsewhere
  .type tj_resume_elsewhere, @function
tj_resume_elsewhere:
  push %rbp
  mov %rsp, %rbp
  mov %r15, %rdx
  call tj_resume_in_interpreter
  mov %rax, %r14
  pop %rbp
  ret
  .size tj_resume_elsewhere, .-tj_resume_elsewhere

  .p2align 4
  .globl tj_enter_generator
  .hidden tj_enter_generator
  .type tj_enter_generator, @function
tj_enter_generator:
  push %rbp
  mov %rsp, %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  sub $8, %rsp
  mov %rdx, %r13
  mov %rcx, %r15
  call *%r8
  mov %r14, %rax
  add $8, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
  .size tj_enter_generator, .-tj_enter_generator
)");

namespace {

_PyInterpreterFrame* FrameOf(PyGenObject* gen) { return reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe); }
bool Suspended(const PyGenObject* gen) { return gen->gi_frame_state < FRAME_EXECUTING; }

// The slots of the interpreter's types; NULL until HookGenerators().
iternextfunc g_iternext = nullptr;
sendfunc g_send = nullptr;

constexpr int kCStackUnits = 2;  // as for every C-level evaluation

// Whether compiled code resumes `gen` where it stands, as far as can be told at once.
bool IsCompiled(PyThreadState* ts, PyGenObject* gen) {
  if (!Suspended(gen)) return false;
  UnitHeader* unit = CompiledUnit(reinterpret_cast<PyFunctionObject*>(FrameOf(gen)->f_funcobj));
  if (unit == nullptr || ts->c_recursion_remaining <= kCStackUnits) return false;
  if (ts->interp->eval_frame == nullptr) return true;
  NoteWatchers(ts);
  return false;
}

PyObject* Enter(PyThreadState* ts, PyGenObject* gen, PyObject* sent) {
  ts->c_recursion_remaining -= kCStackUnits;
  PyObject* result = tj_enter_generator(gen, sent, &tj_rt, ts, ResumeThunk());
  ts->c_recursion_remaining += kCStackUnits;
  return result;
}

PyObject* IterNext(PyObject* self) {
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(self);
  PyThreadState* ts = PyThreadState_GetUnchecked();
  if (!IsCompiled(ts, gen)) return g_iternext(self);
  PyObject* result = Enter(ts, gen, Py_None);
  if (result == nullptr || Suspended(gen)) return result;
  if (result != Py_None) _PyGen_SetStopIterationValue(result);
  Py_DECREF(result);
  return nullptr;
}

PySendResult Send(PyObject* self, PyObject* sent, PyObject** result) {
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(self);
  PyThreadState* ts = PyThreadState_GetUnchecked();
  bool refused = gen->gi_frame_state == FRAME_CREATED && sent != Py_None;
  if (sent == nullptr || refused || !IsCompiled(ts, gen)) return g_send(self, sent, result);
  *result = Enter(ts, gen, Py_NewRef(sent));
  if (*result == nullptr) return PYGEN_ERROR;
  return Suspended(gen) ? PYGEN_NEXT : PYGEN_RETURN;
}

void SetSlots(iternextfunc iternext, sendfunc send) {
  PyGen_Type.tp_iternext = iternext;
  PyGen_Type.tp_as_async->am_send = send;
  PyCoro_Type.tp_as_async->am_send = send;
}

void PopThreadFrame(PyThreadState* ts, _PyInterpreterFrame* frame) {
  ts->py_recursion_remaining++;
  ts->current_frame = frame->previous;
  _PyThreadState_PopFrame(ts, frame);
}

}  // namespace

void HookGenerators() {
  if (g_iternext != nullptr) return;
  bool plain = PyGen_Type.tp_as_async->am_send == PyCoro_Type.tp_as_async->am_send;
  if (!plain) return;  // somebody else has wrapped them
  g_iternext = PyGen_Type.tp_iternext;
  g_send = PyGen_Type.tp_as_async->am_send;
  SetSlots(IterNext, Send);
}

void UnhookGenerators() {
  if (g_iternext == nullptr || PyGen_Type.tp_iternext != IterNext || PyGen_Type.tp_as_async->am_send != Send) return;
  SetSlots(g_iternext, g_send);
  g_iternext = nullptr;
}

extern "C" {

PyObject* tj_make_generator(PyObject** lp, PyThreadState* ts, _Py_CODEUNIT* resume) {
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<char*>(lp) -
                                                                      offsetof(_PyInterpreterFrame, localsplus));
  PyCodeObject* code = CodeOf(frame);
  frame->instr_ptr = resume - 1;
  PyObject* made = _Py_MakeCoro(reinterpret_cast<PyFunctionObject*>(frame->f_funcobj));
  frame->stacktop = code->co_nlocalsplus;
  if (made == nullptr) return nullptr;
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(made);
  frame->instr_ptr = resume;
  size_t bytes = offsetof(_PyInterpreterFrame, localsplus) + static_cast<size_t>(code->co_nlocalsplus) * sizeof(PyObject*);
  std::memcpy(FrameOf(gen), frame, bytes);
  // Frames at the beginning of a chunk of the data stack have a frame object (LinkFrame()).
  if (frame->frame_obj != nullptr) frame->frame_obj->f_frame = FrameOf(gen);
  FrameOf(gen)->previous = nullptr;
  FrameOf(gen)->owner = FRAME_OWNED_BY_GENERATOR;
  gen->gi_frame_state = FRAME_CREATED;
  PopThreadFrame(ts, frame);
  return made;
}

PyObject* tj_resume_in_interpreter(PyGenObject* gen, PyObject* sent, PyThreadState* ts) {
  tj_rt.slow_calls++;
  RefreshStackLimit();
  if (Suspended(gen)) ObserveCall(reinterpret_cast<PyFunctionObject*>(FrameOf(gen)->f_funcobj));
  sendfunc send = g_send != nullptr ? g_send : PyGen_Type.tp_as_async->am_send;
  PyObject* result;
  send(reinterpret_cast<PyObject*>(gen), sent, &result);
  Py_DECREF(sent);
  return result;
}

Departure tj_after_resume(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = ts->current_frame;
  bool is_send = site->handler == op_send;
  PyObject** receiver = lp + site->unit->nlocalsplus + site->depth - (is_send ? 2 : 1);
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(*receiver);
  if (result == nullptr) {
    OpLeave::callee_failed = gen->gi_frame_state == FRAME_CLEARED;
    OpError(frame, receiver + 1);
    return {nullptr, nullptr};
  }
  bool yielded = Suspended(gen);
  PyObject** sp = receiver + 1;
  if (yielded || is_send) {
    *sp++ = result;
  } else {
    tj_decref(result);
    *--sp = nullptr;
    tj_decref(reinterpret_cast<PyObject*>(gen));
  }
  if (!MayRunNatively(ts, site->unit)) {
    RequestInterpreter(ts, frame, sp, yielded ? site->resume_next : site->resume_taken);
    return {nullptr, nullptr};
  }
  return {yielded ? site->next_address : site->taken_address, yielded ? result : nullptr};
}

}  // extern "C"

}  // namespace tierjit::tier1
