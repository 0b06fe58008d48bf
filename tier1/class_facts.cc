#include "tier1/class_facts.h"

namespace tierjit::tier1 {
namespace {

bool SameName(PyObject* key, PyObject* name) {
  if (key == name) return true;
  return key != nullptr && PyUnicode_CheckExact(key) && !PyUnicode_CHECK_INTERNED(key) && PyUnicode_Compare(key, name) == 0;
}

bool HasInlineValues(PyTypeObject* type) { return type->tp_flags & Py_TPFLAGS_INLINE_VALUES; }

}  // namespace

bool LookupIsPure(PyTypeObject* type) {
  PyObject* mro = type->tp_mro;
  if (mro == nullptr) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); i++) {
    PyObject* dict = PyType_GetDict(reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i)));
    bool pure = dict != nullptr && OnlyStrKeys(dict);
    Py_XDECREF(dict);
    if (!pure) return false;
  }
  return true;
}

uint32_t VersionOf(PyTypeObject* type) {
  if (type->tp_version_tag == 0) PyUnstable_Type_AssignVersionTag(type);
  return type->tp_version_tag;
}

Py_ssize_t SharedKeyIndex(PyTypeObject* type, PyObject* name) {
  PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
  if (keys == nullptr || keys->dk_kind != DICT_KEYS_SPLIT) return -1;
  PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  for (Py_ssize_t i = 0; i < keys->dk_nentries; i++) {
    if (SameName(entries[i].me_key, name)) return i;  // names from outside need not be interned
  }
  return -1;
}

int32_t ValueOffset(PyTypeObject* type, Py_ssize_t index) {
  return static_cast<int32_t>(type->tp_basicsize + offsetof(PyDictValues, values) + index * 8);
}

int32_t SlotOffsetOf(PyTypeObject* type, PyObject* descr) {
  if (Py_TYPE(descr) != &PyMemberDescr_Type) return -1;
  PyMemberDescrObject* member = reinterpret_cast<PyMemberDescrObject*>(descr);
  if (member->d_member->type != Py_T_OBJECT_EX || (member->d_member->flags & (Py_READONLY | Py_AUDIT_READ)) != 0) return -1;
  if (!PyType_IsSubtype(type, member->d_common.d_type)) return -1;
  return static_cast<int32_t>(member->d_member->offset);
}

bool InlineValuesValid(PyObject* owner) {
  return HasInlineValues(Py_TYPE(owner)) && _PyObject_InlineValues(owner)->valid;
}

}  // namespace tierjit::tier1
