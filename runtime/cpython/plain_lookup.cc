#include "runtime/cpython/plain_lookup.h"

#include <cstring>

namespace tierjit {
namespace {

constexpr int kMaxNesting = 4;  // of tuples in keys

// Types by the way they compare. Objects of different groups are never equal, kForeign apart.
enum class Group { kNumber, kText, kBytes, kTuple, kIdentity, kForeign };

bool ComparesAs(PyTypeObject* type, PyTypeObject* base) {
  return type->tp_hash == base->tp_hash && type->tp_richcompare == base->tp_richcompare;
}

// Subclasses that compare as their builtin base does.
Group GroupOfSubclass(PyTypeObject* type) {
  if (PyType_HasFeature(type, Py_TPFLAGS_LONG_SUBCLASS) && ComparesAs(type, &PyLong_Type)) return Group::kNumber;
  if (PyType_HasFeature(type, Py_TPFLAGS_UNICODE_SUBCLASS) && ComparesAs(type, &PyUnicode_Type)) return Group::kText;
  if (PyType_HasFeature(type, Py_TPFLAGS_TUPLE_SUBCLASS) && ComparesAs(type, &PyTuple_Type)) return Group::kTuple;
  return ComparesAs(type, &PyBaseObject_Type) ? Group::kIdentity : Group::kForeign;
}

Group GroupOf(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PyUnicode_Type) return Group::kText;
  if (type == &PyLong_Type || type == &PyFloat_Type) return Group::kNumber;
  if (type == &PyTuple_Type) return Group::kTuple;
  if (type == &PyBytes_Type) return Group::kBytes;
  return o == Py_None ? Group::kIdentity : GroupOfSubclass(type);
}

Found AsFound(bool yes) { return yes ? Found::kYes : Found::kNo; }

bool SameText(PyObject* a, PyObject* b) {
  if (PyUnicode_GET_LENGTH(a) != PyUnicode_GET_LENGTH(b) || PyUnicode_KIND(a) != PyUnicode_KIND(b)) return false;
  return std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(PyUnicode_GET_LENGTH(a)) * PyUnicode_KIND(a)) == 0;
}

bool SameInt(PyObject* a, PyObject* b) {
  const _PyLongValue& x = reinterpret_cast<PyLongObject*>(a)->long_value;
  const _PyLongValue& y = reinterpret_cast<PyLongObject*>(b)->long_value;
  if (x.lv_tag != y.lv_tag) return false;
  if (x.lv_tag < (2 << 3)) return x.lv_tag < (1 << 3) || x.ob_digit[0] == y.ob_digit[0];
  return std::memcmp(x.ob_digit, y.ob_digit, (x.lv_tag >> 3) * sizeof(digit)) == 0;
}

bool SameBytes(PyObject* a, PyObject* b) {
  return Py_SIZE(a) == Py_SIZE(b) && std::memcmp(PyBytes_AS_STRING(a), PyBytes_AS_STRING(b), static_cast<size_t>(Py_SIZE(a))) == 0;
}

Found Equal(PyObject* a, PyObject* b, int nesting);

// In order up to the first difference.
Found EqualTuples(PyObject* a, PyObject* b, int nesting) {
  if (nesting >= kMaxNesting) return Found::kUnknown;
  Py_ssize_t n = PyTuple_GET_SIZE(a) < PyTuple_GET_SIZE(b) ? PyTuple_GET_SIZE(a) : PyTuple_GET_SIZE(b);
  for (Py_ssize_t i = 0; i < n; i++) {
    Found same = Equal(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i), nesting + 1);
    if (same != Found::kYes) return same;
  }
  return AsFound(PyTuple_GET_SIZE(a) == PyTuple_GET_SIZE(b));
}

Found EqualNumbers(PyObject* a, PyObject* b) {
  if (PyLong_Check(a) && PyLong_Check(b)) return AsFound(SameInt(a, b));
  if (PyFloat_CheckExact(a) && PyFloat_CheckExact(b)) return AsFound(PyFloat_AS_DOUBLE(a) == PyFloat_AS_DOUBLE(b));
  return Found::kUnknown;
}

Found Equal(PyObject* a, PyObject* b, int nesting) {
  if (a == b) return Found::kYes;
  Group group = GroupOf(a);
  Group other = GroupOf(b);
  if (group == Group::kForeign || other == Group::kForeign) return Found::kUnknown;
  if (group != other) {
    // Bytes and text: the interpreter may be told to warn.
    bool warns = (group == Group::kBytes || other == Group::kBytes) && (group == Group::kText || other == Group::kText);
    return warns ? Found::kUnknown : Found::kNo;
  }
  switch (group) {
    case Group::kText: return AsFound(SameText(a, b));
    case Group::kNumber: return EqualNumbers(a, b);
    case Group::kBytes: return AsFound(SameBytes(a, b));
    case Group::kTuple: return EqualTuples(a, b, nesting);
    default: return Found::kNo;
  }
}

bool Hash(PyObject* key, Py_hash_t* hash, int nesting) {
  switch (GroupOf(key)) {
    case Group::kForeign: return false;
    case Group::kTuple:
      if (nesting >= kMaxNesting) return false;
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
        if (!Hash(PyTuple_GET_ITEM(key, i), hash, nesting + 1)) return false;
      }
      // The items once more: keys are short.
      [[fallthrough]];
    default: *hash = Py_TYPE(key)->tp_hash(key); return true;
  }
}

