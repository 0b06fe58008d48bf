#include "runtime/helpers/short_sequences.h"

#include "runtime/helpers/collector_link.h"

namespace tierjit {

destructor g_deallocate = _Py_Dealloc;

namespace {

constexpr Py_ssize_t kLongest = 16;
constexpr uint32_t kBlocks = 32;
struct Blocks {
  uint32_t count;
  uint32_t missed;  // how many were asked for in vain: so many more are kept
  PyObject* items[kBlocks];
};
Blocks g_lists[kLongest + 1], g_tuples[kLongest + 1];  // lists by room, tuples by size
bool g_on = false;

// NULL: there is none.
PyObject* Take(Blocks* blocks) {
  if (blocks->count == 0) {
    blocks->missed += blocks->missed < kBlocks;
    return nullptr;
  }
  PyObject* o = blocks->items[--blocks->count];
  o->ob_refcnt = 1;
  return o;
}

bool Wanted(const Blocks& blocks) { return blocks.missed > 0 && blocks.count < kBlocks; }

// Where the dead one goes, NULL: nowhere. A list whose room nobody wants may do without its buffer.
Blocks* BlocksFor(PyObject* dead) {
  if (!g_on) return nullptr;
  if (PyTuple_CheckExact(dead)) {
    Py_ssize_t size = Py_SIZE(dead);
    return size > 0 && size <= kLongest && Wanted(g_tuples[size]) ? &g_tuples[size] : nullptr;
  }
  Py_ssize_t room = reinterpret_cast<PyListObject*>(dead)->allocated;
  if (room <= kLongest && Wanted(g_lists[room])) return &g_lists[room];
  return Wanted(g_lists[0]) ? &g_lists[0] : nullptr;
}

void FreeBuffer(PyObject* o) {
  PyListObject* list = reinterpret_cast<PyListObject*>(o);
  PyMem_Free(list->ob_item);
  list->ob_item = nullptr;
  list->allocated = 0;
}

void FreeBlock(PyObject* o) {
  if (PyList_CheckExact(o)) FreeBuffer(o);
  PyObject_GC_Del(o);
}

void FreeBlocks(Blocks* blocks) {
  blocks->missed = 0;
  while (blocks->count > 0) FreeBlock(blocks->items[--blocks->count]);
}

}  // namespace

PyObject* NewList(Py_ssize_t size) {
  PyObject* o = size <= kLongest ? Take(&g_lists[size]) : nullptr;
  if (o == nullptr) return PyList_New(size);
  Py_SET_SIZE(o, size);
  return o;
}

PyObject* NewTuple(Py_ssize_t size) {
  PyObject* o = size > 0 && size <= kLongest ? Take(&g_tuples[size]) : nullptr;
  return o != nullptr ? o : PyTuple_New(size);
}

PyObject* FinishSequence(PyThreadState* ts, PyObject* sequence) {
  if (!_PyObject_GC_IS_TRACKED(sequence)) TrackObject(ts->interp, sequence);
  return sequence;
}

bool WantsSequence(PyObject* dead) { return BlocksFor(dead) != nullptr; }

void KeepSequence(PyObject* dead) {
  // The deaths of its items may have changed what is wanted.
  Blocks* blocks = BlocksFor(dead);
  if (blocks == nullptr) return FreeBlock(dead);
  if (blocks == &g_lists[0] && reinterpret_cast<PyListObject*>(dead)->allocated != 0) FreeBuffer(dead);
  blocks->items[blocks->count++] = dead;
  blocks->missed--;
}

void FlushSequences() {
  for (Blocks& blocks : g_lists) FreeBlocks(&blocks);
  for (Blocks& blocks : g_tuples) FreeBlocks(&blocks);
}

void SwitchSequences(bool on) { g_on = on; }

}  // namespace tierjit
