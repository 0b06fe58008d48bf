// Making exceptions, and what the handlers of RERAISE and EXIT_INIT_CHECK add to handlers.h.
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

// Whether calling `callable` does what BaseException's own slots do, and no more: most exception classes.
inline bool MakesPlainExceptions(PyObject* callable) {
  if (Py_TYPE(callable) != &PyType_Type) return false;
  PyTypeObject* base = reinterpret_cast<PyTypeObject*>(PyExc_BaseException);
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(callable);
  return type->tp_init == base->tp_init && type->tp_new == base->tp_new && type->tp_vectorcall == nullptr;
}
// Such a call, with positional arguments (borrowed). NULL with an exception set. [GIL]
PyObject* NewException(PyThreadState* ts, PyObject* cls, PyObject* const* args, size_t count);

// What a dict raises for a key that it does not have. [GIL]
void RaiseKeyError(PyThreadState* ts, PyObject* key);

// Only in the shim frame that the interpreter puts under an inlined __init__. Contract: op.h. [GIL]
PyObject** op_exit_init_check(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_EXCEPTION_H_
