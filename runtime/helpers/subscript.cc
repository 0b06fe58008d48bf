// Subscripts and slices: load, store, delete.
#include "runtime/cpython/plain_lookup.h"
#include "runtime/helpers/exception.h"
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"
#include "runtime/helpers/short_sequences.h"

namespace tierjit {
namespace {

// slice(start, stop, None); releases both bounds. Null after an error.
PyObject* SliceConsuming(PyObject* start, PyObject* stop) {
  PyObject* slice = PySlice_New(start, stop, nullptr);
  Py_DECREF(start);
  Py_DECREF(stop);
  return slice;
}

// A dict without the key, as far as that can be told without foreign code.
bool Lacks(PyObject* container, PyObject* key) {
  Py_hash_t hash;
  PyObject** value;
  return PyDict_CheckExact(container) && PlainHash(key, &hash) &&
         FindInDict(reinterpret_cast<PyDictObject*>(container), key, hash, &value) == Found::kNo;
}

// Compiled code has looked in dicts itself, and comes here for what is not there.
PyObject* GetItem(PyThreadState* ts, PyObject* container, PyObject* key) {
  if (!Lacks(container, key)) return PyObject_GetItem(container, key);
  RaiseKeyError(ts, key);
  return nullptr;
}

}  // namespace

PyObject** op_binary_subscr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* container = sp[-2];
  PyObject* key = sp[-1];
  PyObject* result = GetItem(ts, container, key);
  Py_DECREF(container);
  Py_DECREF(key);
  return PushResult(frame, sp - 2, result);
}

namespace {

// A slice bound that is None or an int of one digit, brought into [low, high]; negative ones count from the end.
bool PlainBound(PyObject* bound, Py_ssize_t none, Py_ssize_t size, Py_ssize_t low, Py_ssize_t high, Py_ssize_t* out) {
  if (bound == Py_None) {
    *out = none;
    return true;
  }
  if (!PyLong_CheckExact(bound) || !_PyLong_IsCompact(reinterpret_cast<PyLongObject*>(bound))) return false;
  Py_ssize_t i = _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(bound));
  if (i < 0) i += size;
  *out = i < low ? low : i > high ? high : i;
  return true;
}

struct Bounds {
  Py_ssize_t start, stop;
};
bool PlainBounds(PyObject* start, PyObject* stop, Py_ssize_t size, Bounds* out) {
  return PlainBound(start, 0, size, 0, size, &out->start) && PlainBound(stop, size, size, 0, size, &out->stop);
}

// `count` items of an exact list or tuple from `from` on, `step` apart, as a new one of its kind.
PyObject* CopyItems(PyThreadState* ts, PyObject* container, Py_ssize_t from, Py_ssize_t step, Py_ssize_t count) {
  bool list = PyList_CheckExact(container);
  if (!list && step == 1 && count == Py_SIZE(container)) return Py_NewRef(container);
  PyObject* result = list ? NewList(count) : NewTuple(count);
  if (result == nullptr || (!list && count == 0)) return result;
  PyObject** items = list ? reinterpret_cast<PyListObject*>(container)->ob_item : reinterpret_cast<PyTupleObject*>(container)->ob_item;
  PyObject** to = list ? reinterpret_cast<PyListObject*>(result)->ob_item : reinterpret_cast<PyTupleObject*>(result)->ob_item;
  for (Py_ssize_t i = 0, at = from; i < count; i++, at += step) to[i] = Py_NewRef(items[at]);
  return FinishSequence(ts, result);
}

// Slices of exact lists, tuples and strings without a slice object; NULL without an exception: not that plain.
PyObject* PlainSlice(PyThreadState* ts, PyObject* container, PyObject* start, PyObject* stop) {
  Bounds b;
  if (PyList_CheckExact(container) || PyTuple_CheckExact(container)) {
    if (!PlainBounds(start, stop, Py_SIZE(container), &b)) return nullptr;
    return CopyItems(ts, container, b.start, 1, b.stop > b.start ? b.stop - b.start : 0);
  }
  if (!PyUnicode_CheckExact(container)) return nullptr;
  return PlainBounds(start, stop, PyUnicode_GET_LENGTH(container), &b) ? PyUnicode_Substring(container, b.start, b.stop) : nullptr;
}

