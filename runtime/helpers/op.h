// The contract of opcode handlers: what one bytecode instruction does, as a C++ function that works on
// the *canonical* frame (every stack entry an owned reference, or NULL, in its slot of `localsplus`).
//
// Compiled code calls a handler whenever an instruction has no fast path or its fast path fails.
#ifndef TIERJIT_RUNTIME_HELPERS_OP_H_
#define TIERJIT_RUNTIME_HELPERS_OP_H_

#include <cstdint>

#include "runtime/cpython/python.h"

namespace tierjit {

// Executes one instruction.
//   ts     the current thread's state [GIL]
//   frame  the frame that runs the instruction; it is the thread's current frame, `instr_ptr` is already at
//          the instruction, `stacktop` is -1
//   sp     first free stack slot (one above the top of stack)
//   oparg  the instruction's argument, EXTENDED_ARG included
// Returns the new `sp`; `Taken(sp)` when a conditional jump is taken; OpError()/OpReraise() after an error.
using OpHandler = PyObject** (*)(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);

// Marks `sp` as "the branch is taken" (slots are 8-byte aligned, the low bit is free).
inline PyObject** Taken(PyObject** sp) { return reinterpret_cast<PyObject**>(reinterpret_cast<uintptr_t>(sp) | 1); }

// An exception is set; a traceback entry for this frame is still to be added. `sp` is the stack pointer at
// the error: what lies below it is still owned by the stack, what the instruction consumed is released.
inline PyObject** OpError(_PyInterpreterFrame* frame, PyObject** sp) {
  frame->stacktop = static_cast<int>(sp - frame->localsplus);
  return nullptr;
}

// As OpError(), for RERAISE and its kind: no traceback entry is added. `OpLeave::without_traceback` is reset by
// whoever handles the error.
struct OpLeave {
  static inline bool without_traceback = false;  // [GIL]
  static inline bool callee_failed = false;      // the error comes out of a compiled callee; reset likewise [GIL]
};
inline PyObject** OpReraise(_PyInterpreterFrame* frame, PyObject** sp) {
  OpLeave::without_traceback = true;
  return OpError(frame, sp);
}

inline PyCodeObject* CodeOf(const _PyInterpreterFrame* frame) {
  return reinterpret_cast<PyCodeObject*>(frame->f_executable);
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_OP_H_
