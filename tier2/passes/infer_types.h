// Types to a fixpoint, optimistic: a loop's values are what comes in and what its body makes of that. Ranges of ints that
// keep growing are widened to the next number that ints are compared with, or to the limits of int64; a condition narrows what it compares on its
// two ways.
#ifndef TIERJIT_TIER2_PASSES_INFER_TYPES_H_
#define TIERJIT_TIER2_PASSES_INFER_TYPES_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void InferTypes(Graph* graph);
// What locals are at the way in is known of one run only. Where a loop keeps such an int within bounds, it is guarded to be within them
// at the way in, so that these hold in the loop:
//   v3 = guard_int v2 ... jump -> b1(v3)   =>   v9 = guard_range v3 : int[0,96] ... jump -> b1(v9)
void GuardEntryRanges(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_INFER_TYPES_H_
