// Short lists and tuples from the blocks of dead ones of the same size: a list with its buffer, of the very length that the interpreter
// would have allocated. All of it: [GIL].
#ifndef TIERJIT_RUNTIME_HELPERS_SHORT_SEQUENCES_H_
#define TIERJIT_RUNTIME_HELPERS_SHORT_SEQUENCES_H_

#include "runtime/helpers/op.h"

namespace tierjit {

// A list or tuple of `size` items, owned, which the caller fills at once and then hands to FinishSequence(). NULL: MemoryError is set.
PyObject* NewList(Py_ssize_t size);
PyObject* NewTuple(Py_ssize_t size);
PyObject* FinishSequence(PyThreadState* ts, PyObject* sequence);

// Whether the block of the dead exact list or tuple is wanted. Then its items are to be released and it is to be handed to KeepSequence().
bool WantsSequence(PyObject* dead);
void KeepSequence(PyObject* dead);
void FlushSequences();
void SwitchSequences(bool on);

// Handlers release by this what may be such a sequence.
extern destructor g_deallocate;
inline void Release(PyObject* o) {
  if (!_Py_IsImmortal(o) && --o->ob_refcnt == 0) g_deallocate(o);
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_SHORT_SEQUENCES_H_
