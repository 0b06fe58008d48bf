// The parts of f-strings.
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {

PyObject** op_convert_value(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = sp[-1];
  PyObject* text = _PyEval_ConversionFuncs[oparg](value);
  Py_DECREF(value);
  return PushResult(frame, sp - 1, text);
}

PyObject** op_format_simple(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject* value = sp[-1];
  if (PyUnicode_CheckExact(value)) return sp;
  PyObject* text = PyObject_Format(value, nullptr);
  Py_DECREF(value);
  return PushResult(frame, sp - 1, text);
}

PyObject** op_format_with_spec(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject** inputs = sp - 2;
  PyObject* text = PyObject_Format(inputs[0], inputs[1]);
  ReleaseAll(inputs, 2);
  return PushResult(frame, inputs, text);
}

}  // namespace tierjit
