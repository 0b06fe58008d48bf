// Parameters of one block that have the same value however it is come by are one parameter, also where loops pass them round in circles:
//   jump -> b1(v2, v2) ... b1 (v5, v6) ... jump -> b1(v8, v8)     =>   v6 becomes v5
// Whether a local has a value yet is such a parameter, and many locals get theirs together.
#ifndef TIERJIT_TIER2_PASSES_CONGRUENCE_H_
#define TIERJIT_TIER2_PASSES_CONGRUENCE_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void MergeParams(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_CONGRUENCE_H_
