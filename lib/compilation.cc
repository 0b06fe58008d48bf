#include "lib/compilation.h"

#include <algorithm>
#include <utility>

#include "lib/optimised_code.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/feedback/feedback.h"
#include "tier2/mir/stop_request.h"
#include "tier2/passes/pipeline.h"

namespace tierjit {
namespace {

absl::StatusOr<tier2::Lowered> CompileGraph(tier2::Graph* graph, const tier2::Snapshot& snapshot, const Compilation::Options& options,
                                            PassTexts* texts) {
  absl::StatusOr<tier2::Ownership> ownership = tier2::Optimise(graph, options.at_any_price, texts->Observer());
  if (!ownership.ok()) return ownership.status();
  return tier2::Lower(*graph, *ownership, snapshot, options.environment, options.effort, texts->wanted());
}

}  // namespace

Compilation::Compilation(std::shared_ptr<const DecodedCode> decoded, std::unique_ptr<CalleeTable> callees, tier2::Snapshot snapshot)
    : decoded_(std::move(decoded)), callees_(std::move(callees)), snapshot_(std::move(snapshot)) {
  snapshot_.decoded = decoded_.get();
  snapshot_.callees = callees_.get();
}

void Compilation::Add(std::unique_ptr<tier2::Graph> graph, Options options) {
  if (pieces_.empty()) NoteConstants(snapshot_);
  NoteTypes(*graph);
  NoteCallees(*graph);
  Piece& piece = pieces_.emplace_back(Piece{std::move(graph), std::move(options), {}});
  piece.result.texts = PassTexts(snapshot_);
  piece.result.texts.AddGraph("lift", *piece.graph);
}

bool Compilation::texts_wanted() const { return std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.result.texts.wanted(); }); }

void Compilation::Work() {
  int64_t start = NowNs();
  mir::StopRequest request(&stop());
  for (Piece& piece : pieces_) {
    if (stop()) break;
    piece.result.lowered =
        OutOfMemoryAsStatus([&] { return CompileGraph(piece.graph.get(), snapshot_, piece.options, &piece.result.texts); });
    piece.graph.reset();  // large, and its nodes are freed one by one
    if (!piece.result.lowered.ok()) break;
  }
  work_ns_ = NowNs() - start;
}

void Compilation::NoteConstants(const tier2::Snapshot& snapshot) {
  for (const auto& [unit, global] : snapshot.globals) globals_.push_back({global.cell, global.value, BitsOf(global.value)});
  for (const auto& [unit, use] : snapshot.module_values) {
    globals_.push_back({use.module_cell, use.module, BitsOf(use.module)});
    globals_.push_back({use.value_cell, use.value, BitsOf(use.value)});
  }
}

// Guards of the graph tell that they are what globals or classes hold.
void Compilation::NoteCallees(const tier2::Graph& graph) {
  auto note = [&](PyObject* function) {
    const tier2::Callee* callee = function == nullptr || !noted_.insert(function).second ? nullptr : callees_->Found(function);
    if (callee == nullptr) return;
    codes_.push_back({callee->function, callee->code, callee->alive});
    if (callee->body == nullptr) return;
    NoteConstants(*callee->body);
    inlines_ = true;
  };
  for (const tier2::Block* b : graph.blocks()) {
    for (const tier2::Node* n : b->nodes) {
      if (n->Is(tier2::Opcode::kCallTyped)) note(reinterpret_cast<PyObject*>(reinterpret_cast<const tier2::Callee*>(n->imm)->function));
      if (n->state == nullptr) continue;
      for (const tier2::InlinedFrame& f : n->state->inlined) note(f.function);
    }
  }
}

void Compilation::NoteTypes(const tier2::Graph& graph) {
  for (const tier2::Block* b : graph.blocks()) {
    for (const tier2::Node* n : b->nodes) {
      if (n->Is(tier2::Opcode::kGuardType) && n->type.version() != 0) types_.insert(n->type.version());
      if (n->Is(tier2::Opcode::kGuardVersion)) types_.insert(static_cast<uint32_t>(n->imm));
      if (!n->Is(tier2::Opcode::kGuardClasses)) continue;
      uint32_t classes = static_cast<uint32_t>(n->imm);
      for (uint32_t version : VersionsOf(classes)) types_.insert(version);
    }
  }
}

bool Compilation::StillHolds() const {
  constexpr uint32_t kConstant = kOtherBit | kInstanceBit;
  // First of all, as the cells of dead callees are gone. What is not a constant is guarded by its type, and an empty cell is filled again.
  return std::all_of(codes_.begin(), codes_.end(), [](const Code& c) { return *static_cast<PyCodeObject* const*>(c.alive) == c.code; }) &&
         std::all_of(globals_.begin(), globals_.end(), [](const Global& g) {
           if (*g.cell == g.value) return true;
           return (g.bits & kConstant) == 0 && (*g.cell == nullptr || BitsOf(*g.cell) == g.bits);
         }) &&
         std::all_of(types_.begin(), types_.end(), [](uint32_t version) { return TypeOfVersion(version) != nullptr; }) &&
         // What globals and classes hold lives.
         std::all_of(codes_.begin(), codes_.end(), [](const Code& c) { return c.function->func_code == reinterpret_cast<PyObject*>(c.code); });
}

}  // namespace tierjit
