// What there is to see of the optimising tier's work on one compiled function: its loops, and the function as a whole. All of it: [GIL].
#ifndef TIERJIT_LIB_TIER2_REPORT_H_
#define TIERJIT_LIB_TIER2_REPORT_H_

#include <string>
#include <utility>
#include <vector>

#include "lib/optimised_code.h"
#include "tier1/compiler.h"

namespace tierjit {

struct Tier2Unit {
  const char* kind;     // "loop", "function"
  int32_t start;        // code unit of the header, or of the first instruction
  const char* phase;    // "cold", "profiled", "known", "optimised", "given up"
  std::string why_not;
  int compiles;
  int64_t compile_ns;
  uint64_t entries;
  const OptimisedCode* code;
};

// In the order of their starts; none for NULL.
std::vector<Tier2Unit> Tier2UnitsOf(const tier1::Unit* unit);

// A JSON array: key "tier2" of tj_info_json().
std::string Tier2Json(const tier1::Unit* unit);
// See PassTexts::Text(); "" where none was kept.
std::string Tier2Text(const tier1::Unit* unit, absl::string_view what);
// Machine code of the one that stands at `index` in Tier2UnitsOf(); null where there is none.
std::pair<const void*, size_t> Tier2Code(const tier1::Unit* unit, int index);

// For stats(): a compilation, and why a loop or a function stays in Tier 1.
void NoteTier2Compilation(int64_t ns);
void NoteTier2Refusal(const std::string& why);

}  // namespace tierjit

#endif  // TIERJIT_LIB_TIER2_REPORT_H_
