#include "runtime/deopt/exit.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/out_of_memory.h"
#include "runtime/cpython/enumerate_object.h"
#include "runtime/deopt/calls.h"
#include "runtime/deopt/reserve.h"

namespace tierjit {

extern "C" int64_t tj_exit_values[kMaxExitValues] = {};

namespace {

bool g_made_to_fail = false;  // the exit that follows was not wanted by the program

// The first failure comes at once, so that short programs have them all; later ones ever more rarely, so that code behind is reached.
constexpr uint64_t kFirstVisits = 1;
constexpr uint64_t kMaxVisits = 1000;

uint64_t NextRandom(uint64_t* state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

}  // namespace

namespace {

bool Equals(PyObject* o, const ExitDescriptor::Item& item, int64_t raw) {
  if (o == nullptr) return false;
  if (item.rep == ExitDescriptor::Rep::kFloat) {
    return PyFloat_CheckExact(o) && std::memcmp(&raw, &reinterpret_cast<PyFloatObject*>(o)->ob_fval, sizeof raw) == 0;
  }
  if (item.rep != ExitDescriptor::Rep::kInt || !PyLong_CheckExact(o)) return false;
  int overflow;
  return PyLong_AsLongLongAndOverflow(o, &overflow) == raw && overflow == 0;
}

// An int of one digit that is no shared one.
bool IsOwnDigit(int64_t v) {
  constexpr int64_t kLimit = int64_t{1} << PyLong_SHIFT;
  return v > -kLimit && v < kLimit && (v < -_PY_NSMALLNEGINTS || v >= _PY_NSMALLPOSINTS);
}

bool StoreInPlace(PyObject* old, const ExitDescriptor::Item& item, int64_t raw) {
  if (old == nullptr || Py_REFCNT(old) != 1) return false;
  if (item.rep == ExitDescriptor::Rep::kFloat && PyFloat_CheckExact(old)) {
    std::memcpy(&reinterpret_cast<PyFloatObject*>(old)->ob_fval, &raw, sizeof raw);
    return true;
  }
  PyLongObject* number = reinterpret_cast<PyLongObject*>(old);
  if (item.rep != ExitDescriptor::Rep::kInt || !PyLong_CheckExact(old) || !_PyLong_IsCompact(number) || !IsOwnDigit(raw)) return false;
  _PyLong_SetSignAndDigitCount(number, raw < 0 ? -1 : 1, 1);
  number->long_value.ob_digit[0] = static_cast<digit>(raw < 0 ? -raw : raw);
  return true;
}

}  // namespace

PyObject* ExitObjects::Tuple(size_t index) {
  tuples_.resize(exit_.tuples.size(), nullptr);
  if (tuples_[index] != nullptr) return Py_NewRef(tuples_[index]);
  const std::vector<ExitDescriptor::Item>& items = exit_.tuples[index];
  PyObject* tuple = Surely([&] { return PyTuple_New(static_cast<Py_ssize_t>(items.size())); });
  for (size_t i = 0; i < items.size(); i++) PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), Make(items[i]));
  return tuples_[index] = tuple;
}

PyObject* ExitObjects::New(const ExitDescriptor::Item& item) {
  int64_t raw = Raw(item);
  switch (item.rep) {
    case ExitDescriptor::Rep::kBoxed: {
      PyObject* o = reinterpret_cast<PyObject*>(raw);
      return item.owned ? o : Py_XNewRef(o);
    }
    case ExitDescriptor::Rep::kBool: return Py_NewRef(raw != 0 ? Py_True : Py_False);
    case ExitDescriptor::Rep::kInt: return Surely([&] { return PyLong_FromLongLong(raw); });
    case ExitDescriptor::Rep::kFloat: {
      double value;
      std::memcpy(&value, &raw, sizeof value);
      return Surely([&] { return PyFloat_FromDouble(value); });
    }
    case ExitDescriptor::Rep::kIterator: return Surely([] { return PyList_New(0); });  // what it iterates over follows
    case ExitDescriptor::Rep::kRange: return tj_new_range_iterator(0, 0, raw);  // its fields follow
    case ExitDescriptor::Rep::kTuple: return Tuple(static_cast<size_t>(item.constant));
  }
  Py_UNREACHABLE();
}

PyObject* ExitObjects::Known(const ExitDescriptor::Item& item) const {
  if (!item.shared) return nullptr;
  for (auto [value, object] : numbers_) {
    if (value == item.value) return object;
  }
  return nullptr;
}

