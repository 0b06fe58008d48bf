// Sets of exact builtin types, as feedback records them and as Tier 2 reasons about them.
#ifndef TIERJIT_RUNTIME_FEEDBACK_TYPE_BITS_H_
#define TIERJIT_RUNTIME_FEEDBACK_TYPE_BITS_H_

#include <cstdint>

namespace tierjit {

// kIntBit: exact int that fits int64; kBigIntBit: exact int that does not.
enum TypeBits : uint32_t {
  kNullBit = 1u << 0,
  kNoneBit = 1u << 1,
  kBoolBit = 1u << 2,
  kIntBit = 1u << 3,
  kBigIntBit = 1u << 4,
  kFloatBit = 1u << 5,
  kStrBit = 1u << 6,
  kListBit = 1u << 7,
  kTupleBit = 1u << 8,
  kDictBit = 1u << 9,
  kBytesBit = 1u << 10,
  kByteArrayBit = 1u << 11,
  kArrayBit = 1u << 12,     // array.array
  kRangeIterBit = 1u << 13,
  kListIterBit = 1u << 14,
  kTupleIterBit = 1u << 15,
  kInstanceBit = 1u << 16,  // of a heap type
  kOtherBit = 1u << 17,
  kEnumerateBit = 1u << 18,  // enumerate over the iterator of a list
  kSetBit = 1u << 19,
};
inline constexpr uint32_t kAllBits = (1u << 20) - 1;

// Types whose objects die without running foreign code and hold no other object.
inline constexpr uint32_t kSimpleBits =
    kNullBit | kNoneBit | kBoolBit | kIntBit | kBigIntBit | kFloatBit | kStrBit | kBytesBit | kRangeIterBit;

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_FEEDBACK_TYPE_BITS_H_
