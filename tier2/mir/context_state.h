// Context::State, for the sources of this folder: the heap, the trap for MIR's errors, what the generator hands over.
#ifndef TIERJIT_TIER2_MIR_CONTEXT_STATE_H_
#define TIERJIT_TIER2_MIR_CONTEXT_STATE_H_

#include <mir-gen.h>
#include <mir.h>
#include <setjmp.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "tier2/mir/function.h"
#include "tier2/mir/heap.h"

namespace tierjit::mir {

struct Context::State {
  MIR_context_t mir = nullptr;
  Heap heap;
  absl::Status status;  // the first error; nothing is done after it
  uint32_t functions = 0, imports = 0;  // for names
  const void* unfinished = nullptr;  // the function that is being built

  CodeImage* image = nullptr;  // what the generator fills
  int64_t first_cold_label = -1;  // of the function that is generated

  // Calls `body`, which calls MIR, so that an error of MIR ends it and becomes `status`. An error leaves by longjmp:
  // `body` must not own anything that a destructor would have to release. False after an error, now or before.
  template <typename Body>
  bool Run(Body body) {
    return status.ok() && RunTrapped([](void* closure) { (*static_cast<Body*>(closure))(); }, &body);
  }

  // For mistakes that are found before MIR sees them.
  void Fail(absl::Status error) { status.Update(error); }

  // Called from inside of MIR.
  [[noreturn]] void Leave();
  static State* Current();
  static bool StopAsked();

  char message[256] = "";

 private:
  bool RunTrapped(void (*body)(void*), void* closure);

  jmp_buf trap_;
};

}  // namespace tierjit::mir

#endif  // TIERJIT_TIER2_MIR_CONTEXT_STATE_H_
