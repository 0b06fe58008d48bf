#include "lib/function_hooks.h"

#include <dlfcn.h>

#include <utility>

#include "runtime/base/out_of_memory.h"
#include "runtime/watch/watchers.h"
#include "tier1/compiler.h"

namespace tierjit {
namespace {

PyObject* CountingEntry(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* func = reinterpret_cast<PyFunctionObject*>(callable);
  FunctionHooks& hooks = FunctionHooks::Get();
  bool count = hooks.client() != nullptr && !hooks.TakeCounted(func);
  vectorcallfunc entry = count ? hooks.Count(func) : hooks.default_entry();
  if (entry == hooks.default_entry()) return tier1::CallInterpreted(callable, args, nargsf, kwnames);
  return entry(callable, args, nargsf, kwnames);
}

void OnFunctionEvent(PyFunction_WatchEvent event, PyFunctionObject* func, PyObject* new_value) {
  FunctionHooks& hooks = FunctionHooks::Get();
  if (event == PyFunction_EVENT_CREATE) {
    if (hooks.HasDefault(func)) hooks.client()->OnNewFunction(func);
    return;
  }
  if (event == PyFunction_EVENT_DESTROY || hooks.HasDefault(func)) return;
  CodeState* state = CodeStates::Get().Find(CodeOf(func));
  if (!hooks.IsHooked(func, state)) return;
  if (event == PyFunction_EVENT_MODIFY_CODE) {
    hooks.client()->OnNewCode(func, reinterpret_cast<PyCodeObject*>(new_value));
  } else if (state != nullptr) {
    state->version_lost = true;  // the interpreter gives functions with changed defaults version 0
  }
}

void OnCodeEvent(PyCodeEvent event, PyCodeObject* code) {
  if (event != PY_CODE_EVENT_DESTROY) return;
  if (CodeState* state = CodeStates::Get().Find(code)) CodeStates::Get().OnCodeDeath(state);
}

// Whether two addresses belong to the same loaded image.
bool SameImage(const void* a, const void* b) {
  Dl_info of_a, of_b;
  return dladdr(a, &of_a) != 0 && dladdr(b, &of_b) != 0 && of_a.dli_fbase == of_b.dli_fbase;
}

// The entry of a function object made for the purpose; NULL on failure.
vectorcallfunc EntryOfFreshFunction() {
  PyCodeObject* code = PyCode_NewEmpty("tierjit", "probe", 1);
  PyObject* globals = PyDict_New();
  PyObject* func = code && globals ? PyFunction_New(reinterpret_cast<PyObject*>(code), globals) : nullptr;
  vectorcallfunc entry = func ? reinterpret_cast<PyFunctionObject*>(func)->vectorcall : nullptr;
  Py_XDECREF(func);
  Py_XDECREF(globals);
  Py_XDECREF(reinterpret_cast<PyObject*>(code));
  return entry;
}

using FunctionVisitor = std::function<void(PyFunctionObject*)>;

int VisitObject(PyObject* object, void* visit) {
  const auto& visit_function = *static_cast<const FunctionVisitor*>(visit);
  if (PyFunction_Check(object)) HasMemoryFor([&] { visit_function(reinterpret_cast<PyFunctionObject*>(object)); });
  return 1;  // go on
}

// What gc.freeze() has set aside: early 3.13 releases do not visit it. A second visit does no harm.
void VisitFrozen(const FunctionVisitor& visit) {
  PyGC_Head* frozen = &PyInterpreterState_Get()->gc.permanent_generation.head;
  for (PyGC_Head* gc = _PyGCHead_NEXT(frozen); gc != frozen; gc = _PyGCHead_NEXT(gc)) {
    PyObject* object = _Py_FROM_GC(gc);
    VisitObject(object, const_cast<FunctionVisitor*>(&visit));
  }
}

}  // namespace

FunctionHooks& FunctionHooks::Get() {
  static FunctionHooks& instance = *new FunctionHooks;
  return instance;
}

absl::Status FunctionHooks::CaptureDefault() {
  KeepException keep;
  vectorcallfunc entry = EntryOfFreshFunction();
  if (entry == nullptr) return absl::UnavailableError("cannot create a function object");
  if (!SameImage(reinterpret_cast<void*>(entry), reinterpret_cast<void*>(&PyFunction_New))) {
    return absl::UnavailableError("another tool has replaced the entry of Python functions");
  }
  default_entry_ = entry;
  return absl::OkStatus();
}

absl::Status FunctionHooks::Start(HookClient* client) {
  if (client_ != nullptr) return absl::OkStatus();
  client_ = client;
  absl::Status started = StartWatching({&OnCodeEvent, &OnFunctionEvent, &tier1::OnDictEvent, nullptr});
  if (started.ok()) return started;
  client_ = nullptr;
  return absl::UnavailableError(started.message());
}

void FunctionHooks::Stop() {
  if (client_ != nullptr) StopWatching();
  client_ = nullptr;
}

vectorcallfunc FunctionHooks::Count(PyFunctionObject* func) {
  return UnlessOutOfMemory(default_entry_, [&] { return client_->OnCountedCall(func); });
}

void FunctionHooks::CountAhead(PyFunctionObject* func) {
  if (client_ == nullptr || !IsCounting(func)) return;
  Count(func);
  counted_ = func;
}

bool FunctionHooks::TakeCounted(const PyFunctionObject* func) {
  const PyFunctionObject* counted = std::exchange(counted_, nullptr);
  return counted == func;
}

bool FunctionHooks::IsCounting(const PyFunctionObject* func) const { return func->vectorcall == &CountingEntry; }

bool FunctionHooks::IsHooked(const PyFunctionObject* func, const CodeState* state) const {
  if (IsCounting(func)) return true;
  return state != nullptr && state->owned != nullptr && func->vectorcall == state->owned->vectorcall();
}

// The version is 0 already in a function that is being created, and then a plain store will do.
void FunctionHooks::SetEntry(PyFunctionObject* func, CodeState* state, vectorcallfunc entry) {
  CodeStates::TakeVersion(state);
  if (func->func_version == 0) {
    func->vectorcall = entry;
  } else {
    PyFunction_SetVectorcall(func, entry);
  }
}

void FunctionHooks::HookCounting(PyFunctionObject* func, CodeState* state) { SetEntry(func, state, &CountingEntry); }

bool FunctionHooks::HookUnit(PyFunctionObject* func, CodeState* state) {
  if (!state->unit->Serves(func)) {
    Unhook(func, state);
    return false;
  }
  SetEntry(func, state, state->unit->vectorcall());
  return true;
}

void FunctionHooks::Unhook(PyFunctionObject* func, CodeState* state) {
  if (!IsHooked(func, state)) return;
  PyFunction_SetVectorcall(func, default_entry_);
  if (state != nullptr && state->version_known && !state->version_lost) _PyFunction_SetVersion(func, state->version);
}

void FunctionHooks::ForEachFunction(const std::function<void(PyFunctionObject*)>& visit) {
  PyUnstable_GC_VisitObjects(&VisitObject, const_cast<FunctionVisitor*>(&visit));
  VisitFrozen(visit);
}

}  // namespace tierjit
