#include "lib/stats.h"

#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/code_state.h"
#include "lib/compile_queue.h"
#include "lib/exit_points.h"
#include "lib/json.h"
#include "lib/promotion_stats.h"
#include "runtime/code/arena.h"

namespace tierjit {
namespace {

tier1::Counters Tier1SinceReset() {
  tier1::Counters now = tier1::GetCounters();
  const tier1::Counters& base = stats().tier1_base;
  now.native_bytecodes -= base.native_bytecodes;
  now.interpreted_bytecodes -= base.interpreted_bytecodes;
  now.slow_calls -= base.slow_calls;
  now.deopts -= base.deopts;
  now.exceptions -= base.exceptions;
  return now;
}

PromotionCounters PromotionsSinceReset() {
  PromotionCounters now = GetPromotionCounters();
  const PromotionCounters& base = stats().promotion_base;
  now.entries -= base.entries;
  now.exits -= base.exits;
  return now;
}

int64_t Refused() {
  int64_t sum = 0;
  for (const auto& [code, count] : stats().refusals) sum += count;
  return sum;
}

std::vector<std::pair<const char*, int64_t>> Counters() {
  const Stats& s = stats();
  const tier1::Counters t = Tier1SinceReset();
  const PromotionCounters p = PromotionsSinceReset();
  const PromotionStats& w = promotion_stats();
  const ArenaStats arena = Arena::Get().stats();
  auto whole = [](auto value) { return static_cast<int64_t>(value); };
  return {
      {"compiles", s.compiles},
      {"refused", Refused()},
      {"compiled_alive", whole(CodeStates::Get().live_units())},
      {"compiled_bytecodes", s.compiled_bytecodes},
      {"compile_ns_total", s.compile_ns_total},
      {"compile_ns_max", s.compile_ns_max},
      {"code_bytes", whole(arena.code_bytes_used)},
      {"data_bytes", whole(arena.data_bytes_used)},
      {"functions_hooked", s.functions_hooked},
      {"calls_forwarded", s.calls_forwarded},
      {"native_bytecodes", whole(t.native_bytecodes)},
      {"interpreted_bytecodes", whole(t.interpreted_bytecodes) + s.forwarded_bytecodes},
      {"loop_entries", s.loop_entries},
      {"slow_calls", whole(t.slow_calls)},
      {"deopts", whole(t.deopts)},
      {"exceptions", whole(t.exceptions)},
      {"tier2_compiles", s.tier2_compiles},
      {"tier2_compile_ns_total", s.tier2_compile_ns},
      {"tier2_code_bytes", whole(p.code_bytes)},
      {"tier2_entries", whole(p.entries)},
      {"tier2_exits", whole(p.exits)},
      {"tier2_waiting", whole(CompileQueue::Get().waiting())},
      {"tier2_installs", w.installs},
      {"tier2_quick", w.quick},
      {"tier2_stale", w.stale},
      {"tier2_lost", w.lost},
      {"tier2_pause_ns_total", w.pause_ns_total},
      {"tier2_pause_ns_max", w.pause_ns_max},
  };
}

std::string NativeShare() {
  int64_t native = 0, interpreted = 0;
  FindCounter("native_bytecodes", &native);
  FindCounter("interpreted_bytecodes", &interpreted);
  if (native + interpreted == 0) return "null";
  char text[32];
  std::snprintf(text, sizeof(text), "%.6f", static_cast<double>(native) / static_cast<double>(native + interpreted));
  return text;
}

std::set<std::string>& Reasons() {
  static std::set<std::string>& reasons = *new std::set<std::string>;
  return reasons;
}

}  // namespace

Stats& stats() {
  static Stats& instance = *new Stats;
  return instance;
}

std::string ReasonText(const absl::Status& status) {
  std::string message(status.message());
  if (absl::StartsWith(message, "TJ-")) return message;
  if (absl::IsResourceExhausted(status)) return absl::StrCat("TJ-902: no room for machine code: ", message);
  if (absl::IsUnavailable(status)) return absl::StrCat("TJ-205: ", message);
  if (absl::IsUnimplemented(status)) return absl::StrCat("TJ-903: not supported: ", message);
  return absl::StrCat("TJ-904: compilation failed: ", message);
}

std::string ReasonCode(std::string_view text) { return std::string(text.substr(0, text.find(':'))); }

const std::string* InternReason(std::string text) { return &*Reasons().insert(std::move(text)).first; }

bool FindCounter(std::string_view name, int64_t* value) {
  for (const auto& [key, count] : Counters()) {
    if (key != name) continue;
    *value = count;
    return true;
  }
  return false;
}

std::string StatsJson(std::string_view loop_door) {
  JsonObject out, refusals, texts;
  for (const auto& [key, count] : Counters()) out.Int(key, count);
  out.Raw("native_share", NativeShare());
  for (const auto& [code, count] : stats().refusals) refusals.Int(code, count);
  std::set<std::string> seen;  // reasons of one code may differ in a detail: show the first
  for (const std::string& text : Reasons()) {
    std::string code = ReasonCode(text);
    if (stats().refusals.count(code) == 0 || !seen.insert(code).second) continue;
    texts.String(code, text.size() > code.size() + 2 ? text.substr(code.size() + 2) : "");
  }
  out.Raw("refusals", refusals.Text());
  out.Raw("refusal_texts", texts.Text());
  JsonObject given_up;
  for (const auto& [why, count] : stats().tier2_refusals) given_up.Int(why, count);
  out.Raw("tier2_refusals", given_up.Text());
  out.String("loop_door", loop_door);
  out.Raw("exit_points", ExitPointsJson());
  return out.Text();
}

void ResetStats() {
  stats() = Stats();
  promotion_stats() = PromotionStats();
  stats().tier1_base = tier1::GetCounters();
  stats().promotion_base = GetPromotionCounters();
}

}  // namespace tierjit
