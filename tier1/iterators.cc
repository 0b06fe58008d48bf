#include "tier1/iterators.h"

#include "runtime/helpers/collector_link.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

// Those of lists and tuples have the same layout.
static_assert(sizeof(_PyListIterObject) == sizeof(_PyTupleIterObject));
static_assert(offsetof(_PyListIterObject, it_seq) == offsetof(_PyTupleIterObject, it_seq));

PyTypeObject* SequenceIterator(const PyObject* iterable) {
  if (PyList_CheckExact(iterable)) return &PyListIter_Type;
  return PyTuple_CheckExact(iterable) ? &PyTupleIter_Type : nullptr;
}

bool HasRoom(const FreeList& list) { return list.count < list.limit; }

}  // namespace

extern "C" PyObject* tj_get_iter(PyThreadState* ts, PyObject* iterable) {
  PyTypeObject* type = SequenceIterator(iterable);
  FreeList& list = tj_rt.sequence_iters;
  if (type == nullptr) return Py_TYPE(iterable)->tp_iter == PyObject_SelfIter && PyIter_Check(iterable) ? iterable : nullptr;
  if (list.count == 0) return nullptr;
  PyObject* o = list.items[--list.count];
  o->ob_refcnt = 1;
  o->ob_type = type;
  _PyListIterObject* it = reinterpret_cast<_PyListIterObject*>(o);
  it->it_index = 0;
  it->it_seq = reinterpret_cast<PyListObject*>(iterable);
  TrackObject(ts->interp, o);
  return o;
}

bool KeepIterator(PyObject* dead) {
  PyTypeObject* type = Py_TYPE(dead);
  if (type == &PyRangeIter_Type) {
    if (!HasRoom(tj_rt.range_iters)) return false;
    tj_rt.range_iters.items[tj_rt.range_iters.count++] = dead;
    return true;
  }
  if ((type != &PyListIter_Type && type != &PyTupleIter_Type) || !HasRoom(tj_rt.sequence_iters)) return false;
  _PyObject_GC_UNTRACK(dead);
  PyListObject* sequence = reinterpret_cast<_PyListIterObject*>(dead)->it_seq;
  if (sequence != nullptr) tj_decref(reinterpret_cast<PyObject*>(sequence));
  if (HasRoom(tj_rt.sequence_iters)) {
    tj_rt.sequence_iters.items[tj_rt.sequence_iters.count++] = dead;
  } else {
    PyObject_GC_Del(dead);
  }
  return true;
}

void FlushIterators() {
  while (tj_rt.range_iters.count > 0) PyObject_Free(tj_rt.range_iters.items[--tj_rt.range_iters.count]);
  while (tj_rt.sequence_iters.count > 0) PyObject_GC_Del(tj_rt.sequence_iters.items[--tj_rt.sequence_iters.count]);
}

}  // namespace tierjit::tier1
