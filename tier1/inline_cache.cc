#include "tier1/inline_cache.h"

#include <algorithm>

#include "runtime/base/out_of_memory.h"
#include "runtime/bytecode/families.h"
#include "runtime/cpython/plain_lookup.h"
#include "runtime/deopt/reserve.h"
#include "tier1/class_facts.h"
#include "tier1/global_cache.h"
#include "tier1/special_methods.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

PyObject* NameOf(const Site* site) {
  int index = site->oparg >> 1;
  return PyTuple_GET_ITEM(site->unit->code->co_names, index);
}

// Position of `name` among the entries of a combined table of string keys; one behind the last if it is not there.
int64_t UnicodeEntryIndex(PyDictKeysObject* keys, PyObject* name) {
  if (keys->dk_kind != DICT_KEYS_UNICODE) return keys->dk_nentries;
  PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(keys);
  int64_t i = 0;
  while (i < keys->dk_nentries && entries[i].me_key != name) i++;
  return i;
}

// Looks for an interned name in a namespace; kUnknown where that may run foreign code.
Found FindName(PyObject* ns, PyObject* name, PyObject*** place) {
  if (ns == nullptr || !PyDict_CheckExact(ns)) return Found::kUnknown;
  auto* dict = reinterpret_cast<PyDictObject*>(ns);
  if (dict->ma_keys->dk_kind == DICT_KEYS_GENERAL) return Found::kUnknown;
  return FindInDict(dict, name, reinterpret_cast<PyASCIIObject*>(name)->hash, place);
}

void NoteIndex(PyDictObject* dict, PyObject** place, GlobalCell* cell) {
  if (dict->ma_values != nullptr) return;
  cell->index = reinterpret_cast<PyDictUnicodeEntry*>(reinterpret_cast<char*>(place) - offsetof(PyDictUnicodeEntry, me_value)) -
                DK_UNICODE_ENTRIES(dict->ma_keys);
}

// Has a cell of the unit watched; what `watch` returns, or NULL without memory. The unit knows of the cell first: what watches it must not
// outlive it.
template <typename Watch>
PyObject* WatchFor(UnitHeader* unit, const WatchedCell& cell, Watch watch) {
  return UnlessOutOfMemory<PyObject*>(nullptr, [&] {
    std::vector<WatchedCell>& cells = OwnerOf(unit)->watched_cells;
    cells.push_back(cell);
    PyObject* value = watch();
    if (value == nullptr) cells.pop_back();
    return value;
  });
}

PyObject* WatchGlobal(UnitHeader* unit, PyObject* globals, PyObject* builtins, PyObject* name, GlobalCell* cell) {
  return WatchFor(unit, {cell, nullptr, globals, builtins, name}, [&] { return WatchGlobalCell(globals, builtins, name, cell); });
}

// The module's attribute as plain dict entry, watched. The value is borrowed.
PyObject* WatchedModuleValue(PyObject* module, PyObject* name, AttrCell* cell, Site* site) {
  if (!PyModule_CheckExact(module) || _PyType_Lookup(&PyModule_Type, name) != nullptr) return nullptr;
  PyObject* dict = reinterpret_cast<PyModuleObject*>(module)->md_dict;
  if (dict == nullptr || !OnlyStrKeys(dict)) return nullptr;
  PyObject* value = PyDict_GetItemWithError(dict, name);
  if (value == nullptr) return nullptr;
  return WatchFor(site->unit, {nullptr, cell, dict, nullptr, name}, [&] { return WatchModuleCell(dict, name, cell) ? value : nullptr; });
}

void FillModule(PyObject* module, PyObject* name, AttrCell* cell, Site* site) {
  PyObject* value = WatchedModuleValue(module, name, cell, site);
  if (value == nullptr) return;
  cell->owner = module;
  cell->value = value;
  // The dict is compared as well: another module may come to lie at the address of one that is gone.
  cell->values_offset = offsetof(PyModuleObject, md_dict);
  cell->class_version = *reinterpret_cast<uint32_t*>(reinterpret_cast<char*>(module) + cell->values_offset);
  cell->keys_entries = KindOf(module);
}

