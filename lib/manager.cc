#include "lib/manager.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/forks.h"
#include "lib/options.h"
#include "lib/policy.h"
#include "lib/promotion.h"
#include "lib/stats.h"
#include "lib/tool_watch.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/cpython/self_check.h"

namespace tierjit {
namespace {

void CollectCodes(PyCodeObject* code, bool recurse, std::vector<PyCodeObject*>* out) {
  if (std::find(out->begin(), out->end(), code) != out->end()) return;
  out->push_back(code);
  if (!recurse) return;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(code->co_consts); ++i) {
    PyObject* constant = PyTuple_GET_ITEM(code->co_consts, i);
    if (PyCode_Check(constant)) CollectCodes(reinterpret_cast<PyCodeObject*>(constant), recurse, out);
  }
}

absl::StatusOr<std::unique_ptr<tier1::Unit>> TimedCompile(PyCodeObject* code) {
  KeepException keep;
  auto start = std::chrono::steady_clock::now();
  auto unit = tier1::Compile(code);
  int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count();
  stats().compile_ns_total += ns;
  stats().compile_ns_max = std::max(stats().compile_ns_max, ns);
  return unit;
}

void NoteCompiled(const CodeState* state) {
  tier1::UnitInfo info = state->owned->info();
  ++stats().compiles;
  stats().compiled_bytecodes += info.bytecodes;
  CodeStates::Get().NoteUnit();
  if (!LogEnabled("compile")) return;
  Log("compile", absl::StrCat(NameOf(state->code), ": ", info.bytecodes, " bytecodes, ", info.code_bytes,
                              " bytes of code, ", info.compile_ns / 1000, " us"));
}

}  // namespace

Manager& Manager::Get() {
  static Manager& instance = *new Manager;  // never destroyed: code of ours may run after static destructors
  return instance;
}

// ---- Life ----

absl::Status Manager::CheckCaller() const {
  if (!Py_IsInitialized() || !PyGILState_Check()) {
    return absl::FailedPreconditionError("needs a running interpreter and a thread that holds its GIL");
  }
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    return absl::UnavailableError("works in the main interpreter only");
  }
  return absl::OkStatus();
}

absl::Status Manager::CheckProcess() const {
  if (absl::Status status = CheckCaller(); !status.ok()) return status;
  if (absl::Status status = CheckInterpreter(); !status.ok()) return status;
  if (_PyInterpreterState_GetEvalFrameFunc(PyInterpreterState_Get()) != &_PyEval_EvalFrameDefault) {
    return absl::UnavailableError("another tool has installed a frame evaluator (PEP 523)");
  }
  return absl::OkStatus();
}

// Once an interpreter life.
absl::Status Manager::PrepareInterpreter() {
  if (interpreter_prepared_) return absl::OkStatus();
  KeepException keep;
  FunctionHooks& hooks = FunctionHooks::Get();
  if (absl::Status status = hooks.CaptureDefault(); !status.ok()) return status;
  CodeStates::Get().Begin();
  auto unit_of = [](PyCodeObject* code) { return CodeStates::Get().UnitOf(code); };
  if (absl::Status status = tier1::Initialise(hooks.default_entry(), unit_of); !status.ok()) return status;
  tier1::SetCallObserver([](PyFunctionObject* func) { FunctionHooks::Get().CountAhead(func); });
  tier1::SetWatchObserver([] { Manager::Get().StandBack(); });
  if (PyUnstable_AtExit(PyInterpreterState_Get(), &Manager::OnInterpreterExit, this) != 0) {
    return absl::UnavailableError("cannot register an exit hook");
  }
  interpreter_prepared_ = true;
  return absl::OkStatus();
}

// What tells us that something changes under compiled code.
absl::Status Manager::StartHooks() {
  absl::Status status = FunctionHooks::Get().Start(this);
  if (status.ok()) status = StartToolWatch();
  if (status.ok()) status = tier1::StartFreeLists();
  return status;
}

