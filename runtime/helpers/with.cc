// BEFORE_WITH and WITH_EXCEPT_START.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

// The bound special method `name` (null without memory) of the context manager; null with TypeError or what the lookup
// raised.
PyObject* SpecialMethod(PyThreadState* ts, PyObject* manager, PyObject* name, const char* what_is_missing) {
  if (name == nullptr) return nullptr;
  PyObject* method = _PyObject_LookupSpecial(manager, name);
  if (method == nullptr && ts->current_exception == nullptr) {
    _PyErr_Format(ts, PyExc_TypeError, "'%.200s' object does not support the context manager protocol%s",
                  Py_TYPE(manager)->tp_name, what_is_missing);
  }
  return method;
}

PyObject* EnterMethod(PyThreadState* ts, PyObject* manager) {
  static InternedName name("__enter__");
  return SpecialMethod(ts, manager, name.Get(), "");
}

PyObject* ExitMethod(PyThreadState* ts, PyObject* manager) {
  static InternedName name("__exit__");
  return SpecialMethod(ts, manager, name.Get(), " (missed __exit__ method)");
}

}  // namespace

// manager -- exit, entered
PyObject** op_before_with(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* manager = sp[-1];
  PyObject* enter = EnterMethod(ts, manager);
  if (enter == nullptr) return OpError(frame, sp);
  PyObject* exit = ExitMethod(ts, manager);
  if (exit == nullptr) {
    Py_DECREF(enter);
    return OpError(frame, sp);
  }
  Py_DECREF(manager);
  PyObject* entered = PyObject_CallNoArgs(enter);
  Py_DECREF(enter);
  if (entered == nullptr) {
    Py_DECREF(exit);
    return OpError(frame, sp - 1);
  }
  sp[-1] = exit;
  sp[0] = entered;
  return sp + 1;
}

// exit, lasti, previous exception, exception -- the same and exit's result
PyObject** op_with_except_start(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* exception = sp[-1];
  PyObject* traceback = PyException_GetTraceback(exception);
  Py_XDECREF(traceback);  // as in the interpreter, the exception alone keeps it alive during the call
  if (traceback == nullptr) traceback = Py_None;
  PyObject* args[] = {nullptr, PyExceptionInstance_Class(exception), exception, traceback};
  PyObject* result = PyObject_Vectorcall(sp[-4], args + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  return PushResult(frame, sp, result);
}

}  // namespace tierjit
