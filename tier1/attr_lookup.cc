#include "tier1/attr_lookup.h"

#include <cstring>

#include "tier1/class_facts.h"
#include "tier1/item_access.h"
#include "runtime/cpython/plain_lookup.h"
#include "runtime/deopt/reserve.h"
#include "tier1/slow_path.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

enum class Place : uint8_t {
  kNowhere,   // not without foreign code
  kInstance,  // among the instance's own attributes; else what the class has, if it has something
  kSlot,      // `__slots__` and the like
  kMember,    // a field that a C type describes
  kGetter,    // a getter of a core type that only reads
  kForeign,   // a getter of any C type: it may run foreign code
  kClass,     // `__class__`
  kModule,    // the dict of a module
};

// What is known about a name in a class.
struct Known {
  uint32_t version;
  uint32_t keys_entries;  // kInstance: number of shared keys when `offset` was found
  PyObject* name;         // owned: interned strings are mortal, and another could come to lie at its address
  PyObject* value;        // what the class has under the name; borrowed, the version proves it
  int32_t offset;         // of the slot, or of the inline value (0: not among the shared keys)
  Place place;
};
// What a class itself has under a name.
struct ClassFound {
  uint32_t version, meta_version;
  PyObject* name;
  PyObject* value;   // NULL: not to be had
  PyObject* fields;  // of every class: the descriptor in `type` that reads it, hiding `value`; NULL: none
};
constexpr size_t kTableSize = 2048;
Known g_found[kTableSize];
ClassFound g_class_found[kTableSize];
// What `object` has under two names; borrowed, NULL before it is asked for.
PyObject *g_getattribute = nullptr, *g_class_of = nullptr;

PyObject* OfObject(const char* name) {
  PyObject* interned = Interned(name);
  PyObject* found = _PyType_Lookup(&PyBaseObject_Type, interned);
  Py_DECREF(interned);
  return found;
}

size_t IndexOf(uint32_t version, PyObject* name) {
  return (version * 31 + (reinterpret_cast<uintptr_t>(name) >> 4)) % kTableSize;
}

// A descriptor whose __get__ is the interpreter's own and only makes a bound method, if anything.
bool HasPlainGet(PyTypeObject* type) {
  return type == &PyFunction_Type || type == &PyMethodDescr_Type || type == &PyWrapperDescr_Type || type == &PyClassMethod_Type ||
         type == &PyStaticMethod_Type || type == &PyClassMethodDescr_Type;
}

// A class attribute as seen through `owner` (NULL: through `type` itself). A new reference or NULL.
PyObject* Bind(PyObject* value, PyObject* owner, PyTypeObject* type) {
  PyTypeObject* kind = Py_TYPE(value);
  if (kind->tp_descr_get == nullptr) return Py_NewRef(value);
  if (!HasPlainGet(kind)) return nullptr;
  PyObject* bound = kind->tp_descr_get(value, owner, reinterpret_cast<PyObject*>(type));
  if (bound == nullptr) PyErr_Clear();
  return bound;
}

bool ReadsOnly(PyDescrObject* descr) {
  PyTypeObject* type = descr->d_type;
  return type == &PyLong_Type || type == &PyFloat_Type || type == &PyComplex_Type ||
         type == reinterpret_cast<PyTypeObject*>(PyExc_BaseException);
}

bool HasPlainGetattr(PyTypeObject* type) {
  if (type->tp_getattro == PyObject_GenericGetAttr) return true;
  // A class that has only `__getattr__`: it is asked last.
  if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || (type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) return false;
  static PyObject* name = Interned("__getattribute__");
  if (g_getattribute == nullptr) g_getattribute = OfObject("__getattribute__");
  static PyObject* hook = Interned("__getattr__");
  return g_getattribute != nullptr && _PyType_Lookup(type, name) == g_getattribute && _PyType_Lookup(type, hook) != nullptr;
}

