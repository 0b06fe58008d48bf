#include "tier1/attention.h"

#include "tier1/compiler.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

void (*g_watch_observer)() = nullptr;

int g_own_tool = -1;

}  // namespace

void SetWatchObserver(void (*observer)()) { g_watch_observer = observer; }

void SetOwnTool(int tool_id) { g_own_tool = tool_id; }

// The fields read are the first of the structure in all 3.13.x.
bool OthersListen(const PyCodeObject* code) {
  if (code->_co_monitoring == nullptr) return false;
  unsigned own = g_own_tool < 0 ? 0 : 1u << g_own_tool;
  for (uint8_t tools : code->_co_monitoring->active_monitors.tools) {
    if ((tools & ~own) != 0) return true;
  }
  return false;
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

}  // namespace tierjit::tier1
