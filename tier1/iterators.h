// Iterators of ranges, lists and tuples, from free lists of their own. [GIL]
#ifndef TIERJIT_TIER1_ITERATORS_H_
#define TIERJIT_TIER1_ITERATORS_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// The iterator of `iterable`, whose reference moves into it; NULL without an exception: the interpreter must make it.
extern "C" PyObject* tj_get_iter(PyThreadState* ts, PyObject* iterable);

// Takes the block of a dead iterator; false: it is no such iterator, or there is no room.
bool KeepIterator(PyObject* dead);
void FlushIterators();

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ITERATORS_H_
