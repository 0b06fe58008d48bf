// FOR_ITER. The iterator stays in its slot A; the item goes to the accumulator. Range, list and tuple iterators are
// advanced in place, all others, and the exhausted, by their type.
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

extern "C" void tj_balance_free_lists();
// Behind for_range, which gives up when the free list is empty.
STENCIL(for_range_refill) {
  if (UNLIKELY(!usable(&rt->ints))) tj_balance_free_lists();
  COLD_EMPTY();
}

// Any iterator. P: address of the instruction. The cold end gets what there is: no item, or an item while an event is
// pending.
STENCIL(for_any) {
  PyObject* it = *slot_at(lp, H_A);
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  PyObject* item = Py_TYPE(it)->tp_iternext(it);
  acc = item;
  asm("" : "+r"(acc));  // or the cold way would load NULL anew
  // Positive tests make the way to the next stencil come last.
  if (LIKELY(item != nullptr)) {
    if (LIKELY(ts->eval_breaker == unit()->expected_breaker)) NEXT(acc);
  }
  COLD();
}
STENCIL(cold_for) { MUSTTAIL return TJ_THUNK_for_end(lp, rt, acc, ts, x, ADDRESS_OF(H_SITE), z); }

}  // namespace tierjit::tier1
