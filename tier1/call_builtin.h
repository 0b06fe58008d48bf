// Calls of C functions by their calling conventions.
#ifndef TIERJIT_TIER1_CALL_BUILTIN_H_
#define TIERJIT_TIER1_CALL_BUILTIN_H_

#include "tier1/unit.h"

namespace tierjit::tier1 {

inline void Release(PyObject** from, PyObject** to) {
  for (; from < to; from++) {
    PyObject* o = *from;
    if (o != nullptr) tj_decref(o);
  }
}

// What the interpreter does after a call that did not push a frame: pending events. The result, or NULL. [GIL]
PyObject* AfterDirectCall(PyThreadState* ts, PyObject* result);

// Called from compiled code (tier1/stencils/call.cc): calls a builtin function, method descriptor or class with `count` arguments on
// the stack. Releases callable and arguments.
extern "C" PyObject* tj_call_builtin(PyObject* callable, PyObject** args, int64_t count, PyThreadState* ts);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_CALL_BUILTIN_H_
