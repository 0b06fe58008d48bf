// Who else looks at calls and at single code objects, and must not see that compiled code takes part.
#ifndef TIERJIT_TIER1_ATTENTION_H_
#define TIERJIT_TIER1_ATTENTION_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

// Tells the observer (SetWatchObserver()) when OthersWatchCalls(). [GIL]
void NoteWatchers(PyThreadState* ts);

// Local events may have been set on `code`, which may be running: its unit leaves at its next check. [GIL]
void NoteLocalEvents(PyCodeObject* code);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ATTENTION_H_
