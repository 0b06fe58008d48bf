// What tools/stencilgen makes of the compiled stencils: bytes and holes, one entry a stencil.
#ifndef TIERJIT_TIER1_STENCIL_TABLE_H_
#define TIERJIT_TIER1_STENCIL_TABLE_H_

#include <cstddef>
#include <cstdint>

namespace tierjit::tier1 {

enum class HoleKind : uint8_t {
  kAbs32S,   // sign-extended 32-bit immediate or displacement (R_X86_64_32S, R_X86_64_32)
  kAbs64,    // 64-bit immediate (R_X86_64_64)
  kPcRel32,  // rip-relative or branch displacement (R_X86_64_PC32, R_X86_64_PLT32)
};

// What a hole refers to. The names are those of the extern symbols in tier1/stencil.h.
enum class HoleValue : uint8_t {
  kA, kB, kC, kD,        // H_A..H_D: small operands (byte offsets, counts)
  kP, kQ,                // H_P, H_Q: 64-bit operands (object pointers)
  kCell,                 // H_CELL: the emission's inline-cache cell
  kSite,                 // H_SITE: the emission's site
  kUnit,                 // H_UNIT: the unit's data header
  kNext,                 // TJ_NEXT: the following emission
  kTarget,               // TJ_TARGET: where a taken branch goes
  kCold,                 // TJ_COLD: the next link of the emission's cold chain
  kDispose,              // TJ_DISPOSE: the emission's code that frees a dead object
  kThunk,                // TJ_THUNK_<name>: a shared thunk
  kExternal,             // any other symbol: an address in kExternals
  kRodata,               // the stencils' constants: the addend is relative to kRodata
};
inline constexpr int kHoleValueCount = static_cast<int>(HoleValue::kRodata) + 1;
// What holes refer to, numbered: the values above, then the thunks (order of kThunkNames), then the externals (order of kExternals).
inline constexpr int kFirstThunk = kHoleValueCount;

struct Hole {
  uint16_t offset;  // of the field in the stencil's bytes
  HoleKind kind;
  HoleValue value;
  uint16_t source;  // number of what it refers to
  int32_t addend;
};

// How a stencil's last five bytes (a jmp rel32) end it; the compiler drops or rewrites them.
enum class Ending : uint8_t {
  kNone,    // no trailing jump
  kNext,    // jmp TJ_NEXT: dropped when the next emission follows directly
  kReturn,  // jmp TJ_RETURN: the table has `pop rbp; ret` in place of this jump everywhere
  kCallee,  // jmp TJ_CALLEE: rewritten to `call r14` (entry address in the accumulator), falls through to the next emission
  kCall,    // jmp TJ_CALL_<name>: becomes `call` of the shared thunk, falls through likewise
};

struct Stencil {
  const char* name;
  const uint8_t* bytes;
  const Hole* holes;
  uint16_t size;        // bytes, trailing jump included
  uint16_t hole_count;  // the trailing jump's hole included, last
  uint16_t wide_count, absolute_count;  // of them, those of kind kAbs64 and kAbs32S: they come first, in this order
  Ending ending;
};

extern const Stencil kStencils[];
extern const size_t kStencilCount;
extern const void* const kExternals[];
extern const char* const kExternalNames[];
extern const size_t kExternalCount;
extern const char* const kThunkNames[];
extern const size_t kThunkCount;
extern const uint8_t kRodata[];   // 16-byte aligned; copied once into the arena's data
extern const size_t kRodataSize;

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_STENCIL_TABLE_H_
