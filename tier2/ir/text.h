// The IR as text, one node a line; what Print() writes Parse() reads:
//
//   graph locals=2
//   b0 @0:
//     v0 = load_local #0 : boxed any
//     v1 = guard_int v0 !s0 : boxed int
//     jump -> b1(v1)
//   b1 @6 (v2: i64 int):
//     v3 = int_cmp.lt v2 v2 : i1 bool
//     branch v3 -> b1(v2), b2()
//   ...
//   s0 @4 locals(v0, -) stack()
//
// `#` index, `=` immediate, `!s` frame state, `-` a local whose slot is right, `v1?v2` a local that is v1 if v2, else its slot. A constant object is told by
// its number in the graph's order of first use (`=`), with its repr as a comment behind `;`.
#ifndef TIERJIT_TIER2_IR_TEXT_H_
#define TIERJIT_TIER2_IR_TEXT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tier2/ir/node.h"

namespace tierjit::tier2 {

const char* NameOf(Rep rep);
const char* NameOf(Relation relation);

std::string Print(const Graph& graph);     // [any]: objects are not touched
std::string PrintNode(const Node& node);   // one line, without line break

// kInvalidArgument with the line number for what is not IR. Constant objects are null in the result. [any]
absl::StatusOr<std::unique_ptr<Graph>> Parse(absl::string_view text);

// What must hold between passes: definitions dominate uses, edges bring one argument of the right representation for each parameter, the
// last node of a block and no other ends it, guards have a frame state. kInternal names the first offence. [any]
absl::Status Verify(const Graph& graph);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_IR_TEXT_H_