// `Class.name` found on the class or a base, without descriptor behaviour.
void FillClassAttr(PyObject* owner, PyObject* name, AttrCell* cell) {
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(owner);
  PyTypeObject* meta = Py_TYPE(owner);
  // Only the class itself is guarded, so its metaclass must not get new attributes.
  if (!(meta->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) || !LookupIsPure(type)) return;
  if (meta->tp_getattro != PyType_Type.tp_getattro || _PyType_Lookup(meta, name) != nullptr) return;
  PyObject* value = _PyType_Lookup(type, name);
  uint32_t version = VersionOf(type);
  if (value == nullptr || version == 0) return;
  bool plain_function = Py_TYPE(value) == &PyFunction_Type;  // `__get__(None, type)` of a function is itself
  if ((Py_TYPE(value)->tp_descr_get != nullptr && !plain_function) || MayBecomeDescriptor(value)) return;
  cell->owner = owner;
  cell->value = value;
  cell->values_offset = offsetof(PyTypeObject, tp_version_tag);
  cell->class_version = version;
  cell->keys_entries = KindOf(owner);
}

// Owner and instance forms share fields, so a site that sees both keeps what it saw first.
bool FillOwner(PyObject* owner, PyObject* name, AttrCell* cell, Site* site) {
  bool instances = cell->values_version != kNoVersion || cell->plain_version != kNoVersion;
  if (instances && (PyModule_Check(owner) || PyType_Check(owner))) return true;
  if (PyModule_Check(owner)) {
    FillModule(owner, name, cell, site);
    return true;
  }
  if (PyType_Check(owner)) {
    FillClassAttr(owner, name, cell);
    return true;
  }
  return false;
}

constexpr int32_t kManagedDictOffset = -3 * static_cast<int32_t>(sizeof(PyObject*));

// A further class at a site whose first form is taken by another one.
void AddPolyEntry(PolyCell* cell, const PolyEntry& entry) {
  for (PolyEntry& e : cell->more) {
    if (e.type == entry.type) {
      e = entry;
      return;
    }
  }
  cell->more[cell->next % kPolyEntries] = entry;
  cell->next++;
}

// Whether the first form is free, or was the same class's.
bool TakesFirst(const AttrCell& first, PyTypeObject* type) { return first.type == nullptr || first.type == type; }

void SetField(PolyCell* cell, PyTypeObject* type, uint32_t version, int32_t offset, int32_t values_offset) {
  if (cell->first.owner != nullptr || !TakesFirst(cell->first, type)) {
    return AddPolyEntry(cell, {version, 0, offset, values_offset, nullptr, type});
  }
  cell->first.type = type;
  cell->first.offset = offset;
  cell->first.values_version = values_offset != 0 ? version : kNoVersion;
  cell->first.plain_version = values_offset != 0 ? kNoVersion : version;
  cell->first.values_offset = values_offset;
}

// What the class has under the name comes before the instance's own values, or may do so one day. A slot is cached, anything else is not.
bool HandlesInstances(PolyCell* cell, PyTypeObject* type, uint32_t version, PyObject* descr) {
  if (!IsDataDescriptor(descr)) return MayBecomeDescriptor(descr);
  int32_t offset = SlotOffsetOf(type, descr);
  if (offset > 0) SetField(cell, type, version, offset, 0);
  return true;
}

void SetHint(PolyCell* cell, PyObject* owner, PyObject* name, uint32_t version) {
  if (!(Py_TYPE(owner)->tp_flags & Py_TPFLAGS_MANAGED_DICT)) return;
  PyDictObject* dict = _PyObject_GetManagedDict(owner);
  if (dict == nullptr || dict->ma_values != nullptr) return;
  int64_t index = UnicodeEntryIndex(dict->ma_keys, name);
  if (index >= dict->ma_keys->dk_nentries) return;
  cell->dict_version = version;
  cell->hint = static_cast<uint32_t>(index);
}

}  // namespace

