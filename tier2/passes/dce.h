// Removes what nobody uses: operations without effect, parameters, guards whose only purpose was a value that is not needed. A guard
// stands for what follows it, so one is removed only with its result.
#ifndef TIERJIT_TIER2_PASSES_DCE_H_
#define TIERJIT_TIER2_PASSES_DCE_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void RemoveDeadCode(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_DCE_H_
