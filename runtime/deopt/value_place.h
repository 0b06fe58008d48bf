// Where optimised code keeps a value when it makes a call.
#ifndef TIERJIT_RUNTIME_DEOPT_VALUE_PLACE_H_
#define TIERJIT_RUNTIME_DEOPT_VALUE_PLACE_H_

#include <cstdint>

namespace tierjit {

struct ValuePlace {
  enum class Kind : uint8_t { kRegister, kStack, kFrame, kConstant } kind;
  int64_t value;  // number of a register, 16 and above: doubles; offset from the stack pointer before the call, or from rbp; the bits
};

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_VALUE_PLACE_H_
