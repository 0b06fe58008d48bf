#include "lib/loop_door.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/manager.h"
#include "lib/policy.h"
#include "lib/stats.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/cpython/suspension.h"
#include "runtime/deopt/unwind.h"
#include "runtime/helpers/op.h"

namespace tierjit {

PyObject* OnJump(PyObject* self, PyObject* const* args, Py_ssize_t count);
PyObject* OnResume(PyObject* self, PyObject* const* args, Py_ssize_t count);

namespace {

constexpr int kToolId = 5;  // PEP 669: the optimiser's

PyMethodDef kOnJumpDef = {
    "tierjit_loop_door", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&OnJump)), METH_FASTCALL, nullptr};

PyMethodDef kOnResumeDef = {
    "tierjit_resume_door", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(&OnResume)), METH_FASTCALL, nullptr};

// While it lives, the thread is as if no monitoring callback were running: events of other tools are delivered again.
class OutsideCallback {
 public:
  explicit OutsideCallback(PyThreadState* ts) : ts_(ts), what_event_(ts->what_event) {
    ts_->what_event = -1;
    PyThreadState_LeaveTracing(ts_);
  }
  ~OutsideCallback() {
    PyThreadState_EnterTracing(ts_);
    ts_->what_event = what_event_;
  }
  OutsideCallback(const OutsideCallback&) = delete;
  OutsideCallback& operator=(const OutsideCallback&) = delete;

 private:
  PyThreadState* ts_;
  int what_event_;
};

int32_t UnitOf(const _PyInterpreterFrame* frame, PyCodeObject* code) {
  return static_cast<int32_t>(frame->instr_ptr - _PyCode_CODE(code));
}

bool AboutToReturn(const _PyInterpreterFrame* frame) {
  uint8_t opcode = BaseOpcode(frame->instr_ptr->op.code);
  return opcode == RETURN_VALUE || opcode == RETURN_CONST || opcode == YIELD_VALUE;
}

// What the interpreter enters by itself although it is compiled: the specialised constructor runs __init__, and loops resume generators.
// Delegation has its own ways. Short code is run as soon as its entry is told of.
bool MayBeEnteredUnseen(PyCodeObject* code) {
  constexpr Py_ssize_t kUnitsWorthAnEvent = 100;
  if (Py_SIZE(code) < kUnitsWorthAnEvent) return false;
  if (!Suspends(code)) return PyUnicode_EqualToUTF8(code->co_name, "__init__");
  auto decoded = DecodedCode::Decode(code);
  if (!decoded.ok() || (code->co_flags & kSuspends) != CO_GENERATOR) return false;
  const auto& list = decoded->instructions();
  return std::none_of(list.begin(), list.end(), [](const Instruction& in) { return in.opcode == SEND; });
}

bool SameHandler(PyCodeObject* code, int32_t a, int32_t b) {
  ExceptionRange of_a, of_b;
  bool has_a = FindHandler(code, a, &of_a), has_b = FindHandler(code, b, &of_b);
  if (has_a != has_b) return false;
  return !has_a || (of_a.target == of_b.target && of_a.depth == of_b.depth && of_a.push_lasti == of_b.push_lasti);
}

// Code unit of a RERAISE that no handler protects and that takes at most the place of the error from the stack; -1 if
// there is none. Where something is protected at all the compiler emits one behind the outermost handler.
int32_t UnprotectedReraise(PyCodeObject* code, int* oparg) {
  auto decoded = OutOfMemoryAsStatus([&] { return DecodedCode::Decode(code); });
  if (!decoded.ok()) return -1;
  ExceptionRange range;
  for (const Instruction& instruction : decoded->instructions()) {
    if (instruction.opcode != RERAISE || instruction.oparg > 1 || FindHandler(code, instruction.op, &range)) continue;
    *oparg = instruction.oparg;
    return instruction.offset;
  }
  return -1;
}

void Push(_PyInterpreterFrame* frame, PyObject* owned) { frame->localsplus[frame->stacktop++] = owned; }

