// What became of hot loops, counted.
#ifndef TIERJIT_LIB_PROMOTION_STATS_H_
#define TIERJIT_LIB_PROMOTION_STATS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace tierjit {

struct PromotionStats {
  int64_t installs = 0;        // code that can be entered
  int64_t quick = 0;           // of them translated quickly, being above the budget for more
  int64_t stale = 0;           // thrown away, as something that the code took for constant had changed meanwhile
  int64_t lost = 0;            // thrown away by a fork or the like, and asked for again
  int64_t pause_ns_total = 0;  // how long the program has waited
  int64_t pause_ns_max = 0;
};

PromotionStats& promotion_stats();  // [GIL]

// The program has waited.
void NotePause(int64_t ns);
// Of a compilation: it grew too large, or would take too long.
bool IsTooMuch(const absl::Status& why);
// A loop stays in Tier 1: the reason with its stable code in front, by kind of error unless the message has one already.
std::string PromotionReason(const absl::Status& why);

}  // namespace tierjit

#endif  // TIERJIT_LIB_PROMOTION_STATS_H_
