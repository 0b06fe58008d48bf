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

// In front of for_range where a local takes the item. B: the local. Small ints are shared, and an int that only the local holds becomes the
// next one in place. All else is for_range's, which follows.
STENCIL(for_range_local) {
  _PyRangeIterObject* it = reinterpret_cast<_PyRangeIterObject*>(*slot_at(lp, H_A));
  if (UNLIKELY(Py_TYPE(it) != rt->range_iter_type)) NEXT(DEAD);
  if (UNLIKELY(it->len <= 0)) NEXT(DEAD);
  int64_t v = it->start;
  PyObject* old = *slot_at(lp, H_B);
  if (static_cast<uint64_t>(v - kSmallIntMax - 1) < (1u << 30) - kSmallIntMax - 1) {
    if (UNLIKELY(old == nullptr || *refcount32(old) != 1)) NEXT(DEAD);
    if (UNLIKELY(Py_TYPE(old) != rt->long_type || as_long(old)->long_value.lv_tag != kOnePositiveDigit)) NEXT(DEAD);
    as_long(old)->long_value.ob_digit[0] = static_cast<digit>(v);
  } else {
    if (UNLIKELY(!is_small(v))) NEXT(DEAD);
    if (UNLIKELY(old != nullptr && !immortal(old))) NEXT(DEAD);
    *slot_at(lp, H_B) = small_int(rt, v);
  }
  it->start = v + it->step;
  it->len--;
  TARGET(DEAD);
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
// Behind for_range, which gives up when the free list is empty, or the range.
STENCIL(for_range_end) {
  PyObject* it = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(it) != rt->range_iter_type)) COLD_EMPTY();
  if (UNLIKELY(!usable(&rt->ints))) {
    tj_balance_free_lists();
    COLD_EMPTY();
  }
  if (UNLIKELY(reinterpret_cast<_PyRangeIterObject*>(it)->len > 0)) COLD_EMPTY();
  if (UNLIKELY(*refcount32(it) != 1 || !has_room(&rt->range_iters))) COLD_EMPTY();
  push_free(&rt->range_iters, it);
  TARGET(DEAD);
}

// `range(...)` that a loop is about to ask for its iterator: the call makes the iterator at once. A: slot of the callable, followed by the
// arguments but the last, which is in the accumulator.
template <int n> BODY call_range(SIGNATURE) {
  PyObject** operands = slot_at(lp, H_A);
  if (UNLIKELY(operands[0] != reinterpret_cast<PyObject*>(rt->range_type))) COLD();
  if (UNLIKELY(!is_compact_int(rt, acc))) COLD();
  if constexpr (n == 2) {
    if (UNLIKELY(!is_compact_int(rt, operands[2]))) COLD();
  }
  if (UNLIKELY(!usable(&rt->ints) || rt->range_iters.count == 0)) COLD();
  int64_t stop = int_value(acc), start = n == 2 ? int_value(operands[2]) : 0;
  drop_int(rt, acc);
  if constexpr (n == 2) drop_int(rt, operands[2]);
  _PyRangeIterObject* it = reinterpret_cast<_PyRangeIterObject*>(pop_free(&rt->range_iters));
  it->ob_base.ob_refcnt = 1;
  it->start = start;
  it->step = 1;
  it->len = stop > start ? stop - start : 0;
  NEXT(reinterpret_cast<PyObject*>(it));
}
STENCIL(call_range_1R) { MUSTTAIL return call_range<1>(lp, rt, acc, ts, REST); }
STENCIL(call_range_2R) { MUSTTAIL return call_range<2>(lp, rt, acc, ts, REST); }

// GET_ITER. What is its own iterator, by the commonest types; then what a helper sees to; else the slow path. A: slot of the object.
STENCIL(get_iter) {
  acc = *slot_at(lp, H_A);
  if (UNLIKELY(Py_TYPE(acc) != rt->range_iter_type && Py_TYPE(acc) != rt->generator_type)) COLD_EMPTY();
  NEXT(acc);
}
extern "C" PyObject* tj_get_iter(PyThreadState* ts, PyObject* iterable);
STENCIL(get_iter_any) {
  PyObject* o = *slot_at(lp, H_A);
  if ((Py_TYPE(o)->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0) COLD_EMPTY();
  acc = tj_get_iter(ts, o);
  if (UNLIKELY(acc == nullptr)) COLD_EMPTY();
  NEXT(acc);
}
// P: address of the instruction.
STENCIL(cold_iter) {
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  MUSTTAIL return TJ_THUNK_iter(lp, rt, DEAD, ts, *slot_at(lp, H_A), ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT));
}

// Instances of Python classes. P: address of the instruction.
STENCIL(for_instance) {
  PyObject* it = *slot_at(lp, H_A);
  if ((Py_TYPE(it)->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0) COLD_EMPTY();
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  MUSTTAIL return TJ_THUNK_next(lp, rt, DEAD, ts, it, ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT));
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
