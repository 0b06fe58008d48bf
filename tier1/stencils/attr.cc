// Attribute access through inline caches in data cells (AttrCell). The type version proves the class; what lies in the
// instance is read each time.
#include "tier1/attr_lookup.h"
#include "tier1/stencil.h"

namespace tierjit::tier1 {

INLINE bool has_values(PyObject* o, AttrCell* c) { return LIKELY(Py_TYPE(o)->tp_version_tag == c->values_version); }
INLINE bool is_plain(PyObject* o, AttrCell* c) { return LIKELY(Py_TYPE(o)->tp_version_tag == c->plain_version); }
INLINE PyDictValues* values_of(PyObject* o, AttrCell* c) {
  return reinterpret_cast<PyDictValues*>(reinterpret_cast<char*>(o) + c->values_offset);
}
INLINE PyObject** field_of(PyObject* o, AttrCell* c) {
  return reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + c->offset);
}

// The owner is borrowed from a local or owned by the accumulator; then it may die after the load.
template <K k> BODY load_value(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(!has_values(o, c))) COLD();
  if (UNLIKELY(!values_of(o, c)->valid)) COLD();
  PyObject* v = *field_of(o, c);
  if (UNLIKELY(v == nullptr)) COLD();
  incref(v);
  if constexpr (owned(k)) {
    if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);
  }
  NEXT(v);
}
STENCIL(attr_value_L) { MUSTTAIL return load_value<K::L>(lp, rt, acc, ts, REST); }
STENCIL(attr_value_R) { MUSTTAIL return load_value<K::R>(lp, rt, acc, ts, REST); }

template <K k> BODY load_slot(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(!is_plain(o, c))) COLD();
  PyObject* v = *field_of(o, c);
  if (UNLIKELY(v == nullptr)) COLD();
  incref(v);
  if constexpr (owned(k)) {
    if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);
  }
  NEXT(v);
}
STENCIL(attr_slot_L) { MUSTTAIL return load_slot<K::L>(lp, rt, acc, ts, REST); }
STENCIL(attr_slot_R) { MUSTTAIL return load_slot<K::R>(lp, rt, acc, ts, REST); }

// The value lies in the instance's dict, at the place where it was last time. P: the name.
INLINE PyDictUnicodeEntry* entry_at(PyDictKeysObject* keys, uint32_t index) {
  return reinterpret_cast<PyDictUnicodeEntry*>(keys->dk_indices + (int64_t{1} << keys->dk_log2_index_bytes)) + index;
}
template <K k> BODY load_hint(SIGNATURE) {
  PyObject* o = k == K::R ? acc : *slot_at(lp, H_A);
  PolyCell* c = cell<PolyCell>();
  if (UNLIKELY(Py_TYPE(o)->tp_version_tag != c->dict_version)) COLD();
  PyDictObject* dict = reinterpret_cast<PyDictObject*>(reinterpret_cast<PyObject**>(o)[-3]);
  if (UNLIKELY(dict == nullptr || dict->ma_values != nullptr)) COLD();
  PyDictKeysObject* keys = dict->ma_keys;
  if (UNLIKELY(keys->dk_kind != DICT_KEYS_UNICODE || c->hint >= static_cast<uint64_t>(keys->dk_nentries))) COLD();
  PyDictUnicodeEntry* entry = entry_at(keys, c->hint);
  if (UNLIKELY(entry->me_key != pointer_p())) COLD();
  PyObject* v = entry->me_value;
  if (UNLIKELY(v == nullptr)) COLD();
  incref(v);
  if constexpr (owned(k)) {
    if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);
  }
  NEXT(v);
}
STENCIL(attr_hint_L) { MUSTTAIL return load_hint<K::L>(lp, rt, acc, ts, REST); }
STENCIL(attr_hint_R) { MUSTTAIL return load_hint<K::R>(lp, rt, acc, ts, REST); }

