// Where C++ runs out of memory: compiling is given up, the program goes on.
#ifndef TIERJIT_RUNTIME_BASE_OUT_OF_MEMORY_H_
#define TIERJIT_RUNTIME_BASE_OUT_OF_MEMORY_H_

#include <new>

#include "absl/status/status.h"

namespace tierjit {

// What `work` returns; kResourceExhausted in place of std::bad_alloc, which must not come to the C code and compiled code that called.
template <typename Work>
auto OutOfMemoryAsStatus(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("the system has no memory left");
  }
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_BASE_OUT_OF_MEMORY_H_
