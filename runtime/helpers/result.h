// Endings that most handlers share.
#ifndef TIERJIT_RUNTIME_HELPERS_RESULT_H_
#define TIERJIT_RUNTIME_HELPERS_RESULT_H_

#include "runtime/helpers/op.h"

namespace tierjit {

// True or False; both are immortal, so the borrowed pointer may go on the stack as an owned one.
inline PyObject* AsBool(bool value) { return value ? Py_True : Py_False; }

// Puts `result` (owned) into `*slot`, where the first of the consumed inputs was; OpError() there if it is null.
inline PyObject** PushOrFail(_PyInterpreterFrame* frame, PyObject** slot, PyObject* result) {
  if (result == nullptr) return OpError(frame, slot);
  *slot = result;
  return slot + 1;
}

// For instructions without a result: `slot` is where the first of the consumed inputs was.
inline PyObject** DoneOrFail(_PyInterpreterFrame* frame, PyObject** slot, bool ok) {
  return ok ? slot : OpError(frame, slot);
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_RESULT_H_
