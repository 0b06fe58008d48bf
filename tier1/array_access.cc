#include "tier1/array_access.h"

#include <cstring>

#include "tier1/rt.h"

namespace tierjit::tier1 {
namespace {

bool g_refused = false;

bool ProveLayout(PyObject* o) {
  Py_buffer view;
  if (Py_SIZE(o) == 0) return false;  // an empty array proves nothing
  if (PyObject_GetBuffer(o, &view, PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    return false;
  }
  const ArrayObject* array = reinterpret_cast<const ArrayObject*>(o);
  bool same = view.buf == array->items && view.format != nullptr && array->descriptor != nullptr &&
              view.format[0] == array->descriptor[0] && view.len == Py_SIZE(o) * view.itemsize;
  PyBuffer_Release(&view);
  if (same) tj_rt.array_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(Py_TYPE(o)));
  g_refused = !same;
  return same;
}

}  // namespace

bool IsDoubleArray(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type != tj_rt.array_type) {
    // An extension's type that nobody changes; most types are told apart by that.
    constexpr unsigned long kWanted = Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HEAPTYPE;
    if (tj_rt.array_type != nullptr || g_refused || (type->tp_flags & kWanted) != kWanted) return false;
    if (std::strcmp(type->tp_name, "array.array") != 0 || !ProveLayout(o)) return false;
  }
  return reinterpret_cast<const ArrayObject*>(o)->descriptor[0] == 'd';
}

double* DoubleElement(PyObject* array, Py_ssize_t index) {
  Py_ssize_t size = Py_SIZE(array);
  if (index < 0) index += size;
  if (index < 0 || index >= size) return nullptr;
  return reinterpret_cast<double*>(reinterpret_cast<ArrayObject*>(array)->items) + index;
}

}  // namespace tierjit::tier1
