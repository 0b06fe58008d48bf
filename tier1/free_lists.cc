#include "tier1/free_lists.h"

#include <cstdlib>
#include <cstring>

#include "runtime/deopt/reserve.h"
#include "runtime/feedback/feedback.h"
#include "runtime/helpers/short_sequences.h"
#include "tier1/compiler.h"
#include "tier1/functions.h"
#include "tier1/generator_blocks.h"
#include "tier1/instances.h"
#include "tier1/iterators.h"

namespace tierjit::tier1 {
namespace {

constexpr uint32_t kBatch = 64;

void Refill(FreeList* list, size_t size, PyTypeObject* type) {
  if (list->limit == 0) return;
  while (list->count < kBatch) {
    PyObject* o = static_cast<PyObject*>(PyObject_Malloc(size));
    if (o == nullptr) return;
    o->ob_type = type;
    list->items[list->count++] = o;
  }
}

// Floats that have died in the interpreter's own code lie there.
void TakeInterpretersFloats() {
  if (tj_rt.floats.limit == 0) return;
  _Py_float_freelist* theirs = &PyInterpreterState_Get()->object_state.freelists.floats;
  while (theirs->numfree > 0 && tj_rt.floats.count < kBatch) {
    PyFloatObject* o = theirs->items;
    theirs->items = reinterpret_cast<PyFloatObject*>(Py_TYPE(o));  // the next one
    theirs->numfree--;
    reinterpret_cast<PyObject*>(o)->ob_type = &PyFloat_Type;
    tj_rt.floats.items[tj_rt.floats.count++] = reinterpret_cast<PyObject*>(o);
  }
}

// A full list gives half of its blocks back.
void Trim(FreeList* list) {
  if (list->count < kFreeListCapacity - 2) return;
  while (list->count > kFreeListCapacity / 2) PyObject_Free(list->items[--list->count]);
}

void Flush(FreeList* list) {
  while (list->count > 0) PyObject_Free(list->items[--list->count]);
}

// Debugging allocators write behind the bytes asked for, and a two-digit int may need the padding of a one-digit one.
bool DebuggingAllocator() {
  static const bool debugging = [] {
    const char* name = std::getenv("PYTHONMALLOC");
    bool by_name = name != nullptr && std::strstr(name, "debug") != nullptr;
    return by_name || _Py_GetConfig()->dev_mode != 0;
  }();
  return debugging;
}

// The collector calls nobody when it has emptied the interpreter's free lists, and gc.callbacks belong to the program. But it
// traverses every object of the generations that it collects, so an object that lives in the oldest one is traversed in full
// collections (twice, and a few times while it is young). No block of the lists is known to the collector at that time.
int Traverse(PyObject* self, visitproc visit, void* arg) {
  FlushFreeLists();
  NoteCollection();
  Py_VISIT(Py_TYPE(self));
  return 0;
}

void Deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

PyObject* g_collector_watch = nullptr;  // owned

destructor g_plain_end = nullptr;  // what int has itself
PyInterpreterState* g_own = nullptr;
PyInterpreterState* const* g_newest = nullptr;  // where the runtime's list of interpreters begins

// Other interpreters may run under locks and with allocators of their own.
bool IsOnlyInterpreter() { return *g_newest == g_own; }

bool IsShared(PyObject* small_int) {
  constexpr uintptr_t kCount = kSmallIntMax - kSmallIntMin + 1;
  uintptr_t first = reinterpret_cast<uintptr_t>(tj_rt.small_int_zero) + static_cast<uintptr_t>(kSmallIntMin * kSmallIntSize);
  return reinterpret_cast<uintptr_t>(small_int) - first < kCount * kSmallIntSize;
}

// The tp_dealloc of int. C code releases ints that compiled code has made (the items of a generator that sum() asks, say), so they go
// where compiled code takes them from. Room is left for its own.
void EndInt(PyObject* o) {
  FreeList& list = tj_rt.ints;
  bool keep = Py_TYPE(o) == &PyLong_Type && list.count < list.limit / 2 && !IsShared(o) && IsOnlyInterpreter();
  if (!keep || reinterpret_cast<PyLongObject*>(o)->long_value.lv_tag >= 3 << 3) return g_plain_end(o);
  list.items[list.count++] = o;
}

void HookInts() {
  if (PyLong_Type.tp_dealloc == EndInt) return;
  g_own = PyInterpreterState_Get();
  auto offset = _PyRuntime.debug_offsets.runtime_state.interpreters_head;
  g_newest = reinterpret_cast<PyInterpreterState* const*>(reinterpret_cast<const char*>(&_PyRuntime) + offset);
  if (*g_newest != PyInterpreterState_Head()) return;
  g_plain_end = PyLong_Type.tp_dealloc;
  PyLong_Type.tp_dealloc = EndInt;
}

// Types made meanwhile may have inherited our end, so that it stays good.
void UnhookInts() {
  if (PyLong_Type.tp_dealloc == EndInt) PyLong_Type.tp_dealloc = g_plain_end;
}

PyObject* NewCollectorWatch() {
  PyType_Slot slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&Traverse)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(&Deallocate)},
                         {0, nullptr}};
  PyType_Spec spec = {"tierjit.free_lists", sizeof(PyObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (type == nullptr) return nullptr;
  PyObject* watch = PyType_GenericAlloc(reinterpret_cast<PyTypeObject*>(type), 0);
  Py_DECREF(type);
  return watch;
}

}  // namespace

void RefillInts() {
  Refill(&tj_rt.ints, sizeof(PyLongObject), &PyLong_Type);
  Trim(&tj_rt.ints);
}
void RefillFloats() {
  TakeInterpretersFloats();
  Refill(&tj_rt.floats, sizeof(PyFloatObject), &PyFloat_Type);
  Trim(&tj_rt.floats);
}

void FlushFreeLists() {
  Flush(&tj_rt.ints);
  Flush(&tj_rt.floats);
  FlushIterators();
  FlushInstances();
  FlushGenerators();
  FlushFunctions();
  FlushSequences();
}

void FollowTracer() {
  bool traced = PyRefTracer_GetTracer(nullptr) != nullptr;
  uint32_t limit = traced || DebuggingAllocator() ? 0 : kFreeListCapacity;
  if (tj_rt.ints.limit == limit) return;
  for (FreeList* list : {&tj_rt.ints, &tj_rt.floats, &tj_rt.range_iters, &tj_rt.sequence_iters}) list->limit = limit;
  SwitchInstances(limit != 0);
  SwitchGenerators(limit != 0);
  SwitchFunctions(limit != 0);
  SwitchSequences(limit != 0);
  if (limit == 0) FlushFreeLists();
}

absl::Status StartFreeLists() {
  if (!FillReserve()) return absl::ResourceExhaustedError("out of memory");
  FollowTracer();
  HookInts();
  if (g_collector_watch == nullptr) g_collector_watch = NewCollectorWatch();
  if (g_collector_watch != nullptr) return absl::OkStatus();
  PyErr_Clear();
  return absl::ResourceExhaustedError("out of memory");
}

void StopFreeLists() {
  UnhookInts();
  DrainReserve();
  Py_CLEAR(g_collector_watch);
  FlushFreeLists();
}

extern "C" void tj_balance_free_lists() { BalanceFreeLists(); }

}  // namespace tierjit::tier1