// Further classes at the site.
INLINE PolyEntry* find_entry(PyObject* o, PolyCell* c, PolyEntry* more) {
  uint32_t version = Py_TYPE(o)->tp_version_tag;
  if (version == more[0].version) return &more[0];
  if (version == more[1].version) return &more[1];
  if (version == more[2].version) return &more[2];
  return nullptr;
}
INLINE PolyEntry* poly_entries() {
  PolyEntry* r;
  asm("leaq H_CELL+%c1(%%rip), %0" : "=r"(r) : "i"(offsetof(PolyCell, more)));
  return r;
}
static_assert(kPolyEntries == 3);
template <K k> BODY load_poly(SIGNATURE) {
  PyObject* o = k == K::R ? acc : *slot_at(lp, H_A);
  PolyEntry* e = find_entry(o, cell<PolyCell>(), poly_entries());
  if (UNLIKELY(e == nullptr)) COLD();
  if (UNLIKELY(e->values_offset != 0 && !reinterpret_cast<PyDictValues*>(reinterpret_cast<char*>(o) + e->values_offset)->valid)) {
    COLD();
  }
  PyObject* v = e->value;
  if (v != nullptr) {
    PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(Py_TYPE(o))->ht_cached_keys;
    if (UNLIKELY(static_cast<uint32_t>(keys->dk_nentries) != e->keys_entries)) COLD();
  } else {
    v = *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + e->offset);
    if (UNLIKELY(v == nullptr)) COLD();
  }
  incref(v);
  if constexpr (owned(k)) {
    if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);
  }
  NEXT(v);
}
STENCIL(attr_poly_L) { MUSTTAIL return load_poly<K::L>(lp, rt, acc, ts, REST); }
STENCIL(attr_poly_R) { MUSTTAIL return load_poly<K::R>(lp, rt, acc, ts, REST); }

template <K k> BODY load_method_poly(SIGNATURE) {
  PyObject* o = k == K::R ? acc : *slot_at(lp, H_B);
  PolyEntry* e = find_entry(o, cell<PolyCell>(), poly_entries());
  if (UNLIKELY(e == nullptr)) COLD();
  if (e->values_offset != 0) {
    if (UNLIKELY(!reinterpret_cast<PyDictValues*>(reinterpret_cast<char*>(o) + e->values_offset)->valid)) COLD();
    PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(Py_TYPE(o))->ht_cached_keys;
    if (UNLIKELY(static_cast<uint32_t>(keys->dk_nentries) != e->keys_entries)) COLD();
  } else if (e->offset != 0) {
    // The instance may have a dict, but has none.
    if (UNLIKELY(*reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + e->offset) != nullptr)) COLD();
  }
  PyObject** to = slot_at(lp, H_A);
  to[0] = incref(e->value);
  if constexpr (k == K::L) incref(o);
  to[1] = o;
  NEXT(DEAD);
}
STENCIL(method_poly_L) { MUSTTAIL return load_method_poly<K::L>(lp, rt, acc, ts, REST); }
STENCIL(method_poly_R) { MUSTTAIL return load_method_poly<K::R>(lp, rt, acc, ts, REST); }

// Attribute of a module or class. A class is guarded by its version tag; for a module, whose cell the dict watcher clears, by the low half of
// its dict's address.
INLINE uint32_t* version_of(PyObject* o, AttrCell* c) {
  return reinterpret_cast<uint32_t*>(reinterpret_cast<char*>(o) + c->values_offset);
}
template <K k> BODY load_fixed(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(o != c->owner)) COLD();
  if (UNLIKELY(*version_of(o, c) != c->class_version)) COLD();
  PyObject* v = incref(c->value);
  if constexpr (owned(k)) {
    if (decref(o)) GO_WITH(TJ_DISPOSE, v, o);
  }
  NEXT(v);
}
STENCIL(attr_fixed_L) { MUSTTAIL return load_fixed<K::L>(lp, rt, acc, ts, REST); }
STENCIL(attr_fixed_R) { MUSTTAIL return load_fixed<K::R>(lp, rt, acc, ts, REST); }