void ExitObjects::Keep(const ExitDescriptor::Item& item, PyObject* held) {
  if (item.shared && IsThere(item) && Known(item) == nullptr && Equals(held, item, Raw(item))) numbers_.push_back({item.value, held});
}

PyObject* ExitObjects::Make(const ExitDescriptor::Item& item) {
  if (PyObject* known = Known(item)) return Py_NewRef(known);
  PyObject* o = New(item);
  if (item.shared) numbers_.push_back({item.value, o});
  return o;
}

PyObject* ExitObjects::StoreLocal(const ExitDescriptor::Item& item, PyObject** slot, bool in_place) {
  if (!IsThere(item)) return nullptr;
  if (!item.shared) {
    int64_t raw = Raw(item);
    return Equals(*slot, item, raw) || (in_place && StoreInPlace(*slot, item, raw)) ? nullptr : std::exchange(*slot, New(item));
  }
  PyObject* known = Known(item);
  if ((known != nullptr && known == *slot) || (known == nullptr && Equals(*slot, item, Raw(item)))) return nullptr;
  if (in_place && known == nullptr && StoreInPlace(*slot, item, Raw(item))) {
    numbers_.push_back({item.value, *slot});
    return nullptr;
  }
  return std::exchange(*slot, Make(item));
}

PyObject* tj_new_range_iterator(int64_t next, int64_t remaining, int64_t step) {
  PyObject* made = Surely([] { return reinterpret_cast<PyObject*>(PyObject_New(_PyRangeIterObject, &PyRangeIter_Type)); });
  _PyRangeIterObject* it = reinterpret_cast<_PyRangeIterObject*>(made);
  it->start = next;
  it->len = remaining;
  it->step = step;
  return made;
}

namespace {

// Of exact builtin sequences: their iterators have one layout.
PyObject* IteratorAt(PyObject* sequence, int64_t position) {
  PyObject* it = Surely([&] { return PyObject_GetIter(sequence); });
  reinterpret_cast<_PyListIterObject*>(it)->it_index = position;
  return it;
}

// `list`, which is released, and one item more, whose reference is taken.
PyObject* Longer(PyObject* list, PyObject* item) {
  Py_ssize_t size = PyList_GET_SIZE(list);
  PyObject* longer = Surely([&] { return PyList_New(size + 1); });
  for (Py_ssize_t i = 0; i < size; i++) PyList_SET_ITEM(longer, i, Py_NewRef(PyList_GET_ITEM(list, i)));
  PyList_SET_ITEM(longer, size, item);
  Py_DECREF(list);
  return longer;
}

}  // namespace

PyObject* FreshIterator(int kind, PyObject* sources, int64_t position) {
  PyObject *first = PyList_GET_ITEM(sources, 0), *made = nullptr;
  if (kind == 0) {
    made = IteratorAt(first, position);
  } else if (kind == 1) {
    made = Surely([&] { return PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyReversed_Type), first); });
    reinterpret_cast<_PyListIterObject*>(made)->it_index = position;
  } else {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(sources); i++) {
      PyObject* sequence = PyList_GET_ITEM(sources, i);
      PyList_SET_ITEM(sources, i, IteratorAt(sequence, position));
      Py_DECREF(sequence);
    }
    PyObject* type = reinterpret_cast<PyObject*>(kind == 2 ? &PyEnum_Type : &PyZip_Type);
    PyObject** items = reinterpret_cast<PyListObject*>(sources)->ob_item;
    made = Surely([&] { return PyObject_Vectorcall(type, items, static_cast<size_t>(PyList_GET_SIZE(sources)), nullptr); });
  }
  Py_DECREF(sources);
  return made;
}

void StoreIteratorField(PyObject** entry, const ExitDescriptor::Item& item, ExitObjects* objects) {
  if (item.where == ExitDescriptor::Where::kIteratorSource) {
    *entry = Longer(*entry, objects->Make(item));
    return;
  }
  int64_t raw = objects->Raw(item);
  if (item.where == ExitDescriptor::Where::kIteratorPosition && item.bound >= 0) {
    *entry = FreshIterator(item.bound, *entry, raw);
    return;
  }
  PyObject* iterator = *entry;
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

// What the frame lets go. It dies when all is in its place: slots may be what values were borrowed from, and finalizers may run code that
// leaves units itself.
using Dropped = absl::InlinedVector<PyObject*, 32, SureAllocator<PyObject*>>;

void Drop(const Dropped& dropped) {
  for (PyObject* o : dropped) Py_DECREF(o);
}

void KeepLocals(PyObject** lp, const ExitDescriptor* exit, ExitObjects* objects) {
  if (!exit->shares) return;
  for (const ExitDescriptor::Item& item : exit->items) {
    if (item.where == ExitDescriptor::Where::kLocal) objects->Keep(item, lp[item.index]);
  }
}

// Numbers last: their blocks may be borrowed by others until those have references of their own.
void StoreLocals(PyObject** lp, const ExitDescriptor* exit, ExitObjects* objects, Dropped* dropped) {
  for (bool boxed : {true, false}) {
    for (const ExitDescriptor::Item& item : exit->items) {
      if (item.where != ExitDescriptor::Where::kLocal || (item.rep == ExitDescriptor::Rep::kBoxed) != boxed) continue;
      if (PyObject* old = objects->StoreLocal(item, &lp[item.index], true)) dropped->push_back(old);
    }
  }
}

}  // namespace

