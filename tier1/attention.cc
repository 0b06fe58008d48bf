#include "tier1/attention.h"

#include "tier1/compiler.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

void (*g_watch_observer)() = nullptr;

// The C function behind sys.monitoring.set_local_events, which tells nobody of its calls; NULL if there is none.
PyCFunction FindSetLocalEvents() {
  PyObject* monitoring = PySys_GetObject("monitoring");
  PyObject* set = monitoring == nullptr ? nullptr : PyObject_GetAttrString(monitoring, "set_local_events");
  PyCFunction found = set != nullptr && PyCFunction_CheckExact(set) ? PyCFunction_GET_FUNCTION(set) : nullptr;
  Py_XDECREF(set);
  PyErr_Clear();
  return found;
}

}  // namespace

void SetWatchObserver(void (*observer)()) {
  g_watch_observer = observer;
  if (tj_rt.set_local_events == nullptr) tj_rt.set_local_events = FindSetLocalEvents();
}

bool OthersWatchCalls(PyThreadState* ts) {
  const _Py_GlobalMonitors& monitors = ts->interp->monitors;
  // sys.settrace and sys.setprofile use tools of their own and do not see the difference.
  constexpr uint8_t kTools = (1 << PY_MONITORING_SYS_PROFILE_ID) - 1;
  uint8_t watching = monitors.tools[PY_MONITORING_EVENT_CALL] | monitors.tools[PY_MONITORING_EVENT_RAISE] |
                     monitors.tools[PY_MONITORING_EVENT_PY_UNWIND];
  return ts->interp->eval_frame != nullptr || (watching & kTools) != 0;
}

void NoteWatchers(PyThreadState* ts) {
  if (g_watch_observer != nullptr && OthersWatchCalls(ts)) g_watch_observer();
}

void NoteLocalEvents(PyCodeObject* code) {
  if (UnitHeader* unit = UnitOf(code)) OwnerOf(unit)->RequireCheck();
}

}  // namespace tierjit::tier1