// The same in method form: no self.
template <K k> BODY load_method_fixed(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  if constexpr (k == K::L) o = *slot_at(lp, H_B);
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(o != c->owner)) COLD();
  if (UNLIKELY(*version_of(o, c) != c->class_version)) COLD();
  PyObject** to = slot_at(lp, H_A);
  to[0] = incref(c->value);
  to[1] = nullptr;
  if constexpr (owned(k)) {
    if (decref(o)) GO_WITH(TJ_DISPOSE, DEAD, o);
  }
  NEXT(DEAD);
}
STENCIL(method_fixed_L) { MUSTTAIL return load_method_fixed<K::L>(lp, rt, acc, ts, REST); }
STENCIL(method_fixed_R) { MUSTTAIL return load_method_fixed<K::R>(lp, rt, acc, ts, REST); }

// Method form: callable to slot A, self to the next slot. The name must not be among the instance's own attributes: shared
// keys only grow, so their number tells.
INLINE PyObject** next_slot(PyObject** p) { return p + 1; }
template <K k> BODY load_method(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  if constexpr (k == K::L) o = *slot_at(lp, H_B);
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(!has_values(o, c))) COLD();
  if (UNLIKELY(!values_of(o, c)->valid)) COLD();
  PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(Py_TYPE(o))->ht_cached_keys;
  if (UNLIKELY(static_cast<uint32_t>(keys->dk_nentries) != c->keys_entries)) COLD();
  PyObject** to = slot_at(lp, H_A);
  to[0] = incref(c->value);
  if constexpr (k == K::L) incref(o);
  to[1] = o;
  NEXT(DEAD);
}
STENCIL(method_values_L) { MUSTTAIL return load_method<K::L>(lp, rt, acc, ts, REST); }
STENCIL(method_values_R) { MUSTTAIL return load_method<K::R>(lp, rt, acc, ts, REST); }

// Instances without a dict.
template <K k> BODY load_method_plain(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  if constexpr (k == K::L) o = *slot_at(lp, H_B);
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(!is_plain(o, c))) COLD();
  PyObject** to = slot_at(lp, H_A);
  to[0] = incref(c->value);
  if constexpr (k == K::L) incref(o);
  to[1] = o;
  NEXT(DEAD);
}
STENCIL(method_plain_L) { MUSTTAIL return load_method_plain<K::L>(lp, rt, acc, ts, REST); }
STENCIL(method_plain_R) { MUSTTAIL return load_method_plain<K::R>(lp, rt, acc, ts, REST); }

// Stores: value of kind kv (operand B or P or accumulator) into an owner borrowed from local A.
template <K kv> INLINE PyObject* stored(PyObject** lp, PyObject* acc) {
  if constexpr (kv == K::R) return acc;
  else if constexpr (kv == K::C) return pointer_p();
  else return *slot_at(lp, H_B);
}
// The first store of an attribute: note the insertion order as dicts do.
INLINE void note_first_store(PyDictValues* values, PyObject** field) {
  uint8_t* order = reinterpret_cast<uint8_t*>(&values->values[values->capacity]);
  order[values->size] = static_cast<uint8_t>(field - values->values);
  values->size++;
}