// The exception has a traceback entry and no handler, and the stack is empty: lets the interpreter raise it at a place
// without handler. False when there is no such place; then the exception stays set.
bool RaiseUnhandled(_PyInterpreterFrame* frame, PyCodeObject* code) {
  int oparg = 0;
  int32_t reraise = UnprotectedReraise(code, &oparg);
  if (reraise < 0) return false;
  PyObject* exception = PyErr_GetRaisedException();
  if (oparg == 1) {
    PyObject* lasti = PyLong_FromLong(UnitOf(frame, code));
    if (lasti == nullptr) {
      Py_DECREF(exception);  // the MemoryError takes its place
      return false;
    }
    Push(frame, lasti);
  }
  Push(frame, exception);
  frame->instr_ptr = _PyCode_CODE(code) + reraise;
  return true;
}

// An exception is set that belongs to frame->instr_ptr, but the interpreter would look for its handler at `target`,
// where the jump that called us goes. True when the frame now stands where the exception is dealt with, false when the
// interpreter can do it.
bool Redirect(PyThreadState* ts, _PyInterpreterFrame* frame, PyCodeObject* code, int32_t target) {
  if (!OpLeave::without_traceback && SameHandler(code, UnitOf(frame, code), target)) return false;
  int32_t handler = 0;
  PyObject** sp = nullptr;
  if (!UnwindToHandler(ts, frame, &handler, &sp)) return RaiseUnhandled(frame, code);
  frame->stacktop = static_cast<int>(sp - frame->localsplus);
  frame->instr_ptr = _PyCode_CODE(code) + handler;
  return true;
}

}  // namespace

PyObject* OnJump(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  LoopDoor& door = Manager::Get().loop_door();
  PyThreadState* ts = PyThreadState_GetUnchecked();
  _PyInterpreterFrame* frame = ts->current_frame;
  if (count != 3 || !door.open() || frame == nullptr || frame->f_executable != args[0]) Py_RETURN_NONE;
  long from = PyLong_AsLong(args[1]), to = PyLong_AsLong(args[2]);
  if (to >= from) return door.Disable();  // not a loop
  constexpr long kUnit = sizeof(_Py_CODEUNIT);
  auto target = static_cast<int32_t>(to / kUnit);
  return door.EnterIfPossible(ts, frame, reinterpret_cast<PyCodeObject*>(args[0]), {target, target, static_cast<int32_t>((from - to) / kUnit)});
}

PyObject* OnResume(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  LoopDoor& door = Manager::Get().loop_door();
  PyThreadState* ts = PyThreadState_GetUnchecked();
  _PyInterpreterFrame* frame = ts->current_frame;
  if (count != 2 || !door.open() || frame == nullptr || frame->f_executable != args[0]) Py_RETURN_NONE;
  auto resume = static_cast<int32_t>(PyLong_AsLong(args[1]) / static_cast<long>(sizeof(_Py_CODEUNIT)));
  return door.EnterIfPossible(ts, frame, reinterpret_cast<PyCodeObject*>(args[0]), {resume + 1, resume, 0});
}

LoopDoor::LoopDoor(Manager* manager)
    : manager_(manager), sampler_([](PyThreadState* ts) { return Manager::Get().loop_door().OfferSampled(ts); }) {}

bool LoopDoor::Admits(CodeState* state) {
  if (!manager_->enabled() || state == nullptr || state->off) return false;
  if (state->loop_entries >= kMaxLoopEntries) return false;
  return state->unit != nullptr || (state->phase != Phase::kRefused && manager_->CompileState(state).ok());
}

// Functions that are found running have run for a while; bodies have just begun, and what the interpreter enters by itself counts as called.
bool LoopDoor::IsWorthwhile(CodeState* state, int32_t units) {
  if (state == nullptr || policy().tier1_threshold <= 1) return true;
  if (IsFunctionCode(state->code)) return units > 0 || state->unit != nullptr || IsHot(++state->calls, LooksForLoop(state));
  state->loop_work += units;
  state->fresh_work += units;
  if (state->fresh_work < kWorkToEnter) return false;
  return state->unit != nullptr || state->loop_work >= kWorkToCompile + kWorkPerUnit * Py_SIZE(state->code);
}

PyObject* LoopDoor::EnterIfPossible(PyThreadState* ts, _PyInterpreterFrame* frame, PyCodeObject* code, const Way& way) {
  return UnlessOutOfMemory(Py_None, [&] { return Enter(ts, frame, code, way); });
}

