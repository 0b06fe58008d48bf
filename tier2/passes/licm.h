// Moves what does not change out of loops: pure operations, loads whose memory the loop does not write, and guards that every turn
// comes by. A guard that is moved leaves from the loop's entry, so the header's frame state is its own, with the values that come in.
#ifndef TIERJIT_TIER2_PASSES_LICM_H_
#define TIERJIT_TIER2_PASSES_LICM_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void HoistInvariants(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_LICM_H_
