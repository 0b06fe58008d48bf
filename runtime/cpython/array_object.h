// array.array, whose layout no header of CPython tells. The first array that is seen proves it, through the buffer protocol; if it does not,
// arrays are like any other object.
#ifndef TIERJIT_RUNTIME_CPYTHON_ARRAY_OBJECT_H_
#define TIERJIT_RUNTIME_CPYTHON_ARRAY_OBJECT_H_

#include "runtime/cpython/python.h"

namespace tierjit {

struct ArrayObject {
  PyObject_VAR_HEAD
  char* items;
  Py_ssize_t allocated;
  const char* descriptor;  // begins with the type code
};

// True for exact array.array objects of the proved layout. Raises nothing. [GIL]
bool IsArray(PyObject* o);
// array.array, NULL before IsArray() was true of something. Never dies. [GIL]
PyTypeObject* ArrayType();
inline char TypeCodeOf(PyObject* array) { return *reinterpret_cast<ArrayObject*>(array)->descriptor; }

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CPYTHON_ARRAY_OBJECT_H_
