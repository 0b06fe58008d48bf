// Delegation to other generators.
#include "runtime/helpers/async.h"
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

// New reference to what `yield from iterable` drives, or NULL with an exception set.
PyObject* YieldFromIterator(PyCodeObject* code, PyObject* iterable) {
  if (PyGen_CheckExact(iterable)) return Py_NewRef(iterable);
  if (!PyCoro_CheckExact(iterable)) return PyObject_GetIter(iterable);
  if (code->co_flags & (CO_COROUTINE | CO_ITERABLE_COROUTINE)) return Py_NewRef(iterable);
  PyErr_SetString(PyExc_TypeError, "cannot 'yield from' a coroutine object in a non-coroutine generator");
  return nullptr;
}

InternedName send_name("send");
AsendStep g_asend_step = nullptr;

AwaitStep Iterate(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* receiver, PyObject* value, PyObject** result) {
  if (value == Py_None && PyIter_Check(receiver)) {
    *result = Py_TYPE(receiver)->tp_iternext(receiver);
  } else {
    PyObject* name = send_name.Get();
    *result = name == nullptr ? nullptr : PyObject_CallMethodOneArg(receiver, name, value);
  }
  if (*result != nullptr) return AwaitStep::kYielded;
  if (_PyErr_ExceptionMatches(ts, PyExc_StopIteration)) _PyEval_MonitorRaise(ts, frame, frame->instr_ptr);
  return _PyGen_FetchStopIterationValue(result) == 0 ? AwaitStep::kReturned : AwaitStep::kRaised;
}

// What `receiver` makes of `value`. Where there is a way by which it returns without an exception, that is taken.
AwaitStep Send(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* receiver, PyObject* value, PyObject** result) {
  PyTypeObject* type = Py_TYPE(receiver);
  if (type == &_PyAsyncGenASend_Type && g_asend_step != nullptr) {
    AwaitStep step = g_asend_step(receiver, value, result);
    if (step == AwaitStep::kReturned) return TellOfReturn(ts, frame, result);
    if (step != AwaitStep::kDeclined) return step;
  }
  // A class made in Python may have methods of its own instead of an inherited slot.
  bool fast = type->tp_as_async != nullptr && type->tp_as_async->am_send != nullptr && (type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) != 0;
  if (!fast) return Iterate(ts, frame, receiver, value, result);
  switch (type->tp_as_async->am_send(receiver, value, result)) {
    case PYGEN_NEXT: return AwaitStep::kYielded;
    case PYGEN_RETURN: return AwaitStep::kReturned;
    default: return AwaitStep::kRaised;
  }
}

}  // namespace

void SetAsendStep(AsendStep step) { g_asend_step = step; }

AwaitStep TellOfReturn(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** result) {
  if (ts->interp->monitors.tools[PY_MONITORING_EVENT_RAISE] == 0) return AwaitStep::kReturned;
  _PyGen_SetStopIterationValue(*result);
  Py_CLEAR(*result);
  _PyEval_MonitorRaise(ts, frame, frame->instr_ptr);
  return _PyGen_FetchStopIterationValue(result) == 0 ? AwaitStep::kReturned : AwaitStep::kRaised;
}

// Generators and coroutines come here only if they cannot be resumed: the others the compiler resumes itself.
PyObject** op_send(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject *value = sp[-1], *result;
  AwaitStep step = Send(ts, frame, sp[-2], value, &result);
  if (step == AwaitStep::kRaised) return OpError(frame, sp);
  sp[-1] = result;
  Py_DECREF(value);
  return step == AwaitStep::kReturned ? Taken(sp) : sp;
}

PyObject** op_get_yield_from_iter(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject* iterable = sp[-1];
  PyObject* iterator = YieldFromIterator(CodeOf(frame), iterable);
  if (iterator == nullptr) return OpError(frame, sp);
  sp[-1] = iterator;
  Py_DECREF(iterable);
  return sp;
}

// throw() or close() reached the inner generator: its StopIteration is the value of `yield from`, all else goes on.
PyObject** op_cleanup_throw(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject** inputs = sp - 3;  // inner iterator, last value sent, exception
  PyObject* exception = inputs[2];
  if (!PyErr_GivenExceptionMatches(exception, PyExc_StopIteration)) {
    PyErr_SetRaisedException(Py_NewRef(exception));
    return OpReraise(frame, sp);
  }
  PyObject* value = Py_NewRef(reinterpret_cast<PyStopIterationObject*>(exception)->value);
  ReleaseAll(inputs, 3);
  inputs[0] = Py_None;
  inputs[1] = value;
  return inputs + 2;
}

}  // namespace tierjit
