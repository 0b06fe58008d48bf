// The import self-check: does the running interpreter match what compiled code assumes about it?
#ifndef TIERJIT_RUNTIME_CPYTHON_SELF_CHECK_H_
#define TIERJIT_RUNTIME_CPYTHON_SELF_CHECK_H_

#include "absl/status/status.h"

namespace tierjit {

// Compares version, build, exported symbols and structure layouts of the running interpreter with those that tierjit
// was compiled for, and watches the interpreter at work where no table tells the layout. OK, or kUnavailable with one
// sentence that says what does not fit: then nothing of tierjit may be switched on.
//
// Takes well under a millisecond. Leaves no trace: no references, no events to tracers or profilers, and an exception
// that was pending stays pending. [GIL]
absl::Status CheckInterpreter();

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CPYTHON_SELF_CHECK_H_
