// Operations that the compiler needs and users cannot call; `from m import *` is one of them.
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {

PyObject** op_call_intrinsic_1(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = sp[-1];
  PyObject* result = _PyIntrinsics_UnaryFunctions[oparg].func(ts, value);
  Py_DECREF(value);
  return PushResult(frame, sp - 1, result);
}

PyObject** op_call_intrinsic_2(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** values = sp - 2;
  PyObject* result = _PyIntrinsics_BinaryFunctions[oparg].func(ts, values[0], values[1]);
  ReleaseAll(values, 2);
  return PushResult(frame, values, result);
}

}  // namespace tierjit
