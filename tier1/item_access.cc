#include "tier1/item_access.h"

#include <cstring>

#include "tier1/array_access.h"
#include "runtime/watch/watchers.h"
#include "tier1/class_facts.h"
#include "tier1/free_lists.h"
#include "tier1/global_cache.h"
#include "runtime/cpython/plain_lookup.h"
#include "runtime/deopt/reserve.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

// Whatever failed is left to the handler, which meets the same error with the frame in order.
PyObject* OrDecline(PyObject* result) {
  if (result == nullptr) PyErr_Clear();
  return result;
}

bool CompactIndex(PyObject* key) { return PyLong_CheckExact(key) && _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(key)); }

// False when out of range.
bool IndexIn(PyObject* key, Py_ssize_t size, Py_ssize_t* index) {
  Py_ssize_t i = _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(key));
  if (i < 0) i += size;
  *index = i;
  return i >= 0 && i < size;
}

bool IsNumber(PyObject* o) { return PyLong_CheckExact(o) || PyFloat_CheckExact(o); }

bool IsPlainBound(PyObject* o) { return o == Py_None || PyLong_CheckExact(o); }

bool IsPlainSlice(PyObject* o) {
  if (!PySlice_Check(o)) return false;
  PySliceObject* slice = reinterpret_cast<PySliceObject*>(o);
  return IsPlainBound(slice->start) && IsPlainBound(slice->stop) && IsPlainBound(slice->step);
}

bool IsSequence(PyTypeObject* type) {
  return type == &PyList_Type || type == &PyTuple_Type || type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyByteArray_Type;
}

// Types of the standard library whose element access with an int runs no Python code and keeps the GIL.
bool HasPureElements(PyTypeObject* type) {
  if (type == &PyBytes_Type || type == &PyByteArray_Type || type == &PyRange_Type || type == &PyMemoryView_Type) return true;
  constexpr unsigned long kOfExtensions = Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HEAPTYPE;
  if ((type->tp_flags & kOfExtensions) != kOfExtensions) return false;
  return std::strcmp(type->tp_name, "array.array") == 0 || std::strcmp(type->tp_name, "collections.deque") == 0;
}

PyObject* Character(PyObject* text, Py_ssize_t i) {
  Py_UCS4 c = PyUnicode_READ_CHAR(text, i);
  return c < 256 ? Py_NewRef(tj_rt.latin1_chars[c]) : OrDecline(PyUnicode_FromOrdinal(static_cast<int>(c)));
}

PyObject* GetByIndex(PyObject* container, PyObject* key) {
  Py_ssize_t i;
  if (PyList_CheckExact(container)) {
    return IndexIn(key, PyList_GET_SIZE(container), &i) ? Py_NewRef(PyList_GET_ITEM(container, i)) : nullptr;
  }
  if (PyTuple_CheckExact(container)) {
    return IndexIn(key, PyTuple_GET_SIZE(container), &i) ? Py_NewRef(PyTuple_GET_ITEM(container, i)) : nullptr;
  }
  if (PyUnicode_CheckExact(container)) {
    return IndexIn(key, PyUnicode_GET_LENGTH(container), &i) ? Character(container, i) : nullptr;
  }
  if (IsDoubleArray(container)) {
    double* element = DoubleElement(container, _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(key)));
    return element != nullptr ? ListedFloat(*element) : nullptr;
  }
  return HasPureElements(Py_TYPE(container)) ? OrDecline(PyObject_GetItem(container, key)) : nullptr;
}

// What a subclass of dict or of a set has from that. Its slots do not tell: they ask for the methods, inherited or not.
enum Inherited : uint8_t { kGets = 1, kSets = 2, kContains = 4 };
struct InheritedAccess {
  uint32_t version;
  uint8_t flags;
};
constexpr uint32_t kInheritedSize = 64;
InheritedAccess g_inherited[kInheritedSize];

bool SameMethod(PyTypeObject* type, PyTypeObject* base, PyObject* name) {
  PyObject* method = _PyType_Lookup(base, name);
  return method != nullptr && _PyType_Lookup(type, name) == method;
}

uint8_t FindInherited(PyTypeObject* type, PyTypeObject* base) {
  static PyObject* const get = Interned("__getitem__");
  static PyObject* const set = Interned("__setitem__");
  static PyObject* const contains = Interned("__contains__");
  if (!LookupIsPure(type)) return 0;
  bool dict = base == &PyDict_Type;
  return static_cast<uint8_t>((dict && SameMethod(type, base, get) ? kGets : 0) | (dict && SameMethod(type, base, set) ? kSets : 0) |
                              (SameMethod(type, base, contains) ? kContains : 0));
}

