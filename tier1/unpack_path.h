// UNPACK_SEQUENCE together with the stores into locals that follow it.
#ifndef TIERJIT_TIER1_UNPACK_PATH_H_
#define TIERJIT_TIER1_UNPACK_PATH_H_

#include <cstdint>

namespace tierjit::tier1 {

// Fewer stores are quicker one by one.
inline constexpr int kMinFusedStores = 4;
// At most so many stores are fused, into locals of these indices: two words hold an index a byte.
inline constexpr int kMaxFusedStores = 16;
inline constexpr int kMaxFusedLocal = 256;

// The stores of a fused UNPACK_SEQUENCE as one number.
struct UnpackShape {
  int count = 0;
  uint32_t joined = 0;  // bit i: store i + 1 belongs to the same instruction as store i
  int load = -1;        // local that the last instruction (STORE_FAST_LOAD_FAST) loads afterwards, below 16

  uint32_t Encode() const {
    return static_cast<uint32_t>(count) | joined << 8 | static_cast<uint32_t>(load + 1) << 24;
  }
  static UnpackShape Decode(uint32_t code) {
    return {static_cast<int>(code & 0xff), code >> 8 & 0xffff, static_cast<int>(code >> 24) - 1};
  }
};

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_UNPACK_PATH_H_
