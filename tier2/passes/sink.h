// Objects that only frame states want are made by the exits.
//
//   v4 = box_int v3; v5 = new_tuple v2 v4; guard ... !s1    s1 locals(v5)    =>    v5 = virtual_tuple v2 v3
//
// Where an exit hands a box to the frame, it hands the number instead.
#ifndef TIERJIT_TIER2_PASSES_SINK_H_
#define TIERJIT_TIER2_PASSES_SINK_H_

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

void SinkIntoStates(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_SINK_H_
