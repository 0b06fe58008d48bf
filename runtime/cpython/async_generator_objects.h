// What asynchronous generators are driven by, laid out as in Objects/genobject.c: no header of CPython tells. The sizes of the types are
// checked before anything is read.
#ifndef TIERJIT_RUNTIME_CPYTHON_ASYNC_GENERATOR_OBJECTS_H_
#define TIERJIT_RUNTIME_CPYTHON_ASYNC_GENERATOR_OBJECTS_H_

#include <cstring>

#include "runtime/cpython/python.h"

namespace tierjit {

// What __anext__() and asend() return: _PyAsyncGenASend_Type.
struct AsendObject {
  enum State : int { kFresh, kIterating, kClosed };

  PyObject_HEAD
  PyAsyncGenObject* generator;
  PyObject* sent;  // NULL or None: nothing
  State state;
};

// What `yield` hands out, to be told from what `await` hands out.
struct WrappedValueObject {
  PyObject_HEAD
  PyObject* value;
};

inline bool IsWrappedValue(const PyTypeObject* type) {
  return type->tp_basicsize == sizeof(WrappedValueObject) && std::strcmp(type->tp_name, "async_generator_wrapped_value") == 0;
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CPYTHON_ASYNC_GENERATOR_OBJECTS_H_