// Owners are borrowed from a local, or owned by the accumulator; such an owner must not die here, as one object only can be disposed of.
template <K ko> INLINE PyObject* owner_of(PyObject** lp, PyObject* acc) {
  if constexpr (ko == K::R) return acc;
  else return *slot_at(lp, H_A);
}
template <K kv, K ko = K::L> BODY store_value(SIGNATURE) {
  PyObject* o = owner_of<ko>(lp, acc);
  if constexpr (ko == K::R) {
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
  }
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(!has_values(o, c))) COLD();
  PyDictValues* values = values_of(o, c);
  if (UNLIKELY(!values->valid)) COLD();
  if (UNLIKELY(reinterpret_cast<PyObject**>(o)[-3] != nullptr)) COLD();  // managed dict
  PyObject** field = field_of(o, c);
  PyObject* old = *field;
  PyObject* v = stored<kv>(lp, acc);
  if constexpr (!owned(kv)) incref(v);
  *field = v;
  if constexpr (ko == K::R) decref_shared(o);
  if (LIKELY(old != nullptr)) {
    if (decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
    NEXT(DEAD);
  }
  note_first_store(values, field);
  NEXT(DEAD);
}
template <K kv> BODY store_poly(SIGNATURE) {
  PyObject* o = *slot_at(lp, H_A);
  PolyEntry* e = find_entry(o, cell<PolyCell>(), poly_entries());
  if (UNLIKELY(e == nullptr || e->values_offset == 0)) COLD();
  PyDictValues* values = reinterpret_cast<PyDictValues*>(reinterpret_cast<char*>(o) + e->values_offset);
  if (UNLIKELY(!values->valid)) COLD();
  if (UNLIKELY(reinterpret_cast<PyObject**>(o)[-3] != nullptr)) COLD();  // managed dict
  PyObject** field = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + e->offset);
  PyObject* old = *field;
  PyObject* v = stored<kv>(lp, acc);
  if constexpr (!owned(kv)) incref(v);
  *field = v;
  if (old == nullptr) {
    note_first_store(values, field);
    NEXT(DEAD);
  }
  if (decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}
STENCIL(set_poly_R) { MUSTTAIL return store_poly<K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_poly_L) { MUSTTAIL return store_poly<K::L>(lp, rt, acc, ts, REST); }
STENCIL(set_poly_C) { MUSTTAIL return store_poly<K::C>(lp, rt, acc, ts, REST); }
STENCIL(set_poly_M) { MUSTTAIL return store_poly<K::M>(lp, rt, acc, ts, REST); }
STENCIL(set_value_RL) { MUSTTAIL return store_value<K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_value_LL) { MUSTTAIL return store_value<K::L>(lp, rt, acc, ts, REST); }
STENCIL(set_value_CL) { MUSTTAIL return store_value<K::C>(lp, rt, acc, ts, REST); }
STENCIL(set_value_ML) { MUSTTAIL return store_value<K::M>(lp, rt, acc, ts, REST); }

template <K kv, K ko = K::L> BODY store_slot(SIGNATURE) {
  PyObject* o = owner_of<ko>(lp, acc);
  AttrCell* c = cell<AttrCell>();
  if constexpr (ko == K::R) {
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
  }
  if (UNLIKELY(!is_plain(o, c))) COLD();
  PyObject** field = field_of(o, c);
  PyObject* old = *field;
  PyObject* v = stored<kv>(lp, acc);
  if constexpr (!owned(kv)) incref(v);
  *field = v;
  if constexpr (ko == K::R) decref_shared(o);
  if (old != nullptr && decref(old)) GO_WITH(TJ_DISPOSE, DEAD, old);
  NEXT(DEAD);
}
STENCIL(set_slot_MR) { MUSTTAIL return store_slot<K::M, K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_slot_LR) { MUSTTAIL return store_slot<K::L, K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_slot_CR) { MUSTTAIL return store_slot<K::C, K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_value_MR) { MUSTTAIL return store_value<K::M, K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_value_LR) { MUSTTAIL return store_value<K::L, K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_value_CR) { MUSTTAIL return store_value<K::C, K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_slot_RL) { MUSTTAIL return store_slot<K::R>(lp, rt, acc, ts, REST); }
STENCIL(set_slot_LL) { MUSTTAIL return store_slot<K::L>(lp, rt, acc, ts, REST); }
STENCIL(set_slot_CL) { MUSTTAIL return store_slot<K::C>(lp, rt, acc, ts, REST); }
STENCIL(set_slot_ML) { MUSTTAIL return store_slot<K::M>(lp, rt, acc, ts, REST); }

