// Types of Tier 2: a lattice of sets of exact builtin types, with a range for ints and a class for instances.
#ifndef TIERJIT_TIER2_IR_TYPE_H_
#define TIERJIT_TIER2_IR_TYPE_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/feedback/type_bits.h"

namespace tierjit::tier2 {

class Type {
 public:
  constexpr Type() = default;  // bottom: no value
  constexpr explicit Type(uint32_t bits) : bits_(bits) {}
  static constexpr Type Any() { return Type(kAllBits); }
  static constexpr Type Bound() { return Type(kAllBits & ~kNullBit); }
  static constexpr Type Int() { return Type(kIntBit); }
  static constexpr Type Float() { return Type(kFloatBit); }
  static constexpr Type Bool() { return Type(kBoolBit); }
  static Type IntRange(int64_t low, int64_t high);
  static Type Instance(uint32_t version);  // 0: any instance

  uint32_t bits() const { return bits_; }
  bool IsBottom() const { return bits_ == 0; }
  bool Is(uint32_t bits) const { return bits_ != 0 && (bits_ & ~bits) == 0; }
  bool MayBe(uint32_t bits) const { return (bits_ & bits) != 0; }
  bool IsSimple() const { return (bits_ & ~kSimpleBits) == 0; }
  int64_t low() const { return low_; }   // of the int part
  int64_t high() const { return high_; }
  uint32_t version() const { return version_; }

  Type Join(const Type& other) const;
  Type Meet(const Type& other) const;
  bool operator==(const Type&) const = default;

  // "int[0,9]", "float|none", "any"; Parse() reads it back.
  std::string ToString() const;
  static bool Parse(absl::string_view text, Type* out);

 private:
  uint32_t bits_ = 0;
  uint32_t version_ = 0;  // of the instance part; 0: not known
  int64_t low_ = INT64_MIN, high_ = INT64_MAX;
};

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_IR_TYPE_H_
