#include "runtime/deopt/exit.h"

#include <cstring>

#include "runtime/cpython/enumerate_object.h"
#include "runtime/deopt/calls.h"

namespace tierjit {

extern "C" int64_t tj_exit_values[kMaxExitValues] = {};

PyObject* BoxExitValue(const ExitDescriptor::Item& item, int64_t raw) {
  PyObject* o = nullptr;
  switch (item.rep) {
    case ExitDescriptor::Rep::kBoxed:
      o = reinterpret_cast<PyObject*>(raw);
      return item.owned ? o : Py_XNewRef(o);
    case ExitDescriptor::Rep::kBool: return Py_NewRef(raw != 0 ? Py_True : Py_False);
    case ExitDescriptor::Rep::kInt: o = PyLong_FromLongLong(raw); break;
    case ExitDescriptor::Rep::kFloat: {
      double value;
      std::memcpy(&value, &raw, sizeof value);
      o = PyFloat_FromDouble(value);
      break;
    }
    case ExitDescriptor::Rep::kRange: return tj_new_range_iterator(0, 0, raw);  // its fields follow
  }
  // The frame cannot be told otherwise: the values exist nowhere else.
  if (o == nullptr) Py_FatalError("tierjit: no memory to leave optimised code");
  return o;
}

PyObject* tj_new_range_iterator(int64_t next, int64_t remaining, int64_t step) {
  _PyRangeIterObject* it = PyObject_New(_PyRangeIterObject, &PyRangeIter_Type);
  if (it == nullptr) Py_FatalError("tierjit: no memory to leave optimised code");
  it->start = next;
  it->len = remaining;
  it->step = step;
  return reinterpret_cast<PyObject*>(it);
}

void StoreIteratorField(PyObject* iterator, const ExitDescriptor::Item& item, int64_t raw) {
  if (Py_TYPE(iterator) == &PyRangeIter_Type) {
    _PyRangeIterObject* it = reinterpret_cast<_PyRangeIterObject*>(iterator);
    (item.where == ExitDescriptor::Where::kIteratorPosition ? it->start : it->len) = raw;
  } else if (Py_TYPE(iterator) == &PyEnum_Type) {
    EnumerateObject* e = reinterpret_cast<EnumerateObject*>(iterator);
    if (item.where == ExitDescriptor::Where::kIteratorRemaining) e->index = raw;
    else reinterpret_cast<_PyListIterObject*>(e->iterator)->it_index = raw;
  } else if (item.where == ExitDescriptor::Where::kIteratorPosition) {
    // Iterators of list and tuple have one layout.
    reinterpret_cast<_PyListIterObject*>(iterator)->it_index = raw;
  }
}

namespace {

ExitResolver g_resolver = nullptr;

int64_t Raw(const ExitDescriptor::Item& item) { return item.value >= 0 ? tj_exit_values[item.value] : item.constant; }

PyObject* Box(const ExitDescriptor::Item& item) { return BoxExitValue(item, Raw(item)); }

// Only the slot knows the number that it holds, so that may become another one where it is.
bool StoreInPlace(PyObject* old, const ExitDescriptor::Item& item) {
  if (old == nullptr || item.rep != ExitDescriptor::Rep::kFloat || !PyFloat_CheckExact(old) || Py_REFCNT(old) != 1) return false;
  int64_t raw = Raw(item);
  std::memcpy(&reinterpret_cast<PyFloatObject*>(old)->ob_fval, &raw, sizeof raw);
  return true;
}

void StoreLocal(PyObject** lp, const ExitDescriptor::Item& item) {
  if (item.bound >= 0 && tj_exit_values[item.bound] == 0) return;
  PyObject* old = lp[item.index];
  if (StoreInPlace(old, item)) return;
  lp[item.index] = Box(item);
  Py_XDECREF(old);
}

}  // namespace

void SetExitResolver(ExitResolver resolver) { g_resolver = resolver; }

void tj_sync_locals(PyObject** lp, const ExitDescriptor* exit) {
  for (const ExitDescriptor::Item& item : exit->items) {
    if (item.where == ExitDescriptor::Where::kLocal) StoreLocal(lp, item);
  }
}

void tj_materialise(PyObject** lp, const ExitDescriptor* exit) {
  PyObject** stack = lp + exit->nlocalsplus;
  for (const ExitDescriptor::Item& item : exit->items) {
    if (item.where == ExitDescriptor::Where::kStack) stack[item.index] = Box(item);
  }
  for (const ExitDescriptor::Item& item : exit->items) {
    switch (item.where) {
      case ExitDescriptor::Where::kLocal: StoreLocal(lp, item); break;
      case ExitDescriptor::Where::kIteratorPosition: case ExitDescriptor::Where::kIteratorRemaining:
        StoreIteratorField(stack[item.index], item, Raw(item));
        break;
      default: break;
    }
  }
  // Deaths may run code that leaves units itself, so the values are read first.
  PyObject* dropped[kMaxExitValues];
  int count = 0;
  for (const ExitDescriptor::Item& item : exit->items) {
    if (item.where == ExitDescriptor::Where::kNowhere) dropped[count++] = reinterpret_cast<PyObject*>(Raw(item));
  }
  for (int i = 0; i < count; i++) Py_XDECREF(dropped[i]);
}

const void* ResolveExit(PyThreadState* ts, ExitDescriptor* exit) {
  exit->count++;
  return g_resolver(ts, ts->current_frame, exit);
}

UnitExit tj_exit(PyObject** lp, PyThreadState* ts, ExitDescriptor* exit) {
  if (!exit->frames.empty()) return ExitToFrames(ts, exit);
  tj_materialise(lp, exit);
  return {ResolveExit(ts, exit), nullptr};
}

}  // namespace tierjit
