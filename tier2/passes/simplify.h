// Local rewriting until nothing changes:
//   guard_int (box_int x)            => x
//   guard_type t (x: t)              => x
//   int_add 2 3                      => 5
//   branch true                      => jump
//   param with one incoming value v  => v
#ifndef TIERJIT_TIER2_PASSES_SIMPLIFY_H_
#define TIERJIT_TIER2_PASSES_SIMPLIFY_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void Simplify(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_SIMPLIFY_H_