Place PlaceOfDescriptor(PyTypeObject* type, PyObject* descr, Known* f) {
  if (g_class_of == nullptr) g_class_of = OfObject("__class__");
  if (descr == g_class_of) return Place::kClass;
  if (Py_TYPE(descr) == &PyMemberDescr_Type) {
    f->offset = SlotOffsetOf(type, descr);
    if (f->offset > 0) return Place::kSlot;
    PyMemberDef* member = reinterpret_cast<PyMemberDescrObject*>(descr)->d_member;
    bool plain = (member->flags & (Py_AUDIT_READ | Py_RELATIVE_OFFSET)) == 0;
    return plain && PyType_IsSubtype(type, PyDescr_TYPE(descr)) ? Place::kMember : Place::kNowhere;
  }
  if (Py_TYPE(descr) == &PyGetSetDescr_Type) {
    if (!PyType_IsSubtype(type, PyDescr_TYPE(descr))) return Place::kNowhere;
    if (reinterpret_cast<PyGetSetDescrObject*>(descr)->d_getset->get == nullptr) return Place::kNowhere;
    if (ReadsOnly(reinterpret_cast<PyDescrObject*>(descr))) return Place::kGetter;
    return type->tp_getattro == PyObject_GenericGetAttr ? Place::kForeign : Place::kNowhere;
  }
  return Place::kNowhere;
}

void FillPlace(PyTypeObject* type, PyObject* name, Known* f) {
  f->place = Place::kNowhere;
  f->offset = 0;
  f->keys_entries = 0;
  f->value = nullptr;
  bool module = type == &PyModule_Type;
  if (!LookupIsPure(type) || (!module && !HasPlainGetattr(type))) return;
  f->value = _PyType_Lookup(type, name);
  if (f->value != nullptr && Py_TYPE(f->value)->tp_descr_set != nullptr) {
    if (!module) f->place = PlaceOfDescriptor(type, f->value, f);
    return;
  }
  f->place = module ? Place::kModule : Place::kInstance;
}

// The entry of (class of `owner`, name), NULL when the class has no version.
Known* FindPlace(PyTypeObject* type, PyObject* name) {
  uint32_t version = type->tp_version_tag;
  if (version == 0 && (version = VersionOf(type)) == 0) return nullptr;
  Known* f = &g_found[IndexOf(version, name)];
  if (f->version == version && f->name == name) return f;
  FillPlace(type, name, f);
  f->version = version;
  Py_XSETREF(f->name, Py_NewRef(name));
  return f;
}

enum class Own { kAbsent, kPresent, kUnknown };

// `name` in a dict, unless that may run a foreign `__eq__`.
Own FindOwn(PyObject* dict, PyObject* name, PyObject** value) {
  if (!PyDict_CheckExact(dict) || !OnlyStrKeys(dict)) return Own::kUnknown;
  PyObject** slot;
  switch (FindInDict(reinterpret_cast<PyDictObject*>(dict), name, reinterpret_cast<PyASCIIObject*>(name)->hash, &slot)) {
    case Found::kYes: *value = *slot; return Own::kPresent;
    case Found::kNo: *value = nullptr; return Own::kAbsent;
    default: return Own::kUnknown;
  }
}

PyObject** InlineField(PyObject* owner, PyObject* name, Known* f) {
  PyTypeObject* type = Py_TYPE(owner);
  PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
  if (f->offset == 0 && static_cast<uint32_t>(keys->dk_nentries) != f->keys_entries) {
    Py_ssize_t index = SharedKeyIndex(type, name);
    f->keys_entries = static_cast<uint32_t>(keys->dk_nentries);
    if (index >= 0) f->offset = ValueOffset(type, index);
  }
  return f->offset == 0 ? nullptr : reinterpret_cast<PyObject**>(reinterpret_cast<char*>(owner) + f->offset);
}