// Last of their chains: any attribute that can be had without foreign code, and most of those of C objects, by a call.
template <K k> BODY find_attr(SIGNATURE) {
  FoundAttr found = tj_find_attr(k == K::R ? acc : *slot_at(lp, H_A), static_cast<Site*>(ADDRESS_OF(H_SITE)), ts);
  if (UNLIKELY(found.value == nullptr)) {
    if (found.form == AttrForm::kLeft) GO(TJ_THUNK_exit, DEAD);
    COLD();
  }
  if constexpr (owned(k)) {
    if (decref(acc)) GO_WITH(TJ_DISPOSE, found.value, acc);
  }
  NEXT(found.value);
}
STENCIL(find_attr_L) { MUSTTAIL return find_attr<K::L>(lp, rt, acc, ts, REST); }
STENCIL(find_attr_R) { MUSTTAIL return find_attr<K::R>(lp, rt, acc, ts, REST); }

template <K k> BODY find_method(SIGNATURE) {
  FoundAttr found = tj_find_method(k == K::R ? acc : *slot_at(lp, H_B), static_cast<Site*>(ADDRESS_OF(H_SITE)), ts);
  if (UNLIKELY(found.value == nullptr)) {
    if (found.form == AttrForm::kLeft) GO(TJ_THUNK_exit, DEAD);
    COLD();
  }
  PyObject** to = slot_at(lp, H_A);
  to[0] = found.value;
  if (LIKELY(found.form == AttrForm::kMethod)) {
    to[1] = k == K::R ? acc : incref(*slot_at(lp, H_B));
    NEXT(DEAD);
  }
  to[1] = nullptr;
  if constexpr (owned(k)) {
    if (decref(acc)) GO_WITH(TJ_DISPOSE, DEAD, acc);
  }
  NEXT(DEAD);
}
STENCIL(find_method_L) { MUSTTAIL return find_method<K::L>(lp, rt, acc, ts, REST); }
STENCIL(find_method_R) { MUSTTAIL return find_method<K::R>(lp, rt, acc, ts, REST); }

template <K kv, K ko> BODY put_attr(SIGNATURE) {
  PyObject* o = owner_of<ko>(lp, acc);
  if constexpr (ko == K::R) {
    if (UNLIKELY(*refcount32(o) == 1)) COLD();
  }
  StoreResult r = tj_put_attr(o, stored<kv>(lp, acc), static_cast<Site*>(ADDRESS_OF(H_SITE)));
  if (UNLIKELY(r.done == 0)) COLD();
  if constexpr (owned(kv)) decref_shared(stored<kv>(lp, acc));
  if constexpr (ko == K::R) decref_shared(acc);
  if (r.old != nullptr && decref(r.old)) GO_WITH(TJ_DISPOSE, DEAD, r.old);
  NEXT(DEAD);
}
STENCIL(put_attr_RL) { MUSTTAIL return put_attr<K::R, K::L>(lp, rt, acc, ts, REST); }
STENCIL(put_attr_LL) { MUSTTAIL return put_attr<K::L, K::L>(lp, rt, acc, ts, REST); }
STENCIL(put_attr_CL) { MUSTTAIL return put_attr<K::C, K::L>(lp, rt, acc, ts, REST); }
STENCIL(put_attr_ML) { MUSTTAIL return put_attr<K::M, K::L>(lp, rt, acc, ts, REST); }
STENCIL(put_attr_LR) { MUSTTAIL return put_attr<K::L, K::R>(lp, rt, acc, ts, REST); }
STENCIL(put_attr_CR) { MUSTTAIL return put_attr<K::C, K::R>(lp, rt, acc, ts, REST); }
STENCIL(put_attr_MR) { MUSTTAIL return put_attr<K::M, K::R>(lp, rt, acc, ts, REST); }

}  // namespace tierjit::tier1