// Entry number at place `i` of the hash table.
inline Py_ssize_t IndexAt(const PyDictKeysObject* keys, size_t i) {
  int log2_size = keys->dk_log2_size;
  const char* indices = keys->dk_indices;
  if (log2_size < 8) return reinterpret_cast<const int8_t*>(indices)[i];
  if (log2_size < 16) return reinterpret_cast<const int16_t*>(indices)[i];
  if (log2_size < 32) return reinterpret_cast<const int32_t*>(indices)[i];
  return static_cast<Py_ssize_t>(reinterpret_cast<const int64_t*>(indices)[i]);
}

// Calls `match(entry number)` along the probe sequence of `hash` until it answers other than kNo.
template <class Match>
inline Found Probe(const PyDictKeysObject* keys, Py_hash_t hash, Match match) {
  size_t mask = (size_t{1} << keys->dk_log2_size) - 1;
  size_t perturb = static_cast<size_t>(hash);
  for (size_t i = static_cast<size_t>(hash) & mask;; i = (i * 5 + perturb + 1) & mask) {
    Py_ssize_t index = IndexAt(keys, i);
    if (index == DKIX_EMPTY) return Found::kNo;
    if (index >= 0) {
      Found found = match(index);
      if (found != Found::kNo) return found;
    }
    perturb >>= 5;
  }
}

Found FindText(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject*** value) {
  PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(dict->ma_keys);
  return Probe(dict->ma_keys, hash, [=](Py_ssize_t index) {
    PyObject* other = entries[index].me_key;
    bool same = other == key || (reinterpret_cast<PyASCIIObject*>(other)->hash == hash && SameText(other, key));
    if (!same) return Found::kNo;
    *value = dict->ma_values != nullptr ? &dict->ma_values->values[index] : &entries[index].me_value;
    return **value != nullptr ? Found::kYes : Found::kUnknown;
  });
}

}  // namespace

bool PlainHash(PyObject* key, Py_hash_t* hash) {
  if (PyUnicode_CheckExact(key)) {
    *hash = reinterpret_cast<PyASCIIObject*>(key)->hash;
    if (*hash == -1) *hash = PyUnicode_Type.tp_hash(key);
    return true;
  }
  if (PyLong_CheckExact(key) && _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(key))) {
    *hash = _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(key));
    if (*hash == -1) *hash = -2;
    return true;
  }
  return Hash(key, hash, 0);
}

Found PlainEqual(PyObject* a, PyObject* b) { return Equal(a, b, 0); }

Found FindInDict(PyDictObject* dict, PyObject* key, Py_hash_t hash, PyObject*** value) {
  if (dict->ma_keys->dk_kind != DICT_KEYS_GENERAL) {
    // Nothing that is plain and no text is equal to text.
    return PyUnicode_Check(key) ? FindText(dict, key, hash, value) : Found::kNo;
  }
  PyDictKeyEntry* entries = DK_ENTRIES(dict->ma_keys);
  return Probe(dict->ma_keys, hash, [=](Py_ssize_t index) {
    PyDictKeyEntry& entry = entries[index];
    if (entry.me_key != key) {
      if (entry.me_hash != hash) return Found::kNo;
      Found same = PlainEqual(entry.me_key, key);
      if (same != Found::kYes) return same;
    }
    *value = &entry.me_value;
    return Found::kYes;
  });
}

Found FindInSet(PySetObject* set, PyObject* key, Py_hash_t hash) {
  constexpr size_t kLinearProbes = 9;
  size_t mask = static_cast<size_t>(set->mask);
  size_t perturb = static_cast<size_t>(hash);
  size_t i = static_cast<size_t>(hash) & mask;
  while (true) {
    const setentry* entry = &set->table[i];
    const setentry* last = i + kLinearProbes <= mask ? entry + kLinearProbes : entry;
    for (; entry <= last; entry++) {
      if (entry->key == nullptr) return Found::kNo;
      if (entry->hash != hash) continue;
      Found same = PlainEqual(entry->key, key);
      if (same != Found::kNo) return same;
    }
    perturb >>= 5;
    i = (i * 5 + 1 + perturb) & mask;
  }
}

// Ints of one digit among each other, up to the first item that is something else; its index.
Py_ssize_t FindShortInt(PyObject** items, Py_ssize_t size, PyObject* key, bool* found) {
  for (Py_ssize_t i = 0; i < size; i++) {
    if (!PyLong_CheckExact(items[i])) return i;
    if (SameInt(items[i], key)) {
      *found = true;
      return i;
    }
  }
  return size;
}

Found FindInSequence(PyObject** items, Py_ssize_t size, PyObject* key) {
  if (PyLong_CheckExact(key) && _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(key))) {
    bool found = false;
    Py_ssize_t passed = FindShortInt(items, size, key, &found);
    if (found) return Found::kYes;
    items += passed;
    size -= passed;
  }
  for (Py_ssize_t i = 0; i < size; i++) {
    Found same = PlainEqual(items[i], key);
    if (same != Found::kNo) return same;
  }
  return Found::kNo;
}

}  // namespace tierjit
