#include "lib/compilation.h"

#include <algorithm>
#include <utility>

#include "lib/optimised_code.h"
#include "tier2/mir/stop_request.h"
#include "tier2/passes/pipeline.h"

namespace tierjit {
absl::StatusOr<tier2::Lowered> CompileGraph(tier2::Graph* graph, const tier2::Snapshot& snapshot, const tier2::Environment& environment,
                                            const tier2::Effort& effort, bool at_any_price, PassTexts* texts) {
  absl::StatusOr<tier2::Ownership> ownership = tier2::Optimise(graph, at_any_price, texts->Observer());
  if (!ownership.ok()) return ownership.status();
  return tier2::Lower(*graph, *ownership, snapshot, environment, effort, texts->wanted());
}

Compilation::Compilation(std::unique_ptr<DecodedCode> decoded, std::unique_ptr<CalleeTable> callees, tier2::Snapshot snapshot,
                         tier2::Environment environment, const Options& options)
    : decoded_(std::move(decoded)), callees_(std::move(callees)), snapshot_(std::move(snapshot)), environment_(std::move(environment)),
      options_(options), texts_(snapshot_) {
  for (const auto& [unit, global] : snapshot_.globals) globals_.push_back({global.cell, global.value, BitsOf(global.value)});
}

absl::Status Compilation::Lift(int max_nodes) {
  absl::StatusOr<std::unique_ptr<tier2::Graph>> graph = tier2::Lift(snapshot_, max_nodes);
  if (!graph.ok()) return graph.status();
  graph_ = *std::move(graph);
  texts_.AddGraph("lift", *graph_);
  // Tier 1 goes on writing to it.
  snapshot_.feedback = nullptr;
  return absl::OkStatus();
}

void Compilation::Work() {
  int64_t start = NowNs();
  mir::StopRequest request(&stop());
  result_ = CompileGraph(graph_.get(), snapshot_, environment_, options_.effort, options_.at_any_price, &texts_);
  graph_.reset();  // large, and its nodes are freed one by one
  work_ns_ = NowNs() - start;
}

bool Compilation::StillHolds() const {
  constexpr uint32_t kConstant = kOtherBit | kInstanceBit;
  return std::all_of(globals_.begin(), globals_.end(), [](const Global& g) {
    return (g.bits & kConstant) != 0 ? *g.cell == g.value : BitsOf(*g.cell) == g.bits;
  });
}

}  // namespace tierjit
