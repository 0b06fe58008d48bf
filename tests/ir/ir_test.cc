// The text tests beside this file: see expectation.h for what they are made of.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "tests/ir/expectation.h"
#include "tier2/ir/text.h"
#include "tier2/passes/congruence.h"
#include "tier2/passes/dce.h"
#include "tier2/passes/delay_counts.h"
#include "tier2/passes/gvn.h"
#include "tier2/passes/infer_types.h"
#include "tier2/passes/licm.h"
#include "tier2/passes/ownership.h"
#include "tier2/passes/pipeline.h"
#include "tier2/passes/simplify.h"
#include "tier2/passes/sink.h"
#include "tier2/passes/strength.h"
#include "tier2/passes/trailing.h"

namespace tierjit::tier2::test {
namespace {

const std::map<std::string, void (*)(Graph*)> kPasses = {
    {"simplify", Simplify},
    {"infer_types", InferTypes},
    {"gvn", NumberValues},
    {"congruence", MergeParams},
    {"licm", HoistInvariants},
    {"strength", ReduceStrength},
    {"trailing", DropTrailingParams},
    {"deaths", DropNeedlessDeathGuards},
    {"dce", RemoveDeadCode},
    {"sink", SinkIntoStates},
    {"ownership", [](Graph* g) { AssignOwnership(g); }},
    {"counts", [](Graph* g) {
       Ownership ownership = AssignOwnership(g);
       DelayCounts(g, &ownership);
     }},
    {"pipeline", [](Graph* g) { CHECK(Optimise(g, true, nullptr).ok()); }},
    {"nothing", [](Graph*) {}},
};

// The text behind the passes, or the error in `status`.
std::string RunCase(const Case& c, absl::Status* status) {
  absl::StatusOr<std::unique_ptr<Graph>> graph = Parse(c.graph);
  *status = graph.status();
  if (!graph.ok()) return "";
  *status = Verify(**graph);
  for (const std::string& name : c.passes) {
    if (!status->ok()) return Print(**graph);
    auto pass = kPasses.find(name);
    REQUIRE_MESSAGE(pass != kPasses.end(), "no pass " << name);
    pass->second(graph->get());
    *status = Verify(**graph);
  }
  return Print(**graph);
}

// What was printed can be read, and reads the same.
std::string RoundTrip(const std::string& text) {
  absl::StatusOr<std::unique_ptr<Graph>> once = Parse(text);
  if (!once.ok()) return std::string(once.status().message());
  std::string first = Print(**once);
  absl::StatusOr<std::unique_ptr<Graph>> twice = Parse(first);
  if (!twice.ok()) return std::string(twice.status().message());
  return Print(**twice) == first ? "" : "reads as something else:\n" + first + "then:\n" + Print(**twice);
}

void RunFile(const std::filesystem::path& path) {
  std::vector<Case> cases = ReadCases(path);
  CHECK_MESSAGE(!cases.empty(), path.string());
  for (const Case& c : cases) {
    std::string where = path.filename().string() + ":" + std::to_string(c.line) + ": " + c.name;
    absl::Status status;
    std::string text = RunCase(c, &status);
    std::string problem;
    if (c.error.empty()) problem = status.ok() ? Match(c.expectations, text) : std::string(status.message());
    else if (status.ok()) problem = "accepted; expected: " + c.error;
    else problem = Match({{Expectation::Kind::kCheck, c.error}}, std::string(status.message()));
    if (problem.empty() && c.error.empty()) problem = RoundTrip(text);
    CHECK_MESSAGE(problem.empty(), where << "\n" << problem << "\n" << status.message() << "\n" << text);
  }
}

TEST_CASE("text tests of passes") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(TIERJIT_IR_TESTS)) {
    if (entry.path().extension() == ".ir") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  CHECK(!files.empty());
  for (const auto& path : files) RunFile(path);
}

}  // namespace
}  // namespace tierjit::tier2::test
