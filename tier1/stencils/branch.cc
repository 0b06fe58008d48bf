// Truth tests and conditional jumps on them.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

template <K k> INLINE PyObject* operand(PyObject** lp, PyObject* acc) {
  if constexpr (k == K::R) return acc;
  else return *slot_at(lp, H_A);
}

// Jumps to TJ_TARGET if the truth of the operand is `sense`.
template <K k, bool sense> BODY truth_jump(SIGNATURE) {
  PyObject* o = operand<k>(lp, acc);
  if (o == (sense ? rt->true_object : rt->false_object)) TARGET(DEAD);
  if (LIKELY(o == (sense ? rt->false_object : rt->true_object))) NEXT(DEAD);
  COLD();
}
#define TRUTH(k)                                                                                     \
  STENCIL(jump_if_true_##k) { MUSTTAIL return truth_jump<K::k, true>(lp, rt, acc, ts, REST); }       \
  STENCIL(jump_if_false_##k) { MUSTTAIL return truth_jump<K::k, false>(lp, rt, acc, ts, REST); }
TRUTH(L) TRUTH(R)

// None and containers and ints: the size or value is a word of the object.
template <K k, bool sense> BODY truth_jump_sized(SIGNATURE) {
  PyObject* o = operand<k>(lp, acc);
  bool truth;
  if (o == rt->none_object) {
    truth = false;
  } else if (Py_TYPE(o) == rt->long_type) {
    truth = (as_long(o)->long_value.lv_tag & 3) != 1;
  } else if (Py_TYPE(o) == rt->list_type || Py_TYPE(o) == rt->tuple_type || Py_TYPE(o) == rt->bytes_type) {
    truth = reinterpret_cast<PyVarObject*>(o)->ob_size != 0;
  } else if (Py_TYPE(o) == rt->dict_type) {
    truth = reinterpret_cast<PyDictObject*>(o)->ma_used != 0;
  } else if (Py_TYPE(o) == rt->unicode_type) {
    truth = reinterpret_cast<PyASCIIObject*>(o)->length != 0;
  } else {
    COLD();
  }
  if constexpr (owned(k)) {
    // Dying operands are left to the slow path: there is one disposal and two ways to go on.
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
    decref_shared(o);
  }
  if (truth == sense) TARGET(DEAD);
  NEXT(DEAD);
}
#define TRUTH_SIZED(k)                                                                                           \
  STENCIL(jump_if_true_sized_##k) { MUSTTAIL return truth_jump_sized<K::k, true>(lp, rt, acc, ts, REST); }       \
  STENCIL(jump_if_false_sized_##k) { MUSTTAIL return truth_jump_sized<K::k, false>(lp, rt, acc, ts, REST); }
TRUTH_SIZED(L) TRUTH_SIZED(R)

// Objects of a class that has neither __bool__ nor __len__: the cell holds its version.
template <K k, bool sense> BODY truth_jump_object(SIGNATURE) {
  PyObject* o = operand<k>(lp, acc);
  if (UNLIKELY(Py_TYPE(o)->tp_version_tag != cell<TruthCell>()->version)) COLD();
  if constexpr (owned(k)) {
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
    decref_shared(o);
  }
  if constexpr (sense) TARGET(DEAD);
  NEXT(DEAD);
}
STENCIL(jump_if_true_object_L) { MUSTTAIL return truth_jump_object<K::L, true>(lp, rt, acc, ts, REST); }
STENCIL(jump_if_true_object_R) { MUSTTAIL return truth_jump_object<K::R, true>(lp, rt, acc, ts, REST); }
STENCIL(jump_if_false_object_L) { MUSTTAIL return truth_jump_object<K::L, false>(lp, rt, acc, ts, REST); }
STENCIL(jump_if_false_object_R) { MUSTTAIL return truth_jump_object<K::R, false>(lp, rt, acc, ts, REST); }

template <K k, bool sense> BODY none_jump(SIGNATURE) {
  PyObject* o = operand<k>(lp, acc);
  bool none = o == rt->none_object;
  if constexpr (owned(k)) {
    if (!none) {
      if (UNLIKELY(*refcount32(o) == 1)) COLD();
      decref_shared(o);
    }
  }
  if (none == sense) TARGET(DEAD);
  NEXT(DEAD);
}
#define NONE_JUMP(k)                                                                                    \
  STENCIL(jump_if_none_##k) { MUSTTAIL return none_jump<K::k, true>(lp, rt, acc, ts, REST); }           \
  STENCIL(jump_if_not_none_##k) { MUSTTAIL return none_jump<K::k, false>(lp, rt, acc, ts, REST); }
NONE_JUMP(L) NONE_JUMP(R)

// `is` and `is not`, jumping when the identity is `sense`. Right operand constant P (borrowed) or local B.
template <K ka, K kb, bool sense> BODY is_jump(SIGNATURE) {
  PyObject* a = operand<ka>(lp, acc);
  PyObject* b = kb == K::C ? pointer_q() : kb == K::R ? acc : *slot_at(lp, H_B);
  bool same = a == b;
  if constexpr (owned(ka)) {
    if (UNLIKELY(*refcount32(a) == 1)) COLD();
  }
  if constexpr (owned(kb)) {
    if (UNLIKELY(*refcount32(b) <= 2)) COLD();  // also when both are the same object
    decref_shared(b);
  }
  if constexpr (owned(ka)) decref_shared(a);
  if (same == sense) TARGET(DEAD);
  NEXT(DEAD);
}
#define IS_JUMP(a, b)                                                                                            \
  STENCIL(jump_if_is_##a##b) { MUSTTAIL return is_jump<K::a, K::b, true>(lp, rt, acc, ts, REST); }               \
  STENCIL(jump_if_is_not_##a##b) { MUSTTAIL return is_jump<K::a, K::b, false>(lp, rt, acc, ts, REST); }
IS_JUMP(L, L) IS_JUMP(L, C) IS_JUMP(L, R) IS_JUMP(R, L) IS_JUMP(R, C) IS_JUMP(M, R)

STENCIL(not_R) {
  if (acc == rt->true_object) NEXT(rt->false_object);
  if (LIKELY(acc == rt->false_object)) NEXT(rt->true_object);
  COLD();
}
STENCIL(to_bool_R) {
  if (LIKELY(acc == rt->true_object || acc == rt->false_object)) NEXT(acc);
  COLD();
}

}  // namespace tierjit::tier1
