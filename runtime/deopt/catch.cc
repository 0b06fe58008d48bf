// Exceptions that stay within optimised code.
#include <algorithm>

#include "runtime/deopt/exit.h"
#include "runtime/deopt/quiet_death.h"
#include "runtime/deopt/unwind.h"
#include "runtime/helpers/op.h"

namespace tierjit {
namespace {

// The unit may hold an object twice.
constexpr Py_ssize_t kFewReferences = 2;

// Callbacks of tools may raise in their turn.
bool ToolsWantExceptions(PyThreadState* ts) {
  constexpr int kEvents[] = {PY_MONITORING_EVENT_RAISE, PY_MONITORING_EVENT_RERAISE, PY_MONITORING_EVENT_EXCEPTION_HANDLED};
  return std::any_of(std::begin(kEvents), std::end(kEvents), [&](int event) { return ts->interp->monitors.tools[event] != 0; });
}

}  // namespace

extern "C" {

int64_t tj_may_catch(PyThreadState* ts, uintptr_t expected_breaker, int64_t kept, int64_t below) {
  if (ts->eval_breaker != expected_breaker || ToolsWantExceptions(ts)) return 0;
  PyObject** stack = _PyFrame_Stackbase(ts->current_frame);
  for (int64_t i = kept; i < below; i++) {
    if (stack[i] != nullptr && Py_REFCNT(stack[i]) <= kFewReferences && !tj_dies_quietly(stack[i])) return 0;
  }
  return 1;
}

void tj_catch(PyThreadState* ts, int64_t kept, int64_t below) {
  _PyInterpreterFrame* frame = ts->current_frame;
  PyObject** stack = _PyFrame_Stackbase(frame);
  if (kept < below) std::fill(stack + kept, stack + below, nullptr);
  // Operands that the handler finds on its stack (WITH_EXCEPT_START, RERAISE) are the unit's values again, with references of their own.
  for (int64_t i = below; i < kept; i++) Py_XDECREF(stack[i]);
  int32_t handler;
  PyObject** sp;
  if (!UnwindToHandler(ts, frame, &handler, &sp)) Py_FatalError("tierjit: the handler of an exception is gone");
}

}  // extern "C"

}  // namespace tierjit
