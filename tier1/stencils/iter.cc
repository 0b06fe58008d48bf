// FOR_ITER over range, list and tuple. The iterator stays in its slot A; the item goes to the accumulator. Exhaustion is
// left to the slow path, which releases the iterator.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

STENCIL(for_range) {
  _PyRangeIterObject* it = reinterpret_cast<_PyRangeIterObject*>(*slot_at(lp, H_A));
  if (UNLIKELY(Py_TYPE(it) != rt->range_iter_type)) COLD_EMPTY();
  if (UNLIKELY(it->len <= 0)) COLD_EMPTY();
  int64_t v = it->start;
  if (UNLIKELY(!usable(&rt->ints) || !fits_digit(v))) COLD_EMPTY();
  it->start = v + it->step;
  it->len--;
  NEXT(new_int(rt, v));
}

template <bool list> BODY for_sequence(SIGNATURE) {
  PyObject* o = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(o) != (list ? rt->list_iter_type : rt->tuple_iter_type))) COLD_EMPTY();
  // Both iterators have the same layout.
  _PyListIterObject* it = reinterpret_cast<_PyListIterObject*>(o);
  PyObject* seq = reinterpret_cast<PyObject*>(it->it_seq);
  if (UNLIKELY(seq == nullptr)) COLD_EMPTY();
  Py_ssize_t n = it->it_index;
  if (UNLIKELY(n >= reinterpret_cast<PyVarObject*>(seq)->ob_size)) COLD_EMPTY();
  PyObject** items = list ? reinterpret_cast<PyListObject*>(seq)->ob_item : reinterpret_cast<PyTupleObject*>(seq)->ob_item;
  it->it_index = n + 1;
  NEXT(incref(items[n]));
}
STENCIL(for_list) { MUSTTAIL return for_sequence<true>(lp, rt, acc, ts, REST); }
STENCIL(for_tuple) { MUSTTAIL return for_sequence<false>(lp, rt, acc, ts, REST); }

}  // namespace tierjit::tier1