PyObject* LoopDoor::Enter(PyThreadState* ts, _PyInterpreterFrame* frame, PyCodeObject* code, const Way& way) {
  if (tier1::OthersListen(code) || manager_->paused()) Py_RETURN_NONE;
  CodeState* state = CodeStates::Get().Find(code);
  if (!IsWorthwhile(state, way.units)) Py_RETURN_NONE;
  if (!Admits(state)) return Disable();
  ++stats().loop_entries;
  if (LogEnabled("door")) Log("door", absl::StrCat(NameOf(code), ": entered at line ", PyCode_Addr2Line(code, way.target * 2)));
  bool resumed = RunNatively(ts, frame, state, way);
  if (resumed && !AboutToReturn(frame) && ++state->loop_entries < kMaxLoopEntries) Offer(code);
  if (!resumed) return nullptr;
  Py_RETURN_NONE;
}

// Calls enter functions by their entry from now on, while bodies that run again come through this door. False when an exception is to be
// raised by the interpreter.
bool LoopDoor::RunNatively(PyThreadState* ts, _PyInterpreterFrame* frame, CodeState* state, const Way& way) {
  PyCodeObject* code = state->code;
  if (IsFunctionCode(code) && way.units > 0) {
    SetEvents(code, 0);
    state->door_open = false;
  }
  OutsideCallback outside(ts);
  frame->instr_ptr = _PyCode_CODE(code) + way.target;
  return tier1::RunLoop(ts, frame, state->unit, way.target) == 0 || Redirect(ts, frame, code, way.handled);
}

// 0 if there is no such event.
int LoopDoor::FindEvent(PyObject* events, const char* name) {
  PyObject* event = events != nullptr ? PyObject_GetAttrString(events, name) : nullptr;
  int bit = event != nullptr ? static_cast<int>(PyLong_AsLong(event)) : 0;
  Py_XDECREF(event);
  return bit;
}

absl::Status LoopDoor::Claim() {
  monitoring_ = Py_XNewRef(PySys_GetObject("monitoring"));
  PyObject* events = monitoring_ ? PyObject_GetAttrString(monitoring_, "events") : nullptr;
  jump_event_ = FindEvent(events, "JUMP");
  start_event_ = FindEvent(events, "PY_START");
  resume_event_ = FindEvent(events, "PY_RESUME");
  Py_XDECREF(events);
  bool known = jump_event_ > 0 && start_event_ > 0 && resume_event_ > 0;
  disable_ = known ? PyObject_GetAttrString(monitoring_, "DISABLE") : nullptr;
  if (disable_ == nullptr) return absl::UnavailableError("sys.monitoring is not as expected");
  PyObject* used = PyObject_CallMethod(monitoring_, "use_tool_id", "is", kToolId, "tierjit");
  if (used == nullptr) return absl::UnavailableError("another tool uses sys.monitoring's tool id 5");
  Py_DECREF(used);
  bool registered = RegisterCallback(jump_event_, &kOnJumpDef) && RegisterCallback(start_event_, &kOnResumeDef) &&
                    RegisterCallback(resume_event_, &kOnResumeDef);
  return registered ? absl::OkStatus() : absl::UnavailableError("sys.monitoring does not take a callback");
}

// NULL: none.
bool LoopDoor::RegisterCallback(int event, PyMethodDef* callback) {
  PyObject* function = callback != nullptr ? PyCFunction_New(callback, nullptr) : Py_NewRef(Py_None);
  PyObject* old = function == nullptr ? nullptr : PyObject_CallMethod(monitoring_, "register_callback", "iiO", kToolId, event, function);
  Py_XDECREF(function);
  Py_XDECREF(old);
  return old != nullptr;
}

void LoopDoor::DropReferences() {
  Py_CLEAR(disable_);
  Py_CLEAR(monitoring_);
}

void LoopDoor::Open() {
  if (open()) return;
  KeepException keep;
  absl::Status claimed = Claim();
  status_ = claimed.ok() ? "on" : std::string(claimed.message());
  PyErr_Clear();
  if (claimed.ok()) {
    tier1::SetOwnTool(kToolId);
    OfferRunningFrames();
    sampler_.Start(policy().sample_ms * 1'000'000);
  } else {
    DropReferences();
    Log("door", status_);
  }
}

