// What the translator hands to the assembler: a sequence of stencil uses with their operands.
#ifndef TIERJIT_TIER1_EMISSION_H_
#define TIERJIT_TIER1_EMISSION_H_

#include <cstdint>
#include <vector>

#include "tier1/rt.h"
#include "tier1/stencil_index.h"

namespace tierjit::tier1 {

inline constexpr int kMaxColdLinks = 7;

struct Emission {
  const Stencil* stencil;
  const Stencil* cold[kMaxColdLinks] = {};  // tried in order when the hot stencil gives up; the last one always succeeds
  const Stencil* dispose = nullptr;         // where TJ_DISPOSE goes
  const Stencil* after_call = nullptr;      // follows the stencil or cold link that ends in a call of a thunk
  bool entered = false;                     // a suspended frame is resumed here: begins with the prologue of entries
  uint32_t a = 0, b = 0, c = 0, d = 0;
  uint64_t p = 0, q = 0;
  int32_t cell = -1;          // byte offset in Translation::cell_bytes
  int32_t site = -1;          // index of Translation::sites
  int32_t dispose_site = -1;  // where something is pending; else `dispose` takes `death`
  uint32_t death = 0;         // a PlainDeath
  int32_t target = -1;        // code unit of a branch target
  int32_t instr = 0;          // code unit, for `dispose` and listings
  bool returns_to_cold = false;  // a call in the cold chain goes on at the link behind it, else behind the hot stencil
};

struct BlockStart {
  int32_t unit;       // code unit of the bytecode block
  int32_t emission;   // first emission of it
};

// Sites in the making: `pending` and `cell` are offsets until the data block has its address.
struct SiteDraft {
  Site site;
  int32_t pending_begin;
  int32_t cell = -1;
  int32_t emission = -1;  // branching sites: whose next and target addresses are wanted
};

struct ResumePoint {
  int32_t unit;      // where instr_ptr of the suspended frame stands
  int32_t emission;  // an entered one, or a SEND's
};

struct Translation {
  std::vector<Emission> emissions;
  std::vector<SiteDraft> sites;
  std::vector<Pending> pending;
  std::vector<BlockStart> blocks;
  std::vector<ResumePoint> resume_points;
  size_t cell_bytes = 0;
  int bytecodes = 0;
  int entry_weight = 0, loop_weight = 0;  // UnitHeader

  // Keeps the memory.
  void Clear() {
    emissions.clear();
    sites.clear();
    pending.clear();
    blocks.clear();
    resume_points.clear();
    cell_bytes = 0;
    bytecodes = entry_weight = loop_weight = 0;
  }
};

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_EMISSION_H_
