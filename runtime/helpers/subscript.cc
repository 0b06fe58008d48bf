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

namespace {

// A slice bound that is None or an int of one digit, as PySlice_AdjustIndices() wants it.
bool PlainBound(PyObject* bound, Py_ssize_t none, Py_ssize_t* out) {
  if (bound == Py_None) {
    *out = none;
    return true;
  }
  if (!PyLong_CheckExact(bound) || !_PyLong_IsCompact(reinterpret_cast<PyLongObject*>(bound))) return false;
  *out = _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(bound));
  return true;
}

struct Bounds {
  Py_ssize_t start, stop;
};
bool PlainBounds(PyObject* start, PyObject* stop, Py_ssize_t size, Bounds* out) {
  if (!PlainBound(start, 0, &out->start) || !PlainBound(stop, PY_SSIZE_T_MAX, &out->stop)) return false;
  PySlice_AdjustIndices(size, &out->start, &out->stop, 1);
  return true;
}

// Slices of exact lists, tuples and strings without a slice object; NULL without an exception: not that plain.
PyObject* PlainSlice(PyObject* container, PyObject* start, PyObject* stop) {
  Bounds b;
  if (PyList_CheckExact(container)) {
    return PlainBounds(start, stop, Py_SIZE(container), &b) ? PyList_GetSlice(container, b.start, b.stop) : nullptr;
  }
  if (PyTuple_CheckExact(container)) {
    return PlainBounds(start, stop, Py_SIZE(container), &b) ? PyTuple_GetSlice(container, b.start, b.stop) : nullptr;
  }
  if (!PyUnicode_CheckExact(container)) return nullptr;
  return PlainBounds(start, stop, PyUnicode_GET_LENGTH(container), &b) ? PyUnicode_Substring(container, b.start, b.stop) : nullptr;
}

}  // namespace

PyObject** op_binary_slice(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* container = sp[-3];
  PyObject* plain = PlainSlice(container, sp[-2], sp[-1]);
  if (plain != nullptr || ts->current_exception != nullptr) {
    Py_DECREF(sp[-2]);
    Py_DECREF(sp[-1]);
    Py_DECREF(container);
    return PushResult(frame, sp - 3, plain);
  }
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
  if (Bounds b; PyList_CheckExact(container) && PyList_CheckExact(value) && PlainBounds(sp[-2], sp[-1], Py_SIZE(container), &b)) {
    int stored = PyList_SetSlice(container, b.start, b.stop, value);
    Py_DECREF(sp[-2]);
    Py_DECREF(sp[-1]);
    Py_DECREF(value);
    Py_DECREF(container);
    return DoneOrFail(frame, sp - 4, stored == 0);
  }
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
