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
INLINE PyObject* value_by_hint(PyObject* o, PolyCell* c, PyObject* name) {
  PyDictObject* dict = reinterpret_cast<PyDictObject*>(reinterpret_cast<PyObject**>(o)[-3]);
  if (UNLIKELY(dict == nullptr || dict->ma_values != nullptr)) return nullptr;
  PyDictKeysObject* keys = dict->ma_keys;
  if (UNLIKELY(keys->dk_kind != DICT_KEYS_UNICODE || c->hint >= static_cast<uint64_t>(keys->dk_nentries))) return nullptr;
  PyDictUnicodeEntry* entry = entry_at(keys, c->hint);
  return LIKELY(entry->me_key == name) ? entry->me_value : nullptr;
}
template <K k> BODY load_hint(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  PolyCell* c = cell<PolyCell>();
  if (UNLIKELY(Py_TYPE(o)->tp_version_tag != c->dict_version)) COLD();
  PyObject* v = value_by_hint(o, c, pointer_p());
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

// Attribute of a module or class. A class is guarded by its version tag; for a module, whose cell the dict watcher clears, by the low half of
// its dict's address. Both by their own class.
INLINE bool is_unchanged(PyObject* o, AttrCell* c) {
  uint32_t version = *reinterpret_cast<uint32_t*>(reinterpret_cast<char*>(o) + c->values_offset);
  return LIKELY(version == c->class_version) && LIKELY(KindOf(o) == c->keys_entries);
}
template <K k> BODY load_fixed(SIGNATURE) {
  PyObject* o = first<k>(lp, acc);
  AttrCell* c = cell<AttrCell>();
  if (UNLIKELY(o != c->owner)) COLD();
  if (UNLIKELY(!is_unchanged(o, c))) COLD();
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
  if (UNLIKELY(!is_unchanged(o, c))) COLD();
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

// Whether inline values are in use, and the instance has no attribute of the class' name, as their keys are those seen.
INLINE bool valid_at(PyObject* o, int32_t values_offset) {
  return LIKELY(reinterpret_cast<PyDictValues*>(reinterpret_cast<char*>(o) + values_offset)->valid);
}
INLINE bool same_keys(PyObject* o, uint32_t entries) {
  return LIKELY(static_cast<uint32_t>(reinterpret_cast<PyHeapTypeObject*>(Py_TYPE(o))->ht_cached_keys->dk_nentries) == entries);
}
INLINE PyObject* load_at(PyObject* o, int32_t offset) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(o) + offset);
}
// What the module or class that the cell belongs to has under the name.
INLINE PyObject* fixed_value(PyObject* o, AttrCell* c) { return is_unchanged(o, c) ? c->value : nullptr; }
// The attribute, borrowed, by any of the forms that the cell holds; NULL: none of them matches. The form that sites begin with which the
// interpreter knows nothing about comes behind those that are as frequent.
INLINE PyObject* find_cached(PyObject* o, Site* site) {
  PolyCell* c = static_cast<PolyCell*>(site->cell);
  uint32_t version = Py_TYPE(o)->tp_version_tag;
  if (version == c->first.plain_version) return load_at(o, c->first.offset);
  if (o == c->first.owner) return fixed_value(o, &c->first);
  if (version == c->first.values_version) return valid_at(o, c->first.values_offset) ? load_at(o, c->first.offset) : nullptr;
  if (PolyEntry* e = find_entry(o, c, c->more)) {
    if (UNLIKELY(e->values_offset != 0 && !valid_at(o, e->values_offset))) return nullptr;
    if (e->value == nullptr) return load_at(o, e->offset);
    return same_keys(o, e->keys_entries) ? e->value : nullptr;
  }
  return version == c->dict_version ? value_by_hint(o, c, loaded_name(site)) : nullptr;
}
// The same in method form: the callable, with `self` to go above it or NULL.
INLINE PyObject* find_cached_method(PyObject* o, PolyCell* c, PyObject** self) {
  uint32_t version = Py_TYPE(o)->tp_version_tag;
  *self = o;
  if (version == c->first.plain_version) return c->first.value;
  if (o == c->first.owner) {
    *self = nullptr;
    return fixed_value(o, &c->first);
  }
  if (version == c->first.values_version) {
    return valid_at(o, c->first.values_offset) && same_keys(o, c->first.keys_entries) ? c->first.value : nullptr;
  }
  PolyEntry* e = find_entry(o, c, c->more);
  if (e == nullptr) return nullptr;
  if (e->values_offset != 0) return valid_at(o, e->values_offset) && same_keys(o, e->keys_entries) ? e->value : nullptr;
  // The instance may have a dict, but has none.
  return LIKELY(e->offset == 0 || load_at(o, e->offset) == nullptr) ? e->value : nullptr;
}

