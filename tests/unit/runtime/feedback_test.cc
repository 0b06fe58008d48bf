#include "runtime/feedback/feedback.h"

#include <doctest/doctest.h>

#include <vector>

namespace tierjit {
namespace {

std::vector<uint32_t> Versions(uint32_t detail) {
  absl::Span<const uint32_t> versions = VersionsOf(detail);
  return {versions.begin(), versions.end()};
}

constexpr uint32_t kA = 140000, kB = 150000, kC = 160000, kD = 170000, kE = 180000;

}  // namespace

TEST_CASE("details of several classes are sets of their versions") {
  CHECK(JoinDetails(kA, kA) == kA);
  CHECK(Versions(kA) == std::vector<uint32_t>{kA});
  CHECK(Versions(0).empty());
  uint32_t two = JoinDetails(kB, kA);
  CHECK(Versions(two) == std::vector<uint32_t>{kA, kB});
  CHECK(JoinDetails(kA, kB) == two);
  CHECK(JoinDetails(two, kA) == two);
  uint32_t four = JoinDetails(JoinDetails(two, kC), kD);
  CHECK(Versions(four) == std::vector<uint32_t>{kA, kB, kC, kD});
  CHECK(JoinDetails(JoinDetails(kC, kD), two) == four);
}

TEST_CASE("of too many classes, and of other things, no more is known") {
  uint32_t four = JoinDetails(JoinDetails(JoinDetails(kA, kB), kC), kD);
  CHECK(JoinDetails(four, kE) == 0);
  CHECK(JoinDetails(0, kA) == 0);
  CHECK(JoinDetails('d', 'i') == 0);
  CHECK(JoinDetails('d', 'd') == 'd');
}

}  // namespace tierjit
