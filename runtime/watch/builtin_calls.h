// Notice of calls of builtin functions that change what compiled code relies on, where the interpreter has no watcher.
#ifndef TIERJIT_RUNTIME_WATCH_BUILTIN_CALLS_H_
#define TIERJIT_RUNTIME_WATCH_BUILTIN_CALLS_H_

#include "absl/status/status.h"
#include "runtime/cpython/python.h"

namespace tierjit {

// Called with the GIL held when the function has returned, possibly with an exception pending, which stays as it is. The
// arguments are the positional ones.
using AfterBuiltin = void (*)(PyObject* const* args, Py_ssize_t count);

// Reports every call of the builtin function `function`, whoever makes it: the function object stays the same and gets a copy of its
// method definition, whose C function calls the original one. kInvalidArgument for anything but a builtin function of the conventions
// METH_FASTCALL, METH_NOARGS and METH_O; kResourceExhausted when too many are watched. [GIL]
absl::Status WatchBuiltin(PyObject* function, AfterBuiltin after);

// Ends all of it; every function has its own definition again. [GIL]
void UnwatchBuiltins();

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_WATCH_BUILTIN_CALLS_H_
