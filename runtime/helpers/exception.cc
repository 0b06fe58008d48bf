// Raising, catching and matching exceptions.
#include "runtime/helpers/exception.h"

#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

// Whether calling the exception class `cls` gave an exception. False with an exception set: `value` may be null or a
// stranger, whose reference stays the caller's.
bool IsException(PyThreadState* ts, PyObject* cls, PyObject* value) {
  if (value == nullptr) return false;
  if (PyExceptionInstance_Check(value)) return true;
  _PyErr_Format(ts, PyExc_TypeError, "calling %R should have returned an instance of BaseException, not %R", cls,
                Py_TYPE(value));
  return false;
}

// Turns the operand of `from` into an exception or, for None, null. Consumes `cause` if it succeeds.
bool ResolveCause(PyThreadState* ts, PyObject* cause, PyObject** exception) {
  *exception = cause;
  if (PyExceptionClass_Check(cause)) {
    *exception = PyObject_CallNoArgs(cause);
    // A stranger is never released: neither is it by the interpreter, and a finaliser would tell.
    if (!IsException(ts, cause, *exception)) return false;
  } else if (PyExceptionInstance_Check(cause)) {
    return true;
  } else if (Py_IsNone(cause)) {
    *exception = nullptr;
  } else {
    _PyErr_SetString(ts, PyExc_TypeError, "exception causes must derive from BaseException");
    return false;
  }
  Py_DECREF(cause);
  return true;
}

// The exception being handled, here or in a frame below; null if none. Borrowed.
PyObject* HandledException(PyThreadState* ts) {
  _PyErr_StackItem* item = ts->exc_info;
  while (item->exc_value == nullptr && item->previous_item != nullptr) item = item->previous_item;
  return item->exc_value == Py_None ? nullptr : item->exc_value;
}

// Whether PyErr_SetObject(type, value) would ask nobody and walk nowhere.
bool SetsPlainly(PyObject* type, PyObject* value, PyObject* handled) {
  if (Py_TYPE(value) != reinterpret_cast<PyTypeObject*>(type) || Py_TYPE(type) != &PyType_Type) return false;
  return handled == nullptr || handled == value || reinterpret_cast<PyBaseExceptionObject*>(handled)->context == nullptr;
}

// PyErr_SetObject() that consumes `value`, an exception: it is raised while `handled` is being handled.
void SetException(PyThreadState* ts, PyObject* type, PyObject* value) {
  PyObject* handled = HandledException(ts);
  if (!SetsPlainly(type, value, handled) || ts->current_exception != nullptr) {
    PyErr_SetObject(type, value);
    Py_DECREF(value);
    return;
  }
  if (handled != nullptr && handled != value) {
    Py_XSETREF(reinterpret_cast<PyBaseExceptionObject*>(value)->context, Py_NewRef(handled));
  }
  ts->current_exception = value;
}

// Sets `value`, made by calling `type` or an instance of it, with its cause if `cause` is not null. Consumes `value` and `cause`.
void RaiseInstance(PyThreadState* ts, PyObject* type, PyObject* value, PyObject* cause) {
  PyObject* resolved = nullptr;
  bool ok = IsException(ts, type, value) && (cause == nullptr || ResolveCause(ts, cause, &resolved));
  if (!ok) {
    Py_XDECREF(value);
    Py_XDECREF(cause);
    return;
  }
  if (cause != nullptr) PyException_SetCause(value, resolved);
  SetException(ts, type, value);
}

PyObject* CallClass(PyThreadState* ts, PyObject* cls) {
  return MakesPlainExceptions(cls) ? NewException(ts, cls, nullptr, 0) : PyObject_CallNoArgs(cls);
}

// `raise exc from cause`; consumes both, `cause` may be null. An exception is set afterwards.
void Raise(PyThreadState* ts, PyObject* exc, PyObject* cause) {
  if (PyExceptionClass_Check(exc)) {
    RaiseInstance(ts, exc, CallClass(ts, exc), cause);
    Py_DECREF(exc);
  } else if (PyExceptionInstance_Check(exc)) {
    PyObject* type = Py_NewRef(PyExceptionInstance_Class(exc));  // setting the cause or the context may end an object that changes it
    RaiseInstance(ts, type, exc, cause);
    Py_DECREF(type);
  } else {
    Py_DECREF(exc);
    _PyErr_SetString(ts, PyExc_TypeError, "exceptions must derive from BaseException");
    Py_XDECREF(cause);
  }
}