void Manager::StopHooks() {
  tier1::StopFreeLists();
  StopToolWatch();
  FunctionHooks::Get().Stop();
}

absl::Status Manager::Unavailable(const absl::Status& status) {
  unavailable_ = std::string(status.message());
  return status;
}

absl::Status Manager::Attach(bool read_environment) {
  if (attached_) return CheckCaller();
  Switch asked = read_environment ? LoadEnvironment() : Switch::kUnset;
  if (asked == Switch::kOff) return Unavailable(absl::UnavailableError("switched off by TIERJIT=0 in the environment"));
  if (absl::Status status = CheckProcess(); !status.ok()) return Unavailable(status);
  if (absl::Status status = PrepareInterpreter(); !status.ok()) return Unavailable(status);
  attached_ = true;
  unavailable_.clear();
  ResetStats();
  Log("life", "attached");
  return asked == Switch::kOn ? Enable() : absl::OkStatus();
}

// The watchers stay as long as there are code objects whose death must be noticed.
void Manager::Detach() {
  if (!attached_) return;
  Disable();
  if (CodeStates::Get().empty()) StopHooks();
  attached_ = false;
  pause_count_ = 0;
  unavailable_ = "not attached";
  Log("life", "detached");
}

// After the program's own exit functions, before modules are torn down. From here on everything is interpreted: modules
// that are being taken apart are no place for compiled code, and watchers go silent later on. Unlike after Detach()
// nothing comes back, as the interpreter ends.
void Manager::OnInterpreterExit(void* self) {
  auto* manager = static_cast<Manager*>(self);
  HasMemoryFor([=] { manager->Detach(); });
  manager->loop_door_.End();
  EndForks();
  manager->StopHooks();
  CodeStates::Get().End();
  tier1::ForgetInterpreter(true);
  manager->interpreter_prepared_ = false;
  HasMemoryFor([=] { manager->unavailable_ = "the interpreter has shut down"; });
}

// ---- The big switch ----

absl::Status Manager::Enable() {
  if (!attached_) return absl::FailedPreconditionError(absl::StrCat("tierjit is not available: ", unavailable_));
  if (enabled_) return absl::OkStatus();
  CodeStates::Get().FreeDeadUnits();
  if (absl::Status status = CheckProcess(); !status.ok()) return status;
  if (absl::Status status = StartHooks(); !status.ok()) return status;
  enabled_ = true;
  StartPromotion();
  stood_back_ = false;
  CodeStates::Get().ForEach([](CodeState* state) {
    if (state->phase == Phase::kCompiled && !state->off) state->unit = state->owned.get();
  });
  FunctionHooks::ForEachFunction([this](PyFunctionObject* func) { HookExisting(func); });
  tier1::HookGenerators();
  if (policy().loop_door) loop_door_.Open();
  OfferStarts();
  Log("life", "enabled");
  return absl::OkStatus();
}

// What was there before. No object may come into being while functions are looked at.
void Manager::OfferStarts() {
  std::vector<PyCodeObject*> codes;
  FunctionHooks::ForEachFunction([&](PyFunctionObject* func) {
    const CodeState* state = CodeStates::Get().Find(CodeOf(func));
    if (!Suspends(CodeOf(func)) || (state != nullptr && state->owned != nullptr)) codes.push_back(CodeOf(func));
  });
  for (PyCodeObject* code : codes) loop_door_.OfferStart(code);
}

void Manager::Disable() {
  if (!attached_) return;
  enabled_ = false;
  tier1::EnterUnitsAtOnce(false);
  StopPromotion();
  loop_door_.Close();
  tier1::UnhookGenerators();
  CodeStates& states = CodeStates::Get();
  FunctionHooks::ForEachFunction(
      [&](PyFunctionObject* func) { FunctionHooks::Get().Unhook(func, states.Find(CodeOf(func))); });
  states.ForEach([](CodeState* state) {
    state->unit = nullptr;
    CodeStates::GiveBackVersion(state);
  });
  states.FreeDeadUnits();
  Log("life", "disabled");
}

