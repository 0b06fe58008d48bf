#include "tier1/call_builtin.h"

#include <utility>

#include "runtime/helpers/exception.h"
#include "tier1/attention.h"
#include "tier1/call_path.h"

namespace tierjit::tier1 {
namespace {

constexpr int kConventions = METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD;
using Fast = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t count);
using FastKeywords = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);

// The conventions with a single argument count as a level of C recursion.
bool CallUnary(PyThreadState* ts, PyCFunction function, PyObject* self, PyObject* argument, PyObject** result) {
  if (ts->c_recursion_remaining <= 0) return false;
  ts->c_recursion_remaining--;
  *result = function(self, argument);
  ts->c_recursion_remaining++;
  return true;
}

// The C function itself. False: the call is of another convention or wrong, so its vectorcall sees to it.
[[gnu::always_inline]] inline bool CallMethod(PyThreadState* ts, const PyMethodDef* method, PyObject* self, PyObject** args,
                                              int64_t count, PyObject** result) {
  PyCFunction function = method->ml_meth;
  switch (method->ml_flags & kConventions) {
    case METH_O: return count == 1 && CallUnary(ts, function, self, args[0], result);
    case METH_NOARGS: return count == 0 && CallUnary(ts, function, self, nullptr, result);
    case METH_FASTCALL:
      *result = reinterpret_cast<Fast>(reinterpret_cast<void*>(function))(self, args, count);
      return true;
    case METH_FASTCALL | METH_KEYWORDS:
      *result = reinterpret_cast<FastKeywords>(reinterpret_cast<void*>(function))(self, args, count, nullptr);
      return true;
    default: return false;
  }
}

[[gnu::always_inline]] inline bool CallDirectly(PyThreadState* ts, PyObject* callable, PyObject** args, int64_t count,
                                                PyObject** result) {
  if (Py_TYPE(callable) == &PyCFunction_Type) {
    const PyMethodDef* method = reinterpret_cast<PyCFunctionObject*>(callable)->m_ml;
    return CallMethod(ts, method, PyCFunction_GET_SELF(callable), args, count, result);
  }
  if (Py_TYPE(callable) != &PyMethodDescr_Type) return false;
  PyMethodDescrObject* descr = reinterpret_cast<PyMethodDescrObject*>(callable);
  if (count == 0 || !PyObject_TypeCheck(args[0], descr->d_common.d_type)) return false;
  return CallMethod(ts, descr->d_method, args[0], args + 1, count - 1, result);
}

// isinstance() with a plain class, when the object's own `__class__` cannot differ from its type.
PyObject* QuickIsInstance(PyObject* object, PyObject* cls) {
  if (Py_TYPE(cls) != &PyType_Type) return nullptr;
  PyTypeObject* type = Py_TYPE(object);
  if (PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(cls))) return Py_True;
  return type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE && type->tp_getattro == PyObject_GenericGetAttr ? Py_False : nullptr;
}

// The most frequent builtins, without their argument parsing.
PyObject* QuickBuiltin(PyObject* callable, PyObject** args, int64_t count) {
  if (callable == tj_rt.isinstance && count == 2) return QuickIsInstance(args[0], args[1]);
  if (callable != tj_rt.len || count != 1) return nullptr;
  PyObject* o = args[0];
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) return PyLong_FromSsize_t(Py_SIZE(o));
  return PyUnicode_CheckExact(o) ? PyLong_FromSsize_t(PyUnicode_GET_LENGTH(o)) : nullptr;
}

}  // namespace

PyObject* Vectorcall(PyThreadState* ts, PyObject* callable, PyObject** args, size_t count, PyObject* names) {
  PyTypeObject* type = Py_TYPE(callable);
  vectorcallfunc entry = nullptr;
  if (type->tp_flags & Py_TPFLAGS_HAVE_VECTORCALL) {
    entry = *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(callable) + type->tp_vectorcall_offset);
  }
  if (entry == nullptr && names == nullptr && MakesPlainExceptions(callable)) return NewException(ts, callable, args, count);
  if (entry == nullptr) return _PyObject_MakeTpCall(ts, callable, args, static_cast<Py_ssize_t>(count), names);
  return Checked(ts, callable, entry(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, names));
}

PyObject* AfterUnusualCall(PyThreadState* ts, PyObject* result) {
  FollowTracer();
  tj_rt.calls_until_look = kCallsBetweenLooks;
  if (ts->interp->eval_frame != nullptr) NoteWatchers(ts);
  if (result == nullptr || (ts->eval_breaker & _PY_EVAL_EVENTS_MASK) == 0 || _Py_HandlePending(ts) == 0) return result;
  Py_DECREF(result);
  return nullptr;
}

extern "C" {

PyObject* tj_check_result(PyThreadState* ts, PyObject* callable, PyObject* result) {
  result = Checked(ts, callable, result);
  if (result == nullptr) NoteFailedWithoutFrame();
  return result;
}

PyObject* tj_after_unusual_call(PyThreadState* ts, PyObject* result) {
  result = AfterUnusualCall(ts, result);
  if (result == nullptr) NoteFailedWithoutFrame();
  return result;
}

PyObject* tj_release(PyObject** from, PyObject** to, PyObject* result) {
  Release(from, to);
  return result;
}

PyObject* tj_call_builtin(PyObject* callable, PyObject** args, int64_t count, PyThreadState* ts) {
  PyObject* result = QuickBuiltin(callable, args, count);
  PyObject *first = nullptr, *last = callable;  // to release before the arguments and behind them
  if (result == nullptr) {
    if (CallDirectly(ts, callable, args, count, &result)) {
      result = Checked(ts, callable, result);
    } else {
      result = Vectorcall(ts, callable, args, static_cast<size_t>(count), nullptr);
      std::swap(first, last);
    }
  }
  if (first != nullptr) tj_decref(first);
  for (PyObject** p = args; p != args + count; p++) tj_decref(*p);
  if (last != nullptr) tj_decref(last);
  result = AfterDirectCall(ts, result);
  if (result == nullptr) NoteFailedWithoutFrame();
  return result;
}

}  // extern "C"

}  // namespace tierjit::tier1
