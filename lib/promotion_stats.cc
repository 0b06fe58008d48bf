#include "lib/promotion_stats.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tierjit {

PromotionStats& promotion_stats() {
  static PromotionStats& instance = *new PromotionStats;
  return instance;
}

void NotePause(int64_t ns) {
  promotion_stats().pause_ns_total += ns;
  promotion_stats().pause_ns_max = std::max(promotion_stats().pause_ns_max, ns);
}

bool IsTooMuch(const absl::Status& why) {
  return (absl::IsResourceExhausted(why) || absl::IsOutOfRange(why)) && !absl::StartsWith(why.message(), "TJ-");
}

std::string PromotionReason(const absl::Status& why) {
  std::string message(why.message());
  if (absl::StartsWith(message, "TJ-")) return message;
  switch (why.code()) {
    case absl::StatusCode::kFailedPrecondition: return absl::StrCat("TJ-301: nothing to gain by the optimising tier: ", message);
    case absl::StatusCode::kResourceExhausted: return absl::StrCat("TJ-302: too large for the optimising tier: ", message);
    case absl::StatusCode::kOutOfRange: return absl::StrCat("TJ-303: would take longer than max_compile_ms: ", message);
    case absl::StatusCode::kUnimplemented: return absl::StrCat("TJ-309: not for the optimising tier: ", message);
    default: return absl::StrCat("TJ-308: the optimising tier failed: ", message);
  }
}

}  // namespace tierjit
