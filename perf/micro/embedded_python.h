// A CPython in this process for the micro benchmarks, and the few calls they make on it.
#ifndef TIERJIT_PERF_MICRO_EMBEDDED_PYTHON_H_
#define TIERJIT_PERF_MICRO_EMBEDDED_PYTHON_H_

#include <Python.h>

#include <string>

namespace tierjit::micro {

// Starts the interpreter as if `executable` (the one of the environment that has tierjit installed) had been run.
// Ends the process with a message when it cannot. Call once, before anything else here.
void StartPython(const char* executable);

// Runs `source` as a module of its own and returns its namespace (a new reference). Ends the process on an error. [GIL]
PyObject* RunModule(const char* source);

// namespace[name](arguments...), a new reference; the format is that of Py_BuildValue and makes a tuple.
// Ends the process on an error. [GIL]
PyObject* Call(PyObject* space, const char* name, const char* format = "()", ...);

// The same for a function that returns a number. [GIL]
double CallForNumber(PyObject* space, const char* name);

}  // namespace tierjit::micro

#endif  // TIERJIT_PERF_MICRO_EMBEDDED_PYTHON_H_