// Where a slice with a step begins, and how many items it has.
struct Stride {
  Py_ssize_t start, step, count;
};
bool PlainStride(PyObject* start, PyObject* stop, PyObject* step, Py_ssize_t size, Stride* out) {
  if (!PyLong_CheckExact(step) || !_PyLong_IsCompact(reinterpret_cast<PyLongObject*>(step))) return false;
  Py_ssize_t by = _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(step));
  if (by == 0) return false;
  bool down = by < 0;
  Py_ssize_t low = down ? -1 : 0;
  Py_ssize_t high = down ? size - 1 : size;
  Py_ssize_t end;
  if (!PlainBound(start, down ? high : low, size, low, high, &out->start)) return false;
  if (!PlainBound(stop, down ? low : high, size, low, high, &end)) return false;
  Py_ssize_t length = down ? out->start - end : end - out->start;
  Py_ssize_t stride = down ? -by : by;
  out->step = by;
  out->count = length <= 0 ? 0 : stride == 1 ? length : (length - 1) / stride + 1;
  return true;
}

// Slices with a step of exact lists and tuples, as PlainSlice().
PyObject* PlainStrided(PyThreadState* ts, PyObject* container, PyObject* start, PyObject* stop, PyObject* step) {
  Stride s;
  bool plain = (PyList_CheckExact(container) || PyTuple_CheckExact(container)) &&
               PlainStride(start, stop, step, Py_SIZE(container), &s);
  return plain ? CopyItems(ts, container, s.start, s.step, s.count) : nullptr;
}

// list[b] = values of the same number, in place. False: not that plain, nothing has happened.
bool ReplaceItems(PyObject* list, const Bounds& b, PyObject* values) {
  constexpr Py_ssize_t kMost = 64;
  Py_ssize_t count = b.stop - b.start;
  if (list == values || count < 0 || count > kMost || count != Py_SIZE(values)) return false;
  PyObject* old[kMost];
  PyObject** to = reinterpret_cast<PyListObject*>(list)->ob_item + b.start;
  PyObject** from = reinterpret_cast<PyListObject*>(values)->ob_item;
  for (Py_ssize_t i = 0; i < count; i++) {
    old[i] = to[i];
    to[i] = Py_NewRef(from[i]);
  }
  for (Py_ssize_t i = count - 1; i >= 0; i--) Py_DECREF(old[i]);
  return true;
}

}  // namespace

PyObject** op_binary_slice(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* container = sp[-3];
  PyObject* plain = PlainSlice(ts, container, sp[-2], sp[-1]);
  if (plain != nullptr || ts->current_exception != nullptr) {
    Py_DECREF(sp[-2]);
    Py_DECREF(sp[-1]);
    Release(container);
    return PushResult(frame, sp - 3, plain);
  }
  PyObject* slice = SliceConsuming(sp[-2], sp[-1]);
  PyObject* result = slice == nullptr ? nullptr : PyObject_GetItem(container, slice);
  Py_XDECREF(slice);
  Py_DECREF(container);
  return PushResult(frame, sp - 3, result);
}

PyObject** op_binary_strided(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject** parts = sp - 3;
  PyObject* container = sp[-4];
  PyObject* result = PlainStrided(ts, container, parts[0], parts[1], parts[2]);
  PyObject* slice = nullptr;
  if (result == nullptr && ts->current_exception == nullptr) slice = PySlice_New(parts[0], parts[1], parts[2]);
  ReleaseAll(parts, 3);
  if (slice != nullptr) {
    parts[0] = slice;
    return op_binary_subscr(ts, frame, parts + 1, 0);
  }
  Release(container);
  return PushResult(frame, sp - 4, result);
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
    int stored = ReplaceItems(container, b, value) ? 0 : PyList_SetSlice(container, b.start, b.stop, value);
    Py_DECREF(sp[-2]);
    Py_DECREF(sp[-1]);
    Release(value);
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
