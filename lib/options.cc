#include "lib/options.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/json.h"
#include "lib/policy.h"
#include "runtime/code/arena.h"

extern char** environ;

namespace tierjit {
namespace {

constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();
constexpr const char* kLogChannels[] = {"compile", "refuse", "door", "life", "promote", "tier2", "all"};
// Read by the Python package, not options.
constexpr const char* kOtherVariables[] = {"TIERJIT"};

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

std::vector<Option> MakeTable() {
  Policy& p = policy();
  return {
      {"tier1_threshold", OptionType::kInt, 1, kMaxCount, &p.tier1_threshold,
       "Calls after which a function is compiled by tier 1."},
      {"compile_loops_at_once", OptionType::kBool, 0, 1, &p.compile_loops_at_once,
       "Compile a function that contains a loop at its first call."},
      {"tier2_threshold", OptionType::kInt, 1, kMaxCount, &p.tier2_threshold,
       "Entries of compiled code after which the optimising tier takes over the function, if tier2 is on and there is something to gain: "
       "a loop, or calls of functions that it knows."},
      {"osr_threshold", OptionType::kInt, 1, kMaxCount, &p.osr_threshold,
       "Loop turns of compiled code after which the optimising tier takes over in the middle of the loop, if tier2 is "
       "on. Concerns functions compiled from now on."},
      {"tier2", OptionType::kBool, 0, 1, &p.tier2,
       "Hot loops and functions go on in code of the optimising tier. Effective from the next enable()."},
      {"tier2_every_loop", OptionType::kBool, 0, 1, &p.tier2_every_loop,
       "With tier2: also loops that are not expected to gain by it. For tests."},
      {"tier2_texts", OptionType::kBool, 0, 1, &p.tier2_texts,
       "With tier2: keeps the text behind each pass, for disassemble(). Concerns loops that are optimised from now on."},
      {"tier2_units", OptionType::kRange, 0, 0, &p.tier2_units,
       "Loops that the optimising tier may take, by the order in which they become hot: N, N-M or N-; empty: all. For "
       "finding the one that goes wrong."},
      {"fail_guards", OptionType::kInt, 0, kMaxCount, &p.fail_guards,
       "Not 0: optimised code leaves at random places although nothing is wrong, by random numbers that begin with this "
       "one. For tests."},
      {"fail_only", OptionType::kRange, 0, 0, &p.fail_only,
       "With fail_guards: only at the places of these numbers within each loop: N, N-M or N-; empty: all."},
      {"profiled_turns", OptionType::kInt, 1, kMaxCount, &p.profiled_turns,
       "Loop turns in which types are noted, before the optimising tier compiles a loop."},
      {"background", OptionType::kBool, 0, 1, &p.background,
       "The optimising tier compiles on a thread of its own while the program goes on. Off: the program waits, and the "
       "same program has the same loops optimised at the same turns."},
      {"max_compile_ms", OptionType::kInt, 1, 60'000, &p.max_compile_ms,
       "About what one compilation by the optimising tier may take. Larger loops are compiled with less care, still "
       "larger ones stay in tier 1 (TJ-303)."},
      {"compile_delay_us", OptionType::kInt, 0, 10'000'000, &p.compile_delay_us,
       "For tests: microseconds that the compiling thread sleeps before each compilation."},
      {"install_delay", OptionType::kInt, 0, kMaxCount, &p.install_delay,
       "For tests: loop turns after which the code of the compiling thread is installed; the program waits for it then. "
       "0: when it is ready."},
      {"max_code_bytes", OptionType::kInt, int64_t{1} << 16, int64_t{1} << 30, &p.max_code_bytes,
       "Cap on machine code in use, in bytes. Over it functions stay interpreted, and loops in tier 1."},
      {"max_bytecodes", OptionType::kInt, 1, 10'000'000, &p.max_bytecodes,
       "Functions with more bytecode instructions stay interpreted, and those of more than 50,000 without a loop."},
      {"loop_door", OptionType::kBool, 0, 1, &p.loop_door,
       "Enter compiled code also in loops that are already running and in loops at module level (sys.monitoring tool "
       "id 5). Effective from the next enable()."},
      {"sample_ms", OptionType::kInt, 0, 10'000, &p.sample_ms,
       "Milliseconds of CPU time between two looks at what the interpreter is running, which find loops for the loop "
       "door; 0: never. Effective from the next enable()."},
      {"count_refused", OptionType::kBool, 0, 1, &p.count_refused,
       "Keep counting calls of functions that cannot be compiled, for an exact native share. Slows them down; for "
       "tests. Concerns functions that are refused from now on."},
      {"perf_map", OptionType::kBool, 0, 1, &p.perf_map,
       "Write /tmp/perf-PID.map, so that `perf report` names compiled functions. Concerns functions compiled from now "
       "on."},
      {"log", OptionType::kString, 0, 0, &p.log,
       "Comma-separated channels written to stderr: compile, refuse, door, life, promote, tier2, tier2:PASS, all."},
  };
}

const Option* Find(std::string_view key) {
  for (const Option& option : AllOptions()) {
    if (option.key == key) return &option;
  }
  return nullptr;
}

absl::Status UnknownOption(std::string_view key) {
  std::vector<std::string> known;
  for (const Option& option : AllOptions()) known.push_back(option.key);
  return absl::NotFoundError(
      absl::StrCat("unknown option '", View(key), "'; did you mean '", Nearest(key, known), "'?"));
}

void MakeEffective(const Option& option) {
  const Policy& p = policy();
  if (option.field == &p.max_code_bytes) Arena::Get().SetMaxCodeBytes(static_cast<size_t>(p.max_code_bytes));
  if (option.field == &p.perf_map) EnablePerfMap(p.perf_map);
}

absl::Status OutOfRange(const Option& option, std::string_view value) {
  constexpr size_t kShown = 40;
  absl::string_view more = value.size() > kShown ? "..." : "";
  return absl::OutOfRangeError(
      absl::StrCat(option.key, " must be between ", option.min, " and ", option.max, ", not ", View(value.substr(0, kShown)), more));
}

absl::Status StoreInt(const Option& option, int64_t value) {
  if (value < option.min || value > option.max) return OutOfRange(option, absl::StrCat(value));
  if (option.type == OptionType::kBool) {
    *static_cast<bool*>(option.field) = value != 0;
  } else {
    *static_cast<int64_t*>(option.field) = value;
  }
  MakeEffective(option);
  return absl::OkStatus();
}

absl::Status StoreString(const Option& option, std::string_view value) {
  for (absl::string_view item : absl::StrSplit(View(value), ',', absl::SkipWhitespace())) {
    bool pass = absl::StartsWith(item, "tier2:");
    if (!pass && std::find(std::begin(kLogChannels), std::end(kLogChannels), item) == std::end(kLogChannels)) {
      return absl::OutOfRangeError(absl::StrCat(option.key, " has no channel '", item, "'; there are ",
                                                "compile, refuse, door, life, promote, tier2, tier2:PASS, all"));
    }
  }
  *static_cast<std::string*>(option.field) = std::string(value);
  return absl::OkStatus();
}

std::string RangeText(const Range& range) {
  if (range.last == Range::kNoLimit) return range.first == 0 ? "" : absl::StrCat(range.first, "-");
  return range.first == range.last ? absl::StrCat(range.first) : absl::StrCat(range.first, "-", range.last);
}

absl::Status StoreRange(const Option& option, std::string_view value) {
  Range range;
  std::vector<absl::string_view> ends = absl::StrSplit(View(value), absl::MaxSplits('-', 1));
  bool right = value.empty() || absl::SimpleAtoi(ends[0], &range.first);
  if (right && !value.empty() && ends.size() == 1) range.last = range.first;
  if (right && ends.size() == 2 && !ends[1].empty()) right = absl::SimpleAtoi(ends[1], &range.last);
  if (!right || range.first < 0 || range.last < range.first) {
    return absl::OutOfRangeError(absl::StrCat(option.key, " must be N, N-M, N- or empty, not '", View(value), "'"));
  }
  *static_cast<Range*>(option.field) = range;
  return absl::OkStatus();
}

const char* TypeName(OptionType type) {
  switch (type) {
    case OptionType::kInt: return "int";
    case OptionType::kBool: return "bool";
    case OptionType::kString: case OptionType::kRange: return "str";
  }
  return "";
}

bool TakesText(const Option& option) { return option.type == OptionType::kString || option.type == OptionType::kRange; }

absl::Status WrongType(const Option& option, std::string_view value) {
  return absl::InvalidArgumentError(
      absl::StrCat(option.key, " needs a value of type ", TypeName(option.type), ", not '", View(value), "'"));
}

// Of any size.
bool IsWholeNumber(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

bool ParseBool(std::string_view text, int64_t* value) {
  std::string word = absl::AsciiStrToLower(View(text));
  if (word == "on") word = "true";
  if (word == "off") word = "false";
  bool parsed;
  if (!absl::SimpleAtob(word, &parsed)) return false;
  *value = parsed;
  return true;
}

// Value of an option as JSON text. Defaults are read from a fresh Policy at the same place.
std::string ValueJson(const Option& option, const Policy& instance) {
  ptrdiff_t offset = static_cast<char*>(option.field) - reinterpret_cast<char*>(&policy());
  const char* field = reinterpret_cast<const char*>(&instance) + offset;
  switch (option.type) {
    case OptionType::kInt: return absl::StrCat(*reinterpret_cast<const int64_t*>(field));
    case OptionType::kBool: return *reinterpret_cast<const bool*>(field) ? "true" : "false";
    case OptionType::kString: return JsonString(*reinterpret_cast<const std::string*>(field));
    case OptionType::kRange: return JsonString(RangeText(*reinterpret_cast<const Range*>(field)));
  }
  return "null";
}

std::string DescriptionJson(const Option& option) {
  JsonObject out;
  out.Raw("value", ValueJson(option, policy()));
  out.Raw("default", ValueJson(option, Policy()));
  out.String("type", TypeName(option.type));
  if (option.type == OptionType::kInt) {
    out.Int("min", option.min);
    out.Int("max", option.max);
  }
  out.String("env", EnvironmentName(option));
  out.String("doc", option.doc);
  return out.Text();
}

void Warn(std::string_view text) {
  std::fprintf(stderr, "tierjit: warning: %.*s\n", static_cast<int>(text.size()), text.data());
}

void LoadVariable(std::string_view name, std::string_view value) {
  if (std::find(std::begin(kOtherVariables), std::end(kOtherVariables), name) != std::end(kOtherVariables)) return;
  std::string key = absl::AsciiStrToLower(View(name.substr(std::strlen("TIERJIT_"))));
  absl::Status status = SetOption(key, value);
  if (status.ok()) return;
  Warn(absl::StrCat("environment variable ", View(name), ": ", status.message()));
}

Switch LoadSwitch(const char* value) {
  if (value == nullptr || *value == '\0') return Switch::kUnset;
  int64_t parsed;
  if (ParseBool(value, &parsed)) return parsed ? Switch::kOn : Switch::kOff;
  Warn(absl::StrCat("environment variable TIERJIT must be 0 or 1, not '", value, "'"));
  return Switch::kUnset;
}

}  // namespace

const std::vector<Option>& AllOptions() {
  static const std::vector<Option>& table = *new std::vector<Option>(MakeTable());
  return table;
}

std::string EnvironmentName(const Option& option) {
  return absl::StrCat("TIERJIT_", absl::AsciiStrToUpper(option.key));
}

absl::Status SetOption(std::string_view key, std::string_view value) {
  const Option* option = Find(key);
  if (option == nullptr) return UnknownOption(key);
  int64_t number;
  switch (option->type) {
    case OptionType::kString: return StoreString(*option, value);
    case OptionType::kRange: return StoreRange(*option, value);
    case OptionType::kBool:
      if (!ParseBool(value, &number)) return WrongType(*option, value);
      return StoreInt(*option, number);
    case OptionType::kInt:
      if (absl::SimpleAtoi(View(value), &number)) return StoreInt(*option, number);
      return IsWholeNumber(value) ? OutOfRange(*option, value) : WrongType(*option, value);
  }
  return absl::InternalError("option type");
}

absl::Status SetOption(std::string_view key, int64_t value) {
  const Option* option = Find(key);
  if (option == nullptr) return UnknownOption(key);
  if (TakesText(*option)) return WrongType(*option, absl::StrCat(value));
  return StoreInt(*option, value);
}

absl::Status SetOption(std::string_view key, double value) {
  const Option* option = Find(key);
  if (option == nullptr) return UnknownOption(key);
  if (TakesText(*option) || std::trunc(value) != value) return WrongType(*option, absl::StrCat(value));
  if (std::fabs(value) >= 9e18) return OutOfRange(*option, absl::StrCat(value));
  return StoreInt(*option, static_cast<int64_t>(value));
}

std::string OptionsJson(bool described) {
  JsonObject out;
  for (const Option& option : AllOptions()) {
    out.Raw(option.key, described ? DescriptionJson(option) : ValueJson(option, policy()));
  }
  return out.Text();
}

Switch LoadEnvironment() {
  Switch result = Switch::kUnset;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    size_t equals = text.find('=');
    if (equals == std::string_view::npos || !absl::StartsWith(*entry, "TIERJIT")) continue;
    std::string_view name = text.substr(0, equals);
    if (name == "TIERJIT") result = LoadSwitch(*entry + equals + 1);
    if (absl::StartsWith(View(name), "TIERJIT_")) LoadVariable(name, text.substr(equals + 1));
  }
  return result;
}

namespace {

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string Nearest(std::string_view word, const std::vector<std::string>& known) {
  auto nearest = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return EditDistance(word, a) < EditDistance(word, b);
  });
  return nearest == known.end() ? std::string() : *nearest;
}

}  // namespace tierjit