ExitPoint MakeExitPoint(uint64_t seed, const char* operation, int32_t origin, ExitPoint::Kind kind) {
  NextRandom(&seed);
  int64_t visits = 1 + static_cast<int64_t>(NextRandom(&seed) % kFirstVisits);
  return {visits, visits, 0, seed, operation, origin, kind};
}

void tj_fail_here(ExitPoint* point) {
  uint64_t most = point->failures < 5 ? kFirstVisits << (2 * point->failures) : kMaxVisits;
  point->failures++;
  point->visits_left = 1 + static_cast<int64_t>(NextRandom(&point->random) % most);
  g_made_to_fail = point->kind == ExitPoint::Kind::kGuard;
}

void SetExitResolver(ExitResolver resolver) { g_resolver = resolver; }

void tj_sync_locals(PyObject** lp, const ExitDescriptor* exit) {
  Dropped dropped;
  ExitObjects objects(*exit, tj_exit_values);
  KeepLocals(lp, exit, &objects);
  StoreLocals(lp, exit, &objects, &dropped);
  Drop(dropped);
}

int64_t tj_locals_hold(PyObject** lp, const ExitDescriptor* exit) {
  ExitObjects objects(*exit, tj_exit_values);
  return std::all_of(exit->items.begin(), exit->items.end(), [&](const ExitDescriptor::Item& item) {
    if (!objects.IsThere(item)) return true;
    PyObject* now = lp[item.index];
    int64_t raw = objects.Raw(item);
    switch (item.rep) {
      case ExitDescriptor::Rep::kBoxed: return now == reinterpret_cast<PyObject*>(raw);
      case ExitDescriptor::Rep::kBool: return now == (raw != 0 ? Py_True : Py_False);
      default: return Equals(now, item, raw);
    }
  });
}

void tj_materialise(PyObject** lp, const ExitDescriptor* exit) {
  using Where = ExitDescriptor::Where;
  PyObject** stack = lp + exit->nlocalsplus;
  Dropped dropped;
  ExitObjects objects(*exit, tj_exit_values);
  KeepLocals(lp, exit, &objects);
  for (const ExitDescriptor::Item& item : exit->items) {
    if (item.where == Where::kStack) stack[item.index] = objects.Make(item);
  }
  StoreLocals(lp, exit, &objects, &dropped);
  for (const ExitDescriptor::Item& item : exit->items) {
    if (item.where == Where::kIteratorSource || item.where == Where::kIteratorPosition || item.where == Where::kIteratorRemaining) {
      StoreIteratorField(&stack[item.index], item, &objects);
    }
    PyObject* nowhere = item.where == Where::kNowhere ? reinterpret_cast<PyObject*>(objects.Raw(item)) : nullptr;
    if (nowhere != nullptr) dropped.push_back(nowhere);
  }
  Drop(dropped);
}

bool TakeMadeToFail() { return std::exchange(g_made_to_fail, false); }

const void* ResolveExit(PyThreadState* ts, ExitDescriptor* exit, bool made_to_fail) {
  if (made_to_fail) return exit->address;
  RefillReserve();
  exit->count++;
  return UnlessOutOfMemory<const void*>(exit->address, [&] { return g_resolver(ts, ts->current_frame, exit); });
}

UnitExit tj_exit(PyObject** lp, PyThreadState* ts, ExitDescriptor* exit) {
  if (!exit->frames.empty()) return ExitToFrames(ts, exit);
  bool made_to_fail = TakeMadeToFail();
  tj_materialise(lp, exit);
  tj_flush_buried();
  return {GoOn(ts, *exit, ResolveExit(ts, exit, made_to_fail)), nullptr};
}

}  // namespace tierjit
