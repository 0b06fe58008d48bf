#include "runtime/watch/watchers.h"

#include <cassert>

#include "absl/strings/str_cat.h"
#include "runtime/base/out_of_memory.h"

namespace tierjit {
namespace {

constexpr int kNoId = -1;

struct State {
  WatchCallbacks callbacks{};
  bool started = false;
  int code_id = kNoId, function_id = kNoId, dict_id = kNoId, type_id = kNoId;
};

State& TheState() {  // [GIL]
  static State state;
  return state;
}

// Sets the pending exception aside; one that is raised meanwhile is dropped.
class KeepException {
 public:
  KeepException() : pending_(PyErr_GetRaisedException()) {}
  ~KeepException() { PyErr_SetRaisedException(pending_); }
  KeepException(const KeepException&) = delete;
  KeepException& operator=(const KeepException&) = delete;

 private:
  PyObject* pending_;
};

// Runs a callback. That it raises nothing is its side of the contract, so only debug builds look.
template <typename Callback, typename... Args>
int Forward(Callback callback, Args... args) {
  [[maybe_unused]] const PyObject* pending = PyErr_Occurred();
  if (callback != nullptr) HasMemoryFor([&] { callback(args...); });  // may be null while the watchers are being stopped
  assert(PyErr_Occurred() == pending);
  return 0;
}

int OnCode(PyCodeEvent event, PyCodeObject* code) { return Forward(TheState().callbacks.code_event, event, code); }

int OnFunction(PyFunction_WatchEvent event, PyFunctionObject* function, PyObject* new_value) {
  return Forward(TheState().callbacks.function_event, event, function, new_value);
}

int OnDict(PyDict_WatchEvent event, PyObject* dict, PyObject* key, PyObject* new_value) {
  return Forward(TheState().callbacks.dict_event, event, dict, key, new_value);
}

int OnType(PyTypeObject* type) { return Forward(TheState().callbacks.type_event, type); }

// Registers `callback` when it is `wanted` and stores its id.
template <typename Add, typename Callback>
absl::Status Register(bool wanted, Add add, Callback callback, absl::string_view kind, int* id) {
  if (!wanted) return absl::OkStatus();
  *id = add(callback);
  if (*id >= 0) return absl::OkStatus();
  *id = kNoId;
  return absl::ResourceExhaustedError(
      absl::StrCat("other tools have taken all ", kind, " watcher ids of this interpreter"));
}

// An id that the interpreter no longer knows (it forgets them when it finalises) is no error.
template <typename Clear>
void Unregister(Clear clear, int* id) {
  if (*id != kNoId && clear(*id) < 0) PyErr_Clear();
  *id = kNoId;
}

absl::Status RegisterAll(State& state) {
  const WatchCallbacks& wanted = state.callbacks;
  absl::Status status = Register(wanted.dict_event != nullptr, PyDict_AddWatcher, OnDict, "dict", &state.dict_id);
  if (status.ok()) status = Register(wanted.type_event != nullptr, PyType_AddWatcher, OnType, "type", &state.type_id);
  if (status.ok()) status = Register(wanted.code_event != nullptr, PyCode_AddWatcher, OnCode, "code", &state.code_id);
  if (!status.ok()) return status;
  return Register(wanted.function_event != nullptr, PyFunction_AddWatcher, OnFunction, "function", &state.function_id);
}

void UnregisterAll(State& state) {
  Unregister(PyFunction_ClearWatcher, &state.function_id);
  Unregister(PyCode_ClearWatcher, &state.code_id);
  Unregister(PyType_ClearWatcher, &state.type_id);
  Unregister(PyDict_ClearWatcher, &state.dict_id);
  state = State();
}

}  // namespace

absl::Status StartWatching(const WatchCallbacks& callbacks) {
  State& state = TheState();
  if (state.started) return absl::FailedPreconditionError("watching already");
  KeepException keep;
  state.callbacks = callbacks;
  state.started = true;
  absl::Status status = RegisterAll(state);
  if (!status.ok()) UnregisterAll(state);
  return status;
}

void StopWatching() {
  if (!TheState().started) return;
  KeepException keep;
  UnregisterAll(TheState());
}

bool WatchesFunctionsAlone(const PyInterpreterState* interp) {
  const int id = TheState().function_id;
  return id != kNoId && interp->active_func_watchers == 1 << id;
}

void ReportNewFunction(PyFunctionObject* function) { OnFunction(PyFunction_EVENT_CREATE, function, nullptr); }

bool WatchesDictAlone(const PyDictObject* dict) {
  const int id = TheState().dict_id;
  return id != kNoId && (dict->ma_version_tag & DICT_WATCHER_MASK) == uint64_t{1} << id;
}

absl::Status WatchDict(PyObject* dict) {
  const int id = TheState().dict_id;
  if (id == kNoId) return absl::FailedPreconditionError("no dict watcher is registered");
  if (!PyDict_Check(dict)) return absl::InvalidArgumentError("not a dict");
  KeepException keep;
  if (PyDict_Watch(id, dict) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError("the interpreter has dropped the dict watcher");
}

void UnwatchDict(PyObject* dict) {
  const int id = TheState().dict_id;
  if (id == kNoId) return;
  KeepException keep;
  PyDict_Unwatch(id, dict);
}

absl::Status WatchType(PyTypeObject* type) {
  const int id = TheState().type_id;
  if (id == kNoId) return absl::FailedPreconditionError("no type watcher is registered");
  KeepException keep;
  if (PyType_Watch(id, reinterpret_cast<PyObject*>(type)) < 0) {
    return absl::FailedPreconditionError("the interpreter has dropped the type watcher");
  }
  // Changes of a type without a tag go unreported.
  if (type->tp_version_tag == 0) return absl::FailedPreconditionError("the type gets no version tag");
  return absl::OkStatus();
}

}  // namespace tierjit
