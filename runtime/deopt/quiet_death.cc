#include "runtime/deopt/quiet_death.h"

#include <algorithm>
#include <iterator>

#include "runtime/deopt/calls.h"

namespace tierjit {
namespace {

constexpr int kMostObjects = 500;   // containers and instances that are looked at
constexpr int kMostDepth = 50;
constexpr size_t kMostShared = 16;

destructor g_instance_dealloc = nullptr;

// What is known of the deallocator of a type: it drops no references; it only drops references; it may do anything.
enum class Deallocator : uint8_t { kSimple, kPlain, kAny };

Deallocator DeallocatorOf(const PyTypeObject* type) {
  static const PyTypeObject* const kSimple[] = {
      &PyLong_Type,    &PyFloat_Type, &PyUnicode_Type,   &PyBytes_Type,     &PyBool_Type,
      &PyComplex_Type, &PyRange_Type, &PyRangeIter_Type, &PyByteArray_Type, &_PyNone_Type,
  };
  static const PyTypeObject* const kPlain[] = {
      &PyList_Type,     &PyTuple_Type,     &PyDict_Type,    &PySet_Type,        &PyFrozenSet_Type,    &PyListIter_Type,   &PyTupleIter_Type,
      &PyEnum_Type,     &PyReversed_Type,  &PyZip_Type,     &PyMap_Type,        &PyFilter_Type,       &PySlice_Type,      &PyCell_Type,
      &PyMethod_Type,   &PyCFunction_Type, &PyFunction_Type, &PyDictKeys_Type,  &PyDictValues_Type,   &PyDictItems_Type,  &PyDictIterKey_Type,
      &PyDictIterValue_Type, &PyDictIterItem_Type,          &PySeqIter_Type,    &PyProperty_Type,     &PyStaticMethod_Type, &PyClassMethod_Type,
  };
  if (std::find(std::begin(kSimple), std::end(kSimple), type) != std::end(kSimple)) return Deallocator::kSimple;
  return std::find(std::begin(kPlain), std::end(kPlain), type) != std::end(kPlain) ? Deallocator::kPlain : Deallocator::kAny;
}

// The same, remembered for types that are there for ever.
struct Known {
  const PyTypeObject* type;
  Deallocator deallocator;
};
constexpr size_t kKnown = 128;
Known g_known[kKnown];

Known& KnownOf(const PyTypeObject* type) { return g_known[(reinterpret_cast<uintptr_t>(type) >> 5) % kKnown]; }

[[gnu::noinline]] Deallocator Note(const PyTypeObject* type, Known* known) {
  if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) return Deallocator::kAny;
  *known = {type, DeallocatorOf(type)};
  return known->deallocator;
}
Deallocator KnownDeallocatorOf(const PyTypeObject* type) {
  Known& known = KnownOf(type);
  return known.type == type ? known.deallocator : Note(type, &known);
}

bool IsSimple(const PyTypeObject* type) { return KnownDeallocatorOf(type) == Deallocator::kSimple; }

// Its own deallocator runs no foreign code.
bool IsHarmless(const PyTypeObject* type) {
  if (type->tp_dealloc == g_instance_dealloc && g_instance_dealloc != nullptr) {
    if (type->tp_finalize != nullptr || type->tp_del != nullptr) return false;
    while (type->tp_dealloc == g_instance_dealloc) type = type->tp_base;
    if (type == &PyBaseObject_Type) return true;
  }
  return KnownDeallocatorOf(type) != Deallocator::kAny;
}

bool HasWeakrefs(PyObject* o) {
  Py_ssize_t offset = Py_TYPE(o)->tp_weaklistoffset;
  return offset != 0 && *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + offset) != nullptr;
}

// What dies with an object: what it holds the only references to, and so on.
class Search {
 public:
  Search() {}  // leaves `shared_` alone
  bool Dies(PyObject* o) {
    if (IsSimple(Py_TYPE(o))) return true;
    if (left_-- == 0 || depth_ == kMostDepth || !IsHarmless(Py_TYPE(o)) || HasWeakrefs(o)) return false;
    depth_++;
    bool quietly = PyList_CheckExact(o)    ? LosesAll(reinterpret_cast<PyListObject*>(o)->ob_item, PyList_GET_SIZE(o))
                   : PyTuple_CheckExact(o) ? LosesAll(reinterpret_cast<PyTupleObject*>(o)->ob_item, PyTuple_GET_SIZE(o))
                                           : LosesHeld(o);
    depth_--;
    return quietly;
  }

