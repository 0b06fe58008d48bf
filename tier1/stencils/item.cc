// Element access and membership by C helpers (tier1/item_access.h) that run no foreign code, so the operands stay where they lie.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

extern "C" {
PyObject* tj_get_item(PyObject* container, PyObject* key);
PyObject* tj_set_item(PyObject* container, PyObject* key, PyObject* value);
PyObject* tj_contains(PyObject* item, PyObject* container);
void tj_dealloc(PyObject* o);
}

// An operand that the helper has accepted as one whose death is plain.
template <K k> INLINE void release(PyObject* o) {
  if constexpr (owned(k)) {
    if (decref(o)) tj_dealloc(o);
  }
}

template <K kc, K kk> BODY item_get(SIGNATURE) {
  PyObject* v = tj_get_item(first<kc>(lp, acc), second<kk>(lp, acc));
  if (UNLIKELY(v == nullptr)) COLD();
  release<kk>(second<kk>(lp, acc));
  if constexpr (owned(kc)) {
    PyObject* o = first<kc>(lp, acc);
    if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);
  }
  NEXT(v);
}

// C: 1 for `not in`.
template <K ki, K kc> BODY item_contains(SIGNATURE) {
  PyObject* v = tj_contains(first<ki>(lp, acc), second<kc>(lp, acc));
  if (UNLIKELY(v == nullptr)) COLD();
  uint64_t inverted;
  asm("movl $H_C, %k0" : "=r"(inverted));
  bool truth = (v == rt->true_object) != (inverted != 0);
  v = truth ? rt->true_object : rt->false_object;
  release<ki>(first<ki>(lp, acc));
  if constexpr (owned(kc)) {
    PyObject* o = second<kc>(lp, acc);
    if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);
  }
  NEXT(v);
}

#define PAIRS(X) X(L, L) X(L, C) X(L, R) X(R, L) X(R, C) X(M, R) X(C, L) X(C, R)
#define GET(a, b) STENCIL(item_get_##a##b) { MUSTTAIL return item_get<K::a, K::b>(lp, rt, acc, ts, REST); }
#define CONTAINS(a, b) STENCIL(item_contains_##a##b) { MUSTTAIL return item_contains<K::a, K::b>(lp, rt, acc, ts, REST); }
PAIRS(GET)
PAIRS(CONTAINS)

// container[key] = value. A: slot of the container (L, M), B: of the key or Q, D: of the value or P.
template <K kv, K kc, K kk> BODY item_set(SIGNATURE) {
  PyObject* o = *slot_at(lp, H_A);
  if constexpr (kc == K::M) {
    if (UNLIKELY(*refcount32(o) == 1)) COLD();  // the old value is the one to dispose of
  }
  auto value = [lp, acc] { return kv == K::R ? acc : kv == K::C ? pointer_p() : *slot_at(lp, H_D); };
  PyObject* old = tj_set_item(o, second<kk>(lp, acc), value());
  if (UNLIKELY(old == nullptr)) COLD();
  if constexpr (kc == K::M) decref_shared(*slot_at(lp, H_A));
  // First the one in a slot: its address would have to outlive a call.
  if constexpr (kv == K::M) release<kv>(value());
  release<kk>(second<kk>(lp, acc));
  if constexpr (kv == K::R) release<kv>(value());
  if (decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}
#define SET(v, c, k) STENCIL(item_set_##v##c##k) { MUSTTAIL return item_set<K::v, K::c, K::k>(lp, rt, acc, ts, REST); }
#define SET_KEYS(v, c) SET(v, c, L) SET(v, c, C) SET(v, c, R)
SET_KEYS(L, L) SET_KEYS(L, M) SET_KEYS(C, L) SET_KEYS(C, M) SET_KEYS(M, L) SET_KEYS(M, M)
SET(R, L, L) SET(R, L, C) SET(R, L, M) SET(R, M, L) SET(R, M, C) SET(R, M, M)

}  // namespace tierjit::tier1
