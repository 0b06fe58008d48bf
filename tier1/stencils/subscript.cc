// Element access of list, tuple and str with compact int indices.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

// Container: operand A (L, M) or accumulator. Index: operand B (L, M), accumulator or constant N in H_C.
enum class I { L, M, R, N };
template <I i> INLINE PyObject* index_object(PyObject** lp, PyObject* acc) {
  if constexpr (i == I::R) return acc;
  else if constexpr (i == I::N) return nullptr;
  else return *slot_at(lp, H_B);
}
template <I i> INLINE bool index_ok(Rt* rt, PyObject* o) {
  if constexpr (i == I::N) return true;
  else return is_compact_int(rt, o);
}
template <I i> INLINE int64_t index_of(PyObject* o) {
  if constexpr (i == I::N) return HOLE(H_C);
  else return int_value(o);
}
template <K k> INLINE PyObject* container(PyObject** lp, PyObject* acc) {
  if constexpr (k == K::R) return acc;
  else return *slot_at(lp, H_A);
}
// Release of the operands after the element has been taken; at most one disposal is needed.
#define FINISH_SUBSCRIPT(v)                                  \
  do {                                                       \
    if constexpr (i == I::R || i == I::M) drop_int(rt, key); \
    if constexpr (owned(k)) {                                \
      if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);              \
    }                                                        \
    NEXT(v);                                                 \
  } while (0)
#define CHECK_INDEX(size)                                                            \
  if constexpr (i == I::R || i == I::M) {                                            \
    if (UNLIKELY(!usable(&rt->ints))) COLD();                                        \
  }                                                                                  \
  int64_t n = index_of<i>(key);                                                      \
  if constexpr (i != I::N) {                                                         \
    if (n < 0) n += (size);                                                          \
  }                                                                                  \
  if (UNLIKELY(static_cast<uint64_t>(n) >= static_cast<uint64_t>(size))) COLD()

template <K k, I i> BODY list_get(SIGNATURE) {
  PyObject* o = container<k>(lp, acc);
  PyObject* key = index_object<i>(lp, acc);
  if (UNLIKELY(Py_TYPE(o) != rt->list_type)) COLD();
  if (UNLIKELY(!index_ok<i>(rt, key))) COLD();
  int64_t size = reinterpret_cast<PyVarObject*>(o)->ob_size;
  CHECK_INDEX(size);
  PyObject* v = incref(reinterpret_cast<PyListObject*>(o)->ob_item[n]);
  FINISH_SUBSCRIPT(v);
}
template <K k, I i> BODY tuple_get(SIGNATURE) {
  PyObject* o = container<k>(lp, acc);
  PyObject* key = index_object<i>(lp, acc);
  if (UNLIKELY(Py_TYPE(o) != rt->tuple_type)) COLD();
  if (UNLIKELY(!index_ok<i>(rt, key))) COLD();
  int64_t size = reinterpret_cast<PyVarObject*>(o)->ob_size;
  CHECK_INDEX(size);
  PyObject* v = incref(reinterpret_cast<PyTupleObject*>(o)->ob_item[n]);
  FINISH_SUBSCRIPT(v);
}
template <K k, I i> BODY str_get(SIGNATURE) {
  PyObject* o = container<k>(lp, acc);
  PyObject* key = index_object<i>(lp, acc);
  if (UNLIKELY(Py_TYPE(o) != rt->unicode_type)) COLD();
  if (UNLIKELY(!index_ok<i>(rt, key))) COLD();
  if (UNLIKELY(!reinterpret_cast<PyASCIIObject*>(o)->state.compact || !reinterpret_cast<PyASCIIObject*>(o)->state.ascii)) COLD();
  int64_t size = reinterpret_cast<PyASCIIObject*>(o)->length;
  CHECK_INDEX(size);
  PyObject* v = rt->latin1_chars[reinterpret_cast<uint8_t*>(reinterpret_cast<PyASCIIObject*>(o) + 1)[n]];
  FINISH_SUBSCRIPT(v);
}
#define GET_ONE(type, k, i) STENCIL(type##_get_##k##i) { MUSTTAIL return type##_get<K::k, I::i>(lp, rt, acc, ts, REST); }
#define GET_ALL(type) \
  GET_ONE(type, L, L) GET_ONE(type, L, N) GET_ONE(type, L, R) GET_ONE(type, R, L) GET_ONE(type, R, N) GET_ONE(type, M, R)
GET_ALL(list)
GET_ALL(tuple)
GET_ALL(str)

