// The passes in order; the function's lines are the diagram.
#ifndef TIERJIT_TIER2_PASSES_PIPELINE_H_
#define TIERJIT_TIER2_PASSES_PIPELINE_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tier2/passes/ownership.h"

namespace tierjit::tier2 {

// Called behind each pass with its name; empty: nobody looks.
using PassObserver = std::function<void(absl::string_view pass, const Graph& graph)>;

// Optimises in place. In debug builds the graph is verified behind every pass, and kInternal names the pass that broke it.
// kFailedPrecondition when Tier 1's code is as good, unless `at_any_price`. [any]
absl::StatusOr<Ownership> Optimise(Graph* graph, bool at_any_price, const PassObserver& observer);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_PASSES_PIPELINE_H_
