#ifndef TIERJIT_RUNTIME_DEOPT_CALL_ENDING_H_
#define TIERJIT_RUNTIME_DEOPT_CALL_ENDING_H_

#include <cstdint>

namespace tierjit {

// More about a method that does an operation.
enum MethodFlags : uint16_t {
  kInPlaceMethod = 1,    // `__iadd__` and its kind
  kNegatedMethod = 2,    // `!=` by `__eq__`
  kLengthMethod = 4,     // truth by `__len__`
  kReflectedMethod = 8,  // `__radd__` and its kind, of the right operand
};

// What becomes of the result of a call that waits.
struct CallEnding {
  enum class Kind : uint8_t {
    kPush,       // it goes onto the stack
    kNone,       // of `__init__`: it has to be None, and the instance is on the stack already
    kOperation,  // of a method that does the operation of the instruction, whose operands are on the stack
  };
  Kind kind = Kind::kPush;
  uint8_t opcode = 0;
  uint16_t flags = 0;          // MethodFlags
  int32_t oparg = 0;
};

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_CALL_ENDING_H_
