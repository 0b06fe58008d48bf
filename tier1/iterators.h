// Iterators: those of ranges, lists and tuples come from free lists of their own. [GIL]
#ifndef TIERJIT_TIER1_ITERATORS_H_
#define TIERJIT_TIER1_ITERATORS_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// The iterator of `iterable`, whose reference moves into it; NULL without an exception: the interpreter must make it.
extern "C" PyObject* tj_get_iter(PyThreadState* ts, PyObject* iterable);

// The next item of an instance of a class for a FOR_ITER, by its type's slot: code goes on with it at `next`, or as tj_for_end() says. The
// site's cell gets to know a `__next__` in Python, which can be entered from then on.
extern "C" Departure tj_next(PyObject** lp, PyObject* iterator, PyThreadState* ts, Site* site, const void* next);

// What an enumerate object makes of the next item, whose reference is consumed: a pair; NULL with an exception set.
extern "C" PyObject* tj_number(PyObject* enumerate, PyObject* item);

// Takes the block of a dead iterator; false: it is no such iterator, or there is no room.
bool KeepIterator(PyObject* dead);
void FlushIterators();

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ITERATORS_H_
