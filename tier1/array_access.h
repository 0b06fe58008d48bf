// Elements of `array.array` of doubles, read and written without the C API (runtime/cpython/array_object.h).
#ifndef TIERJIT_TIER1_ARRAY_ACCESS_H_
#define TIERJIT_TIER1_ARRAY_ACCESS_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

// True for exact `array.array` objects of type code 'd' (and a proved layout). Raises nothing. [GIL]
bool IsDoubleArray(PyObject* o);

// Address of element `index` (negative ones count from the end) of such an array, NULL when it is out of range. [GIL]
double* DoubleElement(PyObject* array, Py_ssize_t index);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ARRAY_ACCESS_H_
