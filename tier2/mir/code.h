// Generated machine code: first bytes that belong to nobody's address space yet, then code that runs.
#ifndef TIERJIT_TIER2_MIR_CODE_H_
#define TIERJIT_TIER2_MIR_CODE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/code/arena.h"
#include "runtime/deopt/value_place.h"

namespace tierjit::mir {

// Memory with the doubles that code refers to by address.
using Constants = std::shared_ptr<const void>;

// Owns executable code in the arena; freed with the handle. Construction, move and destruction: [GIL].
class CodeHandle {
 public:
  CodeHandle() = default;
  CodeHandle(const CodeBlock& block, Constants constants) : block_(block), constants_(std::move(constants)) {}
  CodeHandle(CodeHandle&& other) noexcept
      : block_(std::exchange(other.block_, {})), constants_(std::move(other.constants_)) {}
  CodeHandle& operator=(CodeHandle&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(constants_, other.constants_);
    return *this;
  }
  ~CodeHandle() {
    if (block_.code != nullptr) Arena::Get().Free(block_);
  }

  const uint8_t* address() const { return block_.code; }
  size_t size() const { return block_.code_size; }

  // The code as a C function: handle.As<int64_t(int64_t, double)>()(1, 2.0).
  template <typename F>
  F* As() const {
    return reinterpret_cast<F*>(block_.code);
  }

 private:
  CodeBlock block_;
  Constants constants_;
};

// Made on any thread, without the GIL; owned by nobody's context. Position-independent but for the places it lists.
struct CodeImage {
  // call *[rip + x] or jmp *[rip + x], 6 bytes, through a constant: made direct where the target is within reach.
  struct CallSite {
    size_t offset;
    uint64_t target;
  };

  std::vector<uint8_t> bytes;
  std::vector<size_t> label_addresses;  // offsets of 64-bit words that hold an offset into the code (SWITCH tables)
  std::vector<CallSite> call_sites;
  // Function::CallRecorded(): where the call returns to, and where its values are.
  struct Record {
    int id;
    size_t offset;
    std::vector<ValuePlace> places;
  };
  std::vector<Record> records;
  Constants constants;

  // Copies the code into the arena and makes it executable. [GIL] `name` is for the perf map; none if empty.
  absl::StatusOr<CodeHandle> Install(const std::string& name = "") const;
};

}  // namespace tierjit::mir

#endif  // TIERJIT_TIER2_MIR_CODE_H_
