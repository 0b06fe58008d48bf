#include "lib/exit_points.h"

#include <deque>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/json.h"
#include "lib/policy.h"

namespace tierjit {
namespace {

struct PointsOfUnit {
  std::string name;
  std::deque<ExitPoint> points;  // by number; the code refers to them by address
};

// Compilations without the GIL add points, too.
struct Registry {
  std::mutex mutex;
  std::deque<PointsOfUnit> units;
};

Registry& registry() {
  static Registry& instance = *new Registry;
  return instance;
}

uint64_t SeedOf(uint64_t seed, int64_t unit, size_t version, size_t number) {
  for (uint64_t part : {static_cast<uint64_t>(unit), static_cast<uint64_t>(version), static_cast<uint64_t>(number)}) {
    seed = (seed ^ part) * 0x9e3779b97f4a7c15u;
  }
  return seed;
}

}  // namespace

std::function<ExitPoint*(const char* operation, int32_t origin, ExitPoint::Kind kind)> ExitPointsOf(const std::string& name, int64_t unit,
                                                                                                    size_t version) {
  if (policy().fail_guards == 0) return {};
  std::lock_guard<std::mutex> lock(registry().mutex);
  PointsOfUnit* of_unit = &registry().units.emplace_back(PointsOfUnit{absl::StrCat("unit ", unit, ": ", name, ", version ", version), {}});
  auto next = [of_unit, unit, version, only = policy().fail_only, seed = static_cast<uint64_t>(policy().fail_guards),
               number = size_t{0}](const char* operation, int32_t origin, ExitPoint::Kind kind) mutable -> ExitPoint* {
    size_t mine = number++;
    if (!only.Contains(static_cast<int64_t>(mine))) return nullptr;
    std::lock_guard<std::mutex> lock(registry().mutex);
    return &of_unit->points.emplace_back(MakeExitPoint(SeedOf(seed, unit, version, mine), operation, origin, kind));
  };
  return next;
}

std::string ExitPointsJson() {
  int64_t points = 0, reached = 0, taken = 0;
  std::vector<std::string> never, often;
  std::lock_guard<std::mutex> lock(registry().mutex);
  for (const PointsOfUnit& unit : registry().units) {
    for (const ExitPoint& point : unit.points) {
      points++;
      reached += point.reached();
      taken += point.taken();
      std::string text = absl::StrCat(unit.name, ": ", point.operation, " @", point.origin);
      if (!point.taken()) never.push_back(JsonString(absl::StrCat(text, point.reached() ? "" : ", not reached")));
      else if (policy().fail_only.last != Range::kNoLimit) often.push_back(JsonString(absl::StrCat(text, ": ", point.failures)));
    }
  }
  JsonObject out;
  out.Int("points", points);
  out.Int("reached", reached);
  out.Int("taken", taken);
  out.Raw("never", absl::StrCat("[", absl::StrJoin(never, ","), "]"));
  out.Raw("made_to_fail", absl::StrCat("[", absl::StrJoin(often, ","), "]"));
  return out.Text();
}

}  // namespace tierjit
