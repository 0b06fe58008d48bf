#include "tier2/passes/pipeline.h"

#include "absl/strings/str_cat.h"
#include "tier2/ir/text.h"
#include "tier2/passes/congruence.h"
#include "tier2/passes/dce.h"
#include "tier2/passes/delay_counts.h"
#include "tier2/passes/gvn.h"
#include "tier2/passes/infer_types.h"
#include "tier2/passes/licm.h"
#include "tier2/passes/simplify.h"
#include "tier2/passes/sink.h"
#include "tier2/passes/strength.h"
#include "tier2/passes/trailing.h"
#include "tier2/passes/worth.h"

namespace tierjit::tier2 {

absl::StatusOr<Ownership> Optimise(Graph* graph, bool at_any_price, const PassObserver& observer) {
  absl::Status status;
  auto pass = [&](absl::string_view name, void (*run)(Graph*)) {
    if (!status.ok()) return;
    run(graph);
    if (observer) observer(name, *graph);
#ifndef NDEBUG
    if (absl::Status s = Verify(*graph); !s.ok()) status = absl::InternalError(absl::StrCat("behind ", name, ": ", s.message()));
#endif
  };
  pass("simplify", Simplify);
  pass("congruence", MergeParams);
  pass("entry_ranges", GuardEntryRanges);
  pass("infer_types", InferTypes);
  pass("simplify_typed", Simplify);
  pass("gvn", NumberValues);
  pass("licm", HoistInvariants);
  pass("infer_types_again", InferTypes);
  pass("simplify_again", Simplify);
  pass("gvn_again", NumberValues);
  pass("congruence_again", MergeParams);
  pass("strength", ReduceStrength);
  pass("deaths", DropNeedlessDeathGuards);
  pass("dce", RemoveDeadCode);
  pass("trailing", DropTrailingParams);
  pass("sink", SinkIntoStates);
  if (!status.ok()) return status;
  if (!at_any_price && !IsWorthIt(*graph)) return absl::FailedPreconditionError("too much is left to handlers");
  Ownership ownership = AssignOwnership(graph);
  DelayCounts(graph, &ownership);
  if (observer) observer("ownership", *graph);
  return ownership;
}

}  // namespace tierjit::tier2
