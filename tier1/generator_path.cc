#include "tier1/generator_path.h"

#include <cstring>

#include "runtime/helpers/handlers.h"
#include "tier1/asm_entry.h"
#include "tier1/attention.h"
#include "tier1/call_path.h"
#include "tier1/generator_blocks.h"
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
)" TIERJIT_SAVE_REGISTERS R"(  mov %rdx, %r13
  mov %rcx, %r15
  call *%r8
  mov %r14, %rax
)" TIERJIT_RESTORE_AND_RETURN R"(  .size tj_enter_generator, .-tj_enter_generator
)");

namespace {

_PyInterpreterFrame* FrameOf(PyGenObject* gen) { return reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe); }
bool Suspended(const PyGenObject* gen) { return gen->gi_frame_state < FRAME_EXECUTING; }

// What the interpreter has there itself; NULL until HookGenerators().
iternextfunc g_iternext = nullptr;
sendfunc g_send = nullptr;
PyCFunction g_send_method = nullptr;

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
  PyThreadState* ts = *tj_rt.running;
  if (!IsCompiled(ts, gen)) return g_iternext(self);
  PyObject* result = Enter(ts, gen, Py_None);
  if (result == nullptr || Suspended(gen)) return result;
  if (result != Py_None) _PyGen_SetStopIterationValue(result);
  Py_DECREF(result);
  return nullptr;
}

PySendResult Send(PyObject* self, PyObject* sent, PyObject** result) {
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(self);
  PyThreadState* ts = *tj_rt.running;
  bool refused = gen->gi_frame_state == FRAME_CREATED && sent != Py_None;
  if (sent == nullptr || refused || !IsCompiled(ts, gen)) return g_send(self, sent, result);
  *result = Enter(ts, gen, Py_NewRef(sent));
  if (*result == nullptr) return PYGEN_ERROR;
  return Suspended(gen) ? PYGEN_NEXT : PYGEN_RETURN;
}

// generator.send and coroutine.send.
PyObject* SendMethod(PyObject* self, PyObject* sent) {
  PyObject* result;
  if (Send(self, sent, &result) != PYGEN_RETURN) return result;
  if (result == Py_None) {
    PyErr_SetNone(PyExc_StopIteration);
  } else {
    _PyGen_SetStopIterationValue(result);
  }
  Py_DECREF(result);
  return nullptr;
}

// Where the interpreter keeps the ways by which C code, and Python code through methods, resume generators and coroutines. All of it is
// static data of the interpreter's.
struct Doors {
  PyMethodDef *generator_send = nullptr, *coroutine_send = nullptr;
  PyWrapperDescrObject* next = nullptr;  // generator.__next__
};
Doors g_doors;

PyMethodDef* MethodOf(PyTypeObject* type, const char* name) {
  PyObject* method = PyDict_GetItemString(_PyType_GetDict(type), name);
  bool found = method != nullptr && Py_IS_TYPE(method, &PyMethodDescr_Type);
  return found ? reinterpret_cast<PyMethodDescrObject*>(method)->d_method : nullptr;
}

PyWrapperDescrObject* NextOf(PyTypeObject* type) {
  PyObject* wrapper = PyDict_GetItemString(_PyType_GetDict(type), "__next__");
  bool found = wrapper != nullptr && Py_IS_TYPE(wrapper, &PyWrapperDescr_Type);
  return found ? reinterpret_cast<PyWrapperDescrObject*>(wrapper) : nullptr;
}

// False when somebody else has been there before.
bool FindDoors() {
  g_doors = {MethodOf(&PyGen_Type, "send"), MethodOf(&PyCoro_Type, "send"), NextOf(&PyGen_Type)};
  if (g_doors.generator_send == nullptr || g_doors.coroutine_send == nullptr || g_doors.next == nullptr) return false;
  bool same_method = g_doors.generator_send->ml_meth == g_doors.coroutine_send->ml_meth;
  bool same_slot = PyGen_Type.tp_as_async->am_send == PyCoro_Type.tp_as_async->am_send;
  return same_method && same_slot && g_doors.next->d_wrapped == reinterpret_cast<void*>(PyGen_Type.tp_iternext);
}

void SetDoors(iternextfunc iternext, sendfunc send, PyCFunction method) {
  PyGen_Type.tp_iternext = iternext;
  g_doors.next->d_wrapped = reinterpret_cast<void*>(iternext);
  PyGen_Type.tp_as_async->am_send = PyCoro_Type.tp_as_async->am_send = send;
  g_doors.generator_send->ml_meth = g_doors.coroutine_send->ml_meth = method;
}

bool DoorsAreOurs() {
  return g_iternext != nullptr && PyGen_Type.tp_iternext == IterNext && PyGen_Type.tp_as_async->am_send == Send &&
         g_doors.generator_send->ml_meth == SendMethod;
}

// References move. A loop, because a call of memcpy costs more than a small frame.
void MoveFrame(const _PyInterpreterFrame* from, _PyInterpreterFrame* to, int locals) {
  constexpr size_t kWords = offsetof(_PyInterpreterFrame, localsplus) / sizeof(PyObject*);
  std::memcpy(to, from, kWords * sizeof(PyObject*));
  for (int i = 0; i < locals; i++) *const_cast<PyObject* volatile*>(&to->localsplus[i]) = from->localsplus[i];
}

void PopThreadFrame(PyThreadState* ts, _PyInterpreterFrame* frame) {
  ts->py_recursion_remaining++;
  ts->current_frame = frame->previous;
  if (reinterpret_cast<PyObject**>(frame) == &ts->datastack_chunk->data[0]) {
    _PyThreadState_PopFrame(ts, frame);
  } else {
    ts->datastack_top = reinterpret_cast<PyObject**>(frame);
  }
}

}  // namespace

void HookGenerators() {
  if (g_iternext != nullptr || !FindDoors()) return;
  g_iternext = PyGen_Type.tp_iternext;
  g_send = PyGen_Type.tp_as_async->am_send;
  g_send_method = g_doors.generator_send->ml_meth;
  SetDoors(IterNext, Send, SendMethod);
}

void UnhookGenerators() {
  if (!DoorsAreOurs()) return;
  SetDoors(g_iternext, g_send, g_send_method);
  g_iternext = nullptr;
}

extern "C" {

PyObject* tj_make_generator(PyObject** lp, PyThreadState* ts, _Py_CODEUNIT* resume) {
  _PyInterpreterFrame* frame = reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<char*>(lp) -
                                                                      offsetof(_PyInterpreterFrame, localsplus));
  PyCodeObject* code = CodeOf(frame);
  frame->instr_ptr = resume - 1;
  PyGenObject* gen = NewGenerator(ts, reinterpret_cast<PyFunctionObject*>(frame->f_funcobj));
  frame->stacktop = code->co_nlocalsplus;
  if (gen == nullptr) return nullptr;
  frame->instr_ptr = resume;
  MoveFrame(frame, FrameOf(gen), code->co_nlocalsplus);
  // Frames at the beginning of a chunk of the data stack have a frame object (LinkFrame()).
  if (frame->frame_obj != nullptr) frame->frame_obj->f_frame = FrameOf(gen);
  FrameOf(gen)->previous = nullptr;
  FrameOf(gen)->owner = FRAME_OWNED_BY_GENERATOR;
  gen->gi_frame_state = FRAME_CREATED;
  PopThreadFrame(ts, frame);
  return reinterpret_cast<PyObject*>(gen);
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
