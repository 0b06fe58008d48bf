// What the compiler does with each opcode: the table behind families.def.
#ifndef TIERJIT_RUNTIME_BYTECODE_FAMILIES_H_
#define TIERJIT_RUNTIME_BYTECODE_FAMILIES_H_

#include <cstdint>

#include "runtime/helpers/op.h"

namespace tierjit {

enum class Decision : uint8_t {
  kHandler,  // straight line: the handler does it, a stencil may do it faster
  kBranch,   // conditional jump: the handler returns Taken() when it jumps
  kControl,  // the compiler does it itself
  kRefuse,   // code objects that contain it are left to the interpreter
};

struct OpcodeDecision {
  const char* name;         // as in dis.opname
  const char* family;       // one file name in runtime/helpers/, tier1/stencils/; "none" for the interpreter's own
  OpHandler handler;        // null unless kHandler or kBranch
  Decision decision;
  const char* reason_code;  // "TJ-nnn" for kRefuse, else null; stable across releases
  const char* reason;       // one clause for people, else null
};

// The decision for a base opcode. Specialised and unassigned numbers are kRefuse. [any]
const OpcodeDecision& DecisionFor(uint8_t base_opcode);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_BYTECODE_FAMILIES_H_