void LoopDoor::Close() {
  status_ = "off";
  sampler_.Stop();
  if (!open()) return;
  KeepException keep;
  WithdrawEvents();
  tier1::SetOwnTool(-1);
  for (int event : {jump_event_, start_event_, resume_event_}) RegisterCallback(event, nullptr);
  Py_XDECREF(PyObject_CallMethod(monitoring_, "free_tool_id", "i", kToolId));
  PyErr_Clear();
  DropReferences();
}

void LoopDoor::WithdrawEvents() {
  CodeStates::Get().ForEach([this](CodeState* state) {
    if (state->door_open) SetEvents(state->code, 0);
    state->door_open = false;
  });
  offered_ = false;
}

void LoopDoor::MakeWayForTracer() {
  if (!open() || !offered_) return;
  KeepException keep;
  WithdrawEvents();
}

void LoopDoor::End() {
  Close();
  sampler_.End();
}

bool LoopDoor::SetEvents(PyCodeObject* code, int events) {
  PyObject* done = PyObject_CallMethod(monitoring_, "set_local_events", "iOi", kToolId, code, events);
  Py_XDECREF(done);
  if (done == nullptr) PyErr_Clear();
  return done != nullptr;
}

// By what tools want now: what the code's own instructions have may be out of date until it runs.
bool LoopDoor::MayOffer(const PyCodeObject* code) const {
  if (!open()) return false;
  const _Py_GlobalMonitors& global = PyInterpreterState_Get()->monitors;
  auto by_others = [](uint8_t tools) { return (tools & ~(1u << kToolId)) != 0; };
  if (std::any_of(std::begin(global.tools), std::end(global.tools), by_others)) return false;
  if (code->_co_monitoring == nullptr) return true;
  const _Py_LocalMonitors& local = code->_co_monitoring->local_monitors;
  return std::none_of(std::begin(local.tools), std::end(local.tools), by_others);
}

bool LoopDoor::Offer(PyCodeObject* code) {
  // Loops with a yield would leave at once; these are entered where they are resumed.
  if (!MayOffer(code) || Suspends(code)) return false;
  CodeState* state = CodeStates::Get().FindOrCreate(code);
  state->fresh_work = 0;
  if (state->door_open || !LooksForLoop(state) || state->off || state->phase == Phase::kRefused) return false;
  KeepException keep;
  if (state->loop_entries >= kMaxLoopEntries || (IsFunctionCode(code) && !manager_->CanCompile(state).ok())) return false;
  state->door_open = SetEvents(code, jump_event_);
  offered_ |= state->door_open;
  return state->door_open;
}

bool LoopDoor::OfferStart(PyCodeObject* code) {
  if (!MayOffer(code) || !IsFunctionCode(code) || !MayBeEnteredUnseen(code)) return false;
  CodeState* state = CodeStates::Get().FindOrCreate(code);
  if (state->door_open || state->off || state->phase == Phase::kRefused) return false;
  KeepException keep;
  if (state->loop_entries >= kMaxLoopEntries || !manager_->CanCompile(state).ok()) return false;
  state->door_open = SetEvents(code, start_event_ | resume_event_);
  offered_ |= state->door_open;
  return state->door_open;
}

// No frame tells whether the interpreter or compiled code runs it. Where it is compiled code, the events do no harm: compiled code does
// not look at them, and an activation that leaves for the interpreter comes back by them.
bool LoopDoor::OfferSampled(PyThreadState* ts) {
  constexpr int kFrames = 16;
  if (manager_->paused()) return false;
  std::vector<PyCodeObject*> codes;
  for (_PyInterpreterFrame* frame = ts->current_frame; frame != nullptr && codes.size() < kFrames; frame = frame->previous) {
    if (PyCode_Check(frame->f_executable)) codes.push_back(reinterpret_cast<PyCodeObject*>(frame->f_executable));
  }
  bool found = false;
  for (PyCodeObject* code : codes) found |= Offer(code);
  return found;
}

void LoopDoor::OfferRunningFrames() {
  std::vector<PyCodeObject*> codes;  // kept alive by their frames
  PyThreadState* ts = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
  for (; ts != nullptr; ts = PyThreadState_Next(ts)) {
    for (_PyInterpreterFrame* frame = ts->current_frame; frame != nullptr; frame = frame->previous) {
      if (PyCode_Check(frame->f_executable)) codes.push_back(reinterpret_cast<PyCodeObject*>(frame->f_executable));
    }
  }
  for (PyCodeObject* code : codes) Offer(code);
}

}  // namespace tierjit
