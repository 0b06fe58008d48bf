// What it takes to link abseil's static library into a shared one where the distribution compiled it for executables
// only. Built, and the linker options it needs given, only where the plain way fails (lib/meson.build tries).
//
// - Three objects have thread-local variables of a kind that shared libraries cannot have. Here are stand-ins: whoever
//   defines all symbols of
//   an object first keeps the linker from taking it out of the archive. What is lost is sampling of cords and hash
//   tables for profiling and caching of thread ids, none of which tierjit uses.
// - Data of other libraries is addressed directly. That of the C++ library is linked in (-static-libstdc++); for the
//   single one of the C library,
//   `stderr`, the linker (--wrap=stderr) takes the copy below.
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <limits>

#include "absl/base/internal/sysinfo.h"
#include "absl/container/internal/raw_hash_set.h"
#include "absl/strings/internal/cordz_functions.h"

extern "C" {
extern FILE* __real_stderr;
FILE* __wrap_stderr = nullptr;
}

namespace {
__attribute__((constructor)) void CopyStderr() { __wrap_stderr = __real_stderr; }
}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

namespace base_internal {

double NominalCPUFrequency() { return 1.0; }
int NumCPUs() { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); }
pid_t GetTID() { return static_cast<pid_t>(syscall(SYS_gettid)); }
pid_t GetCachedTID() { return GetTID(); }

}  // namespace base_internal

namespace cord_internal {

ABSL_CONST_INIT thread_local int64_t cordz_next_sample = std::numeric_limits<int64_t>::max();
int32_t get_cordz_mean_interval() { return 0; }
void set_cordz_mean_interval(int32_t) {}
void cordz_set_next_sample_for_testing(int64_t next_sample) { cordz_next_sample = next_sample; }
bool cordz_should_profile_slow() {
  cordz_next_sample = std::numeric_limits<int64_t>::max();
  return false;
}

}  // namespace cord_internal

namespace container_internal {

alignas(16) ABSL_CONST_INIT const ctrl_t kEmptyGroup[16] = {
    ctrl_t::kSentinel, ctrl_t::kEmpty, ctrl_t::kEmpty, ctrl_t::kEmpty, ctrl_t::kEmpty, ctrl_t::kEmpty,
    ctrl_t::kEmpty,    ctrl_t::kEmpty, ctrl_t::kEmpty, ctrl_t::kEmpty, ctrl_t::kEmpty, ctrl_t::kEmpty,
    ctrl_t::kEmpty,    ctrl_t::kEmpty, ctrl_t::kEmpty, ctrl_t::kEmpty};

// Only there to vary the order of iteration.
bool ShouldInsertBackwards(size_t, const ctrl_t*) { return false; }

void ConvertDeletedToEmptyAndFullToDeleted(ctrl_t* ctrl, size_t capacity) {
  for (size_t i = 0; i < capacity; ++i) ctrl[i] = IsFull(ctrl[i]) ? ctrl_t::kDeleted : ctrl_t::kEmpty;
  std::memcpy(ctrl + capacity + 1, ctrl, NumClonedBytes());
  ctrl[capacity] = ctrl_t::kSentinel;
}

}  // namespace container_internal

ABSL_NAMESPACE_END
}  // namespace absl
