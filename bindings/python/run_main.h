// Running a program as the interpreter's own command line would, below `python -m tierjit`.
#ifndef TIERJIT_BINDINGS_PYTHON_RUN_MAIN_H_
#define TIERJIT_BINDINGS_PYTHON_RUN_MAIN_H_

#include "runtime/cpython/python.h"

// The callables behind _tierjit.run_file(), run_stdin(), run_string() and run_module(). Each runs its program in the module
// `__main__` as it stands. The frames of the caller are invisible meanwhile: tracebacks, sys._getframe() and the
// recursion depth are those of the plain interpreter. An exception is printed the way the interpreter prints it;
// SystemExit ends the process. They return the exit status as an int; an unhandled KeyboardInterrupt also arranges that
// the process dies of SIGINT once the caller returns to the interpreter.
PyObject* RunFile(PyObject* self, PyObject* filename);   // str or bytes; status 2 when it cannot be opened
PyObject* RunStdin(PyObject* self, PyObject*);            // as after -: interactively where it is a terminal
PyObject* RunString(PyObject* self, PyObject* source);   // str, as after -c
PyObject* RunModule(PyObject* self, PyObject* args);     // (name, set_argv0), as after -m

#endif  // TIERJIT_BINDINGS_PYTHON_RUN_MAIN_H_
