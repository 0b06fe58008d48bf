#include "runtime/deopt/unwind.h"

#include <utility>

#include "runtime/bytecode/decoder.h"
#include "runtime/helpers/exception.h"
#include "runtime/helpers/op.h"

namespace tierjit {
namespace {

int32_t UnitOf(const _PyInterpreterFrame* frame, const _Py_CODEUNIT* instruction) {
  return static_cast<int32_t>(instruction - _PyCode_CODE(CodeOf(frame)));
}

// The last unit, caches included, of the instruction at `unit`: tools are told this one, because the interpreter counts
// back from the next instruction. One difference remains: for an exception that comes out of a callee it had inlined,
// the interpreter no longer knows how long the CALL is and tells the unit before it.
int32_t LastUnit(PyCodeObject* code, int32_t unit) {
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(code);
  if (!decoded.ok() || decoded->IndexAt(unit) < 0) return unit;
  return decoded->instructions()[decoded->IndexAt(unit)].next - 1;
}

uint8_t ToolsListening(PyThreadState* ts, PyCodeObject* code, int event) {
  if (ts->tracing != 0 || (code->co_flags & CO_NO_MONITORING_EVENTS)) return 0;
  return ts->interp->monitors.tools[event];
}

// Tells the listening tools about the exception that is set. The interpreter's own functions for this are hidden; those
// of its C API for foreign code objects call the same callbacks with the same arguments. False if one failed: its
// exception is set instead.
using FireFunction = int (*)(PyMonitoringState*, PyObject*, int32_t);
bool Fire(uint8_t tools, FireFunction fire, PyCodeObject* code, int32_t unit) {
  PyMonitoringState state = {tools, 0};
  return fire(&state, reinterpret_cast<PyObject*>(code), unit * static_cast<int32_t>(sizeof(_Py_CODEUNIT))) == 0;
}

// Where an error is reported: the interpreter's position after the instruction, less one; after a Python callee that it had
// entered itself, the unit before the call.
int32_t ReportedUnit(PyCodeObject* code, int32_t unit) { return OpLeave::callee_failed ? unit - 1 : LastUnit(code, unit); }

void FireRaise(PyThreadState* ts, _PyInterpreterFrame* frame, int32_t unit) {
  if (ToolsListening(ts, CodeOf(frame), PY_MONITORING_EVENT_RAISE) == 0) return;
  _PyEval_MonitorRaise(ts, frame, _PyCode_CODE(CodeOf(frame)) + ReportedUnit(CodeOf(frame), unit));
}

void FireReraise(PyThreadState* ts, PyCodeObject* code, int32_t unit) {
  uint8_t tools = ToolsListening(ts, code, PY_MONITORING_EVENT_RERAISE);
  if (tools != 0) Fire(tools, _PyMonitoring_FireReraiseEvent, code, unit);
}

bool FireHandled(PyThreadState* ts, PyCodeObject* code, int32_t handler) {
  // The one event that the interpreter fires even for code that asks for none.
  uint8_t tools = ts->tracing == 0 ? ts->interp->monitors.tools[PY_MONITORING_EVENT_EXCEPTION_HANDLED] : 0;
  return tools == 0 || Fire(tools, _PyMonitoring_FireExceptionHandledEvent, code, handler);
}

void FireUnwind(PyThreadState* ts, PyCodeObject* code, int32_t unit) {
  uint8_t tools = ToolsListening(ts, code, PY_MONITORING_EVENT_PY_UNWIND);
  if (tools != 0) Fire(tools, _PyMonitoring_FirePyUnwindEvent, code, ReportedUnit(code, unit));
}

// The frame object of the current frame; null without memory. PyEval_GetFrame() clears the exception then, so that is
// kept aside.
PyFrameObject* FrameObjectOf(PyThreadState* ts, _PyInterpreterFrame* frame) {
  if (frame->frame_obj != nullptr) return frame->frame_obj;
  PyObject* raised = std::exchange(ts->current_exception, nullptr);
  PyFrameObject* object = PyEval_GetFrame();
  if (object == nullptr) PyErr_Clear();
  ts->current_exception = raised;
  return object;
}

void AddTraceback(PyThreadState* ts, _PyInterpreterFrame* frame) {
  if (_PyFrame_IsIncomplete(frame)) return;
  PyFrameObject* object = FrameObjectOf(ts, frame);
  if (object != nullptr) PyTraceBack_Here(object);
}

// A fresh error: traceback entry and RAISE event.
void Announce(PyThreadState* ts, _PyInterpreterFrame* frame, int32_t unit) {
  if (ts->current_exception == nullptr) {
    _PyErr_SetString(ts, PyExc_SystemError, "error return without exception set");
  }
  AddTraceback(ts, frame);
  FireRaise(ts, frame, unit);
}

// Takes over what op_reraise() left: the code unit to look handlers up at, which after a RERAISE is not instr_ptr's.
int32_t TakeSite(const _PyInterpreterFrame* frame, bool reraised) {
  bool moved = reraised && ReraiseSite::frame == frame;
  const _Py_CODEUNIT* instruction = moved ? ReraiseSite::instruction : frame->instr_ptr;
  ReraiseSite::frame = nullptr;
  return UnitOf(frame, instruction);
}

bool TakeWithoutTraceback() {
  bool value = OpLeave::without_traceback;
  OpLeave::without_traceback = false;
  return value;
}

PyObject** ReleaseDownTo(PyObject** sp, PyObject** bottom) {
  while (sp > bottom) {
    PyObject* value = *--sp;
    Py_XDECREF(value);
  }
  return sp;
}

// Pushes the faulting code unit if the handler wants it; false without memory, with another exception set.
bool PushLasti(const _PyInterpreterFrame* frame, const ExceptionRange& range, PyObject*** sp) {
  if (!range.push_lasti) return true;
  PyObject* lasti = PyLong_FromLong(UnitOf(frame, frame->instr_ptr));
  if (lasti == nullptr) return false;
  *(*sp)++ = lasti;
  return true;
}

// Looks for a handler of the code at `unit` and builds its stack. An error on the way starts it anew.
bool EnterHandler(PyThreadState* ts, _PyInterpreterFrame* frame, int32_t* unit, int32_t* handler, PyObject*** sp) {
  PyCodeObject* code = CodeOf(frame);
  ExceptionRange range;
  while (FindHandler(code, *unit, &range)) {
    *sp = ReleaseDownTo(*sp, _PyFrame_Stackbase(frame) + range.depth);
    if (!PushLasti(frame, range, sp)) continue;
    if (FireHandled(ts, code, range.target)) {
      *(*sp)++ = std::exchange(ts->current_exception, nullptr);
      *handler = range.target;
      return true;
    }
    *unit = range.target - 1;  // where the interpreter stands when a callback fails
  }
  return false;
}

}  // namespace

bool UnwindToHandler(PyThreadState* ts, _PyInterpreterFrame* frame, int32_t* handler_unit, PyObject*** sp) {
  bool reraised = TakeWithoutTraceback();
  int32_t unit = TakeSite(frame, reraised);
  struct ResetAtEnd {
    ~ResetAtEnd() { OpLeave::callee_failed = false; }
  } reset;
  PyObject** top = frame->localsplus + frame->stacktop;
  frame->stacktop = -1;  // what runs below finds a running frame, whose stack nobody reads
  if (reraised) {
    FireReraise(ts, CodeOf(frame), unit);
  } else {
    Announce(ts, frame, unit);
  }
  if (EnterHandler(ts, frame, &unit, handler_unit, &top)) {
    *sp = top;
    return true;
  }
  ReleaseDownTo(top, _PyFrame_Stackbase(frame));
  frame->stacktop = CodeOf(frame)->co_nlocalsplus;
  FireUnwind(ts, CodeOf(frame), unit);
  return false;
}

}  // namespace tierjit
