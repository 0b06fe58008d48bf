// Iteration: GET_ITER, FOR_ITER, END_FOR, END_SEND; GET_LEN.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

// After tp_iternext returned null: clears a StopIteration (tools see it first); false if another exception is set.
bool EndsNormally(PyThreadState* ts, _PyInterpreterFrame* frame) {
  if (ts->current_exception == nullptr) return true;
  if (!_PyErr_ExceptionMatches(ts, PyExc_StopIteration)) return false;
  _PyEval_MonitorRaise(ts, frame, frame->instr_ptr);
  _PyErr_Clear(ts);
  return true;
}

}  // namespace

PyObject** op_get_iter(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* iterable = sp[-1];
  PyObject* iterator = PyObject_GetIter(iterable);
  Py_DECREF(iterable);
  return PushResult(frame, sp - 1, iterator);
}

PyObject** op_for_iter(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* iterator = sp[-1];
  PyObject* next = Py_TYPE(iterator)->tp_iternext(iterator);
  if (next != nullptr) {
    *sp = next;
    return sp + 1;
  }
  if (!EndsNormally(ts, frame)) return OpError(frame, sp);
  Py_DECREF(iterator);
  return Taken(sp - 1);
}

PyObject** op_end_for(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  Py_DECREF(sp[-1]);
  return sp - 1;
}

PyObject** op_end_send(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* receiver = sp[-2];
  sp[-2] = sp[-1];
  Py_DECREF(receiver);
  return sp - 1;
}

// The object stays below its length.
PyObject** op_get_len(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  Py_ssize_t length = PyObject_Length(sp[-1]);
  return PushResult(frame, sp, length < 0 ? nullptr : PyLong_FromSsize_t(length));
}

}  // namespace tierjit
