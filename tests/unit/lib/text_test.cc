// JSON text, reasons and the small rules of policy.
#include <doctest/doctest.h>

#include "lib/json.h"
#include "lib/policy.h"
#include "lib/stats.h"

namespace tierjit {
namespace {

TEST_CASE("json: quoting and escaping") {
  CHECK(JsonString("") == "\"\"");
  CHECK(JsonString("a\"b\\c") == R"("a\"b\\c")");
  CHECK(JsonString("line\nend\x01") == "\"line\\u000aend\\u0001\"");
  CHECK(JsonString("\xc3\xa4") == "\"\xc3\xa4\"");
}

TEST_CASE("json: objects keep the order of their members") {
  JsonObject empty, object;
  CHECK(empty.Text() == "{}");
  object.Int("n", -3);
  object.Bool("b", true);
  object.String("s", "x");
  object.Raw("r", "[1]");
  CHECK(object.Text() == R"({"n": -3, "b": true, "s": "x", "r": [1]})");
}

TEST_CASE("reasons: every refusal gets a stable code in front") {
  CHECK(ReasonText(absl::UnimplementedError("TJ-101: generators")) == "TJ-101: generators");
  CHECK(ReasonText(absl::ResourceExhaustedError("cap")).substr(0, 7) == "TJ-902:");
  CHECK(ReasonText(absl::UnimplementedError("odd")).substr(0, 7) == "TJ-903:");
  CHECK(ReasonText(absl::InternalError("odd")).substr(0, 7) == "TJ-904:");
  CHECK(ReasonCode("TJ-101: generators") == "TJ-101");
  CHECK(InternReason("TJ-101: x") == InternReason("TJ-101: x"));
}

// Puts the options back at the end of a test.
struct KeepPolicy {
  Policy before = policy();
  ~KeepPolicy() { policy() = before; }
};

TEST_CASE("policy: loops at once, others after the threshold") {
  KeepPolicy keep;
  policy() = Policy();
  policy().tier1_threshold = 3;
  CHECK(IsHot(1, true));
  CHECK(!IsHot(2, false));
  CHECK(IsHot(3, false));
  policy().compile_loops_at_once = false;
  CHECK(!IsHot(2, true));
  CHECK(IsHot(3, true));
}

TEST_CASE("policy: log channels") {
  KeepPolicy keep;
  policy().log = "";
  CHECK(!LogEnabled("compile"));
  policy().log = "refuse,compile";
  CHECK(LogEnabled("compile"));
  CHECK(!LogEnabled("door"));
  policy().log = "all";
  CHECK(LogEnabled("door"));
}

}  // namespace
}  // namespace tierjit
