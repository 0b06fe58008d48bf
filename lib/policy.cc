#include "lib/policy.h"

#include <cmath>
#include <cstdio>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace tierjit {

Policy& policy() {
  static Policy& instance = *new Policy;  // never destroyed: the interpreter may outlive static destructors
  return instance;
}

bool IsHot(uint32_t count, bool has_loop) {
  return (has_loop && policy().compile_loops_at_once) || count >= policy().tier1_threshold;
}

size_t InstructionsIn(int64_t ms, const CompileCost& cost) {
  double ns = 1e6 * static_cast<double>(ms), a = cost.ns_per_instruction, b = cost.ns;
  return static_cast<size_t>((std::sqrt(b * b + 4 * a * ns) - b) / (2 * a));
}

bool LogEnabled(std::string_view channel) {
  if (policy().log.empty()) return false;
  for (absl::string_view item : absl::StrSplit(policy().log, ',', absl::SkipWhitespace())) {
    if (std::string_view(item.data(), item.size()) == channel || item == "all") return true;
  }
  return false;
}

void Log(std::string_view channel, std::string_view line) {
  if (!LogEnabled(channel)) return;
  std::fprintf(stderr, "tierjit: %.*s: %.*s\n", static_cast<int>(channel.size()), channel.data(),
               static_cast<int>(line.size()), line.data());
}

}  // namespace tierjit
