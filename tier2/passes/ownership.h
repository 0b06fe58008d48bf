// Who holds a reference to what. Until here the IR has no reference counts; this pass decides for every boxed value whether the unit
// owns a reference to it or borrows somebody else's (a frame slot's, a container's, a constant's), and inserts `incref` and `decref`.
//
//   v4 = list_get v1 v2           borrowed: nothing between here and its last use can release it
//   v5 = guard_float v4 !s2       => no count at all
//
// A borrowed value that lives across something that may release it becomes owned: `incref` behind its definition, `decref` behind its
// last use. What takes a reference over (set_local, list_set, the operands of generic, return, arguments of edges) gets it for nothing
// when that was the last use.
#ifndef TIERJIT_TIER2_PASSES_OWNERSHIP_H_
#define TIERJIT_TIER2_PASSES_OWNERSHIP_H_

#include <map>
#include <vector>

#include "tier2/ir/node.h"

namespace tierjit::tier2 {

// The result is held by something else, which may let go.
bool Borrows(Opcode opcode);

struct Ownership {
  std::vector<uint8_t> owned;                    // by node id: the unit holds one reference while the value lives
  std::map<const Node*, std::vector<Node*>> at;  // guards and generics: owned values that live when they leave, operands included
  // The value whose reference `n` is: guards hand on their operand.
  static Node* RootOf(Node* n);
};

Ownership AssignOwnership(Graph* graph);

// Takes away guards of the death of what others hold; AssignOwnership() does it, too, but by then their frame states have kept values.
void DropNeedlessDeathGuards(Graph* graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_OWNERSHIP_H_
