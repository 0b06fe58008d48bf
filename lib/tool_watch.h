// Tools that are switched on while compiled code runs, and for which the interpreter has no watcher: local monitoring events of one
// code object, and tracemalloc. And tracers, who must not find events of tierjit's. Where nobody tells, compiled code would have to look at every call.
#ifndef TIERJIT_LIB_TOOL_WATCH_H_
#define TIERJIT_LIB_TOOL_WATCH_H_

#include "absl/status/status.h"

namespace tierjit {

// From now on units go to their interpreter where a tool gets local events, and the free lists are off while tracemalloc is on. Nothing
// when started already. kUnavailable when the functions concerned are not the interpreter's. A pending exception stays as it is. [GIL]
absl::Status StartToolWatch();
void StopToolWatch();

}  // namespace tierjit

#endif  // TIERJIT_LIB_TOOL_WATCH_H_
