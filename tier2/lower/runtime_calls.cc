#include "tier2/lower/runtime_calls.h"

#include <cmath>

namespace tierjit::tier2 {

namespace {
PyObject* Require(PyObject* o) {
  if (o == nullptr) Py_FatalError("tierjit: no memory for a number");
  return o;
}
}  // namespace

PyObject* tj2_box_int(int64_t value) { return Require(PyLong_FromLongLong(value)); }
PyObject* tj2_box_float(double value) { return Require(PyFloat_FromDouble(value)); }

PyObject* tj2_range_iterator(int64_t start, int64_t length) {
  _PyRangeIterObject* it = PyObject_New(_PyRangeIterObject, &PyRangeIter_Type);
  Require(reinterpret_cast<PyObject*>(it));
  it->start = start;
  it->step = 1;
  it->len = length < 0 ? 0 : length;
  return reinterpret_cast<PyObject*>(it);
}

IntValue tj2_int_value(PyObject* o) {
  int overflow;
  long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  return {v, overflow == 0};
}

double tj2_pow(double base, double exponent) { return std::pow(base, exponent); }

int64_t tj2_list_append(PyObject* list, PyObject* item) {
  return _PyList_AppendTakeRef(reinterpret_cast<PyListObject*>(list), item) == 0;
}

}  // namespace tierjit::tier2
