// `a, b = x` and `a, *b, c = x`: the first item ends up on top of the stack.
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

// The item array of an exact tuple or list of `count` items, else NULL.
PyObject** PlainItems(PyObject* sequence, int count) {
  if (PyTuple_CheckExact(sequence) && PyTuple_GET_SIZE(sequence) == count) return &PyTuple_GET_ITEM(sequence, 0);
  if (PyList_CheckExact(sequence) && PyList_GET_SIZE(sequence) == count) {
    return reinterpret_cast<PyListObject*>(sequence)->ob_item;
  }
  return nullptr;
}

void PushReversed(PyObject** slot, PyObject** items, int count) {
  while (count > 0) *slot++ = Py_NewRef(items[--count]);
}

// Takes the sequence on top apart into `count` values; after the star `after` of them (-1: no star).
PyObject** Unpack(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int before, int after, int count) {
  PyObject* sequence = sp[-1];
  int ok = _PyEval_UnpackIterable(ts, sequence, before, after, sp - 1 + count);
  Py_DECREF(sequence);
  return ok ? sp - 1 + count : OpError(frame, sp - 1);
}

}  // namespace

PyObject** op_unpack_sequence(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* sequence = sp[-1];
  PyObject** items = PlainItems(sequence, oparg);
  if (items == nullptr) return Unpack(ts, frame, sp, oparg, -1, oparg);
  PushReversed(sp - 1, items, oparg);
  Py_DECREF(sequence);
  return sp - 1 + oparg;
}

PyObject** op_unpack_ex(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  int before = oparg & 0xFF;
  int after = oparg >> 8;
  return Unpack(ts, frame, sp, before, after, before + 1 + after);
}

}  // namespace tierjit
