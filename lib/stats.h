// What happened so far. All of it: [GIL].
#ifndef TIERJIT_LIB_STATS_H_
#define TIERJIT_LIB_STATS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "lib/promotion.h"
#include "tier1/compiler.h"

namespace tierjit {

struct Stats {
  int64_t compiles = 0;
  int64_t compile_ns_total = 0;
  int64_t compile_ns_max = 0;
  int64_t compiled_bytecodes = 0;
  int64_t functions_hooked = 0;      // that got a counting entry
  int64_t calls_forwarded = 0;       // calls through a counting entry that ran in the interpreter
  int64_t forwarded_bytecodes = 0;   // the same, each call weighed with the number of instructions of its code
  int64_t loop_entries = 0;          // compiled code entered through the loop door
  std::map<std::string, int64_t> refusals;  // "TJ-nnn" -> functions
  int64_t tier2_compiles = 0;
  int64_t tier2_compile_ns = 0;
  std::map<std::string, int64_t> tier2_refusals;  // why loops and functions stay in Tier 1 -> how often that was found
  tier1::Counters tier1_base = {};   // Tier 1's counters at the last reset
  PromotionCounters promotion_base = {};
};

Stats& stats();

// The reason of a refusal with a stable code in front: Tier 1's own, or one of the library's TJ-9nn by kind of error.
std::string ReasonText(const absl::Status& status);
// "TJ-nnn" of such a text.
std::string ReasonCode(std::string_view text);

// One shared copy of `text`, kept for good. There are few different reasons.
const std::string* InternReason(std::string text);

// Value of a whole-numbered counter; false if there is none called `name`.
bool FindCounter(std::string_view name, int64_t* value);

// See tj_stats_json().
std::string StatsJson(std::string_view loop_door);

void ResetStats();

}  // namespace tierjit

#endif  // TIERJIT_LIB_STATS_H_
