// Facts about opcodes, from the tables of the interpreter that tierjit was built for.
#ifndef TIERJIT_RUNTIME_CPYTHON_OPCODE_INFO_H_
#define TIERJIT_RUNTIME_CPYTHON_OPCODE_INFO_H_

#include <array>
#include <cstdint>

namespace tierjit {

enum class JumpDirection : uint8_t { kNone, kForward, kBackward };

struct OpcodeTraits {
  uint8_t base;     // de-specialised and de-instrumented opcode; 0 when the opcode alone does not tell
  uint8_t caches;   // inline cache units that follow an instruction of this opcode
  bool compiled;    // the bytecode compiler emits it: neither a specialisation nor instrumentation
  JumpDirection jump;
};

// Traits of all opcodes, for loops that look up many. [any]
const std::array<OpcodeTraits, 256>& AllOpcodeTraits();

// Inline cache units after an instruction of base opcode `base_opcode`. [any]
int CacheUnits(uint8_t base_opcode);

// What `opcode` was before specialisation or instrumentation. 0 (CACHE) for INSTRUMENTED_LINE, INSTRUMENTED_INSTRUCTION
// and ENTER_EXECUTOR, which hide the opcode elsewhere, and for numbers that are no opcode. [any]
uint8_t BaseOpcode(uint8_t opcode);

// Name as in `opcode.opname`; "<unknown>" for numbers that are no opcode. Static storage. [any]
const char* OpcodeName(uint8_t opcode);

// Stack entries that an instruction of base opcode `opcode` takes off and puts back, peeked ones included in both; for
// a jump, on the path that falls through. -1 for opcodes that the tables do not describe. [any]
int NumPopped(uint8_t opcode, int oparg);
int NumPushed(uint8_t opcode, int oparg);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CPYTHON_OPCODE_INFO_H_