// The instance's dict as far as it has one of its own; `*unknown` when that cannot be told.
PyObject* DictOf(PyObject* owner, bool* unknown) {
  PyTypeObject* type = Py_TYPE(owner);
  if (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) return reinterpret_cast<PyObject*>(_PyObject_GetManagedDict(owner));
  if (type->tp_dictoffset == 0) return nullptr;
  *unknown = type->tp_dictoffset < 0;
  return *unknown ? nullptr : *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(owner) + type->tp_dictoffset);
}

Own OwnValue(PyObject* owner, PyObject* name, Known* f, PyObject** value) {
  if (InlineValuesValid(owner)) {
    PyObject** field = InlineField(owner, name, f);
    *value = field == nullptr ? nullptr : *field;
    return *value != nullptr ? Own::kPresent : Own::kAbsent;
  }
  bool unknown = false;
  PyObject* dict = DictOf(owner, &unknown);
  if (unknown) return Own::kUnknown;
  return dict == nullptr ? Own::kAbsent : FindOwn(dict, name, value);
}

// The class attribute has become a data descriptor, because its own class has changed.
bool Overrides(PyObject* value) { return value != nullptr && Py_TYPE(value)->tp_descr_set != nullptr; }

PyObject* InstanceAttr(PyObject* owner, PyObject* name, Known* f) {
  if (Overrides(f->value)) return nullptr;
  PyObject* value = nullptr;
  Own own = OwnValue(owner, name, f, &value);
  if (own == Own::kPresent) return Py_NewRef(value);
  return own == Own::kAbsent && f->value != nullptr ? Bind(f->value, owner, Py_TYPE(owner)) : nullptr;
}

PyObject* ModuleAttr(PyObject* module, PyObject* name) {
  PyObject* value = nullptr;
  PyObject* dict = reinterpret_cast<PyModuleObject*>(module)->md_dict;
  return dict != nullptr && FindOwn(dict, name, &value) == Own::kPresent ? Py_NewRef(value) : nullptr;
}

PyObject* CallGetter(PyObject* owner, const Known* f) {
  PyGetSetDef* getset = reinterpret_cast<PyGetSetDescrObject*>(f->value)->d_getset;
  return getset->get(owner, getset->closure);
}

PyObject* ReadPlace(PyObject* owner, PyObject* name, Known* f) {
  switch (f->place) {
    case Place::kInstance: return InstanceAttr(owner, name, f);
    case Place::kSlot: return Py_XNewRef(*reinterpret_cast<PyObject**>(reinterpret_cast<char*>(owner) + f->offset));
    case Place::kClass: return Py_NewRef(Py_TYPE(owner));
    case Place::kModule: return ModuleAttr(owner, name);
    case Place::kMember: {
      PyMemberDef* member = reinterpret_cast<PyMemberDescrObject*>(f->value)->d_member;
      PyObject* value = PyMember_GetOne(reinterpret_cast<char*>(owner), member);
      if (value == nullptr) PyErr_Clear();
      return value;
    }
    case Place::kGetter: {
      PyObject* value = CallGetter(owner, f);
      if (value == nullptr) PyErr_Clear();
      return value;
    }
    case Place::kForeign: case Place::kNowhere: break;
  }
  return nullptr;
}

// `Class.name`: the metaclass may have nothing under the name but what a class attribute hides.
PyObject* ClassValue(PyTypeObject* type, PyObject* name) {
  PyTypeObject* meta = Py_TYPE(type);
  if (meta->tp_getattro != PyType_Type.tp_getattro || !LookupIsPure(type) || !LookupIsPure(meta)) return nullptr;
  PyObject* hidden = _PyType_Lookup(meta, name);
  if (hidden != nullptr && (IsDataDescriptor(hidden) || MayBecomeDescriptor(hidden))) return nullptr;
  return _PyType_Lookup(type, name);
}

