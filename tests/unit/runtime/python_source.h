// Python objects from source text, for unit tests.
#ifndef TIERJIT_TESTS_UNIT_RUNTIME_PYTHON_SOURCE_H_
#define TIERJIT_TESTS_UNIT_RUNTIME_PYTHON_SOURCE_H_

#include <doctest/doctest.h>

#include "runtime/cpython/python.h"

namespace tierjit {

// Owns one reference.
class Ref {
 public:
  explicit Ref(PyObject* object = nullptr) : object_(object) {}
  Ref(Ref&& other) noexcept : object_(other.object_) { other.object_ = nullptr; }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }

  PyObject* get() const { return object_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(object_);
  }
  void reset() { Py_CLEAR(object_); }

 private:
  PyObject* object_;
};

// The namespace that `source` leaves behind.
inline Ref RunSource(const char* source) {
  PyObject* globals = PyDict_New();
  PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins());
  PyObject* result = PyRun_String(source, Py_file_input, globals, globals);
  if (result == nullptr) PyErr_Print();
  REQUIRE(result != nullptr);
  Py_DECREF(result);
  return Ref(globals);
}

// The function `f` that `source` defines.
inline Ref FunctionFrom(const char* source) {
  Ref globals = RunSource(source);
  PyObject* function = PyDict_GetItemString(globals.get(), "f");
  REQUIRE(function != nullptr);
  return Ref(Py_NewRef(function));
}

inline PyCodeObject* CodeOfFunction(const Ref& function) {
  return reinterpret_cast<PyCodeObject*>(PyFunction_GetCode(function.get()));
}

}  // namespace tierjit

#endif  // TIERJIT_TESTS_UNIT_RUNTIME_PYTHON_SOURCE_H_
