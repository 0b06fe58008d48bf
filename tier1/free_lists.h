// Private free lists of ints, floats, short lists and tuples (short_sequences.h), iterators (iterators.h), functions (functions.h),
// generators (generator_blocks.h) and instances of plain classes (instances.h): compiled code allocates from them and frees into them.
//
// They are bounded. They are emptied when the interpreter empties its own, at a full collection, and stay empty while a reference tracer
// (tracemalloc) or a debugging allocator must see every block come and go. All of it: [GIL].
#ifndef TIERJIT_TIER1_FREE_LISTS_H_
#define TIERJIT_TIER1_FREE_LISTS_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// Fills a list that is empty, gives half of a full one back.
void RefillInts();
void RefillFloats();

// Stencils give up when a list is empty or full, so slow paths keep them in between.
inline void BalanceFreeLists() {
  constexpr uint32_t kUsable = kFreeListCapacity - 3;
  if (tj_rt.ints.count - 1 >= kUsable) RefillInts();
  if (tj_rt.floats.count - 1 >= kUsable) RefillFloats();
}

// A float from the free list: compiled code gives it back there.
inline PyObject* ListedFloat(double v) {
  if (tj_rt.floats.count == 0) return PyFloat_FromDouble(v);
  PyObject* o = tj_rt.floats.items[--tj_rt.floats.count];
  o->ob_refcnt = 1;
  reinterpret_cast<PyFloatObject*>(o)->ob_fval = v;
  return o;
}

// The same for ints.
inline PyObject* ListedInt(Py_ssize_t v) {
  if (v <= kSmallIntMax || v > static_cast<Py_ssize_t>(PyLong_MASK) || tj_rt.ints.count == 0) return PyLong_FromSsize_t(v);
  PyObject* o = tj_rt.ints.items[--tj_rt.ints.count];
  o->ob_refcnt = 1;
  reinterpret_cast<PyLongObject*>(o)->long_value.lv_tag = 1 << _PyLong_NON_SIZE_BITS;
  reinterpret_cast<PyLongObject*>(o)->long_value.ob_digit[0] = static_cast<digit>(v);
  return o;
}

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_FREE_LISTS_H_
