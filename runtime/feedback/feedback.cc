#include "runtime/feedback/feedback.h"

#include <algorithm>
#include <unordered_map>

#include "runtime/base/out_of_memory.h"
#include "runtime/cpython/array_object.h"
#include "runtime/cpython/enumerate_object.h"

namespace tierjit {
namespace {

bool FitsInt64(PyObject* o) {
  int overflow;
  return _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(o)) || (PyLong_AsLongLongAndOverflow(o, &overflow), overflow == 0);
}

bool g_forgetting = false;  // a pending call of ForgetOldTypes() is under way

// Weak references to heap types by version tag.
// (An insertion into one of abseil's tables that gets no memory leaves that broken.)
std::unordered_map<uint32_t, PyObject*>& SeenTypes() {
  static auto* types = new std::unordered_map<uint32_t, PyObject*>;
  return *types;
}

// Whether the reference stands for a type that still has that version.
bool IsCurrent(const std::pair<const uint32_t, PyObject*>& seen) {
  PyObject* type = nullptr;
  if (PyWeakref_GetRef(seen.second, &type) <= 0) return false;
  Py_DECREF(type);
  return reinterpret_cast<PyTypeObject*>(type)->tp_version_tag == seen.first;
}

// Programs make classes without end, and change them. (That a reference is told of the death of its type would show in what
// gc.collect() counts.)
int ForgetOldTypes(void*) {
  for (auto it = SeenTypes().begin(); it != SeenTypes().end();) {
    if (IsCurrent(*it)) {
      ++it;
      continue;
    }
    PyObject* reference = it->second;
    it = SeenTypes().erase(it);
    Py_DECREF(reference);  // it has no callback, so nothing runs
  }
  g_forgetting = false;
  return 0;
}

void LimitSeenTypes() {
  static size_t limit = 64;
  if (SeenTypes().size() < limit) return;
  ForgetOldTypes(nullptr);
  limit = std::max<size_t>(64, 2 * SeenTypes().size());
}

// Sets of classes. Workers read those that they were told the numbers of.
struct ClassSet {
  uint32_t versions[kMostClasses];  // in order
  size_t count;
};
constexpr uint32_t kMostSets = 4096;
constexpr uint32_t kSetMark = 1u << 31;
constexpr uint32_t kFirstClass = 256;  // below are type codes of arrays
ClassSet g_sets[kMostSets];
uint32_t g_set_count = 0;

bool Equal(const ClassSet& a, const ClassSet& b) { return a.count == b.count && std::equal(a.versions, a.versions + a.count, b.versions); }

uint32_t NumberOf(const ClassSet& set) {
  ClassSet* end = g_sets + g_set_count;
  ClassSet* at = std::find_if(g_sets, end, [&](const ClassSet& known) { return Equal(known, set); });
  if (at == end && g_set_count == kMostSets) return 0;
  if (at == end) g_sets[g_set_count++] = set;
  return kSetMark | static_cast<uint32_t>(at - g_sets);
}

struct Builtin {
  PyTypeObject* type;
  uint32_t bit;
};
const Builtin kBuiltins[] = {
    {&PyLong_Type, kIntBit},          {&PyFloat_Type, kFloatBit},         {&PyBool_Type, kBoolBit},
    {&PyUnicode_Type, kStrBit},       {&PyList_Type, kListBit},           {&PyTuple_Type, kTupleBit},
    {&PyDict_Type, kDictBit},         {&PyBytes_Type, kBytesBit},         {&PyByteArray_Type, kByteArrayBit},
    {&PyRangeIter_Type, kRangeIterBit}, {&PyListIter_Type, kListIterBit}, {&PyTupleIter_Type, kTupleIterBit},
    {&PySet_Type, kSetBit},
};

}  // namespace

PyTypeObject* BuiltinType(uint32_t bit) {
  for (const Builtin& b : kBuiltins) {
    if (b.bit == bit) return b.type;
  }
  return bit == kEnumerateBit ? &PyEnum_Type : nullptr;
}

uint32_t BitOfType(const PyTypeObject* type) {
  for (const Builtin& b : kBuiltins) {
    if (b.type == type) return b.bit;
  }
  return 0;
}

