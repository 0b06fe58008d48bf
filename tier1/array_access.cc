#include "tier1/array_access.h"

#include "runtime/cpython/array_object.h"
#include "tier1/rt.h"

namespace tierjit::tier1 {
bool IsDoubleArray(PyObject* o) {
  if (!IsArray(o)) return false;
  tj_rt.array_type = ArrayType();
  return TypeCodeOf(o) == 'd';
}

double* DoubleElement(PyObject* array, Py_ssize_t index) {
  Py_ssize_t size = Py_SIZE(array);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return nullptr;
  return reinterpret_cast<double*>(reinterpret_cast<ArrayObject*>(array)->items) + index;
}

}  // namespace tierjit::tier1
