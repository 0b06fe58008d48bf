// Free lists of instances of plain Python classes, filled by compiled code's deallocations and emptied by its constructions.
//
// A class is plain when its instances are nothing but inline values, or nothing but `__slots__`: object.__new__ and PyType_GenericAlloc
// make them, no finalizer. A freed block keeps its type pointer and its values' capacity; its memory is still the object allocator's. The
// collector's count of allocations stays right without being touched: it counts blocks, and these stay alive.
// Source of the figures that make this worth while: an allocation and a death cost about 85 ns through the C API.
#ifndef TIERJIT_TIER1_INSTANCES_H_
#define TIERJIT_TIER1_INSTANCES_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

// Finds the interpreter's deallocator of such classes; the lists stay off when it cannot. [GIL]
void InitialiseInstances();

// That deallocator: instances of other classes need not be offered to KeepInstance(). [GIL]
extern destructor g_plain_dealloc;

// A new instance with all values unset, tracked by the collector; NULL with an exception set. `type` is plain as far as its slots for
// construction go (the caller has looked). [GIL]
PyObject* NewInstance(PyTypeObject* type);

// The same; NULL without an exception.
extern "C" PyObject* tj_new_instance(PyTypeObject* type);

// Takes over the dead object if it is an instance of a plain class and nothing forbids to keep its block. False: nothing was
// done. May run foreign code: the values die here. [GIL]
bool KeepInstance(PyObject* dead);

// Gives all blocks back. [GIL]
void FlushInstances();

// Keeps no more blocks while `on` is false. [GIL]
void SwitchInstances(bool on);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_INSTANCES_H_
