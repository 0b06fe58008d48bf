// Who else looks at calls, and must not see that compiled code takes part.
#ifndef TIERJIT_TIER1_ATTENTION_H_
#define TIERJIT_TIER1_ATTENTION_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

// Tells the observer (SetWatchObserver()) when OthersWatchCalls(). [GIL]
void NoteWatchers(PyThreadState* ts);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ATTENTION_H_
