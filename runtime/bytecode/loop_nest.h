// The loops of a code object: natural loops, as its jumps and its exception table make them.
#ifndef TIERJIT_RUNTIME_BYTECODE_LOOP_NEST_H_
#define TIERJIT_RUNTIME_BYTECODE_LOOP_NEST_H_

#include <vector>

#include "runtime/bytecode/decoder.h"

namespace tierjit {

// Handlers stand behind all else in a code object, and jump back to where the `try` ends. So a loop is not what lies between its header
// and its back-edge, but what can come back to the header; and not every jump backwards makes one.
class LoopNest {
 public:
  struct Extent {
    int32_t header = 0;
    std::vector<uint8_t> units;  // by code unit: 1 inside; none: all of the code
    bool Contains(int32_t unit) const { return units.empty() || units[static_cast<size_t>(unit)] != 0; }
  };
  LoopNest() = default;
  explicit LoopNest(const DecodedCode& code);

  const std::vector<Extent>& loops() const { return loops_; }
  const Extent* Find(int32_t header) const;  // nullptr: no loop begins there
  // Whether the loop stands in another one.
  bool IsInner(int32_t header) const;
  // Whether the loop at `outer` contains the one at `inner`, another one.
  bool Encloses(int32_t outer, int32_t inner) const;
  int DepthAt(int32_t unit) const;           // how many loops contain it

 private:
  std::vector<Extent> loops_;
};

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_BYTECODE_LOOP_NEST_H_
