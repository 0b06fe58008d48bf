#include "runtime/cpython/opcode_info.h"

#include "runtime/cpython/python.h"

extern "C" {  // opcode_tables.c
extern const uint8_t tierjit_opcode_caches[256];
extern const uint8_t tierjit_opcode_deopt[256];
extern const char* tierjit_opcode_names[268];
int tierjit_opcode_num_popped(int opcode, int oparg);
int tierjit_opcode_num_pushed(int opcode, int oparg);
int tierjit_opcode_has_jump(int opcode);
}

namespace tierjit {
namespace {

uint8_t UninstrumentedOpcode(uint8_t opcode) {
  switch (opcode) {
    case INSTRUMENTED_RESUME: return RESUME;
    case INSTRUMENTED_END_FOR: return END_FOR;
    case INSTRUMENTED_END_SEND: return END_SEND;
    case INSTRUMENTED_RETURN_VALUE: return RETURN_VALUE;
    case INSTRUMENTED_RETURN_CONST: return RETURN_CONST;
    case INSTRUMENTED_YIELD_VALUE: return YIELD_VALUE;
    case INSTRUMENTED_LOAD_SUPER_ATTR: return LOAD_SUPER_ATTR;
    case INSTRUMENTED_FOR_ITER: return FOR_ITER;
    case INSTRUMENTED_CALL: return CALL;
    case INSTRUMENTED_CALL_KW: return CALL_KW;
    case INSTRUMENTED_CALL_FUNCTION_EX: return CALL_FUNCTION_EX;
    case INSTRUMENTED_JUMP_FORWARD: return JUMP_FORWARD;
    case INSTRUMENTED_JUMP_BACKWARD: return JUMP_BACKWARD;
    case INSTRUMENTED_POP_JUMP_IF_TRUE: return POP_JUMP_IF_TRUE;
    case INSTRUMENTED_POP_JUMP_IF_FALSE: return POP_JUMP_IF_FALSE;
    case INSTRUMENTED_POP_JUMP_IF_NONE: return POP_JUMP_IF_NONE;
    case INSTRUMENTED_POP_JUMP_IF_NOT_NONE: return POP_JUMP_IF_NOT_NONE;
    default: return CACHE;
  }
}

uint8_t ComputeBase(uint8_t opcode) {
  if (opcode >= MIN_INSTRUMENTED_OPCODE) return UninstrumentedOpcode(opcode);
  if (opcode == ENTER_EXECUTOR || opcode == RESERVED || tierjit_opcode_names[opcode] == nullptr) return CACHE;
  return tierjit_opcode_deopt[opcode];
}

JumpDirection ComputeJump(uint8_t base) {
  if (base == JUMP_BACKWARD || base == JUMP_BACKWARD_NO_INTERRUPT) return JumpDirection::kBackward;
  return tierjit_opcode_has_jump(base) ? JumpDirection::kForward : JumpDirection::kNone;
}

std::array<OpcodeTraits, 256> ComputeTraits() {
  std::array<OpcodeTraits, 256> traits{};
  for (int i = 0; i < 256; ++i) {
    uint8_t opcode = static_cast<uint8_t>(i);
    uint8_t base = ComputeBase(opcode);
    traits[i] = {base, tierjit_opcode_caches[base], base == opcode && base != CACHE, ComputeJump(base)};
  }
  return traits;
}

}  // namespace

const std::array<OpcodeTraits, 256>& AllOpcodeTraits() {
  static const std::array<OpcodeTraits, 256> traits = ComputeTraits();
  return traits;
}

int CacheUnits(uint8_t base_opcode) { return AllOpcodeTraits()[base_opcode].caches; }

uint8_t BaseOpcode(uint8_t opcode) { return AllOpcodeTraits()[opcode].base; }

const char* OpcodeName(uint8_t opcode) {
  const char* name = tierjit_opcode_names[opcode];
  return name != nullptr ? name : "<unknown>";
}

int NumPopped(uint8_t opcode, int oparg) { return tierjit_opcode_num_popped(opcode, oparg); }

int NumPushed(uint8_t opcode, int oparg) { return tierjit_opcode_num_pushed(opcode, oparg); }

}  // namespace tierjit
