// The IR as text, one node a line; what Print() writes Parse() reads:
//
//   graph locals=2
//   b0 @0:
//     v0 = load_local #0 : boxed any
//     v1 = guard_int v0 !s0 : boxed int
//     jump -> b1(v1)
//   b1 @6 !s1 (v2: i64 int):  ; header of a loop at depth 1, line 3, FOR_ITER
//     v3 = int_cmp.lt v2 v2 : i1 bool
//     branch v3 -> b1(v2), b2()
//   ...
//   s0 @4 from @6 locals(v0, -) stack() iterator(0, v2, -) inlined(@9, 1, 0)
//
// `#` index, `=` immediate, `!s` frame state, `from` the instruction that the state is left for when it is not the one where the frame goes
// on, `-` a local whose slot is right, `v1?v2` a local that is v1 if v2, else its slot. `guard_int.value` is there for its value alone: nobody minds
// when it is not asked for. A constant object is told by its number in the graph's
// order of first use (`=`). What stands behind `;` is a comment.
#ifndef TIERJIT_TIER2_IR_TEXT_H_
#define TIERJIT_TIER2_IR_TEXT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tier2/ir/node.h"

namespace tierjit::tier2 {

const char* NameOf(Rep rep);
const char* NameOf(Relation relation);

// Tells in a comment where a code unit stands in the source; of the unit's own code, or of code that is inlined there.
using SourcePlaces = std::function<std::string(PyObject* inlined, int32_t unit)>;

std::string Print(const Graph& graph, const SourcePlaces& place_of = nullptr);  // [any]: objects are not touched
std::string PrintNode(const Node& node);                                      // one line, without line break

// kInvalidArgument with the line number for what is not IR. Constant objects are null in the result. [any]
absl::StatusOr<std::unique_ptr<Graph>> Parse(absl::string_view text);

// What must hold between passes: definitions dominate uses, edges bring one argument of the right representation for each parameter, the
// last node of a block and no other ends it, guards have a frame state, a header's state is in terms of what it has. kInternal names the first offence. [any]
absl::Status Verify(const Graph& graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_IR_TEXT_H_