// The descriptors of `type` that do no more than read what each class has: `__dict__`, `__name__`, `__mro__`...
bool ReadsClass(PyObject* descr) {
  if (Py_TYPE(descr) == &PyMemberDescr_Type) {
    return PyDescr_TYPE(descr) == &PyType_Type &&
           (reinterpret_cast<PyMemberDescrObject*>(descr)->d_member->flags & (Py_AUDIT_READ | Py_RELATIVE_OFFSET)) == 0;
  }
  if (Py_TYPE(descr) != &PyGetSetDescr_Type || PyDescr_TYPE(descr) != &PyType_Type) return false;
  const char* name = reinterpret_cast<PyGetSetDescrObject*>(descr)->d_getset->name;
  for (const char* known : {"__dict__", "__name__", "__qualname__", "__bases__", "__module__"}) {
    if (std::strcmp(name, known) == 0) return true;
  }
  return false;
}

PyObject* FieldsOfClasses(PyTypeObject* type, PyObject* name) {
  PyTypeObject* meta = Py_TYPE(type);
  if (meta->tp_getattro != PyType_Type.tp_getattro || !LookupIsPure(meta)) return nullptr;
  PyObject* descr = _PyType_Lookup(meta, name);
  return descr != nullptr && ReadsClass(descr) ? descr : nullptr;
}

PyObject* ReadClass(PyTypeObject* type, PyObject* descr) {
  PyObject* value;
  if (Py_TYPE(descr) == &PyMemberDescr_Type) {
    value = PyMember_GetOne(reinterpret_cast<char*>(type), reinterpret_cast<PyMemberDescrObject*>(descr)->d_member);
  } else {
    PyGetSetDef* getset = reinterpret_cast<PyGetSetDescrObject*>(descr)->d_getset;
    value = getset->get(reinterpret_cast<PyObject*>(type), getset->closure);
  }
  if (value == nullptr) PyErr_Clear();
  return value;
}

PyObject* ClassAttr(PyTypeObject* type, PyObject* name) {
  uint32_t version = VersionOf(type), meta_version = VersionOf(Py_TYPE(type));
  if (version == 0 || meta_version == 0) return nullptr;
  ClassFound* f = &g_class_found[IndexOf(version, name)];
  if (f->version != version || f->meta_version != meta_version || f->name != name) {
    f->fields = FieldsOfClasses(type, name);
    f->value = ClassValue(type, name);
    f->version = version;
    f->meta_version = meta_version;
    Py_XSETREF(f->name, Py_NewRef(name));
  }
  if (f->fields != nullptr) return ReadClass(type, f->fields);
  return f->value == nullptr ? nullptr : Bind(f->value, nullptr, type);
}

// Once something was found here the inline cache may do it next time.
void FillCache(PyObject* first, PyObject* second, Site* site) {
  if (site->misses >= kMaxFills) return;
  site->misses++;
  site->fill(PyThreadState_GetUnchecked(), first, second, site);
}

PyObject* FindAttr(PyObject* owner, PyObject* name) {
  if (PyType_Check(owner)) return ClassAttr(reinterpret_cast<PyTypeObject*>(owner), name);
  Known* f = FindPlace(Py_TYPE(owner), name);
  return f == nullptr ? nullptr : ReadPlace(owner, name, f);
}

PyObject* LoadedName(Site* site) { return PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg >> 1); }

// Whether the class has a function there that no attribute of the instance hides.
bool HasFunction(PyObject* owner, PyObject* name, Known* f) {
  if (f->place != Place::kInstance || f->value == nullptr) return false;
  if (!PyType_HasFeature(Py_TYPE(f->value), Py_TPFLAGS_METHOD_DESCRIPTOR) || Overrides(f->value)) return false;
  PyObject* own;
  return OwnValue(owner, name, f, &own) == Own::kAbsent;
}

}  // namespace

PyObject* FindAttr(PyObject* owner, Site* site) {
  PyObject* value = FindAttr(owner, LoadedName(site));
  if (value != nullptr) FillCache(owner, nullptr, site);
  return value;
}

extern "C" PyObject* tj_find_attr(PyObject* owner, PyObject* name) { return FindAttr(owner, name); }

