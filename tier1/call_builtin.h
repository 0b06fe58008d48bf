// Calls of C functions by their calling conventions.
#ifndef TIERJIT_TIER1_CALL_BUILTIN_H_
#define TIERJIT_TIER1_CALL_BUILTIN_H_

#include "tier1/unit.h"

namespace tierjit::tier1 {

inline void Release(PyObject** from, PyObject** to) {
  for (; from < to; from++) {
    PyObject* o = *from;
    if (o != nullptr) tj_decref(o);
  }
}

// Whether a call of `callable` ends in C code as a matter of course. Python functions and what only leads to one, as methods and the
// instances and classes that Python code has made may, do not.
inline bool EndsInC(PyObject* callable) {
  PyTypeObject* type = Py_TYPE(callable);
  if (type == &PyFunction_Type || type == &PyMethod_Type) return false;
  if (type->tp_flags & Py_TPFLAGS_TYPE_SUBCLASS) type = reinterpret_cast<PyTypeObject*>(callable);
  return (type->tp_flags & (Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_IMMUTABLETYPE)) != Py_TPFLAGS_HEAPTYPE;
}

// A callee that forgets its exception, or leaves one behind, is told off.
inline PyObject* Checked(PyThreadState* ts, PyObject* callable, PyObject* result) {
  bool failed = ts->current_exception != nullptr;
  return (result == nullptr) == failed ? result : _Py_CheckFunctionResult(ts, callable, result, nullptr);
}

// Any callable; `args` lie on the stack of the running frame, with a slot below them. They are borrowed. [GIL]
PyObject* Vectorcall(PyThreadState* ts, PyObject* callable, PyObject** args, size_t count, PyObject* names);

// What the interpreter does after a call that did not push a frame: pending events. The result, or NULL. [GIL]
PyObject* AfterUnusualCall(PyThreadState* ts, PyObject* result);
inline PyObject* AfterDirectCall(PyThreadState* ts, PyObject* result) {
  bool quiet = (ts->eval_breaker & _PY_EVAL_EVENTS_MASK) == 0 && ts->interp->eval_frame == nullptr;
  return --tj_rt.calls_until_look != 0 && quiet ? result : AfterUnusualCall(ts, result);
}

// Called from compiled code (tier1/stencils/call.cc): calls what EndsInC() with `count` arguments on the stack. Releases callable and
// arguments.
extern "C" {
PyObject* tj_call_builtin(PyObject* callable, PyObject** args, int64_t count, PyThreadState* ts);
// Of a C function whose result is no object, or that has left an exception behind: the result, or NULL.
PyObject* tj_check_result(PyThreadState* ts, PyObject* callable, PyObject* result);
PyObject* tj_after_unusual_call(PyThreadState* ts, PyObject* result);
// Releases what is left of a call's operands; the result.
PyObject* tj_release(PyObject** from, PyObject** to, PyObject* result);
}

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_CALL_BUILTIN_H_
