// Context managers: entering (BEFORE_WITH, BEFORE_ASYNC_WITH) and leaving by an exception (WITH_EXCEPT_START).
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

// What a context manager must have, `with` and `async with` alike.
struct Protocol {
  InternedName enter, exit;
  const char* name;
  const char* exit_missing;  // remark in the error
};
Protocol g_plain = {InternedName("__enter__"), InternedName("__exit__"), "context manager", " (missed __exit__ method)"};
Protocol g_async = {InternedName("__aenter__"), InternedName("__aexit__"), "asynchronous context manager",
                    " (missed __aexit__ method)"};

// The bound special method `name` of the manager; NULL with TypeError or what the lookup raised.
PyObject* SpecialMethod(PyThreadState* ts, PyObject* manager, InternedName& name, const char* protocol, const char* remark) {
  PyObject* key = name.Get();
  PyObject* method = key == nullptr ? nullptr : _PyObject_LookupSpecial(manager, key);
  if (method == nullptr && ts->current_exception == nullptr) {
    _PyErr_Format(ts, PyExc_TypeError, "'%.200s' object does not support the %s protocol%s", Py_TYPE(manager)->tp_name, protocol,
                  remark);
  }
  return method;
}

// manager -- exit, what entering returned
PyObject** Enter(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, Protocol& protocol) {
  PyObject* manager = sp[-1];
  PyObject* enter = SpecialMethod(ts, manager, protocol.enter, protocol.name, "");
  if (enter == nullptr) return OpError(frame, sp);
  PyObject* exit = SpecialMethod(ts, manager, protocol.exit, protocol.name, protocol.exit_missing);
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

}  // namespace

PyObject** op_before_with(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return Enter(ts, frame, sp, g_plain);
}

PyObject** op_before_async_with(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return Enter(ts, frame, sp, g_async);
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
