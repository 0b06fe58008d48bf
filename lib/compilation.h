// One compilation of the optimising tier, in three parts: what needs the GIL, that is the snapshot and the graph; what needs none (any
// thread); the installation (with the GIL again).
#ifndef TIERJIT_LIB_COMPILATION_H_
#define TIERJIT_LIB_COMPILATION_H_

#include <deque>
#include <memory>
#include <set>
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

class Compilation final : public CompileJob {
 public:
  // Of the policy, when it was made.
  struct Options {
    tier2::Environment environment;
    tier2::Effort effort;
    bool at_any_price = false;
  };
  struct Result {
    absl::StatusOr<tier2::Lowered> lowered = absl::CancelledError("not compiled");
    PassTexts texts;
  };

  // `snapshot` refers to the decoded code object and the callees that come with it. Addresses of objects stand in them, and in graphs; none
  // is read by Work().
  Compilation(std::shared_ptr<const DecodedCode> decoded, std::unique_ptr<CalleeTable> callees, tier2::Snapshot snapshot);

  const tier2::Snapshot& snapshot() const { return snapshot_; }
  // A graph that was lifted from the snapshot: becomes a piece of code. [GIL]
  void Add(std::unique_ptr<tier2::Graph> graph, Options options);
  // What graphs refer to lives as long as this.
  void Keep(std::shared_ptr<const void> what) { kept_.push_back(std::move(what)); }

  void Work() override;
  // Of the graphs in their order, behind Work(), once.
  Result TakeResult(size_t graph) { return std::move(pieces_[graph].result); }

  // Whether what the code was made for is still so: functions, classes and other objects that it takes for constant. [GIL]
  bool StillHolds() const;

  bool texts_wanted() const;  // which are written by who holds the GIL
  bool inlines() const { return inlines_; }  // calls, or may have
  int64_t work_ns() const { return work_ns_; }

 private:
  struct Piece {
    std::unique_ptr<tier2::Graph> graph;
    Options options;
    Result result;
  };
  // What a word held.
  struct Global {
    PyObject** cell;
    PyObject* value;
    uint32_t bits;
  };
  struct Code {
    PyFunctionObject* function;
    PyCodeObject* code;
    const void* alive;
  };

  void NoteConstants(const tier2::Snapshot& snapshot);
  void NoteTypes(const tier2::Graph& graph);
  void NoteCallees(const tier2::Graph& graph);

  std::shared_ptr<const DecodedCode> decoded_;
  std::unique_ptr<CalleeTable> callees_;
  tier2::Snapshot snapshot_;
  std::vector<Global> globals_;
  std::vector<Code> codes_;
  std::set<PyObject*> noted_;  // functions among them
  std::set<uint32_t> types_;  // by version
  std::deque<Piece> pieces_;
  std::vector<std::shared_ptr<const void>> kept_;
  int64_t work_ns_ = 0;
  bool inlines_ = false;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_COMPILATION_H_
