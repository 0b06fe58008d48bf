// Types to a fixpoint, optimistic: a loop's values are what comes in and what its body makes of that. Ranges of ints that
// keep growing are widened to the next number that ints are compared with, or to the limits of int64; a condition narrows what it compares on its
// two ways.
#ifndef TIERJIT_TIER2_PASSES_INFER_TYPES_H_
#define TIERJIT_TIER2_PASSES_INFER_TYPES_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void InferTypes(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_INFER_TYPES_H_
