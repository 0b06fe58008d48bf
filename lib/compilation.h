// One compilation by the optimising tier, in three steps: what needs objects (with the GIL), what needs none (any thread), the installation
// (with the GIL again).
#ifndef TIERJIT_LIB_COMPILATION_H_
#define TIERJIT_LIB_COMPILATION_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/compile_queue.h"
#include "lib/function_units.h"
#include "lib/pass_texts.h"
#include "runtime/bytecode/decoder.h"
#include "tier2/ir/node.h"
#include "tier2/lift/lifter.h"
#include "tier2/lower/lower.h"

namespace tierjit {

// A graph's way through passes and back end. Reads no object, unless `texts` are wanted: any thread, without the GIL.
absl::StatusOr<tier2::Lowered> CompileGraph(tier2::Graph* graph, const tier2::Snapshot& snapshot, const tier2::Environment& environment,
                                            const tier2::Effort& effort, bool at_any_price, PassTexts* texts);

class Compilation final : public CompileJob {
 public:
  // Of the policy, when it was made.
  struct Options {
    tier2::Effort effort;
    bool at_any_price = false;
  };

  // `snapshot` refers to the decoded code object and the callees that come with it. Addresses of objects stand in them, and in the graph to
  // be made; none is read behind Lift().
  Compilation(std::unique_ptr<DecodedCode> decoded, std::unique_ptr<CalleeTable> callees, tier2::Snapshot snapshot,
              tier2::Environment environment, const Options& options);

  absl::Status Lift(int max_nodes);  // [GIL]
  void Work() override;
  // Behind Work(), once.
  absl::StatusOr<tier2::Lowered> TakeResult() { return std::move(result_); }

  // Whether what the code was made for is still so: functions, classes and other objects that it takes for constant. [GIL]
  bool StillHolds() const;

  PassTexts TakeTexts() { return std::move(texts_); }
  bool texts_wanted() const { return texts_.wanted(); }  // which are written by who holds the GIL
  int64_t work_ns() const { return work_ns_; }

 private:
  // What a global was.
  struct Global {
    PyObject** cell;
    PyObject* value;
    uint32_t bits;
  };

  std::unique_ptr<DecodedCode> decoded_;
  std::unique_ptr<CalleeTable> callees_;
  tier2::Snapshot snapshot_;
  std::vector<Global> globals_;
  tier2::Environment environment_;
  Options options_;
  std::unique_ptr<tier2::Graph> graph_;
  absl::StatusOr<tier2::Lowered> result_ = absl::CancelledError("not compiled");
  PassTexts texts_;
  int64_t work_ns_ = 0;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_COMPILATION_H_
