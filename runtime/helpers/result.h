// Bools and endings that handlers without an object result share; the common ending is PushResult() in frame_access.h.
#ifndef TIERJIT_RUNTIME_HELPERS_RESULT_H_
#define TIERJIT_RUNTIME_HELPERS_RESULT_H_

#include "runtime/helpers/frame_access.h"

namespace tierjit {

// True or False; both are immortal, so the borrowed pointer may go on the stack as an owned one.
inline PyObject* AsBool(bool value) { return value ? Py_True : Py_False; }

// For instructions without a result: `slot` is where the first of the consumed inputs was.
inline PyObject** DoneOrFail(_PyInterpreterFrame* frame, PyObject** slot, bool ok) {
  return ok ? slot : OpError(frame, slot);
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_RESULT_H_
