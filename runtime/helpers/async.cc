// `await` and `async for`.
#include "runtime/helpers/async.h"

#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

const char* TypeName(PyObject* object) { return Py_TYPE(object)->tp_name; }

unaryfunc AiterSlot(PyObject* object) {
  PyAsyncMethods* methods = Py_TYPE(object)->tp_as_async;
  return methods == nullptr ? nullptr : methods->am_aiter;
}

unaryfunc AnextSlot(PyObject* object) {
  PyAsyncMethods* methods = Py_TYPE(object)->tp_as_async;
  return methods == nullptr ? nullptr : methods->am_anext;
}

// New reference to the asynchronous iterator of `iterable`, which is consumed; NULL with an exception set.
PyObject* TakeAiter(PyObject* iterable) {
  unaryfunc getter = AiterSlot(iterable);
  PyObject* iterator = nullptr;
  if (getter == nullptr) {
    PyErr_Format(PyExc_TypeError, "'async for' requires an object with __aiter__ method, got %.100s",
                 TypeName(iterable));
  } else {
    iterator = getter(iterable);
  }
  Py_DECREF(iterable);
  if (iterator == nullptr || AnextSlot(iterator) != nullptr) return iterator;
  PyErr_Format(PyExc_TypeError,
               "'async for' received an object from __aiter__ that does not implement __anext__: %.100s",
               TypeName(iterator));
  Py_DECREF(iterator);
  return nullptr;
}

PyObject* AnextAwaitable(PyObject* iterator) {
  unaryfunc getter = AnextSlot(iterator);
  if (getter == nullptr) {
    PyErr_Format(PyExc_TypeError, "'async for' requires an iterator with __anext__ method, got %.100s",
                 TypeName(iterator));
    return nullptr;
  }
  PyObject* next = getter(iterator);
  // An asynchronous generator's own objects are awaitable iterators already.
  if (next == nullptr || PyAsyncGen_CheckExact(iterator)) return next;
  return TakeAnextAwaitable(next);
}

// A coroutine can have only one awaiter. Consumes `iterator` when it has one already.
PyObject* RefuseSecondAwait(PyObject* iterator) {
  if (!PyCoro_CheckExact(iterator)) return iterator;
  PyObject* inner = _PyGen_yf(reinterpret_cast<PyGenObject*>(iterator));
  if (inner == nullptr) return iterator;
  Py_DECREF(inner);
  Py_DECREF(iterator);
  PyErr_SetString(PyExc_RuntimeError, "coroutine is being awaited already");
  return nullptr;
}

}  // namespace

PyObject* TakeAnextAwaitable(PyObject* next) {
  PyObject* awaitable = _PyCoro_GetAwaitableIter(next);
  if (awaitable == nullptr) {
    _PyErr_FormatFromCause(PyExc_TypeError, "'async for' received an invalid object from __anext__: %.100s",
                           TypeName(next));
  }
  Py_DECREF(next);
  return awaitable;
}

bool IsCoroutine(PyObject* object) {
  if (PyCoro_CheckExact(object)) return true;
  if (!PyGen_CheckExact(object)) return false;
  void* frame = reinterpret_cast<PyGenObject*>(object)->gi_iframe;
  return (CodeOf(static_cast<_PyInterpreterFrame*>(frame))->co_flags & CO_ITERABLE_COROUTINE) != 0;
}

PyObject** op_get_awaitable(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* iterable = sp[-1];
  PyObject* iterator = _PyCoro_GetAwaitableIter(iterable);
  if (iterator == nullptr) _PyEval_FormatAwaitableError(ts, Py_TYPE(iterable), oparg);
  Py_DECREF(iterable);
  if (iterator != nullptr) iterator = RefuseSecondAwait(iterator);
  return PushResult(frame, sp - 1, iterator);
}

PyObject** op_get_aiter(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  return PushResult(frame, sp - 1, TakeAiter(sp[-1]));
}

PyObject** op_get_anext(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  return PushResult(frame, sp, AnextAwaitable(sp[-1]));
}

PyObject** op_end_async_for(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject** inputs = sp - 2;  // awaitable, exception
  if (!PyErr_GivenExceptionMatches(inputs[1], PyExc_StopAsyncIteration)) {
    PyErr_SetRaisedException(Py_NewRef(inputs[1]));
    return OpReraise(frame, sp);
  }
  ReleaseAll(inputs, 2);
  return inputs;
}

}  // namespace tierjit
