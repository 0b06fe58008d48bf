// UNARY_* and TO_BOOL.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

PyObject** Unary(_PyInterpreterFrame* frame, PyObject** sp, unaryfunc function) {
  PyObject* value = sp[-1];
  PyObject* result = function(value);
  Py_DECREF(value);
  return PushResult(frame, sp - 1, result);
}

}  // namespace

PyObject** op_unary_negative(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return Unary(frame, sp, PyNumber_Negative);
}

PyObject** op_unary_invert(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return Unary(frame, sp, PyNumber_Invert);
}

// The compiler puts a TO_BOOL or a comparison before it: the operand is a bool.
PyObject** op_unary_not(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  sp[-1] = AsBool(Py_IsFalse(sp[-1]));
  return sp;
}

PyObject** op_to_bool(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = sp[-1];
  int truth = PyObject_IsTrue(value);
  Py_DECREF(value);
  return PushResult(frame, sp - 1, truth < 0 ? nullptr : AsBool(truth));
}

}  // namespace tierjit