// Whether `type`, derived from `base`, has that form of access from it.
[[gnu::noinline]] bool InheritsAccess(PyTypeObject* type, PyTypeObject* base, Inherited form) {
  uint32_t version = VersionOf(type);
  if (version == 0) return false;
  InheritedAccess& known = g_inherited[version % kInheritedSize];
  if (known.version != version) known = {version, FindInherited(type, base)};
  return (known.flags & form) != 0;
}

// What a dict lacks may still be had by `__missing__`.
inline bool IsAsDict(PyObject* o, Inherited form) {
  return PyDict_CheckExact(o) || (PyDict_Check(o) && InheritsAccess(Py_TYPE(o), &PyDict_Type, form));
}
inline bool ContainsAsSet(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PySet_Type || type == &PyFrozenSet_Type) return true;
  if (!PyAnySet_Check(o)) return false;
  return InheritsAccess(type, PyType_IsSubtype(type, &PySet_Type) ? &PySet_Type : &PyFrozenSet_Type, kContains);
}

PyObject* GetFromDict(PyObject* dict, PyObject* key) {
  Py_hash_t hash;
  PyObject** value;
  if (!PlainHash(key, &hash)) return nullptr;
  return FindInDict(reinterpret_cast<PyDictObject*>(dict), key, hash, &value) == Found::kYes ? Py_NewRef(*value) : nullptr;
}

// Versions of dicts that are changed here: numbers that the interpreter's own counter does not reach.
uint64_t NextVersion() {
  static uint64_t last = uint64_t{1} << 63;
  return last += DICT_VERSION_INCREMENT;
}

PyObject* ReplaceInDict(PyDictObject* dict, PyObject** slot, PyObject* value) {
  PyObject* old = *slot;
  if (old == value) return Py_None;
  if (!_PyObject_GC_IS_TRACKED(dict) && _PyObject_GC_MAY_BE_TRACKED(value)) PyObject_GC_Track(dict);
  *slot = Py_NewRef(value);
  dict->ma_version_tag = NextVersion() | (dict->ma_version_tag & DICT_WATCHER_AND_MODIFICATION_MASK);
  return old;
}

// Whether nobody is to be told that `dict` has another value for `name`.
bool ChangesUnseen(PyDictObject* dict, PyObject* name) {
  uint64_t watchers = dict->ma_version_tag & DICT_WATCHER_MASK;
  return watchers == 0 || (WatchesDictAlone(dict) && IsUnheeded(reinterpret_cast<PyObject*>(dict), name));
}

bool DiesPlainly(PyObject* o);

// Watched dicts tell others, and instances' dicts share their keys: the interpreter's job. `quietly`: declines unless what lay there before
// can die at once.
PyObject* SetInDict(PyDictObject* dict, PyObject* key, PyObject* value, bool quietly = false) {
  if ((dict->ma_version_tag & DICT_WATCHER_MASK) != 0 || dict->ma_values != nullptr) return nullptr;
  Py_hash_t hash;
  if (!PlainHash(key, &hash)) return nullptr;
  PyObject** slot;
  switch (FindInDict(dict, key, hash, &slot)) {
    case Found::kYes: return quietly && *slot != value && !DiesPlainly(*slot) ? nullptr : ReplaceInDict(dict, slot, value);
    case Found::kUnknown: return nullptr;
    default: break;
  }
  bool added = _PyDict_SetItem_KnownHash(reinterpret_cast<PyObject*>(dict), key, value, hash) == 0;
  return OrDecline(added ? Py_None : nullptr);
}

PyObject* SetByIndex(PyObject* container, PyObject* key, PyObject* value) {
  if (PyList_CheckExact(container)) {
    Py_ssize_t i;
    if (!IndexIn(key, PyList_GET_SIZE(container), &i)) return nullptr;
    PyObject* old = PyList_GET_ITEM(container, i);
    PyList_SET_ITEM(container, i, Py_NewRef(value));
    return old;
  }
  if (!IsNumber(value)) return nullptr;
  if (PyFloat_CheckExact(value) && IsDoubleArray(container)) {
    double* element = DoubleElement(container, _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(key)));
    if (element == nullptr) return nullptr;
    *element = PyFloat_AS_DOUBLE(value);
    return Py_None;
  }
  // Without deques, whose old elements die within.
  PyMappingMethods* mapping = Py_TYPE(container)->tp_as_mapping;
  if (!HasPureElements(Py_TYPE(container)) || mapping == nullptr || mapping->mp_ass_subscript == nullptr) return nullptr;
  return OrDecline(mapping->mp_ass_subscript(container, key, value) == 0 ? Py_None : nullptr);
}

