// Subscripts and slices: load, store, delete.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

// slice(start, stop, None); releases both bounds. Null after an error.
PyObject* SliceConsuming(PyObject* start, PyObject* stop) {
  PyObject* slice = PySlice_New(start, stop, nullptr);
  Py_DECREF(start);
  Py_DECREF(stop);
  return slice;
}

}  // namespace

PyObject** op_binary_subscr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* container = sp[-2];
  PyObject* key = sp[-1];
  PyObject* result = PyObject_GetItem(container, key);
  Py_DECREF(container);
  Py_DECREF(key);
  return PushResult(frame, sp - 2, result);
}

PyObject** op_binary_slice(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* container = sp[-3];
  PyObject* slice = SliceConsuming(sp[-2], sp[-1]);
  PyObject* result = slice == nullptr ? nullptr : PyObject_GetItem(container, slice);
  Py_XDECREF(slice);
  Py_DECREF(container);
  return PushResult(frame, sp - 3, result);
}

PyObject** op_store_subscr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = sp[-3];
  PyObject* container = sp[-2];
  PyObject* key = sp[-1];
  int status = PyObject_SetItem(container, key, value);
  Py_DECREF(value);
  Py_DECREF(container);
  Py_DECREF(key);
  return DoneOrFail(frame, sp - 3, status == 0);
}

PyObject** op_store_slice(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = sp[-4];
  PyObject* container = sp[-3];
  PyObject* slice = SliceConsuming(sp[-2], sp[-1]);
  int status = slice == nullptr ? -1 : PyObject_SetItem(container, slice, value);
  Py_XDECREF(slice);
  Py_DECREF(value);
  Py_DECREF(container);
  return DoneOrFail(frame, sp - 4, status == 0);
}

PyObject** op_delete_subscr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* container = sp[-2];
  PyObject* key = sp[-1];
  int status = PyObject_DelItem(container, key);
  Py_DECREF(container);
  Py_DECREF(key);
  return DoneOrFail(frame, sp - 2, status == 0);
}

}  // namespace tierjit
