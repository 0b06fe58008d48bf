#include "runtime/bytecode/loop_nest.h"

#include <algorithm>

namespace tierjit {

LoopNest::LoopNest(const DecodedCode& code) {
  for (const Instruction& in : code.instructions()) {
    if (in.target < 0 || in.target > in.offset || !IsBackwardJump(in.opcode)) continue;
    auto known = std::find_if(loops_.begin(), loops_.end(), [&](const Extent& e) { return e.header == in.target; });
    if (known == loops_.end()) loops_.push_back({in.target, in.next});
    else known->end = std::max(known->end, in.next);
  }
}

const LoopNest::Extent* LoopNest::Find(int32_t header) const {
  for (const Extent& e : loops_) {
    if (e.header == header) return &e;
  }
  return nullptr;
}

bool LoopNest::IsInner(int32_t header) const {
  return std::any_of(loops_.begin(), loops_.end(), [&](const Extent& e) { return Encloses(e.header, header); });
}

bool LoopNest::Encloses(int32_t outer, int32_t inner) const {
  const Extent* e = Find(outer);
  return e != nullptr && outer != inner && e->Contains(inner);
}

}  // namespace tierjit
