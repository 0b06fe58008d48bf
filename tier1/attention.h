// Who else looks at calls, and must not see that compiled code takes part.
#ifndef TIERJIT_TIER1_ATTENTION_H_
#define TIERJIT_TIER1_ATTENTION_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

// Tells the observer (SetWatchObserver()) when OthersWatchCalls(). [GIL]
void NoteWatchers(PyThreadState* ts);

// The interpreter is about to go on with the current frame at frame->instr_ptr, behind the instruction at `from`. Where a line begins
// there it tells tools nothing of it, as it takes the instruction that it begins with for the one before: this does. A tool may have the
// frame go on elsewhere. False when one of them raised an exception. [GIL]
bool TellLine(PyThreadState* ts, _PyInterpreterFrame* frame, const _Py_CODEUNIT* from);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ATTENTION_H_
