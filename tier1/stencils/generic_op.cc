// Operators on operands of any type: C functions take them as they lie. What lies below the operands is canonical,
// except for the forms that may decline: their C side stores it if it needs to.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

extern "C" {
// C side, tier1/generic_op.cc. Bits of `owned`: the left and the right operand's reference is consumed. A value, or NULL: leave the unit;
// with an address: a method to enter.
Departure tj_binary(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned);
Departure tj_compare(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned);
// What an operator makes of operands whose class has declined.
PyObject* tj_ask_others(PyThreadState* ts, PyObject* a, PyObject* b, Site* site, PyObject* result);
// An error, or something is pending. NULL: leave.
PyObject* tj_finish_disturbed(PyObject** lp, PyThreadState* ts, Site* site, PyObject* result);
bool tj_list_append(PyObject** lp, PyListObject* list, PyObject* item, Site* site);  // false: leave
// With operands of C types only; see kLeft in rt.h.
PyObject* tj_quick(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned);
PyObject* tj_unary(PyObject** lp, PyObject* a, PyThreadState* ts, Site* site, int owned);
PyObject* tj_truth(PyObject** lp, PyObject* a, PyThreadState* ts, Site* site, int owned);  // True or False
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
// Objects of one builtin type that is no number, or such a one and an int: asked is the slot of the left one's type, as the other can have
// no reflection to offer. C: offset of the slot, D: of the one that must be empty (operator_slots.h), P: address of the instruction.
// (The accumulator is a register to work with unless an operand is there.)
#define DECLINE()                                                 \
  do {                                                            \
    if constexpr (ka == K::R || kb == K::R) COLD();               \
    else COLD_EMPTY();                                            \
  } while (0)
template <K ka, K kb> BODY slot_op(SIGNATURE) {
  PyObject* a = left<ka>(lp, acc);
  PyObject* b = right<kb>(lp, acc);
  PyTypeObject *type = Py_TYPE(a), *other = Py_TYPE(b);
  if (type == rt->float_type || type == rt->long_type) DECLINE();
  if (UNLIKELY(other != type && other != rt->long_type)) DECLINE();
  if (UNLIKELY((type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) == 0 || type->tp_as_number == nullptr)) DECLINE();
  char* slots = reinterpret_cast<char*>(type->tp_as_number);
  if (UNLIKELY(*reinterpret_cast<void**>(slots + HOLE(H_D)) != nullptr)) DECLINE();
  binaryfunc ask = *reinterpret_cast<binaryfunc*>(slots + HOLE(H_C));
  if (UNLIKELY(ask == nullptr)) DECLINE();
  if constexpr (!owned(ka)) incref(a);
  if constexpr (!owned(kb)) incref(b);
  frame_of(lp)->instr_ptr = reinterpret_cast<_Py_CODEUNIT*>(pointer_p());
  PyObject* result = ask(a, b);
  if (UNLIKELY(result == nullptr || result == rt->not_implemented)) result = tj_ask_others(ts, a, b, SITE, result);
  acc = result;
  if (decref(a)) tj_dealloc(a);
  if (decref(b)) tj_dealloc(b);
  if (UNLIKELY(acc == nullptr || ts->eval_breaker != unit()->expected_breaker)) {
    acc = tj_finish_disturbed(lp, ts, SITE, acc);
    if (acc == nullptr) GO(TJ_THUNK_exit, DEAD);
  }
  NEXT(acc);
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
#define DECLINED_OR_LEFT(r)   \
  do {                        \
    if (r == nullptr) COLD(); \
    GO(TJ_THUNK_exit, DEAD);  \
  } while (0)
INLINE bool is_done(PyObject* r) { return LIKELY(reinterpret_cast<uintptr_t>(r) > kLeft); }

template <K ka, K kb> BODY quick(SIGNATURE) {
  PyObject* r = tj_quick(lp, left<ka>(lp, acc), right<kb>(lp, acc), ts, SITE, kOwned<ka, kb>);
  if (is_done(r)) NEXT(r);
  DECLINED_OR_LEFT(r);
}
template <K k> BODY unary(SIGNATURE) {
  PyObject* r = tj_unary(lp, left<k>(lp, acc), ts, SITE, owned(k));
  if (is_done(r)) NEXT(r);
  DECLINED_OR_LEFT(r);
}
STENCIL(unary_any_L) { MUSTTAIL return unary<K::L>(lp, rt, acc, ts, REST); }
STENCIL(unary_any_R) { MUSTTAIL return unary<K::R>(lp, rt, acc, ts, REST); }
template <K k, bool sense> BODY truth(SIGNATURE) {
  PyObject* r = tj_truth(lp, left<k>(lp, acc), ts, SITE, owned(k));
  if (r == (sense ? rt->true_object : rt->false_object)) TARGET(DEAD);
  if (is_done(r)) NEXT(DEAD);
  DECLINED_OR_LEFT(r);
}
STENCIL(truth_jump_true_L) { MUSTTAIL return truth<K::L, true>(lp, rt, acc, ts, REST); }
STENCIL(truth_jump_true_R) { MUSTTAIL return truth<K::R, true>(lp, rt, acc, ts, REST); }
STENCIL(truth_jump_false_L) { MUSTTAIL return truth<K::L, false>(lp, rt, acc, ts, REST); }
STENCIL(truth_jump_false_R) { MUSTTAIL return truth<K::R, false>(lp, rt, acc, ts, REST); }

#define GENERIC(a, b)                                                                                            \
  STENCIL(binary_any_##a##b) { MUSTTAIL return binary<K::a, K::b>(lp, rt, acc, ts, REST); }                      \
  STENCIL(compare_any_##a##b) { MUSTTAIL return compare<K::a, K::b>(lp, rt, acc, ts, REST); }                    \
  STENCIL(compare_jump_##a##b) { MUSTTAIL return compare_jump<K::a, K::b, true>(lp, rt, acc, ts, REST); }        \
  STENCIL(compare_jumpnot_##a##b) { MUSTTAIL return compare_jump<K::a, K::b, false>(lp, rt, acc, ts, REST); }    \
  STENCIL(quick_##a##b) { MUSTTAIL return quick<K::a, K::b>(lp, rt, acc, ts, REST); }
#define SLOT_OP(a, b) STENCIL(slot_op_##a##b) { MUSTTAIL return slot_op<K::a, K::b>(lp, rt, acc, ts, REST); }
SLOT_OP(L, L) SLOT_OP(L, R) SLOT_OP(R, L) SLOT_OP(M, R)
GENERIC(L, L) GENERIC(L, C) GENERIC(L, R) GENERIC(R, L) GENERIC(R, C) GENERIC(M, R) GENERIC(C, L) GENERIC(C, R)

// LIST_APPEND to a list that must grow. A: slot of the list.
STENCIL(list_append_any) {
  if (LIKELY(tj_list_append(lp, reinterpret_cast<PyListObject*>(*slot_at(lp, H_A)), acc, SITE))) NEXT(DEAD);
  GO(TJ_THUNK_exit, DEAD);
}

}  // namespace tierjit::tier1
