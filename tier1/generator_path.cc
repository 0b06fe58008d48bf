#include "tier1/generator_path.h"

#include "runtime/cpython/enumerate_object.h"
#include "runtime/helpers/handlers.h"
#include "tier1/asm_entry.h"
#include "tier1/async_generator_path.h"
#include "tier1/attention.h"
#include "tier1/call_path.h"
#include "tier1/generator_blocks.h"
#include "tier1/iterators.h"
#include "tier1/slow_path.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

extern "C" {
void tj_resume_elsewhere();
void tj_resume_declined();
// Resumes `gen` through `thunk`, one of those that tier1/stencils/generator.cc has for C code. kDeclined: nothing has happened.
PyObject* tj_enter_generator(PyGenObject* gen, PyObject* sent, const void* thunk);
// The thunks: for the next item, and with a value.
extern const void *tj_resume_next, *tj_resume_sent;
}

// The resume thunk jumps to tj_resume_elsewhere with the consumer's return address on the stack: rdi and rsi are the generator and what
// is sent, r15 is the thread state, and the result goes to r14. Those for C code jump to tj_resume_declined; they take the units of C
// recursion that tj_enter_generator pays back.
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
  .globl tj_resume_declined
  .hidden tj_resume_declined
  .type tj_resume_declined, @function
tj_resume_declined:
  mov $1, %r14d
  ret
  .size tj_resume_declined, .-tj_resume_declined

  .p2align 4
  .globl tj_enter_generator
  .hidden tj_enter_generator
  .type tj_enter_generator, @function
tj_enter_generator:
)" TIERJIT_SAVE_REGISTERS R"(  lea tj_rt(%rip), %r13
  call *%rdx
  mov %r14, %rax
  cmp $1, %r14
  je 1f
  addl $2, 52(%r15)
1:
)" TIERJIT_RESTORE_AND_RETURN R"(  .size tj_enter_generator, .-tj_enter_generator
)");
static_assert(offsetof(PyThreadState, c_recursion_remaining) == 52 && kCStackUnits == 2);

namespace {

_PyInterpreterFrame* FrameOf(PyGenObject* gen) { return reinterpret_cast<_PyInterpreterFrame*>(gen->gi_iframe); }

// What the interpreter has there itself, for good: C code goes on calling what it has found. NULL until HookGenerators().
iternextfunc g_iternext = nullptr;
sendfunc g_send = nullptr;
PyCFunction g_send_method = nullptr;
bool g_hooked = false;

// Whether compiled code may resume `gen` where it stands.
bool IsCompiled(PyGenObject* gen) {
  return Suspended(gen) && CompiledUnit(reinterpret_cast<PyFunctionObject*>(FrameOf(gen)->f_funcobj)) != nullptr;
}

// The same, of a generator that was made before its function was compiled: resuming it counts as a call.
[[gnu::noinline]] bool BecomesCompiled(PyGenObject* gen) {
  if (!Suspended(gen)) return false;
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(FrameOf(gen)->f_funcobj);
  if (function->vectorcall == DefaultVectorcall()) return false;
  ObserveCall(function);
  return IsCompiled(gen);
}

// What stands in the way may be a limit that another thread has left behind, or somebody who evaluates frames.
[[gnu::noinline]] void NoteDeclined() {
  PyThreadState* ts = *tj_rt.running;
  RefreshStackLimit();
  if (ts->interp->eval_frame != nullptr) NoteWatchers(ts);
}

PyObject* IterNext(PyObject* self);

// It is no compiled code that can resume the generator.
[[gnu::noinline]] PyObject* IterNextElsewhere(PyGenObject* gen) {
  if (IsCompiled(gen)) NoteDeclined();
  else if (BecomesCompiled(gen)) return IterNext(reinterpret_cast<PyObject*>(gen));
  return g_iternext(reinterpret_cast<PyObject*>(gen));
}

[[gnu::noinline]] PyObject* EndOfIteration(PyObject* result) {
  if (result == nullptr) return nullptr;
  if (result != Py_None) _PyGen_SetStopIterationValue(result);
  Py_DECREF(result);
  return nullptr;
}

PyObject* IterNext(PyObject* self) {
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(self);
  if (!Suspended(gen)) [[unlikely]] return g_iternext(self);
  PyObject* result = tj_enter_generator(gen, Py_None, tj_resume_next);
  if (result == kDeclined) [[unlikely]] return IterNextElsewhere(gen);
  return result != nullptr && Suspended(gen) ? result : EndOfIteration(result);
}

PySendResult Send(PyObject* self, PyObject* sent, PyObject** result) {
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(self);
  PyObject* got = sent == nullptr ? kDeclined : ResumeFromC(gen, sent);
  if (got == kDeclined) return g_send(self, sent, result);
  *result = got;
  if (got == nullptr) return PYGEN_ERROR;
  return Suspended(gen) ? PYGEN_NEXT : PYGEN_RETURN;
}

// Consumes what the generator has returned.
void RaiseStopIteration(PyObject* result) {
  if (result == Py_None) {
    PyErr_SetNone(PyExc_StopIteration);
  } else {
    _PyGen_SetStopIterationValue(result);
  }
  Py_DECREF(result);
}

// generator.send and coroutine.send.
PyObject* SendMethod(PyObject* self, PyObject* sent) {
  PyObject* result;
  if (Send(self, sent, &result) != PYGEN_RETURN) return result;
  RaiseStopIteration(result);
  return nullptr;
}

// Where the interpreter keeps the ways by which C code, and Python code through methods, resume generators and coroutines. All of it is
// static data of the interpreter's.
struct Doors {
  PyMethodDef *generator_send = nullptr, *coroutine_send = nullptr;
  PyWrapperDescrObject* next = nullptr;  // generator.__next__
};
Doors g_doors;

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
  return g_hooked && PyGen_Type.tp_iternext == IterNext && PyGen_Type.tp_as_async->am_send == Send &&
         g_doors.generator_send->ml_meth == SendMethod;
}