void ClearPolyCell(PolyCell* cell) {
  *cell = PolyCell{};
  cell->first.values_version = cell->first.plain_version = cell->first.class_version = kNoVersion;
  cell->dict_version = kNoVersion;
  for (PolyEntry& e : cell->more) e.version = kNoVersion;
}

void FillAttr(PyThreadState* ts, PyObject* owner, PyObject*, Site* site) {
  PolyCell* cell = static_cast<PolyCell*>(site->cell);
  PyObject* name = NameOf(site);
  if (FillOwner(owner, name, &cell->first, site)) return;
  PyTypeObject* type = Py_TYPE(owner);
  uint32_t version = VersionOf(type);
  if (version == 0 || type->tp_getattro != PyObject_GenericGetAttr || !LookupIsPure(type)) return;
  PyObject* descr = _PyType_Lookup(type, name);
  if (descr != nullptr && HandlesInstances(cell, type, version, descr)) return;
  if (!InlineValuesValid(owner)) return SetHint(cell, owner, name, version);
  Py_ssize_t index = SharedKeyIndex(type, name);
  int32_t values = static_cast<int32_t>(type->tp_basicsize);
  if (index >= 0) return SetField(cell, type, version, ValueOffset(type, index), values);
  // A plain value of the class, while instances have no such attribute of their own.
  if (descr == nullptr || Py_TYPE(descr)->tp_descr_get != nullptr) return;
  PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
  if (keys != nullptr) AddPolyEntry(cell, {version, static_cast<uint32_t>(keys->dk_nentries), 0, values, descr, type});
}

void FillMethod(PyThreadState* ts, PyObject* owner, PyObject*, Site* site) {
  PolyCell* poly = static_cast<PolyCell*>(site->cell);
  PyObject* name = NameOf(site);
  if (FillOwner(owner, name, &poly->first, site)) return;
  PyTypeObject* type = Py_TYPE(owner);
  uint32_t version = VersionOf(type);
  if (version == 0 || type->tp_getattro != PyObject_GenericGetAttr || !LookupIsPure(type)) return;
  PyObject* descr = _PyType_Lookup(type, name);
  if (descr == nullptr || !PyType_HasFeature(Py_TYPE(descr), Py_TPFLAGS_METHOD_DESCRIPTOR)) return;
  PolyEntry entry{version, 0, 0, 0, descr, type};
  if ((type->tp_flags & Py_TPFLAGS_INLINE_VALUES)) {
    PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
    if (keys == nullptr || SharedKeyIndex(type, name) >= 0) return;
    entry.keys_entries = static_cast<uint32_t>(keys->dk_nentries);
    entry.values_offset = static_cast<int32_t>(type->tp_basicsize);
  } else if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
    entry.offset = kManagedDictOffset;
  } else if (type->tp_dictoffset != 0) {
    if (type->tp_dictoffset < 0) return;
    entry.offset = static_cast<int32_t>(type->tp_dictoffset);
  }
  if (entry.offset != 0) return AddPolyEntry(poly, entry);  // matches while the instance has no dict
  AttrCell* cell = &poly->first;
  if (!TakesFirst(*cell, type) || cell->owner != nullptr) return AddPolyEntry(poly, entry);
  cell->type = type;
  cell->keys_entries = entry.keys_entries;
  cell->values_offset = entry.values_offset;
  cell->values_version = entry.values_offset != 0 ? version : kNoVersion;
  cell->plain_version = entry.values_offset != 0 ? kNoVersion : version;
  cell->value = descr;
}

void FillStoreAttr(PyThreadState* ts, PyObject*, PyObject* owner, Site* site) {
  PolyCell* cell = static_cast<PolyCell*>(site->cell);
  PyObject* name = PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg);
  PyTypeObject* type = Py_TYPE(owner);
  uint32_t version = VersionOf(type);
  if (version == 0 || type->tp_setattro != PyObject_GenericSetAttr || !LookupIsPure(type)) return;
  PyObject* descr = _PyType_Lookup(type, name);
  if (descr != nullptr && HandlesInstances(cell, type, version, descr)) return;
  if (!InlineValuesValid(owner)) return;
  Py_ssize_t index = SharedKeyIndex(type, name);
  if (index >= 0) SetField(cell, type, version, ValueOffset(type, index), static_cast<int32_t>(type->tp_basicsize));
}

