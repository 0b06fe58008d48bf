#include "runtime/cpython/enumerate_object.h"

namespace tierjit {
namespace {

bool Prove() {
  constexpr Py_ssize_t kStart = 1234567;
  PyObject* list = Py_BuildValue("[ii]", 1, 2);
  PyObject* e = list == nullptr ? nullptr : PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyEnum_Type), "On", list, kStart);
  PyObject* pair = e == nullptr ? nullptr : PyIter_Next(e);
  bool known = false;
  if (pair != nullptr && Py_TYPE(e)->tp_basicsize >= static_cast<Py_ssize_t>(sizeof(EnumerateObject))) {
    const EnumerateObject* o = reinterpret_cast<EnumerateObject*>(e);
    known = o->index == kStart + 1 && o->pair == pair && o->iterator != nullptr && Py_TYPE(o->iterator) == &PyListIter_Type &&
            reinterpret_cast<_PyListIterObject*>(o->iterator)->it_index == 1 &&
            reinterpret_cast<PyObject*>(reinterpret_cast<_PyListIterObject*>(o->iterator)->it_seq) == list;
  }
  Py_XDECREF(pair);
  Py_XDECREF(e);
  Py_XDECREF(list);
  PyErr_Clear();
  return known;
}

}  // namespace

bool EnumerateIsKnown() {
  static const bool known = Prove();
  return known;
}

}  // namespace tierjit