// What comes behind the hot stencil of a load: one thunk for all other forms, which finds what it needs by the site. Nothing: the slow
// path, or, for the `or` forms, the next cold link.
STENCIL(cold_attr_L) {
  MUSTTAIL return TJ_THUNK_attr_L(lp, rt, *slot_at(lp, H_A), ts, x, ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT));
}
STENCIL(cold_attr_R) { MUSTTAIL return TJ_THUNK_attr_R(lp, rt, acc, ts, x, ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT)); }
STENCIL(cold_attr_or_L) {
  PyObject* link = static_cast<PyObject*>(ADDRESS_OF(TJ_COLD));
  MUSTTAIL return TJ_THUNK_attr_or_L(lp, rt, *slot_at(lp, H_A), ts, link, ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT));
}
STENCIL(cold_attr_or_R) {
  PyObject* link = static_cast<PyObject*>(ADDRESS_OF(TJ_COLD));
  MUSTTAIL return TJ_THUNK_attr_or_R(lp, rt, acc, ts, link, ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT));
}
STENCIL(cold_method_L) {
  MUSTTAIL return TJ_THUNK_method_L(lp, rt, *slot_at(lp, H_B), ts, x, ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT));
}
STENCIL(cold_method_R) { MUSTTAIL return TJ_THUNK_method_R(lp, rt, acc, ts, x, ADDRESS_OF(H_SITE), ADDRESS_OF(TJ_NEXT)); }

// The accumulator is the owner; R: it owns it.
template <K k, bool link> BODY find_attr(SIGNATURE) {
  PyObject* v = find_cached(acc, static_cast<Site*>(y));
  if (UNLIKELY(v == nullptr)) {
    if constexpr (link) GO(reinterpret_cast<Continuation>(x), acc);
    else MUSTTAIL return TJ_THUNK_slow(lp, rt, acc, ts, REST);
  }
  incref(v);
  if constexpr (owned(k)) {
    if (UNLIKELY(decref(acc))) MUSTTAIL return TJ_THUNK_dispose(lp, rt, v, ts, acc, y, z);
  }
  GO(reinterpret_cast<Continuation>(z), v);
}
STENCIL(thunk_attr_L) { MUSTTAIL return find_attr<K::L, false>(lp, rt, acc, ts, REST); }
STENCIL(thunk_attr_R) { MUSTTAIL return find_attr<K::R, false>(lp, rt, acc, ts, REST); }
STENCIL(thunk_attr_or_L) { MUSTTAIL return find_attr<K::L, true>(lp, rt, acc, ts, REST); }
STENCIL(thunk_attr_or_R) { MUSTTAIL return find_attr<K::R, true>(lp, rt, acc, ts, REST); }

template <K k> BODY find_method(SIGNATURE) {
  Site* site = static_cast<Site*>(y);
  PyObject* self;
  PyObject* f = find_cached_method(acc, static_cast<PolyCell*>(site->cell), &self);
  if (UNLIKELY(f == nullptr)) MUSTTAIL return TJ_THUNK_slow(lp, rt, acc, ts, REST);
  PyObject** to = slot_at_offset(lp, site->operands);
  to[0] = incref(f);
  to[1] = self;
  if (self != nullptr) {
    if constexpr (k == K::L) incref(self);
    GO(reinterpret_cast<Continuation>(z), DEAD);
  }
  if constexpr (owned(k)) {
    if (UNLIKELY(decref(acc))) MUSTTAIL return TJ_THUNK_dispose(lp, rt, DEAD, ts, acc, y, z);
  }
  GO(reinterpret_cast<Continuation>(z), DEAD);
}
STENCIL(thunk_method_L) { MUSTTAIL return find_method<K::L>(lp, rt, acc, ts, REST); }
STENCIL(thunk_method_R) { MUSTTAIL return find_method<K::R>(lp, rt, acc, ts, REST); }

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

// Last of its chain: any attribute that can be stored without foreign code, by a call.
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
