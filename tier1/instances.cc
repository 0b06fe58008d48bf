#include "tier1/instances.h"

#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr uint32_t kBlocks = 64;
constexpr size_t kTypes = 128;      // direct mapped by address
constexpr int kNoRoom = 256;         // more than a capacity can be
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

// Values that a new instance must have room for. As in the interpreter, each new one takes the room for one more attribute away
// from later ones; sizes are visible, so only a block of just that room is used.
int TakeRoom(PyTypeObject* type) {
  PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
  if (keys == nullptr) return kNoRoom;
  if (keys->dk_usable > 1) keys->dk_usable--;
  return static_cast<int>(keys->dk_nentries + keys->dk_usable);
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
  if (ValuesOf(o)->capacity != TakeRoom(type)) {
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

void SwitchInstances(bool on) {
  g_on = on && g_plain_dealloc != nullptr;
  if (g_on) return;
  for (InstanceList& list : g_lists) Empty(list);
}

}  // namespace tierjit::tier1
