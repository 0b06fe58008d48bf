// The loops of a code object, by where their back-edges go and come from.
#ifndef TIERJIT_RUNTIME_BYTECODE_LOOP_NEST_H_
#define TIERJIT_RUNTIME_BYTECODE_LOOP_NEST_H_

#include <vector>

#include "runtime/bytecode/decoder.h"

namespace tierjit {

class LoopNest {
 public:
  struct Extent {
    int32_t header, end;  // code units [header, end)
    bool Contains(int32_t unit) const { return unit >= header && unit < end; }
  };
  LoopNest() = default;
  explicit LoopNest(const DecodedCode& code);

  const Extent* Find(int32_t header) const;  // nullptr: nothing jumps back there
  // Whether the loop stands in another one.
  bool IsInner(int32_t header) const;
  // Whether the loop at `outer` contains the one at `inner`, another one.
  bool Encloses(int32_t outer, int32_t inner) const;

 private:
  std::vector<Extent> loops_;
};

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_BYTECODE_LOOP_NEST_H_
