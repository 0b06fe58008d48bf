// What MIR instructions are made of. Plain values: cheap to copy, valid for the Function that made the registers and
// labels in them.
#ifndef TIERJIT_TIER2_MIR_OPERAND_H_
#define TIERJIT_TIER2_MIR_OPERAND_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace tierjit::mir {

// Types of memory, arguments and results. Pointers are kI64. Registers hold an i64 or a double only: a narrower integer
// is extended when it is loaded or received, and truncated when it is stored or passed.
enum class Type : uint8_t { kI8, kU8, kI16, kU16, kI32, kU32, kI64, kU64, kDouble };

enum class RegClass : uint8_t { kInt, kDouble };

constexpr RegClass ClassOf(Type type) { return type == Type::kDouble ? RegClass::kDouble : RegClass::kInt; }

struct Reg {
  uint32_t number = 0;  // 0: none
  RegClass reg_class = RegClass::kInt;

  bool valid() const { return number != 0; }
  friend bool operator==(const Reg&, const Reg&) = default;
};

struct Label {
  uint32_t number = 0;
};

// Memory of different sets never overlaps; kAnything may overlap with all. This promise decides which loads MIR may
// keep across which stores.
enum class AliasSet : uint8_t { kAnything, kFrame, kObject, kStack, kUnit };

// type[base + index * scale + disp]; base and index are optional integer registers, scale is 1, 2, 4 or 8.
struct Mem {
  Type type = Type::kI64;
  Reg base = {};
  int64_t disp = 0;
  Reg index = {};
  uint8_t scale = 1;
  AliasSet alias = AliasSet::kAnything;
  bool changes = false;  // by others, at any time: no load stands for another

  // At a constant address.
  static Mem At(Type type, const void* address) { return {.type = type, .disp = reinterpret_cast<intptr_t>(address)}; }

  Mem In(AliasSet set) const {
    Mem copy = *this;
    copy.alias = set;
    return copy;
  }
};

// A C function that is called by address, under a name for dumps. `name` must outlive the Function.
struct Callee {
  const char* name;
  const void* address;
  bool saves = false;  // it leaves xmm2 to xmm15 alone, as generated code does
};

class Operand {
 public:
  enum class Kind : uint8_t { kReg, kInt, kDouble, kMem };

  Operand(Reg reg) : kind_(Kind::kReg), reg_(reg) {}
  Operand(const Mem& mem) : kind_(Kind::kMem), mem_(mem) {}
  template <std::integral T>
  Operand(T value) : kind_(Kind::kInt), int_(static_cast<int64_t>(value)) {}
  Operand(double value) : kind_(Kind::kDouble), double_(value) {}
  // An address, data or code, as an immediate.
  template <typename T>
  Operand(T* address) : kind_(Kind::kInt), int_(reinterpret_cast<intptr_t>(address)) {}
  Operand(std::nullptr_t) : Operand(0) {}

  Kind kind() const { return kind_; }
  Reg reg() const { return reg_; }
  int64_t int_value() const { return int_; }
  double double_value() const { return double_; }
  const Mem& mem() const { return mem_; }

 private:
  Kind kind_;
  union {
    Reg reg_;
    int64_t int_;
    double double_;
    Mem mem_;
  };
};

// What a function takes and gives: at most two integer and two double results, in rax, rdx, xmm0, xmm1 (a C struct of
// two words).
struct Signature {
  std::vector<Type> results;
  std::vector<Type> args;
};

// The type that C's T is passed as.
template <typename T>
constexpr Type TypeOf() {
  if constexpr (std::is_same_v<T, double>) {
    return Type::kDouble;
  } else if constexpr (std::is_enum_v<T>) {
    return TypeOf<std::underlying_type_t<T>>();
  } else {
    static_assert(std::is_integral_v<T> || std::is_pointer_v<T>, "not passed in one integer or double register");
    constexpr bool is_signed = std::is_signed_v<T> || std::is_pointer_v<T>;
    if constexpr (sizeof(T) == 1) return is_signed ? Type::kI8 : Type::kU8;
    if constexpr (sizeof(T) == 2) return is_signed ? Type::kI16 : Type::kU16;
    if constexpr (sizeof(T) == 4) return is_signed ? Type::kI32 : Type::kU32;
    return is_signed ? Type::kI64 : Type::kU64;
  }
}

// The signature of a C function, from its type.
template <typename R, typename... Args>
Signature SignatureOf(R (*)(Args...)) {
  if constexpr (std::is_void_v<R>) {
    return {{}, {TypeOf<Args>()...}};
  } else {
    return {{TypeOf<R>()}, {TypeOf<Args>()...}};
  }
}

}  // namespace tierjit::mir

#endif  // TIERJIT_TIER2_MIR_OPERAND_H_
