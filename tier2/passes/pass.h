// What passes have in common.
#ifndef TIERJIT_TIER2_PASSES_PASS_H_
#define TIERJIT_TIER2_PASSES_PASS_H_

#include "tier2/ir/helper.h"

namespace tierjit::tier2 {

// Operations that are done again each time they are come by.
inline bool IsRepeated(Opcode o) { return MemoryOf(o) != HelperMemory::kNotAHelper; }

// Guards that may be merged with an equal one above them and moved out of loops, as long as what ReadsOf() tells was not written.
inline bool IsStableGuard(Opcode o) {
  return InfoOf(o).effect == Effect::kGuards && o != Opcode::kPoll && o != Opcode::kLeave && o != Opcode::kReturn &&
         o != Opcode::kGuardUnshared && o != Opcode::kGuardReleasable && o != Opcode::kGuardDeath && !IsRepeated(o);
}

// The regions of memory that effects read and write.
enum Region : uint8_t { kNoRegion = 0, kLocals = 1, kLists = 2, kArrays = 4, kIterators = 8, kAttrs = 16, kCells = 32, kGlobals = 64, kShapes = 128 };
inline constexpr uint8_t kAllRegions = 255;

inline uint8_t ReadsOf(Opcode o) {
  switch (InfoOf(o).effect) {
    case Effect::kReadsLocals: return kLocals;
    case Effect::kReadsShape: return kShapes;
    case Effect::kReadsList: return kLists;
    case Effect::kReadsArray: return kArrays;
    case Effect::kReadsIterator: return kIterators;
    case Effect::kReadsAttr: return kAttrs;
    case Effect::kReadsCell: return kCells;
    case Effect::kReadsGlobal: return kGlobals;
    default: return kNoRegion;
  }
}
// A class by its version is a guard of what foreign code may change, and it alone, as with globals: an instance's class, and what the class has.
inline uint8_t ReadsOf(const Node& n) {
  bool of_class = n.Is(Opcode::kGuardVersion) || n.Is(Opcode::kGuardExact) || n.Is(Opcode::kGuardClasses) ||
                  (n.Is(Opcode::kGuardType) && n.type.version() != 0);
  return of_class ? uint8_t{kGlobals} : ReadsOf(n.opcode);
}
inline uint8_t WritesOf(Opcode o) {
  if (o == Opcode::kListPush) return kLists | kShapes;
  switch (MemoryOf(o)) {
    case HelperMemory::kMovesItems: case HelperMemory::kWritesHash: return kShapes;
    case HelperMemory::kWritesSequence: return kLists | kArrays | kShapes;
    default: break;
  }
  switch (InfoOf(o).effect) {
    case Effect::kWritesLocals: return kLocals;
    case Effect::kWritesList: return kLists;
    case Effect::kWritesArray: return kArrays;
    case Effect::kWritesIterator: return kIterators;
    case Effect::kWritesAttr: return kAttrs;
    case Effect::kWritesCell: return kCells;
    case Effect::kCalls: return kLists | kArrays | kAttrs | kCells;
    case Effect::kEscapes: return kAllRegions;
    default: return kNoRegion;
  }
}

// No effect and no memory: the result depends on the operands alone.
inline bool IsPure(Opcode o) {
  return InfoOf(o).effect == Effect::kPure && o != Opcode::kJump && o != Opcode::kBranch && o != Opcode::kParam &&
         o != Opcode::kResult && o != Opcode::kTaken && o != Opcode::kRaised && o != Opcode::kCaught && o != Opcode::kReturn;
}

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_PASS_H_
