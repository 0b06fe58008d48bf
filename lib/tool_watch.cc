#include "lib/tool_watch.h"

#include "lib/code_state.h"
#include "lib/manager.h"
#include "runtime/watch/builtin_calls.h"

namespace tierjit {
namespace {

bool g_started = false;

// sys.monitoring.set_local_events(tool_id, code, event_set). The unit may be running even if calls no longer enter it.
void AfterSetLocalEvents(PyObject* const* args, Py_ssize_t count) {
  if (count < 2 || !PyCode_Check(args[1])) return;
  CodeState* state = CodeStates::Get().Find(reinterpret_cast<PyCodeObject*>(args[1]));
  if (state != nullptr && state->owned != nullptr) state->owned->RequireCheck();
}

void AfterTracemalloc(PyObject* const* args, Py_ssize_t count) { tier1::FollowTracer(); }

// sys.settrace() and its sister for all threads. Where a code object has local events of any tool, the interpreter leaves out the opcode
// events that a tracer asks for, which debuggers stop at.
void AfterSetTrace(PyObject* const* args, Py_ssize_t count) { Manager::Get().loop_door().MakeWayForTracer(); }

// `holder` is a new reference, or NULL.
absl::Status Watch(PyObject* holder, const char* name, AfterBuiltin after) {
  PyObject* function = holder != nullptr ? PyObject_GetAttrString(holder, name) : nullptr;
  Py_XDECREF(holder);
  if (function == nullptr) {
    PyErr_Clear();
    return absl::UnavailableError(name);
  }
  absl::Status watched = WatchBuiltin(function, after);
  Py_DECREF(function);
  return watched;
}

absl::Status WatchAll() {
  absl::Status watched = Watch(Py_XNewRef(PySys_GetObject("monitoring")), "set_local_events", &AfterSetLocalEvents);
  if (watched.ok()) watched = Watch(PyImport_ImportModule("_tracemalloc"), "start", &AfterTracemalloc);
  if (watched.ok()) watched = Watch(PyImport_ImportModule("_tracemalloc"), "stop", &AfterTracemalloc);
  for (const char* name : {"settrace", "_settraceallthreads"}) {
    if (watched.ok()) watched = Watch(PyImport_ImportModule("sys"), name, &AfterSetTrace);
  }
  return watched;
}

}  // namespace

absl::Status StartToolWatch() {
  if (g_started) return absl::OkStatus();
  KeepException keep;
  g_started = WatchAll().ok();
  if (g_started) return absl::OkStatus();
  UnwatchBuiltins();
  return absl::UnavailableError("another tool has replaced functions of sys, sys.monitoring or tracemalloc");
}

void StopToolWatch() {
  if (g_started) UnwatchBuiltins();
  g_started = false;
}

}  // namespace tierjit
