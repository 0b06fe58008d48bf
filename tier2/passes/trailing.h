// What a loop over a range remembers of its last turn, for behind the loop, is made there from where the loop ended.
//   b1(p, q, k, bound): branch q > 0 -> b2, b3           b1(p, q): branch q > 0 -> b2, b3
//   b2: ... jump b1(p + s, q - 1, p, true)          =>   b2: ... jump b1(p + s, q - 1)
//   b3: ... k ... bound                                  b3: none = q == q0; k = select none k0 (p - s); bound = select none bound0 true
// where q0, k0 and bound0 are what the loop was entered with. In turns of the loop itself the values are not wanted.
#ifndef TIERJIT_TIER2_PASSES_TRAILING_H_
#define TIERJIT_TIER2_PASSES_TRAILING_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void DropTrailingParams(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_TRAILING_H_