// References move. Word by word: they have just been stored like that, and a wider load would have to wait for the stores.
void MoveFrame(const _PyInterpreterFrame* from, _PyInterpreterFrame* to, int locals) {
  constexpr int kWords = offsetof(_PyInterpreterFrame, localsplus) / sizeof(PyObject*);
  const auto* source = reinterpret_cast<PyObject* const*>(from);
  auto* target = reinterpret_cast<PyObject* volatile*>(to);
#pragma GCC unroll 9
  for (int i = 0; i < kWords; i++) target[i] = source[i];
  for (int i = kWords; i < kWords + locals; i++) target[i] = source[i];
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

PyObject* ResumeFromC(PyGenObject* gen, PyObject* sent) {
  if (!IsCompiled(gen) && !BecomesCompiled(gen)) return kDeclined;
  PyObject* got = tj_enter_generator(gen, sent, tj_resume_sent);
  if (got == kDeclined) NoteDeclined();
  return got;
}

void HookGenerators() {
  HookAsyncGenerators();
  if (g_hooked || !FindDoors()) return;
  g_iternext = PyGen_Type.tp_iternext;
  g_send = PyGen_Type.tp_as_async->am_send;
  g_send_method = g_doors.generator_send->ml_meth;
  SetDoors(IterNext, Send, SendMethod);
  g_hooked = true;
}

void UnhookGenerators() {
  UnhookAsyncGenerators();
  if (!DoorsAreOurs()) return;
  SetDoors(g_iternext, g_send, g_send_method);
  g_hooked = false;
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

PyObject* tj_end_of_send(PyObject* result) {
  if (result != nullptr) RaiseStopIteration(result);
  NoteFailedWithoutFrame();
  return nullptr;
}

Departure tj_after_resume(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = ts->current_frame;
  bool is_send = site->handler == op_send;
  PyObject** receiver = lp + site->unit->nlocalsplus + site->depth - (is_send ? 2 : 1);
  PyObject* iterator = *receiver;
  bool numbers = Py_IS_TYPE(iterator, &PyEnum_Type), anext = PyAsyncGen_CheckExact(iterator);
  PyGenObject* gen = reinterpret_cast<PyGenObject*>(numbers ? reinterpret_cast<EnumerateObject*>(iterator)->iterator : iterator);
  bool yielded = Suspended(gen);
  if (anext) {
    AwaitStep step = AfterAnext(receiver, &result);
    if (step == AwaitStep::kReturned) TellOfReturn(ts, frame, &result);
    yielded = step == AwaitStep::kYielded;
  }
  if (numbers && yielded && result != nullptr) result = tj_number(iterator, result);
  if (result == nullptr) {
    OpLeave::callee_failed = !anext && !numbers && gen->gi_frame_state == FRAME_CLEARED;
    OpError(frame, receiver + 1);
    return {nullptr, nullptr};
  }
  PyObject** sp = receiver + 1;
  if (yielded || is_send) {
    *sp++ = result;
  } else {
    tj_decref(result);
    *--sp = nullptr;
    tj_decref(iterator);
  }
  if (!MayRunNatively(ts, site->unit)) {
    RequestInterpreter(ts, frame, sp, yielded ? site->resume_next : site->resume_taken);
    return {nullptr, nullptr};
  }
  return {yielded ? site->next_address : site->taken_address, yielded ? result : nullptr};
}

}  // extern "C"

}  // namespace tierjit::tier1