uint32_t BitsOf(PyObject* o) {
  if (o == nullptr) return kNullBit;
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PyLong_Type) return FitsInt64(o) ? kIntBit : kBigIntBit;
  if (uint32_t bit = BitOfType(type); bit != 0) return bit;
  if (o == Py_None) return kNoneBit;
  if (type == &PyEnum_Type && EnumerateIsKnown()) {
    return Py_TYPE(reinterpret_cast<EnumerateObject*>(o)->iterator) == &PyListIter_Type ? kEnumerateBit : kOtherBit;
  }
  if (IsArray(o)) return kArrayBit;
  return type->tp_flags & Py_TPFLAGS_HEAPTYPE ? kInstanceBit : kOtherBit;
}

uint32_t DetailOf(PyObject* o) {
  uint32_t bits = BitsOf(o);
  if (bits == kArrayBit) return static_cast<uint32_t>(TypeCodeOf(o));
  if (bits != kInstanceBit) return 0;
  NoteType(Py_TYPE(o));
  return Py_TYPE(o)->tp_version_tag;
}

PyTypeObject* TypeOfVersion(uint32_t version) {
  auto it = SeenTypes().find(version);
  if (it == SeenTypes().end()) return nullptr;
  PyObject* type = nullptr;
  if (PyWeakref_GetRef(it->second, &type) <= 0) return nullptr;
  Py_DECREF(type);  // its instances are what the code is about, so somebody else holds it
  return reinterpret_cast<PyTypeObject*>(type)->tp_version_tag == version ? reinterpret_cast<PyTypeObject*>(type) : nullptr;
}

bool NoteType(PyTypeObject* type) {
  if (type->tp_version_tag == 0) PyUnstable_Type_AssignVersionTag(type);
  uint32_t version = type->tp_version_tag;
  if (version == 0 || (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) return false;
  if (SeenTypes().contains(version)) return true;
  LimitSeenTypes();
  PyObject* reference = PyWeakref_NewRef(reinterpret_cast<PyObject*>(type), nullptr);
  if (reference == nullptr) PyErr_Clear();
  bool noted = reference != nullptr && HasMemoryFor([&] { SeenTypes().emplace(version, reference); });
  if (!noted) Py_XDECREF(reference);
  return noted;
}

void ForgetTypes(bool alive) {
  std::unordered_map<uint32_t, PyObject*> seen;
  seen.swap(SeenTypes());
  for (auto& [version, reference] : seen) {
    if (alive) Py_DECREF(reference);
  }
  g_forgetting = false;
}

void NoteCollection() {
  if (g_forgetting || SeenTypes().empty()) return;
  g_forgetting = Py_AddPendingCall(ForgetOldTypes, nullptr) == 0;
}

uint32_t JoinDetails(uint32_t a, uint32_t b) {
  if (a == b) return a;
  if (a < kFirstClass || b < kFirstClass) return 0;
  absl::Span<const uint32_t> x = VersionsOf(a), y = VersionsOf(b);
  uint32_t all[2 * kMostClasses];
  size_t count = static_cast<size_t>(std::set_union(x.begin(), x.end(), y.begin(), y.end(), all) - all);
  if (count > kMostClasses) return 0;
  ClassSet set{{}, count};
  std::copy_n(all, count, set.versions);
  return NumberOf(set);
}

absl::Span<const uint32_t> VersionsOf(const uint32_t& detail) {
  if (detail == 0) return {};
  if ((detail & kSetMark) == 0) return {&detail, 1};
  const ClassSet& set = g_sets[detail & ~kSetMark];
  return {set.versions, set.count};
}

void Observe(Observation* observation, PyObject* o) {
  uint32_t bits = BitsOf(o);
  if ((bits & (kInstanceBit | kArrayBit)) != 0) {
    uint32_t detail = DetailOf(o);
    bool first = (observation->bits & (kInstanceBit | kArrayBit)) == 0;
    observation->detail = first ? detail : JoinDetails(observation->detail, detail);
  }
  observation->bits |= bits;
  // Of ints and arrays the type does not say enough.
  bool looked_at_again = o == nullptr || PyLong_CheckExact(o) || bits == kArrayBit;
  observation->last = looked_at_again ? nullptr : Py_TYPE(o);
}

}  // namespace tierjit
