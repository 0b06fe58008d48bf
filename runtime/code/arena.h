// Executable memory. One address range near libpython holds code (execute-only while it may run, writable only
// inside a WriteScope and before the first one) and, at a fixed distance within +-2 GB, the read-write data (cells,
// sites) that code addresses rip-relative.
#ifndef TIERJIT_RUNTIME_CODE_ARENA_H_
#define TIERJIT_RUNTIME_CODE_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tierjit {

struct CodeBlock {
  uint8_t* code = nullptr;
  size_t code_size = 0;
  uint8_t* data = nullptr;
  size_t data_size = 0;
};

struct ArenaStats {
  size_t code_bytes_used, data_bytes_used;  // rounded up to the alignment; jump thunks included
  size_t capacity;                          // cap on code_bytes_used
  size_t blocks;                            // allocated now, pages of jump thunks not counted
};

// All functions: [GIL].
class Arena {
 public:
  static Arena& Get();

  // Cap on the code bytes in use; blocks over it are refused with kResourceExhausted. Default 64 MiB.
  void SetMaxCodeBytes(size_t bytes);

  // Reserves the address range. kResourceExhausted: there is none within reach; kUnavailable as Allocate().
  absl::Status Reserve();

  // Reserves a block (16-byte aligned code, 64-byte aligned data, data zeroed). kResourceExhausted at the cap or out of
  // address space; kUnavailable when the system refuses executable memory.
  absl::StatusOr<CodeBlock> Allocate(size_t code_size, size_t data_size);
  void Free(const CodeBlock& block);

  // Makes the pages of `block` writable (not executable) until the scope ends, then executable (not writable). The
  // caller holds the GIL for the whole scope, so no other thread runs code on those pages meanwhile. Where the system has begun to refuse
  // executable memory meanwhile, the status is kUnavailable and all pages stay as they are.
  class WriteScope {
   public:
    explicit WriteScope(const CodeBlock& block);
    ~WriteScope();
    absl::Status status() const { return status_; }
    WriteScope(const WriteScope&) = delete;
    WriteScope& operator=(const WriteScope&) = delete;

   private:
    uint8_t* begin_;
    size_t size_;
    absl::Status status_;
  };

  // Address within reach of a rel32 jump from every code block that transfers to `target`: the target itself when it is
  // near, otherwise a jump thunk made once per target. The thunk changes r11 only. nullptr when no thunk can be made
  // (no executable memory or no address space).
  const void* Reachable(const void* target);

  // The address range that all code blocks lie in; empty until the first Allocate().
  void CodeRange(uintptr_t* low, uintptr_t* span) const;

  ArenaStats stats() const;

 private:
  struct State;
  Arena();
  ~Arena() = delete;  // lives until the process ends: compiled code may run that long

  std::unique_ptr<State> state_;
};

// Appends a line to the perf map (/tmp/perf-PID.map) when it is enabled. name: e.g. "tierjit.t1:module.func". [GIL]
void EnablePerfMap(bool on);
void NoteCodeForPerf(const void* start, size_t size, const char* name);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CODE_ARENA_H_
