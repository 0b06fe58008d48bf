// Calls from compiled code that need no bound frame: builtin functions and methods, and classes.
#ifndef TIERJIT_TIER1_CALL_PATH_H_
#define TIERJIT_TIER1_CALL_PATH_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// Calls the callable of a CALL with `oparg` arguments whose operands end at `sp`, all owned by the stack, if it is a builtin function,
// a method descriptor or a plain class. True: done, *result is the new reference or NULL with an exception set, the operands are
// released. False: nothing has happened. [GIL]
bool CallDirectly(PyThreadState* ts, PyObject** sp, int oparg, PyObject** result);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_CALL_PATH_H_
