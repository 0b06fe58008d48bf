#include "lib/tier2_report.h"

#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "lib/code_state.h"
#include "lib/function_units.h"
#include "lib/json.h"
#include "lib/promotion.h"
#include "lib/stats.h"

namespace tierjit {
namespace {

int LineOf(PyCodeObject* code, int32_t unit) { return PyCode_Addr2Line(code, unit * static_cast<int>(sizeof(_Py_CODEUNIT))); }

const char* ReasonOf(ExitKind kind) {
  constexpr const char* kReasons[] = {"speculation", "unlifted", "death", "interruption"};
  return kReasons[static_cast<int>(kind)];
}

// Where an exit leaves: in the function itself, or in one that is inlined there and may have died since.
struct Place {
  std::string function;
  int line, resumes_in;
  bool operator<(const Place& o) const { return std::tie(function, line, resumes_in) < std::tie(o.function, o.line, o.resumes_in); }
};

Place PlaceOf(const ExitDescriptor& exit, PyCodeObject* code) {
  if (!exit.frames.empty()) code = exit.frames.back().code;
  if (CodeStates::Get().Find(code) == nullptr) return {"", 0, 0};
  return {NameOf(code), LineOf(code, exit.origin), LineOf(code, exit.resume)};
}

std::string ExitsJson(const Tier2Unit& of, PyCodeObject* code) {
  std::map<std::pair<Place, ExitKind>, uint64_t> counts;
  for (const OptimisedCode::Version& version : of.code->versions()) {
    for (const auto& exit : version.exits) {
      if (exit->count > 0) counts[{PlaceOf(*exit, code), exit->kind}] += exit->count;
    }
  }
  JsonList list;
  for (const auto& [key, count] : counts) {
    const auto& [place, kind] = key;
    JsonObject out;
    out.String("function", place.function);
    out.Int("line", place.line);
    out.String("reason", ReasonOf(kind));
    out.Int("resumes_in", place.resumes_in);
    out.Int("count", static_cast<int64_t>(count));
    list.Raw(out.Text());
  }
  return list.Text();
}

// What addresses in the machine code mean: those behind its recorded calls.
std::string SymbolsJson(const Tier2Unit& of, PyCodeObject* code) {
  JsonObject out;
  if (of.code->versions().empty()) return out.Text();
  for (const auto& call : of.code->versions().back().recorded) {
    Place place = PlaceOf(call->exit(), code);
    bool leaves = call->action() == RecordedAction::kExit || call->action() == RecordedAction::kExitFrameless;
    std::string what = leaves ? absl::StrCat("exit: ", ReasonOf(call->exit().kind)) : "the frame is filled";
    out.String(absl::StrCat(reinterpret_cast<uintptr_t>(call->returns_to())),
               absl::StrCat(what, " in line ", place.line, " of ", place.function, ", goes on in line ", place.resumes_in));
  }
  return out.Text();
}

std::string UnitJson(const Tier2Unit& of, PyCodeObject* code) {
  JsonObject out;
  out.String("kind", of.kind);
  out.Int("line", LineOf(code, of.start));
  out.Int("offset", of.start * static_cast<int>(sizeof(_Py_CODEUNIT)));
  out.String("phase", of.phase);
  out.String("why_not", of.why_not);
  out.Int("compiles", of.compiles);
  out.Int("compile_ns", of.compile_ns);
  out.Int("code_bytes", static_cast<int64_t>(of.code->size()));
  out.Int("entries", static_cast<int64_t>(of.entries));
  out.Raw("exits", ExitsJson(of, code));
  out.Raw("symbols", SymbolsJson(of, code));
  return out.Text();
}

}  // namespace

std::vector<Tier2Unit> Tier2UnitsOf(const tier1::Unit* unit) {
  std::vector<Tier2Unit> units;
  if (unit == nullptr) return units;
  ListFunction(unit, &units);
  ListLoops(unit, &units);
  return units;
}

std::string Tier2Json(const tier1::Unit* unit) {
  JsonList list;
  for (const Tier2Unit& of : Tier2UnitsOf(unit)) list.Raw(UnitJson(of, unit->code()));
  return list.Text();
}

std::string Tier2Text(const tier1::Unit* unit, absl::string_view what) {
  std::string text;
  for (const Tier2Unit& of : Tier2UnitsOf(unit)) {
    std::string part = of.code->texts().Text(what);
    if (part.empty()) continue;
    absl::StrAppend(&text, "=== ", NameOf(unit->code()), ", ", of.kind, " in line ", LineOf(unit->code(), of.start), "\n", part);
  }
  return text;
}

std::pair<const void*, size_t> Tier2Code(const tier1::Unit* unit, int index) {
  std::vector<Tier2Unit> units = Tier2UnitsOf(unit);
  if (index < 0 || static_cast<size_t>(index) >= units.size()) return {nullptr, 0};
  const OptimisedCode* code = units[static_cast<size_t>(index)].code;
  return {code->address(), code->size()};
}

void NoteTier2Compilation(int64_t ns) {
  stats().tier2_compiles++;
  stats().tier2_compile_ns += ns;
}
void NoteTier2Refusal(const std::string& why) { stats().tier2_refusals[why]++; }

}  // namespace tierjit
