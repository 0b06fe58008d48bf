#include "runtime/deopt/unwind.h"

#include <cstring>
#include <utility>

#include "runtime/base/out_of_memory.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/helpers/collector_link.h"
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
  absl::StatusOr<DecodedCode> decoded = OutOfMemoryAsStatus([&] { return DecodedCode::Decode(code); });
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

// Whether tools want to know of exceptions at all.
inline bool AnyoneListens(PyThreadState* ts) {
  constexpr int kFirst = PY_MONITORING_EVENT_RAISE, kLast = PY_MONITORING_EVENT_RERAISE;  // neighbours
  uint64_t events;  // up to kLast, a byte each
  static_assert(kLast - kFirst < static_cast<int>(sizeof events));
  std::memcpy(&events, ts->interp->monitors.tools + kLast + 1 - sizeof events, sizeof events);
  return events >> 8 * (sizeof events - (kLast - kFirst + 1)) != 0;
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

// PyTraceBack_Here() in place: no one else has hold of the exception while the entry is made.
void AddTraceback(PyThreadState* ts, _PyInterpreterFrame* frame) {
  if (_PyFrame_IsIncomplete(frame)) return;
  PyFrameObject* object = FrameObjectOf(ts, frame);
  if (object == nullptr) return;
  PyObject* raised = std::exchange(ts->current_exception, nullptr);
  PyTracebackObject* entry = PyObject_GC_New(PyTracebackObject, &PyTraceBack_Type);
  if (entry == nullptr) [[unlikely]] {
    _PyErr_ChainExceptions1(raised);
    return;
  }
  PyObject** top = &reinterpret_cast<PyBaseExceptionObject*>(raised)->traceback;
  entry->tb_next = reinterpret_cast<PyTracebackObject*>(*top);
  entry->tb_frame = reinterpret_cast<PyFrameObject*>(Py_NewRef(object));
  entry->tb_lasti = _PyInterpreterFrame_LASTI(frame) * static_cast<int>(sizeof(_Py_CODEUNIT));
  entry->tb_lineno = -1;  // found when somebody asks
  *top = reinterpret_cast<PyObject*>(entry);
  TrackObject(ts->interp, *top);
  ts->current_exception = raised;
}

// A fresh error: traceback entry and RAISE event.
void Announce(PyThreadState* ts, _PyInterpreterFrame* frame, int32_t unit) {
  if (ts->current_exception == nullptr) {
    _PyErr_SetString(ts, PyExc_SystemError, "error return without exception set");
  }
  AddTraceback(ts, frame);
  if (AnyoneListens(ts)) FireRaise(ts, frame, unit);
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

// Looks for a handler of the code at `unit` and builds its stack. An error on the way starts it anew. `find` tells the range that
// protects a unit, NULL if none does.
template <class Find>
[[gnu::always_inline]] inline const ExceptionRange* EnterHandler(PyThreadState* ts, _PyInterpreterFrame* frame, Find find, int32_t* unit,
                                                                PyObject*** sp) {
  while (const ExceptionRange* range = find(*unit)) {
    *sp = ReleaseDownTo(*sp, _PyFrame_Stackbase(frame) + range->depth);
    if (!PushLasti(frame, *range, sp)) continue;
    if (!AnyoneListens(ts) || FireHandled(ts, CodeOf(frame), range->target)) {
      *(*sp)++ = std::exchange(ts->current_exception, nullptr);
      return range;
    }
    *unit = range->target - 1;  // where the interpreter stands when a callback fails
  }
  return nullptr;
}

template <class Find>
[[gnu::always_inline]] inline const ExceptionRange* Unwind(PyThreadState* ts, _PyInterpreterFrame* frame, Find find, PyObject*** sp) {
  bool reraised = TakeWithoutTraceback();
  int32_t unit = TakeSite(frame, reraised);
  PyObject** top = frame->localsplus + frame->stacktop;
  frame->stacktop = -1;  // what runs below finds a running frame, whose stack nobody reads
  if (!reraised) {
    Announce(ts, frame, unit);
  } else if (AnyoneListens(ts)) {
    FireReraise(ts, CodeOf(frame), unit);
  }
  const ExceptionRange* range = EnterHandler(ts, frame, find, &unit, &top);
  if (range != nullptr) {
    *sp = top;
  } else {
    ReleaseDownTo(top, _PyFrame_Stackbase(frame));
    frame->stacktop = CodeOf(frame)->co_nlocalsplus;
    if (AnyoneListens(ts)) FireUnwind(ts, CodeOf(frame), unit);
  }
  OpLeave::callee_failed = false;
  return range;
}

}  // namespace

bool UnwindToHandler(PyThreadState* ts, _PyInterpreterFrame* frame, int32_t* handler_unit, PyObject*** sp) {
  ExceptionRange of_unit;
  auto find = [&](int32_t unit) { return FindHandler(CodeOf(frame), unit, &of_unit) ? &of_unit : nullptr; };
  const ExceptionRange* range = Unwind(ts, frame, find, sp);
  if (range != nullptr) *handler_unit = range->target;
  return range != nullptr;
}

void UnwindToHandler(PyThreadState* ts, _PyInterpreterFrame* frame, HandlerTable* table, CaughtException* caught) {
  *caught = {};
  auto find = [&](int32_t unit) {
    Handler* untabled = table == nullptr && FindHandler(CodeOf(frame), unit, &caught->untabled.range) ? &caught->untabled : nullptr;
    caught->handler = table == nullptr ? untabled : table->Find(unit);
    return caught->handler == nullptr ? nullptr : &caught->handler->range;
  };
  Unwind(ts, frame, find, &caught->sp);
}

HandlerTable::HandlerTable(PyCodeObject* code) {
  for (const ExceptionRange& range : ExceptionRangesOf(code)) handlers_.push_back({range, nullptr});
}

}  // namespace tierjit
