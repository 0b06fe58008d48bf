// Moving values between locals, slots, constants and the accumulator.
#include "tier1/inline_cache.h"
#include "tier1/stencil.h"

namespace tierjit::tier1 {

// Cold ends: every emission that can fail has one of these in the cold part.
#define ADDRESS_SITE ADDRESS_OF(H_SITE)

STENCIL(cold_slow) { MUSTTAIL return TJ_THUNK_slow(lp, rt, acc, ts, x, ADDRESS_SITE, ADDRESS_OF(TJ_NEXT)); }
// The slow path of a backward jump: goes on at the branch target, or wherever a hot loop is taken.
STENCIL(cold_back_edge) { MUSTTAIL return TJ_THUNK_back_edge(lp, rt, acc, ts, x, ADDRESS_SITE, ADDRESS_OF(TJ_TARGET)); }
// The slow path of a function's RESUME.
STENCIL(cold_entry) { MUSTTAIL return TJ_THUNK_entry(lp, rt, acc, ts, x, ADDRESS_SITE, ADDRESS_OF(TJ_NEXT)); }
STENCIL(cold_branch) {
  MUSTTAIL return TJ_THUNK_slow_branch(lp, rt, acc, ts, x, ADDRESS_SITE, z);
}
STENCIL(cold_dispose) { MUSTTAIL return TJ_THUNK_dispose(lp, rt, acc, ts, x, ADDRESS_SITE, ADDRESS_OF(TJ_NEXT)); }
// The same where nothing is pending: needs no site. C: distance of the instruction from the code object.
STENCIL(cold_dispose_plain) {
  void* death;
  asm("movl $H_C, %k0" : "=r"(death));
  MUSTTAIL return TJ_THUNK_dispose_plain(lp, rt, acc, ts, x, death, ADDRESS_OF(TJ_NEXT));
}
STENCIL(cold_after_call) {
  MUSTTAIL return TJ_THUNK_after_call(lp, rt, acc, ts, x, ADDRESS_SITE, ADDRESS_OF(TJ_NEXT));
}

extern "C" void tj_observe(Observation* observation, PyObject* o);
// Feedback for the optimising tier. A: slot of the value, P: where to note it.
STENCIL(observe) {
  tj_observe(reinterpret_cast<Observation*>(pointer_p()), *slot_at(lp, H_A));
  NEXT(DEAD);
}

STENCIL(load_L) { NEXT(incref(*slot_at(lp, H_A))); }
STENCIL(load_C) { NEXT(incref(pointer_p())); }
STENCIL(load_C_immortal) { NEXT(pointer_p()); }
STENCIL(load_M) { NEXT(*slot_at(lp, H_A)); }

STENCIL(spill_R) { *slot_at(lp, H_A) = acc; NEXT(DEAD); }
STENCIL(spill_L) { *slot_at(lp, H_A) = incref(*slot_at(lp, H_B)); NEXT(acc); }
STENCIL(spill_C) { *slot_at(lp, H_A) = incref(pointer_p()); NEXT(acc); }
STENCIL(spill_C_immortal) { *slot_at(lp, H_A) = pointer_p(); NEXT(acc); }
STENCIL(spill_N) { *slot_at(lp, H_A) = nullptr; NEXT(acc); }
STENCIL(move_M) { *slot_at(lp, H_A) = *slot_at(lp, H_B); NEXT(acc); }
STENCIL(swap_M) {
  PyObject* t = *slot_at(lp, H_A);
  *slot_at(lp, H_A) = *slot_at(lp, H_B);
  *slot_at(lp, H_B) = t;
  NEXT(acc);
}
STENCIL(copy_R) { *slot_at(lp, H_A) = acc; NEXT(incref(acc)); }
STENCIL(copy_M) {
  PyObject* o = *slot_at(lp, H_A);
  if (o != nullptr) incref(o);
  NEXT(o);
}

template <K k> BODY store(SIGNATURE) {
  PyObject* v;
  if constexpr (k == K::R) v = acc;
  else if constexpr (k == K::L) v = incref(*slot_at(lp, H_B));
  else if constexpr (k == K::C) v = incref(pointer_p());
  else v = *slot_at(lp, H_B);
  PyObject* old = *slot_at(lp, H_A);
  *slot_at(lp, H_A) = v;
  if (old != nullptr && decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}
STENCIL(store_R) { MUSTTAIL return store<K::R>(lp, rt, acc, ts, REST); }
STENCIL(store_L) { MUSTTAIL return store<K::L>(lp, rt, acc, ts, REST); }
STENCIL(store_C) { MUSTTAIL return store<K::C>(lp, rt, acc, ts, REST); }
STENCIL(store_M) { MUSTTAIL return store<K::M>(lp, rt, acc, ts, REST); }
// Result of int or float arithmetic into a local that usually holds the same type: the old value goes straight back
// to its free list.
STENCIL(store_R_int) {
  PyObject* old = *slot_at(lp, H_A);
  *slot_at(lp, H_A) = acc;
  if (old != nullptr && decref(old)) {
    if (Py_TYPE(old) != rt->long_type || !two_digits_at_most(old) || !has_room(&rt->ints)) GO_WITH(TJ_DISPOSE, DEAD, old);
    push_free(&rt->ints, old);
  }
  NEXT(DEAD);
}
STENCIL(store_R_float) {
  PyObject* old = *slot_at(lp, H_A);
  *slot_at(lp, H_A) = acc;
  if (old != nullptr && decref(old)) {
    if (Py_TYPE(old) != rt->float_type || !has_room(&rt->floats)) GO_WITH(TJ_DISPOSE, DEAD, old);
    push_free(&rt->floats, old);
  }
  NEXT(DEAD);
}

// The local must be bound, or the slow path raises UnboundLocalError.
STENCIL(check_local) {
  if (UNLIKELY(*slot_at(lp, H_A) == nullptr)) COLD();
  NEXT(acc);
}
// LOAD_FAST_AND_CLEAR: NULL is a legal value.
STENCIL(take_local) {
  PyObject* o = *slot_at(lp, H_A);
  *slot_at(lp, H_A) = nullptr;
  NEXT(o);
}

STENCIL(pop_R) {
  if (decref(acc)) GO_WITH(TJ_DISPOSE, DEAD, acc);
  NEXT(DEAD);
}
STENCIL(pop_M) {
  PyObject* o = *slot_at(lp, H_A);
  if (LIKELY(o == rt->none_object)) NEXT(acc);  // what loops send
  if (o != nullptr && decref(o)) GO_WITH(TJ_DISPOSE, acc, o);
  NEXT(acc);
}

STENCIL(load_global) {
  PyObject* v = cell<GlobalCell>()->value;
  if (UNLIKELY(v == nullptr)) COLD_EMPTY();
  NEXT(incref(v));
}
// A name by its place in the keys of a dict; NULL: it is not there.
INLINE PyObject* value_at(PyDictObject* dict, int64_t index, PyObject* name) {
  if (UNLIKELY(dict->ma_values != nullptr)) return nullptr;
  PyDictKeysObject* keys = dict->ma_keys;
  if (UNLIKELY(keys->dk_kind != DICT_KEYS_UNICODE || index >= keys->dk_nentries)) return nullptr;
  PyDictUnicodeEntry* entry =
      reinterpret_cast<PyDictUnicodeEntry*>(keys->dk_indices + (int64_t{1} << keys->dk_log2_index_bytes)) + index;
  return LIKELY(entry->me_key == name) ? entry->me_value : nullptr;
}
// Of a module body, whose locals are a dict. P: the name.
STENCIL(load_name) {
  PyDictObject* dict = reinterpret_cast<PyDictObject*>(frame_of(lp)->f_locals);
  if (UNLIKELY(dict == nullptr || Py_TYPE(dict) != rt->dict_type)) COLD_EMPTY();
  PyObject* v = value_at(dict, cell<GlobalCell>()->index, pointer_p());
  if (UNLIKELY(v == nullptr)) COLD_EMPTY();
  NEXT(incref(v));
}
// A global that changes too often for a cell.
STENCIL(cold_global) { MUSTTAIL return TJ_THUNK_global(lp, rt, acc, ts, x, ADDRESS_SITE, ADDRESS_OF(TJ_NEXT)); }
STENCIL(thunk_global) {
  Site* site = static_cast<Site*>(y);
  PyDictObject* dict = reinterpret_cast<PyDictObject*>(site->unit->globals);
  PyObject* v = nullptr;
  if (LIKELY(dict != nullptr && Py_TYPE(dict) == rt->dict_type)) {
    v = value_at(dict, static_cast<GlobalCell*>(site->cell)->index, loaded_name(site));
  }
  if (UNLIKELY(v == nullptr)) MUSTTAIL return TJ_THUNK_slow(lp, rt, acc, ts, REST);
  GO(reinterpret_cast<Continuation>(z), incref(v));
}
// A name that is not where it was in the namespace, or not there at all: of a global or a builtin.
STENCIL(cold_name) { MUSTTAIL return TJ_THUNK_name(lp, rt, acc, ts, x, ADDRESS_SITE, ADDRESS_OF(TJ_NEXT)); }
STENCIL(thunk_name) {
  PyObject* v = tj_load_name(frame_of(lp), static_cast<Site*>(y));
  if (UNLIKELY(v == nullptr)) MUSTTAIL return TJ_THUNK_slow(lp, rt, acc, ts, REST);
  GO(reinterpret_cast<Continuation>(z), v);
}
STENCIL(load_deref) {
  PyObject* v = reinterpret_cast<PyCellObject*>(*slot_at(lp, H_A))->ob_ref;
  if (UNLIKELY(v == nullptr)) COLD_EMPTY();
  NEXT(incref(v));
}
// Moves slot A to the field of the function at byte C.
STENCIL(set_function_attribute) {
  *slot_at(reinterpret_cast<PyObject**>(acc), H_C) = *slot_at(lp, H_A);
  NEXT(acc);
}

// The cells of the running function's closure become locals, from A on. n: their number, 0: C tells.
template <int n> BODY copy_free_vars(SIGNATURE) {
  PyObject* function = frame_of(lp)->f_funcobj;
  PyObject** cells = reinterpret_cast<PyTupleObject*>(reinterpret_cast<PyFunctionObject*>(function)->func_closure)->ob_item;
  PyObject** to = slot_at(lp, H_A);
  if constexpr (n > 0) {
    for (int i = 0; i < n; i++) to[i] = incref(cells[i]);
  } else {
    uint64_t count;
    asm("movl $H_C, %k0" : "=r"(count));
#pragma clang loop vectorize(disable) unroll(disable)
    for (uint64_t i = 0; i < count; i++) to[i] = incref(cells[i]);
  }
  NEXT(DEAD);
}
STENCIL(copy_free_vars_1) { MUSTTAIL return copy_free_vars<1>(lp, rt, acc, ts, REST); }
STENCIL(copy_free_vars_2) { MUSTTAIL return copy_free_vars<2>(lp, rt, acc, ts, REST); }
STENCIL(copy_free_vars_n) { MUSTTAIL return copy_free_vars<0>(lp, rt, acc, ts, REST); }

STENCIL(store_deref_R) {
  PyCellObject* c = reinterpret_cast<PyCellObject*>(*slot_at(lp, H_A));
  PyObject* old = c->ob_ref;
  c->ob_ref = acc;
  if (old != nullptr && decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}

// PUSH_EXC_INFO. A: first free slot.
STENCIL(push_exc_info) {
  PyObject** sp = slot_at(lp, H_A);
  PyObject* exception = sp[-1];
  _PyErr_StackItem* handled = ts->exc_info;
  PyObject* previous = handled->exc_value;
  if (previous == nullptr) previous = rt->none_object;
  sp[-1] = previous;
  sp[0] = exception;
  handled->exc_value = incref(exception);
  NEXT(DEAD);
}
// POP_EXCEPT. A: the exception handled before, or None.
STENCIL(pop_except) {
  PyObject* previous = *slot_at(lp, H_A);
  if (previous == rt->none_object) previous = nullptr;
  _PyErr_StackItem* handled = ts->exc_info;
  PyObject* old = handled->exc_value;
  handled->exc_value = previous;
  if (old != nullptr && decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}
// CHECK_EXC_MATCH of the very class of the exception, which keeps it alive. A: first free slot.
STENCIL(check_exc_match) {
  PyObject** sp = slot_at(lp, H_A);
  PyObject* type = sp[-1];
  if (UNLIKELY(reinterpret_cast<PyObject*>(Py_TYPE(sp[-2])) != type)) COLD_EMPTY();
  decref_shared(type);
  NEXT(rt->true_object);
}

// Names of a namespace, by a helper. P: the name.
template <bool global> BODY put_name(SIGNATURE) {
  PyObject* ns = global ? frame_of(lp)->f_globals : frame_of(lp)->f_locals;
  StoreResult r = tj_store_name(ns, pointer_p(), acc);
  if (UNLIKELY(r.done == 0)) COLD();
  (void)decref(acc);
  if (r.old != nullptr && decref(r.old)) GO_WITH(TJ_DISPOSE, DEAD, r.old);
  NEXT(DEAD);
}
STENCIL(put_global_R) { MUSTTAIL return put_name<true>(lp, rt, acc, ts, REST); }
STENCIL(put_name_R) { MUSTTAIL return put_name<false>(lp, rt, acc, ts, REST); }

}  // namespace tierjit::tier1