void Manager::FlushAll() {
  CodeStates::Get().ForEach([this](CodeState* state) { ApplyMode(state, Mode::kFlush); });
  FunctionHooks::ForEachFunction([this](PyFunctionObject* func) {
    if (CodeState* state = CodeStates::Get().Find(CodeOf(func))) Rehook(func, state);
  });
}

int Manager::Pause(int delta) { return pause_count_ = std::max(0, pause_count_ + delta); }

bool Manager::WantsCounting(const CodeState* state) const {
  if (!enabled_ || stood_back_) return false;
  return policy().count_refused || (!state->off && state->phase != Phase::kRefused);
}

void Manager::StandBack() {
  if (!enabled_ || stood_back_) return;
  KeepException keep;
  stood_back_ = true;
  tier1::EnterUnitsAtOnce(false);
  FunctionHooks::ForEachFunction(
      [](PyFunctionObject* func) { FunctionHooks::Get().Unhook(func, CodeStates::Get().Find(CodeOf(func))); });
  Log("life", "others watch calls: functions are interpreted");
}

void Manager::ComeBack() {
  KeepException keep;
  stood_back_ = false;
  FunctionHooks::ForEachFunction([this](PyFunctionObject* func) { HookExisting(func); });
  Log("life", "nobody watches calls any more");
}

void Manager::HookExisting(PyFunctionObject* func) {
  FunctionHooks& hooks = FunctionHooks::Get();
  if (!hooks.HasDefault(func) || !IsFunctionCode(CodeOf(func))) return;
  CodeState* state = CodeStates::Get().FindOrCreate(CodeOf(func));
  if (func->func_version == 0 && !state->version_taken) state->version_lost = true;
  Rehook(func, state);
}

// Gives `func` the entry that its state asks for.
void Manager::Rehook(PyFunctionObject* func, CodeState* state) {
  FunctionHooks& hooks = FunctionHooks::Get();
  if (!hooks.HasDefault(func) && !hooks.IsHooked(func, state)) return;  // some other tool's
  if (!IsFunctionCode(CodeOf(func))) {
    hooks.Unhook(func, state);  // its unit has loops only
  } else if (state->unit != nullptr && !stood_back_) {
    hooks.HookUnit(func, state);
  } else if (WantsCounting(state)) {
    if (!hooks.IsCounting(func)) ++stats().functions_hooked;
    hooks.HookCounting(func, state);
  } else {
    hooks.Unhook(func, state);
  }
}

// ---- Events ----

vectorcallfunc Manager::OnCountedCall(PyFunctionObject* func) {
  loop_door_.sampler().Resume(PyThreadState_GetUnchecked());
  FunctionHooks& hooks = FunctionHooks::Get();
  if (!stood_back_ && tier1::OthersWatchCalls(PyThreadState_GetUnchecked())) StandBack();
  if (stood_back_) return hooks.default_entry();
  CodeState* state = attached_ ? CodeStates::Get().FindOrCreate(CodeOf(func)) : nullptr;
  if (state == nullptr || (paused() && state->unit == nullptr)) return hooks.default_entry();
  if (state->unit == nullptr) {
    Examine(state);
    ++state->calls;
    bool due = enabled_ && !state->off && state->phase != Phase::kRefused && IsHot(state->calls, state->has_loop);
    bool hopeless = state->calls == 1 && state->phase == Phase::kCold && !CanCompile(state).ok();
    if (hopeless || (due && !CompileState(state).ok()) || state->unit == nullptr) {
      if (!WantsCounting(state)) Rehook(func, state);
      return Forward(state);
    }
  }
  return hooks.HookUnit(func, state) ? state->unit->vectorcall() : Forward(state);
}

