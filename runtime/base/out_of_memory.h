// Where C++ runs out of memory: compiling is given up, the program goes on.
//
// std::bad_alloc must not come to C or to compiled code. It is caught where these call C++ that may allocate: the interface (lib/api.cc), what
// the interpreter calls back (watchers, monitoring, pending calls), the counting entry, and what machine code asks for: the promotion of a loop,
// inline caches, feedback, an exit's owner. There the question is dropped, and the next one finds everything as it was. Leaving optimised
// code cannot be dropped: see runtime/deopt/reserve.h.
#ifndef TIERJIT_RUNTIME_BASE_OUT_OF_MEMORY_H_
#define TIERJIT_RUNTIME_BASE_OUT_OF_MEMORY_H_

#include <new>

#include "absl/status/status.h"

namespace tierjit {

// Made beforehand, as it takes memory itself.
inline const absl::Status& kNoMemory = *new absl::Status(absl::ResourceExhaustedError("the system has no memory left"));

// What `work` returns; kResourceExhausted in place of std::bad_alloc.
template <typename Work>
auto OutOfMemoryAsStatus(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return kNoMemory;
  }
}

// What `work` returns; `otherwise` if there is no memory for it.
template <typename Result, typename Work>
Result UnlessOutOfMemory(Result otherwise, Work work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return otherwise;
  }
}

// Whether `work`, which returns nothing, came to its end.
template <typename Work>
bool HasMemoryFor(Work work) {
  return UnlessOutOfMemory(false, [&] { return work(), true; });
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_BASE_OUT_OF_MEMORY_H_
