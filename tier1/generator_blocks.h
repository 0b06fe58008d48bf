// Free lists of generator and coroutine objects that have come to their end, by the size of their frames. As with instances
// (instances.h), the collector's count of allocations stays right without being touched.
#ifndef TIERJIT_TIER1_GENERATOR_BLOCKS_H_
#define TIERJIT_TIER1_GENERATOR_BLOCKS_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

// As the interpreter's _Py_MakeCoro(): a new object for a call of `function`, its frame not yet filled in; NULL with an exception
// set. [GIL]
PyGenObject* NewGenerator(PyThreadState* ts, PyFunctionObject* function);

// Takes over the dead object if it is a generator that has come to its end, or whose closing runs none of its code, or a finished coroutine,
// and nothing forbids to keep its block. The locals of one that is closed may run foreign code as they die. False: nothing was done. [GIL]
bool KeepGenerator(PyObject* dead);

// Gives all blocks back. [GIL]
void FlushGenerators();

// Keeps no more blocks while `on` is false. [GIL]
void SwitchGenerators(bool on);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_GENERATOR_BLOCKS_H_
