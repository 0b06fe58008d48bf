// Frames of optimised code that leaves: made here, and run to their end in Tier 1.
#include <algorithm>
#include <vector>

#include "runtime/bytecode/families.h"
#include "runtime/deopt/reserve.h"
#include "tier1/slow_path.h"
#include "tier1/special_methods.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

extern "C" PyObject* tj_enter_block(PyObject** lp, Rt* rt, PyThreadState* ts, const void* entry);
extern "C" PyObject* tj_after_call(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site);
extern "C" PyObject* tj_end_special(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site);

namespace {

_PyInterpreterFrame* Push(PyThreadState* ts, PyFunctionObject* function, PyCodeObject* code) {
  // Any arguments that fit: a frame is pushed by the interpreter's own function only.
  std::vector<PyObject*, SureAllocator<PyObject*>> none(static_cast<size_t>(code->co_argcount), Py_None);
  Py_INCREF(function);
  _PyInterpreterFrame* frame = _PyEvalFramePushAndInit(ts, function, nullptr, none.data(), none.size(), nullptr);
  // Only where the data stack grows: this memory comes from the system.
  if (frame == nullptr) Py_FatalError("tierjit: no memory to leave optimised code");
  frame->stacktop = -1;
  std::fill_n(frame->localsplus, code->co_nlocalsplus + code->co_stacksize, nullptr);
  frame->previous = ts->current_frame;
  ts->current_frame = frame;
  ts->py_recursion_remaining--;
  // As LinkFrame() has it: the first frame of a chunk has a frame object.
  if (reinterpret_cast<PyObject**>(frame) == &ts->datastack_chunk->data[0]) Surely([] { return reinterpret_cast<PyObject*>(PyEval_GetFrame()); });
  return frame;
}

PyObject* Run(PyThreadState* ts, const void* address) {
  ts->c_recursion_remaining -= kCStackUnits;
  PyObject* result = tj_enter_block(ts->current_frame->localsplus, &tj_rt, ts, address);
  ts->c_recursion_remaining += kCStackUnits;
  return result;
}

// The method of an operation has returned.
const void* AfterOperation(PyThreadState* ts, const ExitFrame& frame, PyObject* result, Site* site) {
  PyObject** lp = ts->current_frame->localsplus;
  site->special = SpecialOf(DecisionFor(frame.ending.opcode).handler);
  site->oparg = frame.ending.oparg;
  site->popped = OrderOf(site->special).count;
  ts->current_frame->return_offset = frame.ending.flags;
  result = tj_end_special(lp, result, ts, site);
  if (result == nullptr) return ThunkAddress("exit");
  if (site->special != Special::kStoreSubscript) StackBase(lp, site)[site->depth - site->popped] = result;
  return frame.address;
}

// `__init__` has returned; its instance is on the stack.
PyObject* CheckInitResult(PyObject* result) {
  if (result == nullptr || result == Py_None) return result;
  PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(result)->tp_name);
  Py_DECREF(result);
  return nullptr;
}

const void* AfterCall(PyThreadState* ts, const ExitFrame& frame, PyObject* result) {
  Site site{};
  site.unit = static_cast<UnitImpl*>(static_cast<Unit*>(frame.unit))->header();
  site.depth = static_cast<uint16_t>(frame.depth);
  site.next = frame.next;
  PyObject** lp = ts->current_frame->localsplus;
  if (frame.ending.kind == CallEnding::Kind::kOperation) return AfterOperation(ts, frame, result, &site);
  if (frame.ending.kind == CallEnding::Kind::kNone) {
    // What is on top of the stack is what the call gives.
    PyObject* instance = StackBase(lp, &site)[--site.depth];
    result = CheckInitResult(result);
    if (result != nullptr) result = instance;
    else Py_DECREF(instance);
  }
  if (tj_after_call(lp, result, ts, &site) == nullptr) return ThunkAddress("exit");
  StackBase(lp, &site)[site.depth] = result;
  return frame.address;
}

const void* GoOn(PyThreadState* ts, const ExitDescriptor& exit, const void* address) {
  _PyInterpreterFrame* frame = ts->current_frame;
  PyCodeObject* code = CodeOf(frame);
  uintptr_t version = ts->eval_breaker & ~static_cast<uintptr_t>(_PY_EVAL_EVENTS_MASK);
  if (code->_co_monitoring == nullptr && code->_co_instrumentation_version == version) return address;  // as nearly always
  UnitHeader* unit = UnitOf(code);
  if (unit == nullptr || MayRunNatively(ts, unit)) return address;
  frame->instr_ptr = _PyCode_CODE(code) + (exit.origin >= 0 && exit.frames.empty() ? exit.origin : exit.resume);
  RequestInterpreter(ts, frame, frame->localsplus + code->co_nlocalsplus + exit.depth, exit.resume);
  return ThunkAddress("exit");
}

bool HaveStack(uintptr_t* low) {
  bool room = HaveStackRoom();
  *low = tj_rt.stack_low;
  return room;
}

}  // namespace

FrameRunner GetFrameRunner() { return {Push, Run, AfterCall, GoOn, HaveStack}; }

}  // namespace tierjit::tier1