Found ContainsPlain(PyObject* item, PyObject* container) {
  PyTypeObject* type = Py_TYPE(container);
  if (type == &PyList_Type) return FindInSequence(reinterpret_cast<PyListObject*>(container)->ob_item, Py_SIZE(container), item);
  if (type == &PyTuple_Type) return FindInSequence(reinterpret_cast<PyTupleObject*>(container)->ob_item, Py_SIZE(container), item);
  bool inside = (type == &PyUnicode_Type && PyUnicode_CheckExact(item)) || (type == &PyRange_Type && PyLong_CheckExact(item)) ||
                (type == &PyBytes_Type && (PyLong_CheckExact(item) || PyBytes_CheckExact(item)));
  if (inside) {
    int found = PySequence_Contains(container, item);
    if (found < 0) PyErr_Clear();
    return found < 0 ? Found::kUnknown : found ? Found::kYes : Found::kNo;
  }
  Py_hash_t hash;
  PyObject** value;
  if (type == &PyDictProxy_Type) {
    // `vars()` of a class. It has nothing but the mapping.
    if (PyDictProxy_Type.tp_basicsize != sizeof(PyObject) + sizeof(PyObject*)) return Found::kUnknown;
    container = *reinterpret_cast<PyObject**>(container + 1);
    type = Py_TYPE(container);
  } else if (type == &PyDictKeys_Type) {
    container = reinterpret_cast<PyObject*>(reinterpret_cast<_PyDictViewObject*>(container)->dv_dict);
    if (container == nullptr) return Found::kUnknown;
    type = Py_TYPE(container);
  }
  if (IsAsDict(container, kContains)) {
    return PlainHash(item, &hash) ? FindInDict(reinterpret_cast<PyDictObject*>(container), item, hash, &value) : Found::kUnknown;
  }
  if (ContainsAsSet(container)) {
    return PlainHash(item, &hash) ? FindInSet(reinterpret_cast<PySetObject*>(container), item, hash) : Found::kUnknown;
  }
  return Found::kUnknown;
}

// Whether the death of an operand, if the stencil drops the last reference, runs no foreign code.
bool DiesPlainly(PyObject* o) {
  if (Py_REFCNT(o) > 1 || PyUnicode_CheckExact(o) || IsNumber(o) || PyBytes_CheckExact(o)) return true;
  if (!PyTuple_CheckExact(o)) return IsPlainSlice(o);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); i++) {
    PyObject* item = PyTuple_GET_ITEM(o, i);
    if (Py_REFCNT(item) == 1 && !PyUnicode_CheckExact(item) && !IsNumber(item) && !PyBytes_CheckExact(item)) return false;
  }
  return true;
}

}  // namespace

PyObject* ReplaceInNamespace(PyDictObject* dict, PyObject* name, PyObject* value) {
  PyObject** slot;
  if (dict->ma_values != nullptr || !ChangesUnseen(dict, name)) return nullptr;
  Found found = FindInDict(dict, name, reinterpret_cast<PyASCIIObject*>(name)->hash, &slot);
  return found == Found::kYes ? ReplaceInDict(dict, slot, value) : nullptr;
}

extern "C" {

PyObject* tj_get_item(PyObject* container, PyObject* key) {
  if (IsAsDict(container, kGets)) return DiesPlainly(key) ? GetFromDict(container, key) : nullptr;
  if (CompactIndex(key)) return GetByIndex(container, key);
  if (!IsSequence(Py_TYPE(container)) || !IsPlainSlice(key)) return nullptr;
  return OrDecline(Py_TYPE(container)->tp_as_mapping->mp_subscript(container, key));
}

PyObject* tj_set_item(PyObject* container, PyObject* key, PyObject* value) {
  if (IsAsDict(container, kSets)) {
    return DiesPlainly(key) ? SetInDict(reinterpret_cast<PyDictObject*>(container), key, value) : nullptr;
  }
  return CompactIndex(key) ? SetByIndex(container, key, value) : nullptr;
}

int64_t tj_store_in_dict(PyObject* dict, PyObject* key, PyObject* value) {
  PyObject* old = SetInDict(reinterpret_cast<PyDictObject*>(dict), key, value, true);
  if (old == nullptr) return 0;
  if (old != Py_None) tj_decref(old);
  return 1;
}

PyObject* tj_contains(PyObject* item, PyObject* container) {
  Found found = DiesPlainly(item) ? ContainsPlain(item, container) : Found::kUnknown;
  return found == Found::kUnknown ? nullptr : found == Found::kYes ? Py_True : Py_False;
}

}  // extern "C"

void ForgetInheritedAccess() {
  for (InheritedAccess& known : g_inherited) known = InheritedAccess{};
}

}  // namespace tierjit::tier1
