// COMPARE_OP, CONTAINS_OP, IS_OP.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

constexpr int kConvertToBool = 16;  // bit of COMPARE_OP's oparg: the result feeds a jump
constexpr int kComparisonShift = 5;

// The truth of `value`, which is released; null after an error.
PyObject* TruthOf(PyObject* value) {
  int truth = PyObject_IsTrue(value);
  Py_DECREF(value);
  return truth < 0 ? nullptr : AsBool(truth);
}

}  // namespace

PyObject** op_compare_op(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* left = sp[-2];
  PyObject* right = sp[-1];
  PyObject* result = PyObject_RichCompare(left, right, oparg >> kComparisonShift);
  Py_DECREF(left);
  Py_DECREF(right);
  if (result != nullptr && (oparg & kConvertToBool)) result = TruthOf(result);
  return PushResult(frame, sp - 2, result);
}

PyObject** op_contains_op(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* item = sp[-2];
  PyObject* container = sp[-1];
  int found = PySequence_Contains(container, item);
  Py_DECREF(item);
  Py_DECREF(container);
  return PushResult(frame, sp - 2, found < 0 ? nullptr : AsBool(found ^ oparg));
}

PyObject** op_is_op(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* left = sp[-2];
  PyObject* right = sp[-1];
  bool same = left == right;
  Py_DECREF(left);
  Py_DECREF(right);
  sp[-2] = AsBool(same ^ oparg);
  return sp - 1;
}

}  // namespace tierjit
