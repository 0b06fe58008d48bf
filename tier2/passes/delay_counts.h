// A reference that only one way of a branch needs is counted there.
//   v1 = list_get ...; incref v1; branch c -> b1, b2; b1: decref v1 ...; b2: ...
//   =>  v1 = list_get ...; branch c -> b1, b2; b1: ...; b2: incref v1 ...
// Up to where it is dropped again nothing may let the value go, as what it is borrowed from holds it. Guards leave without the reference.
#ifndef TIERJIT_TIER2_PASSES_DELAY_COUNTS_H_
#define TIERJIT_TIER2_PASSES_DELAY_COUNTS_H_

#include "tier2/passes/ownership.h"

namespace tierjit::tier2 {

void DelayCounts(Graph* graph, Ownership* ownership);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_DELAY_COUNTS_H_
