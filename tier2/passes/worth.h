// Whether a unit can be expected to run faster than Tier 1's code: an operation that is left to its handler costs more here, as what lives
// in registers has to be shown in the frame before, and read again behind it.
#ifndef TIERJIT_TIER2_PASSES_WORTH_H_
#define TIERJIT_TIER2_PASSES_WORTH_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

// For a graph behind the last pass but ownership's.
bool IsWorthIt(const Graph& graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_WORTH_H_
