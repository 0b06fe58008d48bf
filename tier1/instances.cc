#include "tier1/instances.h"

#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr uint32_t kBlocks = 64;
constexpr size_t kTypes = 128;      // direct mapped by address
constexpr int kMaxNesting = 20;     // deaths within deaths; deeper ones are left to the interpreter's trashcan
// In front of an object of these classes: weak reference list, dict, and the collector's two words.
constexpr size_t kPreHeader = 4 * sizeof(PyObject*);

struct InstanceList {
  PyTypeObject* type;  // compared only; another type may have taken its address, hence the version
  uint32_t version;
  uint32_t count;
  PyObject* blocks[kBlocks];
};
InstanceList g_lists[kTypes];
destructor g_plain_dealloc = nullptr;
bool g_on = false;
int g_nesting = 0;

InstanceList& ListOf(PyTypeObject* type) { return g_lists[(reinterpret_cast<uintptr_t>(type) >> 6) % kTypes]; }

void Empty(InstanceList& list) {
  while (list.count > 0) PyObject_Free(reinterpret_cast<char*>(list.blocks[--list.count]) - kPreHeader);
}

PyDictValues* ValuesOf(PyObject* o) {
  return reinterpret_cast<PyDictValues*>(reinterpret_cast<char*>(o) + sizeof(PyObject));
}
PyObject*& DictOf(PyObject* o) { return reinterpret_cast<PyObject**>(o)[-3]; }
PyObject*& WeakrefsOf(PyObject* o) { return reinterpret_cast<PyObject**>(o)[-4]; }

bool IsPlain(PyTypeObject* type) {
  constexpr unsigned long kWanted = Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_INLINE_VALUES | Py_TPFLAGS_MANAGED_DICT |
                                    Py_TPFLAGS_MANAGED_WEAKREF;
  return (type->tp_flags & kWanted) == kWanted && type->tp_dealloc == g_plain_dealloc && type->tp_free == PyObject_GC_Del &&
         type->tp_basicsize == sizeof(PyObject) && type->tp_itemsize == 0 && type->tp_finalize == nullptr && type->tp_del == nullptr;
}

// As in the interpreter, each new instance takes the room for one more attribute away from later ones.
Py_ssize_t UsableAfterNext(const PyDictKeysObject* keys) { return keys->dk_usable > 1 ? keys->dk_usable - 1 : keys->dk_usable; }

// Sizes are visible, so only a block with just the room that the interpreter would give is used.
bool TakeRoom(PyTypeObject* type, const PyDictValues* values) {
  PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
  if (keys == nullptr || values->capacity != keys->dk_nentries + UsableAfterNext(keys)) return false;
  keys->dk_usable = UsableAfterNext(keys);
  return true;
}

}  // namespace

void InitialiseInstances() {
  PyObject* probe = PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "s(){}", "tierjit_probe");
  if (probe == nullptr) return PyErr_Clear();
  g_plain_dealloc = reinterpret_cast<PyTypeObject*>(probe)->tp_dealloc;
  Py_DECREF(probe);
}

PyObject* NewInstance(PyTypeObject* type) {
  InstanceList& list = ListOf(type);
  bool same = list.type == type && list.version == type->tp_version_tag;
  if (!same || list.count == 0) return PyType_GenericAlloc(type, 0);
  PyObject* o = list.blocks[list.count - 1];
  if (!TakeRoom(type, ValuesOf(o))) {
    Empty(list);
    return PyType_GenericAlloc(type, 0);
  }
  list.count--;
  o->ob_refcnt = 1;
  o->ob_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type));
  ValuesOf(o)->size = 0;
  ValuesOf(o)->embedded = 1;
  ValuesOf(o)->valid = 1;
  PyObject_GC_Track(o);
  return o;
}

bool KeepInstance(PyObject* dead) {
  PyTypeObject* type = Py_TYPE(dead);
  if (!g_on || g_nesting >= kMaxNesting || type->tp_version_tag == 0 || !IsPlain(type)) return false;
  PyDictValues* values = ValuesOf(dead);
  if (!values->valid || DictOf(dead) != nullptr || WeakrefsOf(dead) != nullptr) return false;
  g_nesting++;
  PyObject_GC_UnTrack(dead);
  for (int i = 0; i < values->capacity; i++) {
    PyObject* value = values->values[i];
    values->values[i] = nullptr;
    if (value != nullptr) tj_decref(value);
  }
  g_nesting--;
  InstanceList& list = ListOf(type);
  if (list.type != type || list.version != type->tp_version_tag) {
    Empty(list);
    list.type = type;
    list.version = type->tp_version_tag;
  }
  if (list.count < kBlocks && g_on) {
    list.blocks[list.count++] = dead;
  } else {
    PyObject_GC_Del(dead);
  }
  Py_DECREF(type);
  return true;
}

void SwitchInstances(bool on) { g_on = on && g_plain_dealloc != nullptr; }

void FlushInstances() {
  for (InstanceList& list : g_lists) Empty(list);
}

}  // namespace tierjit::tier1
