#include "lib/pass_texts.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/policy.h"
#include "runtime/cpython/opcode_info.h"

namespace tierjit {
namespace {

constexpr absl::string_view kChannel = "tier2:";

bool AnyWanted() {
  if (policy().tier2_texts || LogEnabled("tier2")) return true;
  for (absl::string_view item : absl::StrSplit(policy().log, ',')) {
    if (absl::StartsWith(item, kChannel)) return true;
  }
  return false;
}

std::string FeedbackText(const tier2::Snapshot& s, const tier2::SourcePlaces& place_of) {
  std::string text;
  for (size_t i = 0; i < s.local_bits.size(); i++) absl::StrAppend(&text, "local ", i, ": ", tier2::Type(s.local_bits[i]).ToString(), "\n");
  for (int32_t i = 0; i < s.decoded->unit_count(); i++) {
    if (uint32_t bits = s.feedback->at(i).bits; bits != 0) {
      absl::StrAppend(&text, "@", i, ": ", tier2::Type(bits).ToString(), "  ; ", place_of(nullptr, i), "\n");
    }
  }
  return text;
}

}  // namespace

PassTexts::PassTexts(const tier2::Snapshot& snapshot) : wanted_(AnyWanted()) {
  if (!wanted_) return;
  place_of_ = [own = snapshot.code, decoded = snapshot.decoded](PyObject* inlined, int32_t unit) {
    PyCodeObject* code = inlined != nullptr ? reinterpret_cast<PyCodeObject*>(inlined) : own;
    std::string text = absl::StrCat("line ", PyCode_Addr2Line(code, unit * static_cast<int>(sizeof(_Py_CODEUNIT))));
    int at = code == own && unit < decoded->unit_count() ? decoded->IndexAt(unit) : -1;
    if (at >= 0) absl::StrAppend(&text, ", ", OpcodeName(decoded->instructions()[static_cast<size_t>(at)].opcode));
    return text;
  };
  Add("feedback", FeedbackText(snapshot, place_of_));
}

void PassTexts::Add(absl::string_view name, std::string text) {
  if (wanted_) texts_.emplace_back(std::string(name), std::move(text));
}

void PassTexts::AddGraph(absl::string_view pass, const tier2::Graph& graph) {
  if (!wanted_) return;
  absl::Status valid = tier2::Verify(graph);
  Add(pass, absl::StrCat(tier2::Print(graph, place_of_), valid.ok() ? "" : absl::StrCat("INVALID: ", valid.message(), "\n")));
}

tier2::PassObserver PassTexts::Observer() {
  if (!wanted_) return nullptr;
  return [this](absl::string_view pass, const tier2::Graph& graph) { AddGraph(pass, graph); };
}

std::string PassTexts::Text(absl::string_view what) const {
  std::string all, last;
  for (const auto& [name, text] : texts_) {
    if (name == what) return text;
    if (name != "mir") absl::StrAppend(&all, "--- ", name, "\n", text);
    if (name != "mir" && name != "feedback") last = text;
  }
  return what == "passes" ? all : what == "ir" ? last : "";
}

void PassTexts::WriteLog(absl::string_view of) const {
  if (!wanted_) return;
  if (LogEnabled("tier2")) return Log("tier2", absl::StrCat(of, "\n", Text("passes"), Text("mir")));
  for (absl::string_view item : absl::StrSplit(policy().log, ',')) {
    if (absl::ConsumePrefix(&item, kChannel)) Log(absl::StrCat(kChannel, item), absl::StrCat(of, "\n", Text(item)));
  }
}

}  // namespace tierjit