// list[index] = value. Value: accumulator, or operand C's slot (L borrowed, M owned). Container L or M (owned).
template <K kv, K kc, I i> BODY list_set(SIGNATURE) {
  PyObject* o = *slot_at(lp, H_A);
  PyObject* key = index_object<i>(lp, acc);
  if (UNLIKELY(Py_TYPE(o) != rt->list_type)) COLD();
  PyObject* v;
  if constexpr (kv == K::R) v = acc;
  else v = *slot_at(lp, H_D);
  if (UNLIKELY(!index_ok<i>(rt, key))) COLD();
  int64_t size = reinterpret_cast<PyVarObject*>(o)->ob_size;
  CHECK_INDEX(size);
  if constexpr (kc == K::M) {
    // A list that dies here would be a second object to dispose of.
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
    (void)decref(o);
  }
  PyObject** item = &reinterpret_cast<PyListObject*>(o)->ob_item[n];
  PyObject* old = *item;
  if constexpr (!owned(kv)) incref(v);
  *item = v;
  if constexpr (i == I::R || i == I::M) drop_int(rt, key);
  if (decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}
#define SET_ONE(v, k, i) STENCIL(list_set_##v##k##i) { MUSTTAIL return list_set<K::v, K::k, I::i>(lp, rt, acc, ts, REST); }
SET_ONE(R, L, L) SET_ONE(R, L, N) SET_ONE(R, M, L) SET_ONE(R, M, N) SET_ONE(R, M, M) SET_ONE(R, L, M)
SET_ONE(L, L, L) SET_ONE(L, L, N) SET_ONE(L, L, R) SET_ONE(L, M, L) SET_ONE(L, M, N) SET_ONE(L, M, R)
SET_ONE(M, L, L) SET_ONE(M, L, N) SET_ONE(M, L, R) SET_ONE(M, M, L) SET_ONE(M, M, N) SET_ONE(M, M, R)

// Appending while the list has room. A: slot of the list, which stays on the stack.
STENCIL(list_append) {
  PyListObject* list = reinterpret_cast<PyListObject*>(*slot_at(lp, H_A));
  Py_ssize_t size = reinterpret_cast<PyVarObject*>(list)->ob_size;
  if (UNLIKELY(size >= list->allocated)) COLD();
  list->ob_item[size] = acc;
  reinterpret_cast<PyVarObject*>(list)->ob_size = size + 1;
  NEXT(DEAD);
}
// `list.append(x)` as a call. A: slot of the callable, B: of self, then the argument. The method descriptor is immortal or owned by
// the stack like any callable.
STENCIL(call_list_append) {
  PyObject* f = *slot_at(lp, H_A);
  PyObject** args = slot_at(lp, H_B);
  if (f != rt->list_append) COLD_EMPTY();
  PyListObject* list = reinterpret_cast<PyListObject*>(args[0]);
  if (UNLIKELY(list == nullptr || Py_TYPE(list) != rt->list_type)) COLD_EMPTY();
  Py_ssize_t size = reinterpret_cast<PyVarObject*>(list)->ob_size;
  if (UNLIKELY(size >= list->allocated || *refcount32(args[0]) == 1 || *refcount32(f) == 1)) COLD_EMPTY();
  list->ob_item[size] = args[1];
  reinterpret_cast<PyVarObject*>(list)->ob_size = size + 1;
  (void)decref(args[0]);
  (void)decref(f);
  NEXT(rt->none_object);
}

// Unpacking of exact tuples and lists: items to the slots from A on, in stack order (last item lowest).
template <bool list> BODY unpack(SIGNATURE) {
  PyObject* o = acc;
  if (UNLIKELY(Py_TYPE(o) != (list ? rt->list_type : rt->tuple_type))) COLD();
  uint64_t count;
  asm("movl $H_C, %k0" : "=r"(count));
  int64_t n = static_cast<int64_t>(count);
  if (UNLIKELY(reinterpret_cast<PyVarObject*>(o)->ob_size != n)) COLD();
  PyObject** items = list ? reinterpret_cast<PyListObject*>(o)->ob_item : reinterpret_cast<PyTupleObject*>(o)->ob_item;
  PyObject** to = slot_at(lp, H_A);
  for (int64_t j = n - 1; j >= 0; j--) *to++ = incref(items[j]);
  if (decref(o)) GO_WITH(TJ_DISPOSE, DEAD, o);
  NEXT(DEAD);
}
STENCIL(unpack_tuple) { MUSTTAIL return unpack<false>(lp, rt, acc, ts, REST); }
STENCIL(unpack_list) { MUSTTAIL return unpack<true>(lp, rt, acc, ts, REST); }
STENCIL(unpack_tuple_2) {
  PyObject* o = acc;
  if (UNLIKELY(Py_TYPE(o) != rt->tuple_type)) COLD();
  if (UNLIKELY(reinterpret_cast<PyVarObject*>(o)->ob_size != 2)) COLD();
  PyObject** to = slot_at(lp, H_A);
  to[0] = incref(reinterpret_cast<PyTupleObject*>(o)->ob_item[1]);
  to[1] = incref(reinterpret_cast<PyTupleObject*>(o)->ob_item[0]);
  if (decref(o)) GO_WITH(TJ_DISPOSE, DEAD, o);
  NEXT(DEAD);
}

}  // namespace tierjit::tier1
