// Function objects that are made over and over: lambdas, nested functions, generator expressions. Dead ones are kept and used again. [GIL]
#ifndef TIERJIT_TIER1_FUNCTIONS_H_
#define TIERJIT_TIER1_FUNCTIONS_H_

#include "runtime/helpers/op.h"

namespace tierjit::tier1 {

// MAKE_FUNCTION.
PyObject** MakeFunction(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);

// Takes the block of a dead function; false: it is none, or its death must be the interpreter's business.
bool KeepFunction(PyObject* dead);
void FlushFunctions();
void SwitchFunctions(bool on);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_FUNCTIONS_H_
