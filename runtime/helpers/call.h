// Calls from compiled code to Python functions: the callee's frame is bound here and entered by the caller.
#ifndef TIERJIT_RUNTIME_HELPERS_CALL_H_
#define TIERJIT_RUNTIME_HELPERS_CALL_H_

#include "runtime/helpers/op.h"

namespace tierjit {

// True if `function` still has the interpreter's own vectorcall, so that the interpreter would run it by pushing a
// frame. [GIL]
bool HasInterpreterVectorcall(PyFunctionObject* function);
// Tells what that entry is, which saves looking for it. [GIL]
void SetInterpreterVectorcall(vectorcallfunc entry);

// The Python function that a CALL (or, with `has_kwnames`, CALL_KW) at `sp` with `oparg` arguments would run: the
// callable itself or what a bound method wraps. Null for any other callable and while a frame evaluator is installed
// (PEP 523). Borrowed, no side effects. [GIL]
PyFunctionObject* PythonCallee(PyThreadState* ts, PyObject** sp, int oparg, bool has_kwnames);

// Binds the arguments of a CALL or CALL_KW at `sp` to a new frame of PythonCallee().
//   sp        first free stack slot; below it: callable, self or NULL, `oparg` arguments[, tuple of keyword names]
//   consumed  set to the number of stack entries that are used up, whether it succeeds or not; untouched if there is
//             no callee
// Returns the frame, not linked (`previous` unset, no recursion level taken). Null without an exception or side
// effects if the callable is no Python function; null with an exception set if binding failed. The caller makes sure
// that the function's vectorcall is the interpreter's or its own: a foreign one is not called. [GIL]
_PyInterpreterFrame* PushPythonCall(PyThreadState* ts, PyObject** sp, int oparg, bool has_kwnames, int* consumed);

// As PushPythonCall() for CALL_FUNCTION_EX; below `sp`: function, NULL, iterable of arguments[, dict, if `oparg` is
// odd]. As in the interpreter, a bound method is no Python function here. `*consumed` is 0 when the arguments could not
// be iterated. [GIL]
_PyInterpreterFrame* PushPythonCallEx(PyThreadState* ts, PyObject** sp, int oparg, int* consumed);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_CALL_H_
