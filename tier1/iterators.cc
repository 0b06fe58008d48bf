#include "tier1/iterators.h"

#include "runtime/cpython/enumerate_object.h"
#include "runtime/helpers/collector_link.h"
#include "tier1/free_lists.h"
#include "tier1/slow_path.h"
#include "tier1/special_methods.h"
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

// Those whose iterators are made by C code that runs no other code.
bool IsBuiltinIterable(PyTypeObject* type) {
  return type == &PyDict_Type || type == &PyUnicode_Type || type == &PySet_Type || type == &PyFrozenSet_Type || type == &PyRange_Type ||
         type == &PyDictItems_Type || type == &PyDictKeys_Type || type == &PyDictValues_Type || type == &PyBytes_Type;
}

// NULL: no memory, without an exception.
PyObject* NewIterator(PyObject* iterable) {
  PyObject* iterator = Py_TYPE(iterable)->tp_iter(iterable);
  if (iterator == nullptr) {
    PyErr_Clear();
  } else {
    tj_decref(iterable);
  }
  return iterator;
}

bool HasRoom(const FreeList& list) { return list.count < list.limit; }

}  // namespace

extern "C" PyObject* tj_get_iter(PyThreadState* ts, PyObject* iterable) {
  PyTypeObject* type = SequenceIterator(iterable);
  FreeList& list = tj_rt.sequence_iters;
  if (type == nullptr) {
    if (IsBuiltinIterable(Py_TYPE(iterable))) return NewIterator(iterable);
    return Py_TYPE(iterable)->tp_iter == PyObject_SelfIter && PyIter_Check(iterable) ? iterable : nullptr;
  }
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

extern "C" Departure tj_next(PyObject** lp, PyObject* iterator, PyThreadState* ts, Site* site, const void* next) {
  PyTypeObject* type = Py_TYPE(iterator);
  PyFunctionObject* method = site->misses < kMaxFills ? NextMethodOf(type) : nullptr;
  if (method != nullptr) {
    site->misses++;
    site->fill(nullptr, iterator, reinterpret_cast<PyObject*>(method), site);
  }
  PyObject* item = type->tp_iternext(iterator);
  if (item != nullptr && MayRunNatively(ts, site->unit)) return {next, item};
  return tj_for_end(lp, item, ts, site);
}

// As the interpreter does: the pair that it gave last is used again when nobody else has it.
extern "C" PyObject* tj_number(PyObject* enumerate, PyObject* item) {
  EnumerateObject* e = reinterpret_cast<EnumerateObject*>(enumerate);
  PyObject* number = ListedInt(e->index);
  bool again = Py_REFCNT(e->pair) == 1;
  PyObject* pair = number == nullptr ? nullptr : again ? Py_NewRef(e->pair) : PyTuple_New(2);
  if (pair == nullptr) {
    Py_XDECREF(number);
    Py_DECREF(item);
    return nullptr;
  }
  e->index++;
  PyObject *former_number = PyTuple_GET_ITEM(pair, 0), *former_item = PyTuple_GET_ITEM(pair, 1);
  PyTuple_SET_ITEM(pair, 0, number);
  PyTuple_SET_ITEM(pair, 1, item);
  if (!again) return pair;
  tj_decref(former_number);
  tj_decref(former_item);
  if (!_PyObject_GC_IS_TRACKED(pair)) TrackObject((*tj_rt.running)->interp, pair);  // the collector may have found that it needs no watching
  return pair;
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
