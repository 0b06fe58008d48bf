// Cheaper forms of what types have proved: checked arithmetic that cannot overflow loses its test, division and remainder by constants
// become shifts, masks or C's own operations, with Python's signs.
//   int_add a b !s  (sum of the ranges fits)          =>  int_add_wrap a b
//   int_mod a 8 !s                                    =>  int_and a 7
//   int_mod a n !s  (a >= 0, n > 0)                   =>  int_mod_trunc a n
//   float_mul a 2.0                                   =>  float_add a a
#ifndef TIERJIT_TIER2_PASSES_STRENGTH_H_
#define TIERJIT_TIER2_PASSES_STRENGTH_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void ReduceStrength(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_STRENGTH_H_