AttributePlace FindAttribute(PyTypeObject* type, PyObject* name, bool store) {
  bool generic = store ? type->tp_setattro == PyObject_GenericSetAttr : type->tp_getattro == PyObject_GenericGetAttr;
  if (!generic || VersionOf(type) == 0 || !LookupIsPure(type)) return {0, 0};
  PyObject* descr = _PyType_Lookup(type, name);
  if (descr != nullptr && IsDataDescriptor(descr)) return {std::max(SlotOffsetOf(type, descr), 0), 0};
  if ((descr != nullptr && MayBecomeDescriptor(descr)) || !(type->tp_flags & Py_TPFLAGS_INLINE_VALUES)) return {0, 0};
  Py_ssize_t index = SharedKeyIndex(type, name);
  if (index < 0) return {0, 0};
  return {ValueOffset(type, index), type->tp_basicsize};
}

ClassAttribute FindClassAttribute(PyTypeObject* type, PyObject* name) {
  ClassAttribute none{nullptr, 0, 0, false};
  if (type->tp_getattro != PyObject_GenericGetAttr || VersionOf(type) == 0 || !LookupIsPure(type)) return none;
  PyObject* value = _PyType_Lookup(type, name);
  if (value == nullptr || (!PyFunction_Check(value) && (Py_TYPE(value)->tp_descr_get != nullptr || MayBecomeDescriptor(value)))) return none;
  if ((type->tp_flags & Py_TPFLAGS_INLINE_VALUES)) {
    PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
    if (keys == nullptr || SharedKeyIndex(type, name) >= 0) return none;
    return {value, type->tp_basicsize, keys->dk_nentries, false};
  }
  if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) return {value, 0, 0, true};
  return type->tp_dictoffset == 0 ? ClassAttribute{value, 0, 0, false} : none;
}

OfClass FindOfClass(PyTypeObject* type, PyObject* name) {
  constexpr OfClass kNone = {nullptr, false};
  bool plain = Py_TYPE(type) == &PyType_Type && VersionOf(type) != 0 && LookupIsPure(type) && _PyType_Lookup(&PyType_Type, name) == nullptr;
  PyObject* value = plain ? _PyType_Lookup(type, name) : nullptr;
  if (value == nullptr || PyFunction_Check(value)) return {value, false};
  bool of_class = Py_TYPE(value) == &PyClassMethod_Type;
  if (!of_class && Py_TYPE(value) != &PyStaticMethod_Type) {
    return Py_TYPE(value)->tp_descr_get != nullptr || MayBecomeDescriptor(value) ? kNone : OfClass{value, false};
  }
  PyObject* function = PyObject_GetAttrString(value, "__func__");
  if (function == nullptr) PyErr_Clear();
  Py_XDECREF(function);  // the class holds it
  return function != nullptr && PyFunction_Check(function) ? OfClass{function, of_class} : kNone;
}

OperationMethod FindOperationMethod(uint8_t opcode, int oparg, PyTypeObject* const* types) {
  Special special = SpecialOf(DecisionFor(opcode).handler);
  if (special == Special::kNone || special == Special::kAttribute || special >= Special::kIter) return {nullptr, 0, false};
  for (int i = 0; i < OrderOf(special).count; i++) {
    if (types[i] != nullptr && VersionOf(types[i]) == 0) return {nullptr, 0, false};
  }
  SpecialMethod m = FindSpecialOf(special, oparg, types, nullptr);
  return {m.function, m.flags, m.reflected};
}

int IsInstanceOf(PyTypeObject* type, PyObject* cls) {
  if (!PyType_CheckExact(cls)) return -1;
  if (PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(cls))) return 1;
  if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) return 0;
  // Objects may claim to be of another class.
  if (type->tp_getattro != PyObject_GenericGetAttr || VersionOf(type) == 0 || !LookupIsPure(type)) return -1;
  PyObject* name = Interned("__class__");
  bool plain = _PyType_Lookup(type, name) == _PyType_Lookup(&PyBaseObject_Type, name);
  Py_DECREF(name);
  return plain ? 0 : -1;
}

