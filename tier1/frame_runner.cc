// Frames of optimised code that leaves: made here, and run to their end in Tier 1.
#include <algorithm>
#include <vector>

#include "tier1/slow_path.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

extern "C" PyObject* tj_enter_block(PyObject** lp, Rt* rt, PyThreadState* ts, const void* entry);
extern "C" PyObject* tj_after_call(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site);

namespace {

_PyInterpreterFrame* Push(PyThreadState* ts, PyFunctionObject* function, PyCodeObject* code) {
  // Any arguments that fit: a frame is pushed by the interpreter's own function only.
  std::vector<PyObject*> none(static_cast<size_t>(code->co_argcount), Py_None);
  Py_INCREF(function);
  _PyInterpreterFrame* frame = _PyEvalFramePushAndInit(ts, function, nullptr, none.data(), none.size(), nullptr);
  if (frame == nullptr) Py_FatalError("tierjit: no memory to leave optimised code");
  frame->stacktop = -1;
  std::fill_n(frame->localsplus, code->co_nlocalsplus + code->co_stacksize, nullptr);
  frame->previous = ts->current_frame;
  ts->current_frame = frame;
  ts->py_recursion_remaining--;
  // As LinkFrame() has it: the first frame of a chunk has a frame object.
  if (reinterpret_cast<PyObject**>(frame) == &ts->datastack_chunk->data[0] && PyEval_GetFrame() == nullptr) {
    Py_FatalError("tierjit: no memory to leave optimised code");
  }
  return frame;
}

PyObject* Run(PyThreadState* ts, const void* address) {
  ts->c_recursion_remaining -= kCStackUnits;
  PyObject* result = tj_enter_block(ts->current_frame->localsplus, &tj_rt, ts, address);
  ts->c_recursion_remaining += kCStackUnits;
  return result;
}

const void* AfterCall(PyThreadState* ts, const ExitFrame& frame, PyObject* result) {
  Site site{};
  site.unit = static_cast<UnitImpl*>(static_cast<Unit*>(frame.unit))->header();
  site.depth = static_cast<uint16_t>(frame.depth);
  site.next = frame.next;
  PyObject** lp = ts->current_frame->localsplus;
  if (tj_after_call(lp, result, ts, &site) == nullptr) return ThunkAddress("exit");
  StackBase(lp, &site)[site.depth] = result;
  return frame.address;
}

bool HaveStack(uintptr_t* low) {
  bool room = HaveStackRoom();
  *low = tj_rt.stack_low;
  return room;
}

}  // namespace

FrameRunner GetFrameRunner() { return {Push, Run, AfterCall, HaveStack}; }

}  // namespace tierjit::tier1
