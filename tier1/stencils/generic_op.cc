// Operators on operands of any type: C functions take them as they lie. What lies below the operands is canonical,
// except for the `quick` forms, which run no foreign code and may decline.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

extern "C" {
// C side, tier1/generic_op.cc. Bits of `owned`: the left and the right operand's reference is consumed. A value, or NULL: leave the unit;
// with an address: a method to enter.
Departure tj_binary(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned);
Departure tj_compare(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned);
bool tj_list_append(PyObject** lp, PyListObject* list, PyObject* item, Site* site);  // false: leave
PyObject* tj_quick(PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned);  // NULL: declined
}

// Operand A (L, M), B (L, M), constant P (C, either side) or accumulator.
template <K ka> INLINE PyObject* left(PyObject** lp, PyObject* acc) {
  if constexpr (ka == K::R) return acc;
  else if constexpr (ka == K::C) return pointer_p();
  else return *slot_at(lp, H_A);
}
template <K kb> INLINE PyObject* right(PyObject** lp, PyObject* acc) {
  if constexpr (kb == K::R) return acc;
  else if constexpr (kb == K::C) return pointer_p();
  else return *slot_at(lp, H_B);
}
template <K ka, K kb> inline constexpr int kOwned = (owned(ka) ? 1 : 0) | (owned(kb) ? 2 : 0);
#define SITE static_cast<Site*>(ADDRESS_OF(H_SITE))

// Leaves the unit, or enters the method and goes on at `next` with its result.
#define LEAVE_OR_ENTER(d, thunk, next)                                                                                        \
  do {                                                                                                                        \
    void* y_;                                                                                                                 \
    if (d.resume == nullptr) GO(TJ_THUNK_exit, DEAD);                                                                         \
    MUSTTAIL return thunk(lp, rt, static_cast<PyObject*>(const_cast<void*>(d.resume)), ts, d.value, y_, next);                \
  } while (0)

template <K ka, K kb> BODY binary(SIGNATURE) {
  Departure d = tj_binary(lp, left<ka>(lp, acc), right<kb>(lp, acc), ts, SITE, kOwned<ka, kb>);
  if (LIKELY(d.resume == nullptr)) {
    if (LIKELY(d.value != nullptr)) NEXT(d.value);
  }
  LEAVE_OR_ENTER(d, TJ_THUNK_method, ADDRESS_OF(TJ_NEXT));
}
template <K ka, K kb> BODY compare(SIGNATURE) {
  Departure d = tj_compare(lp, left<ka>(lp, acc), right<kb>(lp, acc), ts, SITE, kOwned<ka, kb>);
  if (LIKELY(d.resume == nullptr)) {
    if (LIKELY(d.value != nullptr)) NEXT(d.value);
  }
  LEAVE_OR_ENTER(d, TJ_THUNK_method, ADDRESS_OF(TJ_NEXT));
}
template <K ka, K kb, bool sense> BODY compare_jump(SIGNATURE) {
  Departure d = tj_compare(lp, left<ka>(lp, acc), right<kb>(lp, acc), ts, SITE, kOwned<ka, kb>);
  if (LIKELY(d.resume == nullptr)) {
    if (d.value == (sense ? rt->true_object : rt->false_object)) TARGET(DEAD);
    if (LIKELY(d.value != nullptr)) NEXT(DEAD);
  }
  void* z_;
  LEAVE_OR_ENTER(d, TJ_THUNK_method_branch, z_);
}
template <K ka, K kb> BODY quick(SIGNATURE) {
  PyObject* r = tj_quick(left<ka>(lp, acc), right<kb>(lp, acc), ts, SITE, kOwned<ka, kb>);
  if (LIKELY(r != nullptr)) NEXT(r);
  COLD();
}

#define GENERIC(a, b)                                                                                            \
  STENCIL(binary_any_##a##b) { MUSTTAIL return binary<K::a, K::b>(lp, rt, acc, ts, REST); }                      \
  STENCIL(compare_any_##a##b) { MUSTTAIL return compare<K::a, K::b>(lp, rt, acc, ts, REST); }                    \
  STENCIL(compare_jump_##a##b) { MUSTTAIL return compare_jump<K::a, K::b, true>(lp, rt, acc, ts, REST); }        \
  STENCIL(compare_jumpnot_##a##b) { MUSTTAIL return compare_jump<K::a, K::b, false>(lp, rt, acc, ts, REST); }    \
  STENCIL(quick_##a##b) { MUSTTAIL return quick<K::a, K::b>(lp, rt, acc, ts, REST); }
GENERIC(L, L) GENERIC(L, C) GENERIC(L, R) GENERIC(R, L) GENERIC(R, C) GENERIC(M, R) GENERIC(C, L) GENERIC(C, R)

// LIST_APPEND to a list that must grow. A: slot of the list.
STENCIL(list_append_any) {
  if (LIKELY(tj_list_append(lp, reinterpret_cast<PyListObject*>(*slot_at(lp, H_A)), acc, SITE))) NEXT(DEAD);
  GO(TJ_THUNK_exit, DEAD);
}

}  // namespace tierjit::tier1
