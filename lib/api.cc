// The C interface: arguments in, statuses out. What happens is in the manager.
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/include/tierjit.h"
#include "lib/json.h"
#include "lib/manager.h"
#include "lib/options.h"
#include "lib/stats.h"
#include "lib/tier2_report.h"

struct tj_error {
  tj_status code;
  std::string message;
};

namespace tierjit {
namespace {

static_assert(sizeof(TIERJIT_VERSION) > 1, "the build passes the version");

char* CopyText(const std::string& text) {
  char* copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

tj_status Fail(tj_status code, std::string message, tj_error** err) {
  if (err != nullptr) *err = new tj_error{code, std::move(message)};
  return code;
}

tj_status ApiStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk: return TJ_OK;
    case absl::StatusCode::kNotFound: return TJ_EUNKNOWN_OPTION;
    case absl::StatusCode::kOutOfRange: return TJ_EVALUE;
    case absl::StatusCode::kInvalidArgument: return TJ_ETYPE;
    case absl::StatusCode::kUnavailable: return TJ_EUNAVAILABLE;
    case absl::StatusCode::kFailedPrecondition: return TJ_ESTATE;
    case absl::StatusCode::kUnimplemented: return TJ_EREFUSED;
    default: return TJ_EINTERNAL;
  }
}

tj_status Report(const absl::Status& status, tj_error** err) {
  return status.ok() ? TJ_OK : Fail(ApiStatus(status), std::string(status.message()), err);
}

bool g_no_memory = false;  // the last call of the interface had none [GIL]

// Runs `body`; C++ exceptions (out of memory) end here.
template <typename Result, typename Body>
Result Guarded(Result on_failure, Body body) {
  g_no_memory = false;
  try {
    return body();
  } catch (const std::exception&) {
    g_no_memory = true;
    return on_failure;
  }
}

// What the caller means by a `void *func`.
struct Target {
  PyFunctionObject* func = nullptr;
  PyCodeObject* code = nullptr;
};

bool Resolve(void* object, Target* target) {
  auto* o = static_cast<PyObject*>(object);
  if (o == nullptr) return false;
  if (PyMethod_Check(o)) o = PyMethod_GET_FUNCTION(o);
  if (PyFunction_Check(o)) {
    target->func = reinterpret_cast<PyFunctionObject*>(o);
    target->code = CodeOf(target->func);
  } else if (PyCode_Check(o)) {
    target->code = reinterpret_cast<PyCodeObject*>(o);
  }
  return target->code != nullptr;
}

tj_status NoFunction(tj_error** err) { return Fail(TJ_ETYPE, "needs a Python function, method or code object", err); }

const tier1::Unit* UnitOf(const Target& target) {
  const CodeState* state = Manager::Get().attached() ? CodeStates::Get().Find(target.code) : nullptr;
  return state != nullptr ? state->owned.get() : nullptr;
}

const char* StateName(const CodeState* state) {
  if (state == nullptr) return "cold";
  if (state->off) return "off";
  if (state->phase == Phase::kRefused) return "refused";
  return state->unit != nullptr ? "compiled" : "cold";
}

void AddUnitInfo(const tier1::Unit* unit, JsonObject* out) {
  tier1::UnitInfo info = unit != nullptr ? unit->info() : tier1::UnitInfo{};
  out->Int("instructions", info.bytecodes);
  out->Int("code_bytes", static_cast<int64_t>(info.code_bytes));
  out->Int("hot_bytes", static_cast<int64_t>(info.hot_bytes));
  out->Int("data_bytes", static_cast<int64_t>(info.data_bytes));
  out->Int("compile_ns", info.compile_ns);
  out->Int("settled", info.settled);
  out->Int("entries", static_cast<int64_t>(info.entries));
  out->Int("back_edges", static_cast<int64_t>(info.back_edges));
  out->Int("slow_calls", static_cast<int64_t>(info.slow_calls));
}

std::string InfoJson(const Target& target) {
  Manager& manager = Manager::Get();
  const CodeState* state = manager.attached() ? CodeStates::Get().Find(target.code) : nullptr;
  JsonObject out;
  out.String("name", NameOf(target.code));
  out.Int("tier", manager.IsCompiled(target.func, target.code) ? 1 : 0);
  out.String("state", StateName(state));
  out.String("why_not", manager.WhyNot(target.func, target.code));
  out.Int("calls", state != nullptr ? state->calls : 0);
  AddUnitInfo(UnitOf(target), &out);
  out.Raw("tier2", Tier2Json(UnitOf(target)));
  return out.Text();
}

absl::Status SetModeOfAll(tj_mode mode) {
  Manager& manager = Manager::Get();
  if (mode == TJ_ON) return manager.Enable();
  if (!manager.attached()) return absl::FailedPreconditionError("tierjit is not attached");
  if (mode == TJ_OFF) manager.Disable();
  if (mode == TJ_FLUSH) manager.FlushAll();
  return absl::OkStatus();
}

Mode ModeOf(tj_mode mode) { return mode == TJ_OFF ? Mode::kOff : mode == TJ_ON ? Mode::kOn : Mode::kFlush; }

// A refusal is TJ_EREFUSED whatever Tier 1's status code was; only "not attached" and "no watchers" are of another
// kind.
tj_status ReportCompilation(const absl::Status& status, tj_error** err) {
  if (status.ok()) return TJ_OK;
  bool refused = status.message().substr(0, 3) == "TJ-";
  return Fail(refused ? TJ_EREFUSED : ApiStatus(status), std::string(status.message()), err);
}

}  // namespace
}  // namespace tierjit

