#include "runtime/feedback/feedback.h"

#include <cstring>

#include "runtime/cpython/enumerate_object.h"

namespace tierjit {
namespace {

bool FitsInt64(PyObject* o) {
  int overflow;
  return _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(o)) || (PyLong_AsLongLongAndOverflow(o, &overflow), overflow == 0);
}

bool IsArray(PyTypeObject* type) {
  static PyTypeObject* array = nullptr;  // array.array, once it has been seen
  if (type == array) return true;
  if (array != nullptr || std::strcmp(type->tp_name, "array.array") != 0 || !(type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) return false;
  array = type;
  return true;
}

}  // namespace

uint32_t BitsOf(PyObject* o) {
  if (o == nullptr) return kNullBit;
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PyLong_Type) return FitsInt64(o) ? kIntBit : kBigIntBit;
  struct Known {
    PyTypeObject* type;
    uint32_t bit;
  };
  static const Known kKnown[] = {
      {&PyFloat_Type, kFloatBit},   {&PyBool_Type, kBoolBit},          {&PyUnicode_Type, kStrBit},
      {&PyList_Type, kListBit},     {&PyTuple_Type, kTupleBit},        {&PyDict_Type, kDictBit},
      {&PyBytes_Type, kBytesBit},   {&PyByteArray_Type, kByteArrayBit}, {&PyRangeIter_Type, kRangeIterBit},
      {&PyListIter_Type, kListIterBit}, {&PyTupleIter_Type, kTupleIterBit},
  };
  for (const Known& k : kKnown) {
    if (type == k.type) return k.bit;
  }
  if (o == Py_None) return kNoneBit;
  if (type == &PyEnum_Type && EnumerateIsKnown()) {
    return Py_TYPE(reinterpret_cast<EnumerateObject*>(o)->iterator) == &PyListIter_Type ? kEnumerateBit : kOtherBit;
  }
  if (IsArray(type)) return kArrayBit;
  return type->tp_flags & Py_TPFLAGS_HEAPTYPE ? kInstanceBit : kOtherBit;
}

void Observe(Observation* observation, PyObject* o) {
  uint32_t bits = BitsOf(o);
  if (bits == kInstanceBit) {
    uint32_t version = Py_TYPE(o)->tp_version_tag;
    observation->version = (observation->bits & kInstanceBit) == 0 || observation->version == version ? version : 0;
  }
  observation->bits |= bits;
  observation->last = o == nullptr || PyLong_CheckExact(o) ? nullptr : Py_TYPE(o);
}

}  // namespace tierjit
