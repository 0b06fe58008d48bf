// The table of options: setting, errors that change nothing, environment, description.
#include "lib/options.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "lib/policy.h"
#include "runtime/code/arena.h"

namespace tierjit {
namespace {

// Puts options and environment back at the end of a test.
class Keep {
 public:
  ~Keep() {
    for (const std::string& name : names_) unsetenv(name.c_str());
    policy() = before_;
    Arena::Get().SetMaxCodeBytes(static_cast<size_t>(before_.max_code_bytes));
  }
  void Set(const char* name, const char* value) {
    setenv(name, value, 1);
    names_.push_back(name);
  }

 private:
  Policy before_ = policy();
  std::vector<std::string> names_;
};

std::string_view Text(std::string_view text) { return text; }

TEST_CASE("options: values of every type") {
  Keep keep;
  CHECK(SetOption("tier1_threshold", Text("17")).ok());
  CHECK(policy().tier1_threshold == 17);
  CHECK(SetOption("tier1_threshold", int64_t{18}).ok());
  CHECK(SetOption("tier1_threshold", 19.0).ok());
  CHECK(policy().tier1_threshold == 19);
  for (const char* word : {"1", "true", "ON", "yes"}) {
    policy().count_refused = false;
    CHECK_MESSAGE(SetOption("count_refused", Text(word)).ok(), word);
    CHECK(policy().count_refused);
  }
  CHECK(SetOption("count_refused", Text("off")).ok());
  CHECK(!policy().count_refused);
  CHECK(SetOption("log", Text("compile,door")).ok());
  CHECK(policy().log == "compile,door");
}

TEST_CASE("options: errors name the trouble and change nothing") {
  Keep keep;
  int64_t before = policy().tier1_threshold;
  absl::Status unknown = SetOption("tier1_treshold", int64_t{5});
  CHECK(unknown.code() == absl::StatusCode::kNotFound);
  CHECK(unknown.message().find("'tier1_threshold'") != absl::string_view::npos);
  CHECK(SetOption("tier1_threshold", int64_t{0}).code() == absl::StatusCode::kOutOfRange);
  CHECK(SetOption("tier1_threshold", int64_t{1} << 40).code() == absl::StatusCode::kOutOfRange);
  CHECK(SetOption("tier1_threshold", Text("many")).code() == absl::StatusCode::kInvalidArgument);
  CHECK(SetOption("tier1_threshold", 2.5).code() == absl::StatusCode::kInvalidArgument);
  CHECK(SetOption("tier1_threshold", 1e300).code() == absl::StatusCode::kOutOfRange);
  CHECK(SetOption("tier1_threshold", std::nan("")).code() == absl::StatusCode::kInvalidArgument);
  absl::Status huge = SetOption("tier1_threshold", Text("-100000000000000000000000000000000000000000000000"));
  CHECK(huge.code() == absl::StatusCode::kOutOfRange);
  CHECK(huge.message() == "tier1_threshold must be between 1 and 2147483647, not -100000000000000000000000000000000000000...");
  CHECK(SetOption("loop_door", Text("perhaps")).code() == absl::StatusCode::kInvalidArgument);
  CHECK(SetOption("loop_door", int64_t{2}).code() == absl::StatusCode::kOutOfRange);
  CHECK(SetOption("log", Text("compile,nothing")).code() == absl::StatusCode::kOutOfRange);
  CHECK(SetOption("log", int64_t{1}).code() == absl::StatusCode::kInvalidArgument);
  CHECK(policy().tier1_threshold == before);
}

TEST_CASE("options: the cap on machine code reaches the arena at once") {
  Keep keep;
  CHECK(SetOption("max_code_bytes", int64_t{1} << 20).ok());
  CHECK(Arena::Get().stats().capacity == size_t{1} << 20);
}

TEST_CASE("options: the environment") {
  Keep keep;
  CHECK(LoadEnvironment() == Switch::kUnset);
  keep.Set("TIERJIT_TIER1_THRESHOLD", "23");
  keep.Set("TIERJIT_MAX_BYTECODES", "zero");  // one warning, nothing else
  keep.Set("TIERJIT", "1");
  int64_t before = policy().max_bytecodes;
  CHECK(LoadEnvironment() == Switch::kOn);
  CHECK(policy().tier1_threshold == 23);
  CHECK(policy().max_bytecodes == before);
  keep.Set("TIERJIT", "0");
  CHECK(LoadEnvironment() == Switch::kOff);
  keep.Set("TIERJIT", "");
  CHECK(LoadEnvironment() == Switch::kUnset);
}

TEST_CASE("options: the table describes itself, defaults apart from values") {
  Keep keep;
  CHECK(SetOption("tier1_threshold", int64_t{99}).ok());
  std::string plain = OptionsJson(false), described = OptionsJson(true);
  for (const Option& option : AllOptions()) {
    CHECK(plain.find(absl::StrCat("\"", option.key, "\":")) != std::string::npos);
    CHECK(described.find(EnvironmentName(option)) != std::string::npos);
    CHECK(std::string(option.doc).back() == '.');
  }
  CHECK(plain.find("\"tier1_threshold\": 99") != std::string::npos);
  CHECK(described.find("\"tier1_threshold\": {\"value\": 99, \"default\": 4,") != std::string::npos);
}

TEST_CASE("options: the nearest word") {
  CHECK(Nearest("lop", {"log", "loop_door", "perf_map"}) == "log");
  CHECK(Nearest("perfmap", {"log", "loop_door", "perf_map"}) == "perf_map");
  CHECK(Nearest("x", {}) == "");
}

}  // namespace
}  // namespace tierjit