vectorcallfunc Manager::Forward(CodeState* state) {
  ++stats().calls_forwarded;
  stats().forwarded_bytecodes += state->instructions;
  return FunctionHooks::Get().default_entry();
}

// MAKE_FUNCTION sets the new function's version to the code's right after this event, so the code's must be 0 by then.
void Manager::OnNewFunction(PyFunctionObject* func) {
  PyCodeObject* code = CodeOf(func);
  if (stood_back_ && !tier1::OthersWatchCalls(PyThreadState_GetUnchecked())) ComeBack();
  if (loop_door_.sampler().parked()) loop_door_.sampler().Resume(PyThreadState_GetUnchecked());
  tier1::EnterUnitsAtOnce(enabled_ && !stood_back_ && !loop_door_.sampler().parked());
  if (!IsFunctionCode(code)) {
    // The body of a module or class, about to run once.
    if (enabled_ && !paused()) loop_door_.Offer(code);
    return;
  }
  CodeStates& states = CodeStates::Get();
  CodeState* state = enabled_ ? states.FindOrCreate(code) : states.Find(code);
  if (state == nullptr) return;
  if (state->unit != nullptr || WantsCounting(state)) Rehook(func, state);
  if (enabled_ && !state->door_open && !Suspends(code)) loop_door_.OfferStart(code);
}

void Manager::OnNewCode(PyFunctionObject* func, PyCodeObject* code) {
  FunctionHooks& hooks = FunctionHooks::Get();
  hooks.Unhook(func, CodeStates::Get().Find(CodeOf(func)));
  if (!enabled_ || stood_back_ || !IsFunctionCode(code)) return;
  CodeState* state = CodeStates::Get().FindOrCreate(code);
  // The counting entry looks at the code of the moment: from the next call on, that is the new one. Its version will be
  // 0.
  PyFunction_SetVectorcall(func, hooks.default_entry());
  state->version_lost = true;
  hooks.HookCounting(func, state);
}

// ---- Compilation ----

absl::Status Manager::CanCompile(CodeState* state) {
  Examine(state);
  if (state->instructions > policy().max_bytecodes) {
    return Refuse(state, absl::UnimplementedError(
                             absl::StrCat("TJ-901: longer than max_bytecodes = ", policy().max_bytecodes)));
  }
  if (!state->has_loop && state->instructions > kMostWithoutLoop) {
    return Refuse(state, absl::UnimplementedError(absl::StrCat("TJ-901: ", state->instructions, " instructions without a loop would run no faster")));
  }
  if (!IsFunctionCode(state->code)) return absl::OkStatus();  // its loops may do
  absl::Status status = tier1::CanCompile(state->code);
  return status.ok() ? status : Refuse(state, status);
}

absl::Status Manager::Refuse(CodeState* state, const absl::Status& status) {
  std::string text = ReasonText(status);
  if (state->phase != Phase::kRefused) {
    ++stats().refusals[ReasonCode(text)];
    if (LogEnabled("refuse")) Log("refuse", absl::StrCat(NameOf(state->code), ": ", text));
  }
  state->phase = Phase::kRefused;
  state->reason = InternReason(text);
  CodeStates::GiveBackVersion(state);
  return absl::Status(status.code(), text);
}

absl::Status Manager::CompileState(CodeState* state) {
  if (state->unit != nullptr) return absl::OkStatus();
  if (state->off) return absl::FailedPreconditionError("TJ-900: switched off by the program (never)");
  CodeStates::Get().FreeDeadUnits();
  if (state->owned == nullptr) {
    if (absl::Status status = CanCompile(state); !status.ok()) return status;
    auto unit = TimedCompile(state->code);
    if (!unit.ok()) return Refuse(state, unit.status());
    state->owned = *std::move(unit);
    NoteCompiled(state);
    if (Suspends(state->code)) loop_door_.OfferStart(state->code);
  }
  state->phase = Phase::kCompiled;
  state->reason = nullptr;
  CodeStates::TakeVersion(state);
  state->unit = state->owned.get();
  return absl::OkStatus();
}