using namespace tierjit;

extern "C" {

tj_status tj_error_code(const tj_error* error) { return error != nullptr ? error->code : TJ_OK; }

const char* tj_error_message(const tj_error* error) { return error != nullptr ? error->message.c_str() : ""; }

void tj_error_free(tj_error* error) { delete error; }

void tj_free(void* text) { std::free(text); }

int tj_out_of_memory(void) { return g_no_memory; }

const char* tj_version(void) { return TIERJIT_VERSION; }

int tj_abi_version(void) { return TIERJIT_ABI; }

tj_status tj_attach_abi(int abi, unsigned flags, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] {
    if (abi != TIERJIT_ABI) {
      return Fail(TJ_EABI, absl::StrCat("header of interface ", abi, ", library of interface ", TIERJIT_ABI), err);
    }
    return Report(Manager::Get().Attach((flags & TJ_ATTACH_ENVIRONMENT) != 0), err);
  });
}

void tj_detach(void) {
  Guarded(0, [] { return Manager::Get().Detach(), 0; });
}

const char* tj_why_unavailable(void) {
  Manager& manager = Manager::Get();
  return manager.attached() ? nullptr : manager.unavailable_reason().c_str();
}

tj_status tj_configure(const char* key, const char* value, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] { return Report(SetOption(key, std::string_view(value)), err); });
}

tj_status tj_configure_int(const char* key, int64_t value, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] { return Report(SetOption(key, value), err); });
}

tj_status tj_configure_double(const char* key, double value, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] { return Report(SetOption(key, value), err); });
}

char* tj_get_config(int described) {
  return Guarded(static_cast<char*>(nullptr), [&] { return CopyText(OptionsJson(described != 0)); });
}

tj_status tj_set_mode(void* func, tj_mode mode, tj_scope scope, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] {
    Target target;
    if (mode != TJ_OFF && mode != TJ_ON && mode != TJ_FLUSH) return Fail(TJ_EVALUE, "no such mode", err);
    if (absl::Status status = Manager::Get().CheckCaller(); !status.ok()) return Report(status, err);
    if (func == nullptr) return Report(SetModeOfAll(mode), err);
    if (!Resolve(func, &target)) return NoFunction(err);
    return Report(Manager::Get().SetMode(target.func, target.code, ModeOf(mode), scope == TJ_RECURSE), err);
  });
}

