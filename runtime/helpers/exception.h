// What the handlers of RERAISE and EXIT_INIT_CHECK add to handlers.h.
#ifndef TIERJIT_RUNTIME_HELPERS_EXCEPTION_H_
#define TIERJIT_RUNTIME_HELPERS_EXCEPTION_H_

#include "runtime/helpers/op.h"

namespace tierjit {

// RERAISE moves `frame->instr_ptr` to where the exception first happened, for line numbers; handlers are looked up
// at the RERAISE itself. This is where it stood, valid from OpReraise() until UnwindToHandler() resets it. [GIL]
struct ReraiseSite {
  static inline _PyInterpreterFrame* frame = nullptr;
  static inline _Py_CODEUNIT* instruction = nullptr;
};

// Only in the shim frame that the interpreter puts under an inlined __init__. Contract: op.h. [GIL]
PyObject** op_exit_init_check(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_EXCEPTION_H_