// A bare `raise`.
PyObject** RaiseAgain(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp) {
  PyObject* exc = HandledException(ts);
  if (exc == nullptr) {
    _PyErr_SetString(ts, PyExc_RuntimeError, "No active exception to reraise");
    return OpError(frame, sp);
  }
  PyErr_SetRaisedException(Py_NewRef(exc));
  return OpReraise(frame, sp);
}

// Moves the frame to the code unit that a handler has kept on the stack, so that line numbers are those of the fault.
bool RestoreLasti(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* lasti) {
  if (!PyLong_Check(lasti)) {
    _PyErr_SetString(ts, PyExc_SystemError, "lasti is not an int");
    return false;
  }
  frame->instr_ptr = _PyCode_CODE(CodeOf(frame)) + PyLong_AsLong(lasti);
  return true;
}

}  // namespace

PyObject* NewException(PyThreadState* ts, PyObject* cls, PyObject* const* args, size_t count) {
  if (ts->c_recursion_remaining <= 0) return _PyObject_MakeTpCall(ts, cls, args, static_cast<Py_ssize_t>(count), nullptr);
  PyObject* tuple = PyTuple_New(static_cast<Py_ssize_t>(count));
  if (tuple == nullptr) return nullptr;
  for (size_t i = 0; i < count; i++) PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), Py_NewRef(args[i]));
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(cls);
  PyObject* exception = type->tp_new(type, tuple, nullptr);  // stores the arguments already; the initialiser would do so again
  Py_DECREF(tuple);
  return exception;
}

void RaiseKeyError(PyThreadState* ts, PyObject* key) {
  PyObject* exception = NewException(ts, PyExc_KeyError, &key, 1);
  if (exception != nullptr) SetException(ts, PyExc_KeyError, exception);
}

PyObject** op_raise_varargs(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  if (oparg == 0) return RaiseAgain(ts, frame, sp);
  if (oparg <= 2) {
    Raise(ts, sp[-oparg], oparg == 2 ? sp[-1] : nullptr);
  } else {
    _PyErr_SetString(ts, PyExc_SystemError, "bad RAISE_VARARGS oparg");
  }
  return OpError(frame, sp - oparg);
}

// [lasti, ...], exception -- ; the exception stays on the stack, unwinding pops it.
PyObject** op_reraise(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  _Py_CODEUNIT* here = frame->instr_ptr;
  if (oparg != 0 && !RestoreLasti(ts, frame, sp[-1 - oparg])) return OpError(frame, sp);
  PyErr_SetRaisedException(Py_NewRef(sp[-1]));
  ReraiseSite::frame = frame;
  ReraiseSite::instruction = here;
  return OpReraise(frame, sp);
}

// exception -- previously handled exception or None, exception
PyObject** op_push_exc_info(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* exception = sp[-1];
  PyObject* previous = ts->exc_info->exc_value;
  sp[-1] = previous == nullptr ? Py_None : previous;
  sp[0] = exception;
  ts->exc_info->exc_value = Py_NewRef(exception);
  return sp + 1;
}

PyObject** op_pop_except(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* previous = sp[-1];
  _PyErr_StackItem* info = ts->exc_info;
  Py_XSETREF(info->exc_value, Py_IsNone(previous) ? nullptr : previous);
  return sp - 1;
}

// exception, type -- exception, bool
PyObject** op_check_exc_match(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* type = sp[-1];
  bool valid = _PyEval_CheckExceptTypeValid(ts, type) >= 0;
  bool matches = valid && PyErr_GivenExceptionMatches(sp[-2], type);
  Py_DECREF(type);
  return PushResult(frame, sp - 1, valid ? AsBool(matches) : nullptr);
}

// exception, type -- rest, match
PyObject** op_check_eg_match(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* match = nullptr;
  PyObject* rest = nullptr;
  bool ok = _PyEval_CheckExceptStarTypeValid(ts, sp[-1]) >= 0 &&
            _PyEval_ExceptionGroupMatch(sp[-2], sp[-1], &match, &rest) >= 0;
  ReleaseAll(sp - 2, 2);
  if (!ok || match == nullptr) return OpError(frame, sp - 2);
  if (!Py_IsNone(match)) PyErr_SetHandledException(match);
  sp[-2] = rest;
  sp[-1] = match;
  return sp;
}

PyObject** op_load_assertion_error(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  *sp = Py_NewRef(PyExc_AssertionError);
  return sp + 1;
}

PyObject** op_exit_init_check(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  if (Py_IsNone(sp[-1])) return sp - 1;
  PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(sp[-1])->tp_name);
  return OpError(frame, sp);
}

}  // namespace tierjit
