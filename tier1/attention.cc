#include "tier1/attention.h"

#include "tier1/compiler.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

void (*g_watch_observer)() = nullptr;

int g_own_tool = -1;

// Takes the event of the line that begins at `unit` from `tools`, as the interpreter does when they return DISABLE.
void DisableLine(PyCodeObject* code, int unit, uint8_t tools) {
  _PyCoMonitoringData* data = code->_co_monitoring;
  if (data->line_tools != nullptr && (data->line_tools[unit] &= ~tools) != 0) return;
  _Py_CODEUNIT* instruction = _PyCode_CODE(code) + unit;
  if (instruction->op.code == INSTRUMENTED_LINE) instruction->op.code = data->lines[unit].original_opcode;
}

uint8_t LineTools(PyThreadState* ts, PyCodeObject* code, int unit) {
  const _PyCoMonitoringData* data = code->_co_monitoring;
  if (data->line_tools != nullptr) return data->line_tools[unit];
  return ts->interp->monitors.tools[PY_MONITORING_EVENT_LINE] | data->local_monitors.tools[PY_MONITORING_EVENT_LINE];
}

}  // namespace

bool TellLine(PyThreadState* ts, _PyInterpreterFrame* frame, const _Py_CODEUNIT* from) {
  if (frame->instr_ptr->op.code != INSTRUMENTED_LINE || ts->tracing != 0) return true;
  PyCodeObject* code = CodeOf(frame);
  constexpr int kBytes = sizeof(_Py_CODEUNIT);
  int unit = static_cast<int>(frame->instr_ptr - _PyCode_CODE(code));
  int line = PyCode_Addr2Line(code, unit * kBytes);
  if (line < 0 || line == PyCode_Addr2Line(code, static_cast<int>(from - _PyCode_CODE(code)) * kBytes)) return true;
  uint8_t tools = LineTools(ts, code, unit);
  PyMonitoringState state = {tools, 0};
  int failed = _PyMonitoring_FireLineEvent(&state, reinterpret_cast<PyObject*>(code), unit * kBytes, line);
  if (state.active != tools) DisableLine(code, unit, tools & ~state.active);
  return failed == 0;
}

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
