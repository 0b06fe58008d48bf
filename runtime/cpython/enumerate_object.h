// The enumerate object, whose structure is not public: proved by behaviour before it is used.
#ifndef TIERJIT_RUNTIME_CPYTHON_ENUMERATE_OBJECT_H_
#define TIERJIT_RUNTIME_CPYTHON_ENUMERATE_OBJECT_H_

#include "runtime/cpython/python.h"

namespace tierjit {

struct EnumerateObject {
  PyObject_HEAD
  Py_ssize_t index;    // of the next item
  PyObject* iterator;  // of what is enumerated
  PyObject* pair;      // that it gave last; used again when nobody else has it
};

// Whether enumerate objects look like that. [GIL]
bool EnumerateIsKnown();

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CPYTHON_ENUMERATE_OBJECT_H_
