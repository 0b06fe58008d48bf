#include "tier2/lower/text_calls.h"

#include <algorithm>
#include <cstring>

#include "runtime/deopt/reserve.h"
#include "tier2/lower/sequence_calls.h"

namespace tierjit::tier2 {
namespace {

PyObject* OrDecline(PyObject* result) {
  if (result == nullptr) PyErr_Clear();
  return result;
}

bool IsFormatted(PyObject* o) { return PyUnicode_CheckExact(o) || PyLong_CheckExact(o) || PyFloat_CheckExact(o); }

size_t Bytes(PyObject* text) { return static_cast<size_t>(PyUnicode_GET_LENGTH(text)) * PyUnicode_KIND(text); }

}  // namespace

extern "C" {

int64_t tj2_same_text(PyObject* a, PyObject* b) {
  if (a == b) return 1;
  if (PyUnicode_GET_LENGTH(a) != PyUnicode_GET_LENGTH(b) || PyUnicode_KIND(a) != PyUnicode_KIND(b)) return 0;
  return std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), Bytes(a)) == 0;
}

int64_t tj2_order_of_text(PyObject* a, PyObject* b) {
  if (PyUnicode_KIND(a) != PyUnicode_1BYTE_KIND || PyUnicode_KIND(b) != PyUnicode_1BYTE_KIND) return PyUnicode_Compare(a, b);
  Py_ssize_t x = PyUnicode_GET_LENGTH(a), y = PyUnicode_GET_LENGTH(b);
  int order = std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(std::min(x, y)));
  return order != 0 ? order : (x > y) - (x < y);
}

PyObject* tj2_text_item(PyObject* text, int64_t index) {
  return Surely([&] { return PyUnicode_FromOrdinal(static_cast<int>(PyUnicode_READ_CHAR(text, index))); });
}

PyObject* tj2_format_simple(PyObject* value) {
  if (PyUnicode_CheckExact(value)) return Py_NewRef(value);
  return IsFormatted(value) ? OrDecline(PyObject_Str(value)) : nullptr;
}

PyObject* tj2_format_with(PyObject* value, PyObject* specification) {
  return IsFormatted(value) && PyUnicode_CheckExact(specification) ? OrDecline(PyObject_Format(value, specification)) : nullptr;
}

PyObject* tj2_join_text(int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (!PyUnicode_CheckExact(tj2_gathered[i])) return nullptr;
  }
  return OrDecline(_PyUnicode_JoinArray(PyUnicode_New(0, 0), tj2_gathered, count));
}

}  // extern "C"

}  // namespace tierjit::tier2
