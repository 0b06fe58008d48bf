#include "tier2/lower/sequence_calls.h"

#include <algorithm>

#include "runtime/cpython/plain_lookup.h"
#include "runtime/cpython/enumerate_object.h"
#include "runtime/deopt/exit.h"
#include "runtime/deopt/quiet_death.h"
#include "runtime/deopt/reserve.h"
#include "runtime/helpers/collector_link.h"
#include "runtime/helpers/short_sequences.h"
#include "tier2/ir/helper.h"

namespace tierjit::tier2 {
namespace {

// What failed is left to the interpreter, which meets the same error with the frame in order.
PyObject* OrDecline(PyObject* result) {
  if (result == nullptr) PyErr_Clear();
  return result;
}
int64_t OrDecline(int status) {
  if (status < 0) PyErr_Clear();
  return status >= 0;
}

bool IsAtom(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  return type == &PyLong_Type || type == &PyFloat_Type || type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyBool_Type || o == Py_None;
}

// Whether one reference to `o` may go: others remain, or its death runs no foreign code.
bool DiesQuietly(PyObject* o) { return Py_REFCNT(o) > 1 || IsAtom(o) || tj_dies_quietly(o); }

PyObject** ItemsOf(PyObject* o) {
  return PyList_CheckExact(o) ? reinterpret_cast<PyListObject*>(o)->ob_item : reinterpret_cast<PyTupleObject*>(o)->ob_item;
}
bool HasItems(PyObject* o) { return PyList_CheckExact(o) || PyTuple_CheckExact(o); }

struct Extent {
  Py_ssize_t start, stop, step, count;
};
// As PySlice_AdjustIndices(), which divides by the step.
Extent Adjusted(int64_t start, int64_t stop, int64_t step, Py_ssize_t length) {
  Extent e{start, stop, step, 0};
  if (step != 1 && step != -1) {
    e.count = PySlice_AdjustIndices(length, &e.start, &e.stop, step);
    return e;
  }
  Py_ssize_t below = step < 0 ? -1 : 0, above = step < 0 ? length - 1 : length;
  for (Py_ssize_t* end : {&e.start, &e.stop}) *end = std::clamp(*end < 0 ? *end + length : *end, below, above);
  e.count = std::max<Py_ssize_t>(0, step < 0 ? e.start - e.stop : e.stop - e.start);
  return e;
}

// New references, every `step`th one.
void CopyItems(PyObject** to, PyObject** from, const Extent& e) {
  for (Py_ssize_t i = 0; i < e.count; i++) to[i] = Py_NewRef(from[e.start + i * e.step]);
}

// Who made it is not known here, but there is one interpreter only that runs compiled code.
PyObject* Finish(PyObject* sequence) {
  if (!_PyObject_GC_IS_TRACKED(sequence)) TrackObject(PyInterpreterState_Main(), sequence);
  return sequence;
}

PyObject* SliceByIndices(PyObject* sequence, const Extent& e) {
  bool list = PyList_CheckExact(sequence);
  if (!list && e.count == 0) return PyTuple_New(0);
  PyObject* made = list ? NewList(e.count) : NewTuple(e.count);
  if (made == nullptr) return nullptr;
  CopyItems(ItemsOf(made), ItemsOf(sequence), e);
  return Finish(made);
}

PyObject* SliceByObject(PyObject* sequence, Extent e) {
  if (e.count == 0) e = {0, 0, 1, 0};  // ends that were adjusted are not to be taken for distances from the end
  PyObject *start = PyLong_FromSsize_t(e.start), *step = PyLong_FromSsize_t(e.step);
  // Downwards to the first one: there is no number for that.
  PyObject* stop = e.stop < 0 ? Py_NewRef(Py_None) : PyLong_FromSsize_t(e.stop);
  PyObject* slice = start == nullptr || stop == nullptr || step == nullptr ? nullptr : PySlice_New(start, stop, step);
  Py_XDECREF(start);
  Py_XDECREF(stop);
  Py_XDECREF(step);
  PyObject* made = slice == nullptr ? nullptr : Py_TYPE(sequence)->tp_as_mapping->mp_subscript(sequence, slice);
  Py_XDECREF(slice);
  return made;
}

// One object may be there many times.
bool SliceDiesQuietly(PyObject** items, const Extent& e) {
  for (Py_ssize_t i = 0; i < e.count; i++) {
    PyObject* item = items[e.start + i * e.step];
    if (Py_REFCNT(item) <= e.count && !IsAtom(item) && !tj_dies_quietly(item)) return false;
  }
  return true;
}

// As many as were there.
bool ReplaceItems(PyObject** items, const Extent& e, PyObject** from) {
  if (!SliceDiesQuietly(items, e)) return false;
  for (Py_ssize_t i = 0; i < e.count; i++) {
    PyObject** at = &items[e.start + i * e.step];
    PyObject* old = *at;
    *at = Py_NewRef(from[i]);
    Py_DECREF(old);
  }
  return true;
}

// The same items in the opposite order: nobody counts.
bool Reverses(const Extent& a, const Extent& b) {
  return a.step == -b.step && a.count == b.count && b.start == a.start + (a.count - 1) * a.step;
}
void ReverseItems(PyObject** items, const Extent& e) {
  for (Py_ssize_t i = 0, j = e.count - 1; i < j; i++, j--) std::swap(items[e.start + i * e.step], items[e.start + j * e.step]);
}

int64_t SetListSlice(PyObject* list, Extent e, PyObject* value) {
  if (!HasItems(value) || value == list) return 0;
  if (e.count == Py_SIZE(value)) return ReplaceItems(ItemsOf(list), e, ItemsOf(value));
  if (e.step != 1 || !SliceDiesQuietly(ItemsOf(list), e)) return 0;
  return OrDecline(PyList_SetSlice(list, e.start, e.start + e.count, value));
}

// What was gathered as a number.
int64_t Number(PyObject* o) { return reinterpret_cast<int64_t>(o); }

int64_t SetByteSlice(PyObject* bytes, const Extent& e, PyObject* value) {
  bool plain = PyBytes_CheckExact(value) || (PyByteArray_CheckExact(value) && value != bytes);
  if (!plain || e.count != Py_SIZE(value)) return 0;
  const char* from = PyBytes_CheckExact(value) ? PyBytes_AS_STRING(value) : PyByteArray_AS_STRING(value);
  char* to = PyByteArray_AS_STRING(bytes);
  for (Py_ssize_t i = 0; i < e.count; i++) to[e.start + i * e.step] = from[i];
  return 1;
}

// Numbers alone, or text alone: comparing and adding them runs no foreign code.
bool HasPlainItems(PyObject* o) {
  if (!HasItems(o)) return false;
  PyObject** items = ItemsOf(o);
  Py_ssize_t count = Py_SIZE(o);
  if (count > 0 && PyUnicode_CheckExact(items[0])) return std::all_of(items, items + count, [](PyObject* i) { return PyUnicode_CheckExact(i); });
  return std::all_of(items, items + count, [](PyObject* i) { return PyLong_CheckExact(i) || PyFloat_CheckExact(i) || PyBool_Check(i); });
}

bool Passes(PyObject* argument, int64_t check) {
  switch (check) {
    case kExactInt: return PyLong_CheckExact(argument);
    case kPlainItems: return HasPlainItems(argument);
    default: return true;
  }
}

// Whether looking for `key` in `set` runs no foreign code.
bool FindsPlainly(PyObject* set, PyObject* key) {
  Py_hash_t hash;
  return PlainHash(key, &hash) && FindInSet(reinterpret_cast<PySetObject*>(set), key, hash) != Found::kUnknown;
}

// Where the value of `key` lies.
Found Find(PyObject* dict, PyObject* key, PyObject*** value) {
  Py_hash_t hash;
  return PlainHash(key, &hash) ? FindInDict(reinterpret_cast<PyDictObject*>(dict), key, hash, value) : Found::kUnknown;
}

PyObject* ByteSlice(PyObject* sequence, const Extent& e) {
  if (PyBytes_CheckExact(sequence)) {
    return e.count == Py_SIZE(sequence) ? Py_NewRef(sequence) : PyBytes_FromStringAndSize(PyBytes_AS_STRING(sequence) + e.start, e.count);
  }
  return PyByteArray_FromStringAndSize(PyByteArray_AS_STRING(sequence) + e.start, e.count);
}

}  // namespace

extern "C" {

PyObject* tj2_gathered[kMaxGathered];

PyObject* tj2_get_slice(PyObject* sequence, int64_t start, int64_t stop, int64_t step) {
  if (step == 0 || step < -PY_SSIZE_T_MAX) return nullptr;
  bool text = PyUnicode_CheckExact(sequence);
  Extent e = Adjusted(start, stop, step, text ? PyUnicode_GET_LENGTH(sequence) : Py_SIZE(sequence));
  if (HasItems(sequence)) {
    if (PyTuple_CheckExact(sequence) && e.step == 1 && e.count == Py_SIZE(sequence)) return Py_NewRef(sequence);
    return OrDecline(SliceByIndices(sequence, e));
  }
  if (!text && e.step == 1) return OrDecline(ByteSlice(sequence, e));
  if (e.step == 1) return OrDecline(PyUnicode_Substring(sequence, e.start, e.start + e.count));
  return OrDecline(SliceByObject(sequence, e));
}

int64_t tj2_set_slice(PyObject* sequence, int64_t start, int64_t stop, int64_t step, PyObject* value) {
  if (step == 0 || step < -PY_SSIZE_T_MAX) return 0;
  Extent e = Adjusted(start, stop, step, Py_SIZE(sequence));
  return PyList_CheckExact(sequence) ? SetListSlice(sequence, e, value) : SetByteSlice(sequence, e, value);
}

int64_t tj2_copy_slice(PyObject* to, int64_t start, int64_t stop, int64_t step) {
  PyObject* from = tj2_gathered[0];
  int64_t first = Number(tj2_gathered[1]), last = Number(tj2_gathered[2]), stride = Number(tj2_gathered[3]);
  constexpr Py_ssize_t kMostItems = 64;  // more than that hide what a list costs
  if (step == 0 || stride == 0 || step < -PY_SSIZE_T_MAX || stride < -PY_SSIZE_T_MAX) return 0;
  Extent e = Adjusted(start, stop, step, Py_SIZE(to)), f = Adjusted(first, last, stride, Py_SIZE(from));
  if (to == from && Reverses(e, f)) {
    ReverseItems(ItemsOf(to), e);
    return 1;
  }
  if (e.count == f.count && f.count <= kMostItems) {
    PyObject* items[kMostItems];
    for (Py_ssize_t i = 0; i < f.count; i++) items[i] = ItemsOf(from)[f.start + i * f.step];
    // What is in both lives on although its count is down to nothing in between: first all counts go up.
    for (Py_ssize_t i = 0; i < f.count; i++) Py_INCREF(items[i]);
    bool done = ReplaceItems(ItemsOf(to), e, items);
    for (Py_ssize_t i = 0; i < f.count; i++) Py_DECREF(items[i]);
    return done;
  }
  PyObject* value = SliceByIndices(from, f);
  if (value == nullptr) return OrDecline(-1);
  int64_t done = SetListSlice(to, e, value);
  Py_DECREF(value);
  return done;
}

PyObject* tj2_concat(PyObject* a, PyObject* b) {
  if (PyUnicode_CheckExact(a)) return OrDecline(PyUnicode_Concat(a, b));
  return OrDecline(Py_TYPE(a)->tp_as_sequence->sq_concat(a, b));
}

PyObject* tj2_repeat(PyObject* sequence, int64_t count) { return OrDecline(Py_TYPE(sequence)->tp_as_sequence->sq_repeat(sequence, count)); }

// The list grows as it does for an item that is appended.
int64_t tj2_list_reserve(PyObject* list) {
  if (_PyList_AppendTakeRef(reinterpret_cast<PyListObject*>(list), Py_None) < 0) return OrDecline(-1);
  Py_SET_SIZE(list, Py_SIZE(list) - 1);
  return 1;
}

PyObject* tj2_list_pop(PyObject* list, int64_t index) {
  PyListObject* l = reinterpret_cast<PyListObject*>(list);
  Py_ssize_t size = Py_SIZE(list);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return nullptr;
  PyObject* item = l->ob_item[index];
  // As long as half of the memory is in use, the list keeps it.
  if (size - 1 >= (l->allocated >> 1)) {
    std::copy(l->ob_item + index + 1, l->ob_item + size, l->ob_item + index);
    Py_SET_SIZE(list, size - 1);
    return item;
  }
  Py_INCREF(item);
  if (PyList_SetSlice(list, index, index + 1, nullptr) == 0) return item;
  Py_DECREF(item);
  return OrDecline(nullptr);
}

int64_t tj2_list_insert(PyObject* list, int64_t index, PyObject* item) {
  PyListObject* l = reinterpret_cast<PyListObject*>(list);
  Py_ssize_t size = Py_SIZE(list);
  if (size >= l->allocated) return OrDecline(PyList_Insert(list, index, item));
  if (index < 0) index = std::max<int64_t>(index + size, 0);
  index = std::min<int64_t>(index, size);
  std::copy_backward(l->ob_item + index, l->ob_item + size, l->ob_item + size + 1);
  l->ob_item[index] = Py_NewRef(item);
  Py_SET_SIZE(list, size + 1);
  return 1;
}

int64_t tj2_list_extend(PyObject* list, PyObject* items) {
  if (!HasItems(items)) return 0;
  return OrDecline(PyList_SetSlice(list, Py_SIZE(list), Py_SIZE(list), items));
}

int64_t tj2_list_delete(PyObject* list, int64_t index) {
  Py_ssize_t size = Py_SIZE(list);
  if (index < 0) index += size;
  if (index < 0 || index >= size || !DiesQuietly(ItemsOf(list)[index])) return 0;
  return OrDecline(PyList_SetSlice(list, index, index + 1, nullptr));
}

PyObject* tj2_list_from(PyObject* items) {
  if (!HasItems(items)) return PyRange_Check(items) ? OrDecline(PySequence_List(items)) : nullptr;
  PyObject* list = NewList(Py_SIZE(items));
  if (list == nullptr) return OrDecline(nullptr);
  CopyItems(ItemsOf(list), ItemsOf(items), Adjusted(0, PY_SSIZE_T_MAX, 1, Py_SIZE(items)));
  return Finish(list);
}

int64_t tj2_list_reverse(PyObject* list) {
  std::reverse(ItemsOf(list), ItemsOf(list) + Py_SIZE(list));
  return 1;
}

int64_t tj2_list_clear(PyObject* list) {
  if (!SliceDiesQuietly(ItemsOf(list), Adjusted(0, PY_SSIZE_T_MAX, 1, Py_SIZE(list)))) return 0;
  return OrDecline(PyList_SetSlice(list, 0, Py_SIZE(list), nullptr));
}

int64_t tj2_set_add(PyObject* set, PyObject* key) { return FindsPlainly(set, key) ? OrDecline(PySet_Add(set, key)) : 0; }

PyObject* tj2_dict_get(PyObject* dict, PyObject* key, PyObject* otherwise) {
  PyObject** value;
  switch (Find(dict, key, &value)) {
    case Found::kYes: return Py_NewRef(*value);
    case Found::kNo: return Py_NewRef(otherwise);
    default: return nullptr;
  }
}

int64_t tj2_delete_item(PyObject* dict, PyObject* key) {
  PyDictObject* d = reinterpret_cast<PyDictObject*>(dict);
  PyObject** value;
  if ((d->ma_version_tag & DICT_WATCHER_MASK) != 0 || d->ma_values != nullptr) return 0;
  if (Find(dict, key, &value) != Found::kYes || !DiesQuietly(*value)) return 0;
  // The dict's own key is equal to `key`, but may be of another type.
  PyObject* own = DK_IS_UNICODE(d->ma_keys) ? key : reinterpret_cast<PyDictKeyEntry*>(reinterpret_cast<char*>(value) - offsetof(PyDictKeyEntry, me_value))->me_key;
  if (!DiesQuietly(own)) return 0;
  return OrDecline(PyDict_DelItem(dict, key));
}

PyObject* tj2_make_list(int64_t count) {
  PyObject* list = Surely([&] { return NewList(count); });
  std::copy_n(tj2_gathered, count, ItemsOf(list));
  return Finish(list);
}

PyObject* tj2_make_iter(int64_t kind, int64_t count, int64_t position, int64_t number) {
  PyObject* sources = Surely([&] { return PyList_New(count); });
  for (int64_t i = 0; i < count; i++) PyList_SET_ITEM(sources, i, Py_NewRef(tj2_gathered[i]));
  PyObject* it = FreshIterator(static_cast<int>(kind), sources, position);
  if (kind == kFreshEnumerate) reinterpret_cast<EnumerateObject*>(it)->index = number;
  return it;
}
PyObject* tj2_make_empty_dict() { return Surely([] { return PyDict_New(); }); }
PyObject* tj2_make_empty_set() { return Surely([] { return PySet_New(nullptr); }); }

PyObject* tj2_call_c(const PyMethodDef* method, PyObject* self, int64_t count, int64_t checks) {
  using Fast = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);
  using FastKeywords = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
  for (int64_t i = 0; i < count && checks != 0; i++, checks >>= kBitsOfCheck) {
    if (!Passes(tj2_gathered[i], checks & ((1 << kBitsOfCheck) - 1))) return nullptr;
  }
  void* function = reinterpret_cast<void*>(method->ml_meth);
  switch (method->ml_flags & (METH_VARARGS | METH_FASTCALL | METH_NOARGS | METH_O | METH_KEYWORDS | METH_METHOD)) {
    case METH_NOARGS: return count == 0 ? OrDecline(method->ml_meth(self, nullptr)) : nullptr;
    case METH_O: return count == 1 ? OrDecline(method->ml_meth(self, tj2_gathered[0])) : nullptr;
    case METH_FASTCALL: return OrDecline(reinterpret_cast<Fast>(function)(self, tj2_gathered, count));
    case METH_FASTCALL | METH_KEYWORDS: return OrDecline(reinterpret_cast<FastKeywords>(function)(self, tj2_gathered, count, nullptr));
    default: return nullptr;
  }
}

}  // extern "C"

}  // namespace tierjit::tier2
