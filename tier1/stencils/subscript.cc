// Element access of list, tuple, str and arrays of doubles with compact int indices.
#include "tier1/stencil.h"

namespace tierjit::tier1 {

// Container: operand A (L, M) or accumulator. Index: operand B (L, M), accumulator, constant N in H_C or constant B, H_C from the end.
enum class I { L, M, R, N, B };
constexpr bool constant(I i) { return i == I::N || i == I::B; }
template <I i> INLINE PyObject* index_object(PyObject** lp, PyObject* acc) {
  if constexpr (i == I::R) return acc;
  else if constexpr (constant(i)) return nullptr;
  else return *slot_at(lp, H_B);
}
template <I i> INLINE bool index_ok(Rt* rt, PyObject* o) {
  if constexpr (constant(i)) return true;
  else return is_compact_int(rt, o);
}
template <I i> INLINE int64_t index_of(PyObject* o, int64_t size) {
  if constexpr (i == I::N) return HOLE(H_C);
  if constexpr (i == I::B) return size - HOLE(H_C);
  int64_t n = int_value(o);
  return n < 0 ? n + size : n;
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
  int64_t n = index_of<i>(key, size);                                                \
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
template <K k, I i> BODY array_get(SIGNATURE) {
  PyObject* o = container<k>(lp, acc);
  PyObject* key = index_object<i>(lp, acc);
  if (UNLIKELY(Py_TYPE(o) != rt->array_type)) COLD();
  ArrayObject* array = reinterpret_cast<ArrayObject*>(o);
  if (UNLIKELY(*array->descriptor != 'd')) COLD();
  if (UNLIKELY(!index_ok<i>(rt, key))) COLD();
  if (UNLIKELY(!usable(&rt->floats))) COLD();
  int64_t size = array->ob_base.ob_size;
  CHECK_INDEX(size);
  PyObject* v = new_float(rt, reinterpret_cast<double*>(array->items)[n]);
  FINISH_SUBSCRIPT(v);
}
#define GET_ONE(type, k, i) STENCIL(type##_get_##k##i) { MUSTTAIL return type##_get<K::k, I::i>(lp, rt, acc, ts, REST); }
#define GET_ALL(type) \
  GET_ONE(type, L, L) GET_ONE(type, L, N) GET_ONE(type, L, R) GET_ONE(type, R, L) GET_ONE(type, R, N) GET_ONE(type, M, R) \
  GET_ONE(type, L, B) GET_ONE(type, R, B)
GET_ALL(list)
GET_ALL(tuple)
GET_ALL(str)
GET_ALL(array)

// Value: accumulator, constant P, or operand D's slot (L borrowed, M owned).
template <K k> INLINE PyObject* stored_value(PyObject** lp, PyObject* acc) {
  if constexpr (k == K::R) return acc;
  else if constexpr (k == K::C) return pointer_p();
  else return *slot_at(lp, H_D);
}

// list[index] = value. Container L or M (owned).
template <K kv, K kc, I i> BODY list_set(SIGNATURE) {
  PyObject* o = *slot_at(lp, H_A);
  PyObject* key = index_object<i>(lp, acc);
  if (UNLIKELY(Py_TYPE(o) != rt->list_type)) COLD();
  PyObject* v = stored_value<kv>(lp, acc);
  if (UNLIKELY(!index_ok<i>(rt, key))) COLD();
  int64_t size = reinterpret_cast<PyVarObject*>(o)->ob_size;
  CHECK_INDEX(size);
  if constexpr (kc == K::M) {
    // A list that dies here would be a second object to dispose of.
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
    decref_shared(o);
  }
  PyObject** item = &reinterpret_cast<PyListObject*>(o)->ob_item[n];
  PyObject* old = *item;
  if constexpr (!owned(kv)) incref(v);
  *item = v;
  if constexpr (i == I::R || i == I::M) drop_int(rt, key);
  if (decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}

// array[index] = value for arrays of doubles.
template <K kv, K kc, I i> BODY array_set(SIGNATURE) {
  PyObject* o = *slot_at(lp, H_A);
  PyObject* key = index_object<i>(lp, acc);
  if (UNLIKELY(Py_TYPE(o) != rt->array_type)) COLD();
  ArrayObject* array = reinterpret_cast<ArrayObject*>(o);
  if (UNLIKELY(*array->descriptor != 'd')) COLD();
  PyObject* v = stored_value<kv>(lp, acc);
  if (UNLIKELY(!is_float(rt, v))) COLD();
  if constexpr (owned(kv)) {
    if (UNLIKELY(!usable(&rt->floats))) COLD();
  }
  if (UNLIKELY(!index_ok<i>(rt, key))) COLD();
  int64_t size = array->ob_base.ob_size;
  CHECK_INDEX(size);
  if constexpr (kc == K::M) {
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
    decref_shared(o);
  }
  reinterpret_cast<double*>(array->items)[n] = float_value(v);
  if constexpr (owned(kv)) drop_float(rt, v);
  if constexpr (i == I::R || i == I::M) drop_int(rt, key);
  NEXT(DEAD);
}
#define SET_ONE(type, v, k, i) \
  STENCIL(type##_set_##v##k##i) { MUSTTAIL return type##_set<K::v, K::k, I::i>(lp, rt, acc, ts, REST); }
#define SET_KEYS(type, v, k) SET_ONE(type, v, k, L) SET_ONE(type, v, k, N) SET_ONE(type, v, k, R)
#define SET_ALL(type)                                                                                                       \
  SET_ONE(type, R, L, L) SET_ONE(type, R, L, N) SET_ONE(type, R, L, M) SET_ONE(type, R, M, L) SET_ONE(type, R, M, N)        \
  SET_ONE(type, R, M, M) SET_KEYS(type, L, L) SET_KEYS(type, L, M) SET_KEYS(type, C, L) SET_KEYS(type, C, M)                \
  SET_KEYS(type, M, L) SET_KEYS(type, M, M)
SET_ALL(list)
SET_ALL(array)

// Appending while the list has room. A: slot of the list, which stays on the stack.
STENCIL(list_append) {
  PyListObject* list = reinterpret_cast<PyListObject*>(*slot_at(lp, H_A));
  Py_ssize_t size = reinterpret_cast<PyVarObject*>(list)->ob_size;
  if (LIKELY(size < list->allocated)) {
    list->ob_item[size] = acc;
    reinterpret_cast<PyVarObject*>(list)->ob_size = size + 1;
    NEXT(DEAD);
  }
  COLD();
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
  decref_shared(args[0]);
  decref_shared(f);
  NEXT(rt->none_object);
}

}  // namespace tierjit::tier1
