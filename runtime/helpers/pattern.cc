// `match` statements.
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

PyObject** PushSubjectHas(PyObject** sp, unsigned long type_flag) {
  *sp = PyType_HasFeature(Py_TYPE(sp[-1]), type_flag) ? Py_True : Py_False;
  return sp + 1;
}

}  // namespace

// Leaves the tuple of attributes, or None when the subject does not match.
PyObject** op_match_class(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** inputs = sp - 3;  // subject, class, names
  PyObject* attributes = _PyEval_MatchClass(ts, inputs[0], inputs[1], oparg, inputs[2]);
  ReleaseAll(inputs, 3);
  if (attributes == nullptr && !PyErr_Occurred()) attributes = Py_None;
  return PushResult(frame, inputs, attributes);
}

PyObject** op_match_keys(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int) {
  return PushResult(frame, sp, _PyEval_MatchKeys(ts, sp[-2], sp[-1]));
}

PyObject** op_match_mapping(PyThreadState*, _PyInterpreterFrame*, PyObject** sp, int) {
  return PushSubjectHas(sp, Py_TPFLAGS_MAPPING);
}

PyObject** op_match_sequence(PyThreadState*, _PyInterpreterFrame*, PyObject** sp, int) {
  return PushSubjectHas(sp, Py_TPFLAGS_SEQUENCE);
}

}  // namespace tierjit
