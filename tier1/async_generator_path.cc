#include "tier1/async_generator_path.h"

#include <utility>

#include "runtime/cpython/async_generator_objects.h"
#include "runtime/helpers/async.h"
#include "tier1/generator_path.h"
#include "tier1/rt.h"

namespace tierjit::tier1 {
namespace {

// What the interpreter has there itself.
struct Doors {
  PyMethodDef* send = nullptr;
  PyWrapperDescrObject* next = nullptr;
  iternextfunc iternext = nullptr;
  PyCFunction method = nullptr;
};
Doors g_doors;
bool g_hooked = false;

bool HandsOut(PyObject* result) {
  if (tj_rt.wrapped_value_type == nullptr && IsWrappedValue(Py_TYPE(result))) tj_rt.wrapped_value_type = Py_TYPE(result);
  return Py_TYPE(result) == tj_rt.wrapped_value_type;
}

// The generator has raised, or returned `result`.
AwaitStep End(PyAsyncGenObject* gen, PyObject* result) {
  if (result != nullptr) {
    Py_DECREF(result);
    PyErr_SetNone(PyExc_StopAsyncIteration);
  }
  bool closes = PyErr_ExceptionMatches(PyExc_StopAsyncIteration) || PyErr_ExceptionMatches(PyExc_GeneratorExit);
  if (closes) gen->ag_closed = 1;
  gen->ag_running_async = 0;
  return AwaitStep::kRaised;
}

// What it means that `gen` has been resumed and `*result` has come of it, NULL for an exception.
AwaitStep Understand(PyAsyncGenObject* gen, PyObject** result) {
  if (*result == nullptr || !Suspended(reinterpret_cast<PyGenObject*>(gen))) return End(gen, std::exchange(*result, nullptr));
  if (!HandsOut(*result)) return AwaitStep::kYielded;
  PyObject* wrapped = *result;
  *result = Py_NewRef(reinterpret_cast<WrappedValueObject*>(wrapped)->value);
  Py_DECREF(wrapped);
  gen->ag_running_async = 0;
  return AwaitStep::kReturned;
}

// `sent` may be NULL. All that is an error is left to the interpreter, which tells it.
AwaitStep Step(PyObject* self, PyObject* sent, PyObject** result) {
  AsendObject* awaitable = reinterpret_cast<AsendObject*>(self);
  PyAsyncGenObject* gen = awaitable->generator;
  const AsendObject::State state = awaitable->state;
  const int running = gen->ag_running_async;
  if (state == AsendObject::kClosed || (state == AsendObject::kFresh && running != 0)) return AwaitStep::kDeclined;
  if (state == AsendObject::kFresh && (sent == nullptr || sent == Py_None)) sent = awaitable->sent;
  awaitable->state = AsendObject::kIterating;
  gen->ag_running_async = 1;
  PyObject* got = ResumeFromC(reinterpret_cast<PyGenObject*>(gen), sent == nullptr ? Py_None : sent);
  if (got == kDeclined) {
    awaitable->state = state;
    gen->ag_running_async = running;
    return AwaitStep::kDeclined;
  }
  *result = got;
  AwaitStep step = Understand(gen, result);
  if (step != AwaitStep::kYielded) awaitable->state = AsendObject::kClosed;
  return step;
}

PyObject* AsIteration(AwaitStep step, PyObject* result) {
  if (step == AwaitStep::kYielded) return result;
  if (step == AwaitStep::kReturned) {
    _PyGen_SetStopIterationValue(result);
    Py_DECREF(result);
  }
  return nullptr;
}

PyObject* IterNext(PyObject* self) {
  PyObject* result;
  AwaitStep step = Step(self, nullptr, &result);
  return step == AwaitStep::kDeclined ? g_doors.iternext(self) : AsIteration(step, result);
}

PyObject* SendMethod(PyObject* self, PyObject* sent) {
  PyObject* result;
  AwaitStep step = Step(self, sent, &result);
  return step == AwaitStep::kDeclined ? g_doors.method(self, sent) : AsIteration(step, result);
}

// False when somebody else has been there before, or nothing is known about the type.
bool FindDoors() {
  PyTypeObject* type = &_PyAsyncGenASend_Type;
  if (type->tp_basicsize != sizeof(AsendObject)) return false;
  Doors doors = {MethodOf(type, "send"), NextOf(type), type->tp_iternext, nullptr};
  if (doors.send == nullptr || doors.next == nullptr || doors.next->d_wrapped != reinterpret_cast<void*>(type->tp_iternext)) return false;
  doors.method = doors.send->ml_meth;
  g_doors = doors;
  return true;
}

void SetDoors(iternextfunc iternext, PyCFunction method) {
  _PyAsyncGenASend_Type.tp_iternext = iternext;
  g_doors.next->d_wrapped = reinterpret_cast<void*>(iternext);
  g_doors.send->ml_meth = method;
}

bool DoorsAreOurs() { return _PyAsyncGenASend_Type.tp_iternext == IterNext && g_doors.send->ml_meth == SendMethod; }

}  // namespace

AwaitStep AfterAnext(PyObject** receiver, PyObject** result) {
  PyAsyncGenObject* gen = reinterpret_cast<PyAsyncGenObject*>(*receiver);
  AwaitStep step = Understand(gen, result);
  if (step != AwaitStep::kYielded) return step;
  PyObject* awaitable = PyAsyncGen_Type.tp_as_async->am_anext(*receiver);
  if (awaitable == nullptr) {
    Py_CLEAR(*result);
    gen->ag_running_async = 0;
    return AwaitStep::kRaised;
  }
  reinterpret_cast<AsendObject*>(awaitable)->state = AsendObject::kIterating;
  Py_SETREF(*receiver, awaitable);
  return AwaitStep::kYielded;
}

void HookAsyncGenerators() {
  if (g_hooked || !FindDoors()) return;
  tj_rt.async_generator_type = &PyAsyncGen_Type;
  SetDoors(IterNext, SendMethod);
  SetAsendStep(Step);
  g_hooked = true;
}

void UnhookAsyncGenerators() {
  if (!g_hooked) return;
  SetAsendStep(nullptr);
  if (!DoorsAreOurs()) return;
  SetDoors(g_doors.iternext, g_doors.method);
  g_hooked = false;
}

}  // namespace tierjit::tier1
