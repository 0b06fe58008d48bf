#include "tier1/instances.h"

#include "runtime/deopt/quiet_death.h"
#include "runtime/helpers/collector_link.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

destructor g_plain_dealloc = nullptr;

namespace {

constexpr uint32_t kBlocks = 64;
constexpr size_t kTypes = 128;      // direct mapped by address
constexpr int kMaxNesting = 20;     // deaths within deaths; deeper ones are left to the interpreter's trashcan
// In front of an object: the collector's two words; before those of an object with inline values, weak reference list and dict.
constexpr size_t kCollectorWords = 2 * sizeof(PyObject*);
constexpr size_t kManagedWords = 2 * sizeof(PyObject*);

enum class Layout : uint8_t { kOther, kValues, kSlots };

struct InstanceList {
  PyTypeObject* type;  // compared only; another type may have taken its address, hence the version
  uint32_t version;
  uint16_t count;
  Layout layout;
  PyObject* blocks[kBlocks];
};
InstanceList g_lists[kTypes];
bool g_on = false;
int g_nesting = 0;

InstanceList& ListOf(PyTypeObject* type) { return g_lists[(reinterpret_cast<uintptr_t>(type) >> 6) % kTypes]; }

bool IsFor(const InstanceList& list, PyTypeObject* type) { return list.type == type && list.version == type->tp_version_tag; }

void Empty(InstanceList& list) {
  size_t before = kCollectorWords + (list.layout == Layout::kValues ? kManagedWords : 0);
  while (list.count > 0) PyObject_Free(reinterpret_cast<char*>(list.blocks[--list.count]) - before);
}

PyDictValues* ValuesOf(PyObject* o) {
  return reinterpret_cast<PyDictValues*>(reinterpret_cast<char*>(o) + sizeof(PyObject));
}
PyObject*& DictOf(PyObject* o) { return reinterpret_cast<PyObject**>(o)[-3]; }
PyObject*& WeakrefsOf(PyObject* o) { return reinterpret_cast<PyObject**>(o)[-4]; }

// Whether `__slots__` of `type` and its bases account for every byte behind the header.
bool OnlySlots(PyTypeObject* type) {
  Py_ssize_t size = type->tp_basicsize;
  for (; type != &PyBaseObject_Type; type = type->tp_base) {
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || type->tp_dealloc != g_plain_dealloc) return false;
    Py_ssize_t count = Py_SIZE(type);
    if (count > 0 && reinterpret_cast<PyHeapTypeObject*>(type)->ht_slots == nullptr) return false;
    const PyMemberDef* member = type->tp_members;
    for (Py_ssize_t i = 0; i < count; i++) {
      if (member[i].type != Py_T_OBJECT_EX || member[i].flags != 0) return false;
    }
    size -= count * static_cast<Py_ssize_t>(sizeof(PyObject*));
  }
  return size == sizeof(PyObject);
}

Layout LayoutOf(PyTypeObject* type) {
  constexpr unsigned long kCollected = Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_HAVE_GC;
  constexpr unsigned long kManaged = Py_TPFLAGS_INLINE_VALUES | Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF;
  bool plain = (type->tp_flags & kCollected) == kCollected && type->tp_dealloc == g_plain_dealloc &&
               type->tp_free == PyObject_GC_Del && type->tp_itemsize == 0 && type->tp_finalize == nullptr && type->tp_del == nullptr;
  if (!plain) return Layout::kOther;
  if ((type->tp_flags & kManaged) == kManaged) return type->tp_basicsize == sizeof(PyObject) ? Layout::kValues : Layout::kOther;
  bool more = (type->tp_flags & kManaged) != 0 || type->tp_dictoffset != 0 || type->tp_weaklistoffset != 0;
  return !more && OnlySlots(type) ? Layout::kSlots : Layout::kOther;
}

void Unset(PyObject** field) {
  PyObject* value = *field;
  *field = nullptr;
  if (value != nullptr) tj_decref(value);
}

// The interpreter clears the slots of a class before those of its bases.
void UnsetSlots(PyTypeObject* type, PyObject* dead) {
  for (; type != &PyBaseObject_Type; type = type->tp_base) {
    const PyMemberDef* member = type->tp_members;
    for (Py_ssize_t i = 0; i < Py_SIZE(type); i++) {
      Unset(reinterpret_cast<PyObject**>(reinterpret_cast<char*>(dead) + member[i].offset));
    }
  }
}

// Values that nothing else knows of, no weak references.
bool OwnsItsValues(PyObject* o) { return ValuesOf(o)->valid && DictOf(o) == nullptr && WeakrefsOf(o) == nullptr; }

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
  SetInstanceDealloc(g_plain_dealloc);
  Py_DECREF(probe);
}

PyObject* NewInstance(PyTypeObject* type) {
  InstanceList& list = ListOf(type);
  if (!IsFor(list, type) || list.count == 0) return PyType_GenericAlloc(type, 0);
  PyObject* o = list.blocks[list.count - 1];
  if (list.layout == Layout::kValues) {
    if (!TakeRoom(type, ValuesOf(o))) {
      Empty(list);
      return PyType_GenericAlloc(type, 0);
    }
    ValuesOf(o)->size = 0;
    ValuesOf(o)->embedded = 1;
    ValuesOf(o)->valid = 1;
  }
  list.count--;
  o->ob_refcnt = 1;
  o->ob_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(type));
  TrackObject((*tj_rt.running)->interp, o);
  return o;
}

extern "C" PyObject* tj_new_instance(PyTypeObject* type) {
  PyObject* o = NewInstance(type);
  if (o == nullptr) PyErr_Clear();
  return o;
}

bool KeepInstance(PyObject* dead) {
  PyTypeObject* type = Py_TYPE(dead);
  uint32_t version = type->tp_version_tag;
  if (!g_on || g_nesting >= kMaxNesting || version == 0) return false;
  // What makes a layout cannot change without a new version.
  InstanceList& list = ListOf(type);
  Layout layout = IsFor(list, type) ? list.layout : LayoutOf(type);
  if (layout == Layout::kOther || (layout == Layout::kValues && !OwnsItsValues(dead))) return false;
  g_nesting++;
  UntrackObject(dead);
  if (layout == Layout::kValues) {
    PyDictValues* values = ValuesOf(dead);
    for (int i = 0; i < values->capacity; i++) Unset(&values->values[i]);
  } else {
    UnsetSlots(type, dead);
  }
  g_nesting--;
  // The values' deaths may have changed the class.
  bool keep = g_on && type->tp_version_tag == version;
  if (keep && !IsFor(list, type)) {
    Empty(list);
    list.type = type;
    list.version = version;
    list.layout = layout;
  }
  if (keep && list.count < kBlocks) {
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