absl::Status Manager::CompileNow(PyFunctionObject* func, PyCodeObject* code) {
  if (!attached_) return absl::FailedPreconditionError(absl::StrCat("tierjit is not available: ", unavailable_));
  if (absl::Status status = StartHooks(); !status.ok()) return status;
  CodeState* state = CodeStates::Get().FindOrCreate(code);
  if (func != nullptr && !IsFunctionCode(code)) return tier1::CanCompile(code);
  if (absl::Status status = CompileState(state); !status.ok()) return status;
  if (func != nullptr) {
    Rehook(func, state);
  } else {
    RehookFunctionsOf({code});
  }
  return absl::OkStatus();
}

// ---- Modes ----

void Manager::ApplyMode(CodeState* state, Mode mode) {
  state->off = mode == Mode::kOff || (mode == Mode::kFlush && state->off);
  state->unit = nullptr;
  state->calls = 0;
  state->loop_entries = 0;
  state->phase = Phase::kCold;
  state->reason = nullptr;
  if (state->off) CodeStates::GiveBackVersion(state);
}

void Manager::RehookFunctionsOf(const std::vector<PyCodeObject*>& codes) {
  FunctionHooks::ForEachFunction([&](PyFunctionObject* func) {
    PyCodeObject* code = CodeOf(func);
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) return;
    if (CodeState* state = CodeStates::Get().Find(code)) Rehook(func, state);
  });
}

absl::Status Manager::SetMode(PyFunctionObject* func, PyCodeObject* code, Mode mode, bool recurse) {
  if (!attached_) return absl::FailedPreconditionError(absl::StrCat("tierjit is not available: ", unavailable_));
  if (absl::Status status = StartHooks(); !status.ok()) return status;
  std::vector<PyCodeObject*> codes;
  CollectCodes(code, recurse, &codes);
  bool was_compiled = false;
  for (PyCodeObject* each : codes) {
    CodeState* state = CodeStates::Get().FindOrCreate(each);
    was_compiled |= state->owned != nullptr;
    ApplyMode(state, mode);
  }
  if (mode == Mode::kOff && !was_compiled && func != nullptr) {
    // The usual case, a decorator on a fresh function: no need to look at all functions. Others of the same code leave
    // their counting entry at their next call.
    Rehook(func, CodeStates::Get().Find(code));
  } else {
    RehookFunctionsOf(codes);
  }
  return absl::OkStatus();
}

// ---- Questions ----

bool Manager::IsCompiled(PyFunctionObject* func, PyCodeObject* code) const {
  const CodeState* state = attached_ ? CodeStates::Get().Find(code) : nullptr;
  if (state == nullptr || state->unit == nullptr) return false;
  return func == nullptr || FunctionHooks::Get().IsHooked(func, state);
}

std::string Manager::WhyNot(PyFunctionObject* func, PyCodeObject* code) const {
  if (!attached_) return absl::StrCat("tierjit is not available: ", unavailable_);
  if (IsCompiled(func, code)) return "";
  const CodeState* state = CodeStates::Get().Find(code);
  if (state != nullptr && state->off) return "TJ-900: switched off by the program (never)";
  if (state != nullptr && state->reason != nullptr) return *state->reason;
  if (!enabled_) return "tierjit is not enabled";
  if (!IsFunctionCode(code)) return "not the code of a function: only its running loops are compiled";
  if (state != nullptr && state->unit != nullptr) return "compiled for functions of the same code with other globals";
  if (paused()) return "compilation is paused";
  return absl::StrCat("not called often enough yet: ", state != nullptr ? state->calls : 0, " of ",
                      policy().tier1_threshold, " calls");
}

}  // namespace tierjit
