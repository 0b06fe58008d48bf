// Calls from compiled code that the stencils do not do themselves.
#ifndef TIERJIT_TIER1_CALL_PATH_H_
#define TIERJIT_TIER1_CALL_PATH_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// Whether the last call failed before a frame of the callee was entered; forgets it. [GIL]
bool TakeFailedWithoutFrame();

// Called from compiled code, see tier1/stencils/call.cc. `resume`: native entry of a compiled callee, whose bound and linked frame has
// its localsplus at `value`; NULL: the call is done, `value` is the result or NULL with an exception set.
extern "C" Departure tj_call(PyObject** lp, PyThreadState* ts, Site* site);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_CALL_PATH_H_
