// Value numbering down the dominator tree: an operation, a load or a guard that was done above with the same operands, with nothing
// written in between, is not done again.
//   v3 = guard_int v0 !s1 ... v9 = guard_int v0 !s4   =>   v9 becomes v3
#ifndef TIERJIT_TIER2_PASSES_GVN_H_
#define TIERJIT_TIER2_PASSES_GVN_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void NumberValues(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_GVN_H_
