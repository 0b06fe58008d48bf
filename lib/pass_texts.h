// What the optimising tier made of one loop, as text: behind each pass, and MIR. Printing takes about as long as optimising, so nothing is printed unless
// somebody will look: option `tier2_texts`, or the log (channel `tier2`: all of it; `tier2:NAME`: one pass, or `tier2:ir`, `tier2:mir`).
#ifndef TIERJIT_LIB_PASS_TEXTS_H_
#define TIERJIT_LIB_PASS_TEXTS_H_

#include <string>
#include <utility>
#include <vector>

#include "tier2/ir/text.h"
#include "tier2/lift/lifter.h"
#include "tier2/passes/pipeline.h"

namespace tierjit {

class PassTexts {
 public:
  PassTexts() = default;
  // For a compilation that begins now. [GIL]
  explicit PassTexts(const tier2::Snapshot& snapshot);

  bool wanted() const { return wanted_; }
  void AddGraph(absl::string_view pass, const tier2::Graph& graph);  // with what the verifier says against it
  void AddMir(std::string text) { Add("mir", std::move(text)); }
  tier2::PassObserver Observer();
  void WriteLog(absl::string_view name) const;

  // `what`: the name of a pass, "ir" (behind the last pass), "passes" (all, each below a line "--- name"), "mir". "" if there is none. [GIL]
  std::string Text(absl::string_view what) const;

 private:
  void Add(absl::string_view name, std::string text);

  bool wanted_ = false;
  tier2::SourcePlaces place_of_;
  std::vector<std::pair<std::string, std::string>> texts_;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_PASS_TEXTS_H_
