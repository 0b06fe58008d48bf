// What inline caches want to know of classes and their instances. Nothing here runs Python code. [GIL]
#ifndef TIERJIT_TIER1_CLASS_FACTS_H_
#define TIERJIT_TIER1_CLASS_FACTS_H_

#include <cstdint>

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

inline bool OnlyStrKeys(PyObject* dict) { return reinterpret_cast<PyDictObject*>(dict)->ma_keys->dk_kind != DICT_KEYS_GENERAL; }
// Whether a name can be looked up in `type` and its bases beforehand: keys that are not str may have a foreign __eq__, which
// must run as often as in the interpreter.
bool LookupIsPure(PyTypeObject* type);
// The type's version tag, assigned now if need be; 0 when it cannot have one.
uint32_t VersionOf(PyTypeObject* type);

// Position of `name` in the shared keys of instances of `type`, -1 if it is not there.
Py_ssize_t SharedKeyIndex(PyTypeObject* type, PyObject* name);
// Where the inline value at that position lies in the instance.
int32_t ValueOffset(PyTypeObject* type, Py_ssize_t index);
bool InlineValuesValid(PyObject* owner);

inline bool IsDataDescriptor(PyObject* descr) { return Py_TYPE(descr)->tp_descr_set != nullptr; }
// Its class can be given __get__ or __set__, of which the owner's version would not tell.
inline bool MayBecomeDescriptor(PyObject* value) { return !(Py_TYPE(value)->tp_flags & Py_TPFLAGS_IMMUTABLETYPE); }
// A `__slots__` member of object type: its offset, or -1.
int32_t SlotOffsetOf(PyTypeObject* type, PyObject* descr);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_CLASS_FACTS_H_