 private:
  // Most lists and tuples hold one type of thing.
  bool LosesAll(PyObject** items, Py_ssize_t count) {
    const PyTypeObject* simple = &PyLong_Type;
    for (Py_ssize_t i = 0; i < count; i++) {
      if (items[i] == nullptr || Py_TYPE(items[i]) == simple) continue;
      if (IsSimple(Py_TYPE(items[i]))) {
        simple = Py_TYPE(items[i]);
      } else if (!LosesOne(items[i])) {
        return false;
      }
    }
    return true;
  }
  bool LosesHeld(PyObject* o) {
    traverseproc traverse = PyObject_IS_GC(o) ? Py_TYPE(o)->tp_traverse : nullptr;
    if (traverse == nullptr) return true;
    return traverse(o, [](PyObject* held, void* self) { return static_cast<Search*>(self)->LosesOne(held) ? 0 : 1; }, this) == 0;
  }
  // A reference to `o` goes away.
  bool LosesOne(PyObject* o) {
    if (_Py_IsImmortal(o) || IsSimple(Py_TYPE(o)) || PyType_Check(o)) return true;
    if (Py_REFCNT(o) == 1) return Dies(o);
    for (size_t i = 0; i < shared_count_; i++) {
      if (shared_[i].object == o) return --shared_[i].others > 0 || Dies(o);
    }
    // With no room to count them all it is taken to be the last one.
    if (shared_count_ == kMostShared) return Dies(o);
    shared_[shared_count_++] = {o, Py_REFCNT(o) - 1};
    return true;
  }

  struct Shared {
    PyObject* object;
    Py_ssize_t others;  // references that have not been met
  };
  Shared shared_[kMostShared];
  size_t shared_count_ = 0;
  int left_ = kMostObjects, depth_ = 0;
};


// Classes whose instances are inline values and nothing else, by version: a new one comes with whatever makes them otherwise.
struct PlainClass {
  PyTypeObject* type;
  uint32_t version;
  bool plain;
};
constexpr size_t kPlainClasses = 128;
PlainClass g_plain_classes[kPlainClasses];

bool IsPlainClass(PyTypeObject* type) {
  uint32_t version = type->tp_version_tag;
  PlainClass& known = g_plain_classes[(reinterpret_cast<uintptr_t>(type) >> 6) % kPlainClasses];
  if (known.type == type && known.version == version) return known.plain && version != 0;
  constexpr unsigned long kManaged = Py_TPFLAGS_INLINE_VALUES | Py_TPFLAGS_MANAGED_DICT | Py_TPFLAGS_MANAGED_WEAKREF;
  bool plain = type->tp_dealloc == g_instance_dealloc && g_instance_dealloc != nullptr && (type->tp_flags & kManaged) == kManaged &&
               type->tp_basicsize == sizeof(PyObject) && type->tp_itemsize == 0 && IsHarmless(type);
  known = {type, version, plain};
  return plain && version != 0;
}

// Most instances hold numbers and text, and objects that others hold as well. False: who knows.
bool HoldsNothingThatDies(PyObject* o) {
  if (!IsPlainClass(Py_TYPE(o))) return false;
  PyObject** words = reinterpret_cast<PyObject**>(o);
  const PyDictValues* values = reinterpret_cast<const PyDictValues*>(o + 1);
  if (!values->valid || words[-3] != nullptr || words[-4] != nullptr) return false;
  constexpr int kMostOthers = 4;
  PyObject* others[kMostOthers];
  int count = 0;
  for (int i = 0; i < values->capacity; i++) {
    PyObject* value = values->values[i];
    if (value == nullptr || _Py_IsImmortal(value) || IsSimple(Py_TYPE(value))) continue;
    if (Py_REFCNT(value) == 1 || count == kMostOthers || std::find(others, others + count, value) != others + count) return false;
    others[count++] = value;
  }
  return true;
}

// Most lists and tuples hold numbers and text only. False: who knows.
bool HoldsSimpleThings(PyObject* o) {
  PyObject** items;
  if (PyList_CheckExact(o)) items = reinterpret_cast<PyListObject*>(o)->ob_item;
  else if (PyTuple_CheckExact(o)) items = reinterpret_cast<PyTupleObject*>(o)->ob_item;
  else return false;
  const PyTypeObject* simple = nullptr;
  for (PyObject** end = items + Py_SIZE(o); items != end; items++) {
    if (*items == nullptr || Py_TYPE(*items) == simple) continue;
    simple = Py_TYPE(*items);
    if (!IsSimple(simple)) return false;
  }
  return true;
}

// By itself, as most objects that die are simple: a stack frame.
[[gnu::noinline]] bool LosesMuch(PyObject* object) { return Search().Dies(object); }
[[gnu::noinline]] bool Loses(PyObject* object) {
  return HoldsSimpleThings(object) || HoldsNothingThatDies(object) || LosesMuch(object);
}

}  // namespace

void SetInstanceDealloc(destructor dealloc) { g_instance_dealloc = dealloc; }

extern "C" int64_t tj_dies_quietly(PyObject* object) {
  const Known& known = KnownOf(Py_TYPE(object));
  if (known.type == Py_TYPE(object) && known.deallocator == Deallocator::kSimple) return 1;
  return Loses(object);
}

extern "C" void tj_let_die(PyThreadState* ts, PyObject* object, destructor dealloc) {
  tj_dies_quietly(object) ? dealloc(object) : tj_bury(ts, object);
}

}  // namespace tierjit
