// How code of MIR calls C. In the C ABI no xmm register survives a call, so MIR would keep every double that lives across one (a box
// without a free block, a death) in memory, loops included. MIR's copy is told instead (errata.py) that xmm2 to xmm7 and xmm10 to xmm15
// survive; generated code saves those that it uses at its entry, and calls C through these thunks, which save them all.
#ifndef TIERJIT_TIER2_MIR_SAVING_CALL_H_
#define TIERJIT_TIER2_MIR_SAVING_CALL_H_

#include <cstddef>

namespace tierjit::mir {

inline constexpr size_t kMaxIntArguments = 5;
inline constexpr size_t kMaxDoubleArguments = 8;

// The thunk for calls with `int_arguments` integer arguments: it takes the callee's address as one more.
const void* SavingCall(size_t int_arguments);

}  // namespace tierjit::mir

#endif  // TIERJIT_TIER2_MIR_SAVING_CALL_H_
