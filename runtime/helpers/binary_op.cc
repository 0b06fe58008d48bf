// BINARY_OP: binary operators and their in-place forms.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {

PyObject** op_binary_op(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* left = sp[-2];
  PyObject* right = sp[-1];
  PyObject* result = _PyEval_BinaryOps[oparg](left, right);
  Py_DECREF(left);
  Py_DECREF(right);
  return PushResult(frame, sp - 2, result);
}

}  // namespace tierjit