int tj_is_enabled(void) { return Manager::Get().enabled(); }

int tj_pause(int delta) { return Manager::Get().Pause(delta); }

tj_status tj_compile(void* func, int tier, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] {
    Target target;
    if (absl::Status status = Manager::Get().CheckCaller(); !status.ok()) return Report(status, err);
    if (!Resolve(func, &target)) return NoFunction(err);
    if (tier != 0 && tier != 1) {
      return Fail(TJ_EVALUE, absl::StrCat("there is no tier ", tier, " in this version"), err);
    }
    return ReportCompilation(Manager::Get().CompileNow(target.func, target.code), err);
  });
}

int tj_is_compiled(void* func) {
  Target target;
  if (!Resolve(func, &target)) return -1;
  return Manager::Get().IsCompiled(target.func, target.code) ? 1 : 0;
}

char* tj_why_not(void* func) {
  return Guarded(static_cast<char*>(nullptr), [&]() -> char* {
    Target target;
    if (!Resolve(func, &target)) return CopyText("not a Python function, method or code object");
    std::string reason = Manager::Get().WhyNot(target.func, target.code);
    return reason.empty() ? nullptr : CopyText(reason);
  });
}

char* tj_info_json(void* func) {
  return Guarded(static_cast<char*>(nullptr), [&]() -> char* {
    Target target;
    return Resolve(func, &target) ? CopyText(InfoJson(target)) : nullptr;
  });
}

char* tj_dump(void* func) {
  return Guarded(static_cast<char*>(nullptr), [&]() -> char* {
    Target target;
    const tier1::Unit* unit = Resolve(func, &target) ? UnitOf(target) : nullptr;
    return unit != nullptr ? CopyText(unit->Dump()) : nullptr;
  });
}

char* tj_dump_tier2(void* func, const char* what) {
  return Guarded(static_cast<char*>(nullptr), [&]() -> char* {
    Target target;
    const tier1::Unit* unit = Resolve(func, &target) ? UnitOf(target) : nullptr;
    std::string text = unit != nullptr ? Tier2Text(unit, what) : "";
    return text.empty() ? nullptr : CopyText(text);
  });
}

tj_status tj_machine_code(void* func, const void** begin, size_t* size, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] {
    Target target;
    if (!Resolve(func, &target)) return NoFunction(err);
    const tier1::Unit* unit = UnitOf(target);
    if (unit == nullptr) return Fail(TJ_ESTATE, "not compiled", err);
    auto [address, bytes] = unit->machine_code();
    *begin = address;
    *size = bytes;
    return TJ_OK;
  });
}

tj_status tj_tier2_code(void* func, int index, const void** begin, size_t* size, tj_error** err) {
  return Guarded(TJ_EINTERNAL, [&] {
    Target target;
    if (!Resolve(func, &target)) return NoFunction(err);
    auto [address, bytes] = Tier2Code(UnitOf(target), index);
    if (address == nullptr) return Fail(TJ_ESTATE, absl::StrCat("no optimised code ", index), err);
    *begin = address;
    *size = bytes;
    return TJ_OK;
  });
}

int64_t tj_counter(const char* name) {
  int64_t value = -1;
  return Guarded(int64_t{-1}, [&] { return FindCounter(name, &value) ? value : int64_t{-1}; });
}

char* tj_slow_sites(int limit) {
  return Guarded(static_cast<char*>(nullptr), [&] { return CopyText(tier1::SlowSites(limit)); });
}

char* tj_stats_json(int reset) {
  return Guarded(static_cast<char*>(nullptr), [&] {
    char* text = CopyText(StatsJson(Manager::Get().loop_door().status()));
    if (reset) ResetStats();
    return text;
  });
}

}  // extern "C"
