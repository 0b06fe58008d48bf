// What operations by C functions do to memory: see helper_calls.def.
#ifndef TIERJIT_TIER2_IR_HELPER_H_
#define TIERJIT_TIER2_IR_HELPER_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

enum class HelperMemory : uint8_t {
  kNotAHelper,
  kReads,           // reads what others may write; makes objects
  kMovesItems,      // of a list, to where there is room
  kWritesSequence,  // items and lengths
  kWritesHash,      // dicts and sets
};

inline HelperMemory MemoryOf(Opcode opcode) {
  switch (opcode) {
#define HELPER(name, text, operands, result, memory) case Opcode::k##name: return HelperMemory::memory;
#include "tier2/ir/helper_calls.def"
#undef HELPER
    default: return HelperMemory::kNotAHelper;
  }
}

// What a C function demands of an argument.
enum ArgumentCheck : int32_t { kAnyArgument, kExactInt, kPlainItems };  // kPlainItems: list or tuple of numbers alone, or of text alone
inline constexpr int kBitsOfCheck = 2;

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_IR_HELPER_H_
