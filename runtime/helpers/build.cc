// Displays, comprehensions, slices and the pieces that starred displays are put together from.
#include <algorithm>

#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/short_sequences.h"

namespace tierjit {
namespace {

// Ends an instruction that fed its topmost value to a container deeper in the stack.
PyObject** DropTop(_PyInterpreterFrame* frame, PyObject** sp, int status) {
  Release(sp[-1]);
  return status < 0 ? OpError(frame, sp - 1) : sp - 1;
}

PyObject** ReleaseAndFail(_PyInterpreterFrame* frame, PyObject** values, int count) {
  ReleaseAll(values, count);
  return OpError(frame, values);
}

// list.extend() says "not iterable"; for `[*x]` the user must read about the star.
void ExplainStar(PyObject* value) {
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) return;
  if (Py_TYPE(value)->tp_iter != nullptr || PySequence_Check(value)) return;
  PyErr_Clear();
  PyErr_Format(PyExc_TypeError, "Value after * must be an iterable, not %.200s", Py_TYPE(value)->tp_name);
}

PyObject* EmptyString() {
  static PyObject* const empty = PyUnicode_New(0, 0);  // the interpreter's own, immortal
  return empty;
}

// Adds and releases all items; each is released before the next one is hashed.
int AddAll(PyObject* set, PyObject** items, int count) {
  int status = 0;
  for (int i = 0; i < count; ++i) {
    if (status == 0) status = PySet_Add(set, items[i]);
    Py_DECREF(items[i]);
  }
  return status;
}

}  // namespace

PyObject** op_build_tuple(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** values = sp - oparg;
  PyObject* tuple = NewTuple(oparg);
  if (tuple == nullptr) return ReleaseAndFail(frame, values, oparg);
  std::copy_n(values, oparg, reinterpret_cast<PyTupleObject*>(tuple)->ob_item);
  *values = oparg == 0 ? tuple : FinishSequence(ts, tuple);
  return values + 1;
}

PyObject** op_build_list(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** values = sp - oparg;
  PyObject* list = NewList(oparg);
  if (list == nullptr) return ReleaseAndFail(frame, values, oparg);
  std::copy_n(values, oparg, reinterpret_cast<PyListObject*>(list)->ob_item);
  *values = FinishSequence(ts, list);
  return values + 1;
}

PyObject** op_build_set(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** values = sp - oparg;
  PyObject* set = PySet_New(nullptr);
  if (set == nullptr) return OpError(frame, sp);
  if (AddAll(set, values, oparg) != 0) Py_CLEAR(set);
  return PushResult(frame, values, set);
}

PyObject** op_build_map(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** pairs = sp - 2 * oparg;
  PyObject* map = _PyDict_FromItems(pairs, 2, pairs + 1, 2, oparg);
  ReleaseAll(pairs, 2 * oparg);
  return PushResult(frame, pairs, map);
}

PyObject** op_build_const_key_map(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* keys = sp[-1];
  PyObject** values = sp - 1 - oparg;
  PyObject* map = _PyDict_FromItems(&PyTuple_GET_ITEM(keys, 0), 1, values, 1, oparg);
  ReleaseAll(values, oparg + 1);
  return PushResult(frame, values, map);
}

PyObject** op_build_string(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** pieces = sp - oparg;
  PyObject* joined = _PyUnicode_JoinArray(EmptyString(), pieces, oparg);
  ReleaseAll(pieces, oparg);
  return PushResult(frame, pieces, joined);
}

PyObject** op_build_slice(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** parts = sp - oparg;
  PyObject* slice = PySlice_New(parts[0], parts[1], oparg == 3 ? parts[2] : nullptr);
  ReleaseAll(parts, oparg);
  return PushResult(frame, parts, slice);
}

// The list keeps the reference that the stack had.
PyObject** op_list_append(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  auto* list = reinterpret_cast<PyListObject*>(sp[-1 - oparg]);
  return _PyList_AppendTakeRef(list, sp[-1]) < 0 ? OpError(frame, sp - 1) : sp - 1;
}

PyObject** op_list_extend(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* none = _PyList_Extend(reinterpret_cast<PyListObject*>(sp[-1 - oparg]), sp[-1]);
  if (none == nullptr) ExplainStar(sp[-1]);
  return DropTop(frame, sp, none == nullptr ? -1 : 0);
}

PyObject** op_set_add(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return DropTop(frame, sp, PySet_Add(sp[-1 - oparg], sp[-1]));
}

PyObject** op_set_update(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return DropTop(frame, sp, _PySet_Update(sp[-1 - oparg], sp[-1]));
}

// The dictionary keeps both references that the stack had, also after an error.
PyObject** op_map_add(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  auto* map = reinterpret_cast<PyDictObject*>(sp[-2 - oparg]);
  return _PyDict_SetItem_Take2(map, sp[-2], sp[-1]) != 0 ? OpError(frame, sp - 2) : sp - 2;
}

PyObject** op_dict_update(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* update = sp[-1];
  int status = PyDict_Update(sp[-1 - oparg], update);
  if (status < 0 && PyErr_ExceptionMatches(PyExc_AttributeError)) {
    PyErr_Format(PyExc_TypeError, "'%.200s' object is not a mapping", Py_TYPE(update)->tp_name);
  }
  return DropTop(frame, sp, status);
}

// `f(**update)`: the message names the callable, which lies three below the dictionary.
PyObject** op_dict_merge(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* update = sp[-1];
  int status = _PyDict_MergeEx(sp[-1 - oparg], update, 2);
  if (status < 0) _PyEval_FormatKwargsError(ts, sp[-4 - oparg], update);
  return DropTop(frame, sp, status);
}

}  // namespace tierjit