PyFunctionObject* FindGetter(PyTypeObject* type, PyObject* name) { return VersionOf(type) == 0 ? nullptr : GetterOf(type, name); }

void FillTruth(PyThreadState* ts, PyObject* operand, PyObject*, Site* site) {
  PyTypeObject* type = Py_TYPE(operand);
  bool tested = (type->tp_as_number != nullptr && type->tp_as_number->nb_bool != nullptr) ||
                (type->tp_as_mapping != nullptr && type->tp_as_mapping->mp_length != nullptr) ||
                (type->tp_as_sequence != nullptr && type->tp_as_sequence->sq_length != nullptr);
  uint32_t version = tested ? 0 : VersionOf(type);
  if (version != 0) static_cast<TruthCell*>(site->cell)->version = version;
}

void FillClass(PyThreadState* ts, PyObject* type, PyObject* init, Site* site) {
  *static_cast<ClassCell*>(site->cell) = {reinterpret_cast<PyTypeObject*>(type)->tp_version_tag,
                                          reinterpret_cast<PyFunctionObject*>(init)};
}

void FillGetter(PyThreadState*, PyObject* owner, PyObject* getter, Site* site) {
  if (getter == nullptr) return;
  *static_cast<GetterCell*>(site->cell) = {Py_TYPE(owner)->tp_version_tag, reinterpret_cast<PyFunctionObject*>(getter)};
}

// A name that the locals lack: where it comes from instead is watched.
void FillName(PyThreadState* ts, PyObject*, PyObject*, Site* site) {
  _PyInterpreterFrame* frame = ts->current_frame;
  GlobalCell* cell = static_cast<GlobalCell*>(site->cell);
  PyObject* name = PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg);
  PyObject** place;
  if (cell->value != nullptr || FindName(frame->f_locals, name, &place) != Found::kNo) return;
  WatchGlobal(site->unit, frame->f_globals, frame->f_builtins, name, cell);
}

extern "C" PyObject* tj_load_name(_PyInterpreterFrame* frame, Site* site) {
  GlobalCell* cell = static_cast<GlobalCell*>(site->cell);
  PyObject* locals = frame->f_locals;
  bool module = locals == frame->f_globals;  // then a change of the locals empties the cell
  if (module && cell->value != nullptr) return Py_NewRef(cell->value);
  PyObject* name = PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg);
  PyObject** place;
  Found found = FindName(locals, name, &place);
  if (found == Found::kYes) {
    NoteIndex(reinterpret_cast<PyDictObject*>(locals), place, cell);
    return Py_NewRef(*place);
  }
  if (found == Found::kUnknown || module) return nullptr;
  if (cell->value != nullptr) return Py_NewRef(cell->value);
  return FindName(frame->f_globals, name, &place) == Found::kYes ? Py_NewRef(*place) : nullptr;
}

bool RefillGlobal(const Site& site) {
  GlobalCell* cell = static_cast<GlobalCell*>(site.cell);
  const UnitHeader* unit = site.unit;
  return unit->globals != nullptr && WatchGlobal(site.unit, unit->globals, unit->builtins, NameOf(&site), cell) != nullptr;
}

void FillGlobal(PyThreadState* ts, PyObject*, PyObject*, Site* site) {
  constexpr int kSettles = 8;  // fills after which a value is taken for one that goes on changing: its place is noted
  _PyInterpreterFrame* frame = ts->current_frame;
  GlobalCell* cell = static_cast<GlobalCell*>(site->cell);
  PyObject* watched = WatchGlobal(site->unit, frame->f_globals, frame->f_builtins, NameOf(site), cell);
  if (watched != nullptr && site->misses < kSettles) return;
  if (PyDict_CheckExact(frame->f_globals)) {
    cell->index = UnicodeEntryIndex(reinterpret_cast<PyDictObject*>(frame->f_globals)->ma_keys, NameOf(site));
  }
}

}  // namespace tierjit::tier1