FoundAttr ReadAttr(PyObject* owner, Site* site) {
  PyObject* name = LoadedName(site);
  Known* f = PyType_Check(owner) ? nullptr : FindPlace(Py_TYPE(owner), name);
  if (f != nullptr && f->place == Place::kForeign) return {CallGetter(owner, f), AttrForm::kPlain};
  PyObject* value = nullptr;
  if (f != nullptr) value = ReadPlace(owner, name, f);
  if (PyType_Check(owner)) value = ClassAttr(reinterpret_cast<PyTypeObject*>(owner), name);
  if (value == nullptr) return {nullptr, AttrForm::kNone};
  FillCache(owner, nullptr, site);
  return {value, AttrForm::kPlain};
}

FoundAttr FindMethod(PyObject* owner, Site* site) {
  PyObject* name = LoadedName(site);
  FoundAttr found = {nullptr, AttrForm::kPlain};
  if (PyType_Check(owner)) {
    found.value = ClassAttr(reinterpret_cast<PyTypeObject*>(owner), name);
  } else if (Known* f = FindPlace(Py_TYPE(owner), name); f != nullptr && HasFunction(owner, name, f)) {
    found = {Py_NewRef(f->value), AttrForm::kMethod};
  } else if (f != nullptr) {
    found.value = ReadPlace(owner, name, f);
  }
  if (found.value == nullptr) return {nullptr, AttrForm::kNone};
  FillCache(owner, nullptr, site);
  return found;
}

namespace {

// `name` is no data descriptor of the class. `old`: what the instance had under it, a new reference. False: nothing has happened.
bool StoreOwn(PyObject* owner, PyObject* name, PyObject* value, Known* f, PyObject** old) {
  bool unknown = false;
  PyObject* dict = InlineValuesValid(owner) ? nullptr : DictOf(owner, &unknown);
  if (dict != nullptr && (*old = tj_set_item(dict, name, value)) != nullptr) return true;
  if (unknown || OwnValue(owner, name, f, old) == Own::kUnknown) return false;
  Py_XINCREF(*old);
  int status = dict != nullptr ? PyDict_SetItem(dict, name, value) : PyObject_GenericSetAttr(owner, name, value);
  if (status == 0) return true;
  PyErr_Clear();
  Py_CLEAR(*old);
  return false;
}

bool MayHaveAttributes(PyTypeObject* type) { return (type->tp_flags & Py_TPFLAGS_MANAGED_DICT) != 0 || type->tp_dictoffset != 0; }

}  // namespace

extern "C" StoreResult tj_put_attr(PyObject* owner, PyObject* value, Site* site) {
  PyTypeObject* type = Py_TYPE(owner);
  if (type->tp_setattro != PyObject_GenericSetAttr || !MayHaveAttributes(type)) return {nullptr, 0};
  PyObject* name = PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg);
  Known* f = FindPlace(type, name);
  if (f == nullptr || f->place != Place::kInstance || Overrides(f->value)) return {nullptr, 0};
  bool inlined = InlineValuesValid(owner) && _PyObject_GetManagedDict(owner) == nullptr;
  PyObject** field = inlined ? InlineField(owner, name, f) : nullptr;
  PyObject* old = nullptr;
  if (field != nullptr && *field != nullptr) {
    old = *field;
    *field = Py_NewRef(value);
  } else if (!StoreOwn(owner, name, value, f, &old)) {
    return {nullptr, 0};
  }
  FillCache(value, owner, site);
  return {old, 1};
}

void ForgetAttributes(bool alive) {
  for (Known& f : g_found) {
    if (alive) Py_XDECREF(f.name);
    f = Known{};
  }
  for (ClassFound& f : g_class_found) {
    if (alive) Py_XDECREF(f.name);
    f = ClassFound{};
  }
  g_getattribute = g_class_of = nullptr;
}

}  // namespace tierjit::tier1
