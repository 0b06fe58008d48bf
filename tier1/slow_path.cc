#include "tier1/slow_path.h"

#include <pthread.h>

#include "runtime/deopt/unwind.h"
#include "runtime/helpers/handlers.h"
#include "tier1/call_path.h"
#include "tier1/attention.h"
#include "tier1/attr_lookup.h"
#include "tier1/free_lists.h"
#include "tier1/inline_cache.h"
#include "tier1/special_methods.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

extern "C" Rt tj_rt;

namespace {

enum class LeaveKind : uint8_t { kException, kInterpreter };
LeaveKind g_leave = LeaveKind::kException;  // why tj_leave is called next [GIL]
const _Py_CODEUNIT* g_done = nullptr;       // for kInterpreter: the instruction that was the last one

// Operand `index` (0: the lowest one popped, at most 3) wherever it is.
inline PyObject* Operand(PyObject** lp, PyObject* acc, const Site* site, int index) {
  uint8_t at = site->operand[index];
  if (at == kCanonicalOperand) return StackBase(lp, site)[site->depth - site->popped + index];
  const Pending& p = site->pending[at];
  if (p.kind == Kind::kLocal) return lp[p.value];
  if (p.kind == Kind::kConst) return reinterpret_cast<PyObject*>(p.value);
  return p.kind == Kind::kAcc ? acc : nullptr;
}

inline void MakeCanonical(PyObject** lp, PyObject* acc, const Site* site) { MakeCanonicalBelow(site->depth, lp, acc, site); }

inline bool IsBorrowed(const Site* site, int index) {
  uint8_t at = site->operand[index];
  return at != kCanonicalOperand && site->pending[at].kind != Kind::kAcc;
}

bool SimpleDeath(PyObject* o) {
  return Py_REFCNT(o) > 1 || PyLong_CheckExact(o) || PyFloat_CheckExact(o) || PyUnicode_CheckExact(o) || PyBool_Check(o) ||
         o == Py_None;
}

// Quick paths leave the operands alone; here owned ones are released, unless that could run foreign code.
bool ReleaseOperands(PyObject** lp, PyObject* acc, const Site* site) {
  PyObject* owned[4];
  int count = 0;
  for (int index = 0; index < site->popped; index++) {
    if (IsBorrowed(site, index)) continue;
    PyObject* o = Operand(lp, acc, site, index);
    if (!SimpleDeath(o)) return false;
    owned[count++] = o;
  }
  for (int i = 0; i < count; i++) tj_decref(owned[i]);
  return true;
}

// The unit of the frame's code; the function that runs it usually still enters it.
UnitHeader* UnitOfFrame(_PyInterpreterFrame* frame) {
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(frame->f_funcobj);
  UnitHeader* unit = PyFunction_Check(frame->f_funcobj) ? CompiledUnit(function) : nullptr;
  return unit != nullptr && unit->code == CodeOf(frame) ? unit : UnitOf(CodeOf(frame));
}

// Of STORE_FAST_STORE_FAST and STORE_FAST_LOAD_FAST. Returns the stack pointer behind it.
PyObject** DoSecondHalf(PyObject** lp, PyObject** sp, const Instruction& in) {
  PyObject** local = lp + (in.oparg & 15);
  if (in.opcode == STORE_FAST_LOAD_FAST) {
    *sp++ = Py_NewRef(*local);
    return sp;
  }
  PyObject* old = std::exchange(*local, *--sp);
  *sp = nullptr;
  Py_XDECREF(old);
  return sp;
}

// Behind a PlainDeath, when somebody wants something. False: leave.
[[gnu::noinline]] bool GoesOnBehind(PyObject** lp, PyObject* acc, PyThreadState* ts, uint32_t death) {
  if (death & PlainDeath::kLast) return true;
  UnitHeader* unit = UnitOfFrame(FrameOf(lp));
  if (MayRunNatively(ts, unit)) return true;
  PyObject** sp = lp + unit->nlocalsplus + PlainDeath::Depth(death);
  if (death & PlainDeath::kResult) *sp++ = acc;
  Instruction in = ReadInstruction(unit->code, PlainDeath::Unit(death));
  RequestInterpreter(ts, FrameOf(lp), death & PlainDeath::kHalf ? DoSecondHalf(lp, sp, in) : sp, in.next);
  return false;
}

PyObject* Fail() {
  g_leave = LeaveKind::kException;
  return nullptr;
}

// The interpreter looks at pending events after calls; the result is on the stack then.
bool PollEvents(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp) {
  if ((ts->eval_breaker & _PY_EVAL_EVENTS_MASK) == 0 || _Py_HandlePending(ts) == 0) return true;
  OpError(frame, sp);
  return false;
}

// What RESUME and backward jumps look at.
PyObject* CheckEntry(PyObject** lp, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** sp = StackBase(lp, site) + site->depth;
  frame->instr_ptr = PlaceOf(site);
  if (!(site->flags & kNoPolling) && !PollEvents(ts, frame, sp)) return Fail();
  site->unit->entries_given++;
  if (MayRunNatively(ts, site->unit)) return Py_None;
  RequestInterpreter(ts, frame, sp, site->instr);
  return nullptr;
}

// Behind an instruction that may have switched on events.
PyObject* Recheck(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site) {
  if (MayRunNatively(ts, site->unit)) return site->flags & kResultInAcc ? acc : Py_None;
  MakeCanonical(lp, acc, site);
  RequestInterpreter(ts, FrameOf(lp), StackBase(lp, site) + site->depth, site->next);
  return nullptr;
}

// A str that grows in place, or an operation on builtin types; NULL without an exception: not that simple.
PyObject* TryQuick(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site) {
  PyObject* a = Operand(lp, acc, site, 0);
  PyObject* b = site->popped > 1 ? Operand(lp, acc, site, 1) : nullptr;
  if ((site->flags & kAppendLocal) != 0 && IsBorrowed(site, 0) && PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)) {
    // The store that follows puts the result back, so the string may grow in place. Without memory the local is unbound, as in
    // the interpreter.
    PyObject** local = StoredLocal(lp, site);
    PyObject* s = *local;
    *local = nullptr;
    PyUnicode_Append(&s, b);
    if (s != nullptr && !IsBorrowed(site, 1)) Py_DECREF(b);
    return s;
  }
  PyObject* r = site->quick(ts, a, b, site);
  if (r == nullptr) return nullptr;
  if (ReleaseOperands(lp, acc, site)) return r;
  Py_DECREF(r);
  return nullptr;
}

// LOAD_ATTR without foreign code, where the inline cache does not know the owner. NULL: not that simple.
PyObject* TryAttr(PyObject** lp, PyObject* acc, Site* site) {
  PyObject* owner = Operand(lp, acc, site, 0);
  bool owned = !IsBorrowed(site, 0);
  bool method = site->fill == FillMethod;
  FoundAttr found = method ? FindMethod(owner, site) : FoundAttr{FindAttr(owner, site), AttrForm::kPlain};
  if (found.value == nullptr) return nullptr;
  bool moves = found.form == AttrForm::kMethod;
  if (owned && !moves && !SimpleDeath(owner)) {
    Py_DECREF(found.value);
    return nullptr;
  }
  if (method) {
    PyObject** to = StackBase(lp, site) + site->depth - 1;
    to[0] = found.value;
    to[1] = !moves ? nullptr : owned ? owner : Py_NewRef(owner);
  }
  if (owned && !moves) tj_decref(owner);
  return found.value;
}

// Classes from Python code may have methods for it, which slow paths enter.
bool IsOfCType(PyObject* o) {
  return (Py_TYPE(o)->tp_flags & (Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_IMMUTABLETYPE)) != Py_TPFLAGS_HEAPTYPE;
}

// No operand's class can have a Python function for what the site does.
bool AreOfCTypes(PyObject** lp, PyObject* acc, const Site* site) {
  constexpr int kMostOperands = 3;
  for (int i = 0; i < site->popped && i < kMostOperands; i++) {
    PyObject* o = Operand(lp, acc, site, i);
    if (o != nullptr && !IsOfCType(o)) return false;
  }
  return true;
}

// LOAD_ATTR of an object of a C type that looks its attributes up by itself.
PyObject* AskForAttr(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** slot = StackBase(lp, site) + site->depth - 1;
  bool method = site->fill == FillMethod;
  MakeCanonical(lp, acc, site);
  frame->instr_ptr = PlaceOf(site);
  PyObject* owner = *slot;
  PyObject* name = PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg >> 1);
  PyObject* value = nullptr;
  bool unbound = false;
  if (method) {
    unbound = _PyObject_GetMethod(owner, name, &value);
    slot[1] = unbound ? owner : nullptr;
  } else {
    value = PyObject_GetAttr(owner, name);
  }
  *slot = value;
  if (!unbound) tj_decref(owner);
  if (value == nullptr) {
    OpError(frame, slot);
    return Fail();
  }
  if (MayRunNatively(ts, site->unit) && MakePending(lp, site)) return value;
  RequestInterpreter(ts, frame, slot + 1 + method, site->next);
  return nullptr;
}

// Runs the handler on the canonical frame. On success *sp is the new stack pointer (low bit: branch taken).
bool RunHandler(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site, PyObject*** sp) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  if (site->fill != nullptr && site->misses < kMaxFills) {
    site->misses++;
    site->fill(ts, site->popped > 0 ? Operand(lp, acc, site, 0) : nullptr,
               site->popped > 1 ? Operand(lp, acc, site, 1) : nullptr, site);
  }
  MakeCanonical(lp, acc, site);
  frame->instr_ptr = PlaceOf(site);
  *sp = site->handler(ts, frame, StackBase(lp, site) + site->depth, site->oparg);
  return *sp != nullptr;
}

PyObject* RunSlow(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site) {
  if (site->flags & kEntryCheck) return CheckEntry(lp, ts, site);
  if (site->flags & kRecheck) return Recheck(lp, acc, ts, site);
  tj_rt.slow_calls++;
  site->visits++;
  _PyInterpreterFrame* frame = FrameOf(lp);
  if (site->flags & kLeave) {
    RequestInterpreter(ts, frame, StackBase(lp, site) + site->depth, site->instr);
    return nullptr;
  }
  BalanceFreeLists();
  if (site->quick != nullptr) {
    if (PyObject* r = TryQuick(lp, acc, ts, site)) return r;
    if (ts->current_exception != nullptr) {
      frame->instr_ptr = PlaceOf(site);
      MakeCanonical(lp, acc, site);
      OpError(frame, StackBase(lp, site) + site->depth);
      return Fail();
    }
  }
  PyObject** sp;
  if (!RunHandler(lp, acc, ts, site, &sp)) return Fail();
  if (!MayRunNatively(ts, site->unit) || !MakePending(lp, site)) {
    if (site->flags & kNullAbove) *sp++ = nullptr;
    RequestInterpreter(ts, frame, sp, site->next);
    return nullptr;
  }
  return site->flags & kResultInAcc ? sp[-1] : Py_None;
}

Departure RunSlowBranch(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site) {
  tj_rt.slow_calls++;
  site->visits++;
  _PyInterpreterFrame* frame = FrameOf(lp);
  BalanceFreeLists();
  bool test = site->flags & kTestResult;
  bool if_true = site->flags & kJumpIfTrue;
  if (site->quick != nullptr) {
    if (PyObject* r = TryQuick(lp, acc, ts, site)) {
      return {(r == Py_True) == if_true ? site->taken_address : site->next_address, nullptr};
    }
  }
  PyObject** sp;
  if (!RunHandler(lp, acc, ts, site, &sp)) return {Fail(), nullptr};
  bool taken = reinterpret_cast<uintptr_t>(sp) & 1;
  sp = reinterpret_cast<PyObject**>(reinterpret_cast<uintptr_t>(sp) & ~uintptr_t{1});
  if (!MayRunNatively(ts, site->unit) || !MakePending(lp, site)) {
    RequestInterpreter(ts, frame, sp, test ? site->next : taken ? site->resume_taken : site->resume_next);
    return {nullptr, nullptr};
  }
  if (test) {
    PyObject* result = *--sp;  // a bool
    return {(result == Py_True) == if_true ? site->taken_address : site->next_address, nullptr};
  }
  if (taken) return {site->taken_address, nullptr};
  return {site->next_address, site->flags & kResultInAcc ? sp[-1] : nullptr};
}

}  // namespace

void RequestInterpreter(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int32_t instr) {
  frame->stacktop = static_cast<int>(sp - frame->localsplus);
  g_done = frame->instr_ptr;
  frame->instr_ptr = _PyCode_CODE(CodeOf(frame)) + instr;
  g_leave = LeaveKind::kInterpreter;
  tj_rt.deopts++;
}

PyObject** EnterSpecial(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site, const void** entry) {
  const ArgumentOrder& order = OrderOf(site->special);
  PyObject* operands[3];
  for (int i = 0; i < site->popped; i++) operands[i] = Operand(lp, acc, site, i);
  SpecialMethod method = FindSpecial(site, operands);
  if (method.function == nullptr || ts->py_recursion_remaining <= 1 || ts->interp->eval_frame != nullptr) return nullptr;
  UnitHeader* unit = CompiledUnit(method.function);
  if (unit == nullptr || unit->argcount != order.count) return nullptr;
  _PyInterpreterFrame* callee = PushFrame(ts, method.function, unit);
  if (callee == nullptr) return nullptr;
  site->visits++;
  MakeCanonical(lp, acc, site);
  _PyInterpreterFrame* frame = FrameOf(lp);
  frame->instr_ptr = PlaceOf(site);
  frame->return_offset = method.flags;  // no use for it while the callee is native
  for (int i = 0; i < order.count; i++) {
    PyObject* o = operands[method.reflected ? 1 - i : order.at[i]];
    callee->localsplus[i] = order.moved ? o : Py_NewRef(o);
  }
  if (site->fill == FillGetter && site->misses < kMaxFills) {
    site->misses++;
    site->fill(ts, operands[0], reinterpret_cast<PyObject*>(method.function), site);
  }
  *entry = LinkFrame(ts, callee, unit);
  tj_rt.entering = site;
  return callee->localsplus;
}

bool MayRunNatively(PyThreadState* ts, UnitHeader* unit) {
  if (ts->eval_breaker == unit->expected_breaker) return true;
  uintptr_t version = ts->eval_breaker & ~static_cast<uintptr_t>(_PY_EVAL_EVENTS_MASK);
  if (OthersListen(unit->code)) {
    NoteWatchers(ts);
    return false;
  }
  if (version == unit->expected_breaker) return true;
  // Only the interpreter brings a code object's instrumentation up to date, when it runs it.
  if (unit->code->_co_instrumentation_version != version) {
    NoteWatchers(ts);
    return false;
  }
  unit->expected_breaker = version;
  return true;
}

bool RefreshStackLimit() {
  constexpr uintptr_t kReserve = 256 * 1024;
  static thread_local uintptr_t low = 0, high = 0;
  uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  if (high == 0) {
    pthread_attr_t attr;
    void* base;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attr) != 0) return true;
    pthread_attr_getstack(&attr, &base, &size);
    pthread_attr_destroy(&attr);
    low = reinterpret_cast<uintptr_t>(base);
    high = low + size;
  }
  if (here < low || here >= high) {
    // Not on the thread's own stack (greenlets with stacks of their own): nothing is known about the room.
    tj_rt.stack_low = here - kReserve / 2;
    tj_rt.stack_span = kReserve;
    return true;
  }
  uintptr_t reserve = (high - low) / 4 < kReserve ? (high - low) / 4 : kReserve;
  tj_rt.stack_low = low + reserve;
  tj_rt.stack_span = high - tj_rt.stack_low;
  return here >= tj_rt.stack_low;
}

extern "C" {

Departure tj_slow(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site) {
  if (site->fill == FillAttr || site->fill == FillMethod) {
    if (PyObject* found = TryAttr(lp, acc, site)) return {nullptr, found};
    if (IsOfCType(Operand(lp, acc, site, 0))) return {nullptr, AskForAttr(lp, acc, ts, site)};
  }
  if (site->special != Special::kNone && !AreOfCTypes(lp, acc, site)) {
    const void* entry;
    PyObject** callee = EnterSpecial(lp, acc, ts, site, &entry);
    if (callee != nullptr) return {entry, reinterpret_cast<PyObject*>(callee)};
  }
  return {nullptr, RunSlow(lp, acc, ts, site)};
}

Departure tj_slow_branch(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site) {
  if (site->special != Special::kNone && !AreOfCTypes(lp, acc, site)) {
    const void* entry;
    PyObject** callee = EnterSpecial(lp, acc, ts, site, &entry);
    if (callee != nullptr) return {entry, reinterpret_cast<PyObject*>(reinterpret_cast<uintptr_t>(callee) + kEnter)};
  }
  return RunSlowBranch(lp, acc, ts, site);
}

// Behind a method that EnterSpecial() has chosen. NULL: leave the unit.
PyObject* tj_end_special(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** operands = StackBase(lp, site) + site->depth - site->popped;
  uint16_t flags = frame->return_offset;
  frame->return_offset = 0;
  if (result != nullptr) result = EndSpecial(site, operands, result, flags);
  const ArgumentOrder& order = OrderOf(site->special);
  if (order.kept) {
    operands += site->popped;
  } else if (!order.moved) {
    for (int i = 0; i < site->popped; i++) tj_decref(operands[i]);
  }
  if (result == nullptr) {
    OpError(frame, operands);
    return Fail();
  }
  if (MayRunNatively(ts, site->unit) && MakePending(lp, site)) return result;
  bool has_result = site->special != Special::kStoreSubscript;
  if (has_result) *operands = result;
  RequestInterpreter(ts, frame, operands + has_result, site->next);
  return nullptr;
}

Departure tj_end_special_branch(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site) {
  result = tj_end_special(lp, result, ts, site);
  if (result == nullptr) return {nullptr, nullptr};
  bool if_true = site->flags & kJumpIfTrue;
  return {(result == Py_True) == if_true ? site->taken_address : site->next_address, nullptr};
}
// Nothing is pending: FOR_ITER starts canonical.
Departure tj_for_end(PyObject** lp, PyObject* item, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** sp = StackBase(lp, site) + site->depth;
  if (item == nullptr) {
    if (ts->current_exception != nullptr) {
      if (!PyErr_ExceptionMatches(PyExc_StopIteration)) {
        OpError(frame, sp);
        return {Fail(), nullptr};
      }
      _PyEval_MonitorRaise(ts, frame, frame->instr_ptr);
      PyErr_Clear();
    }
    PyObject* iterator = *--sp;
    *sp = nullptr;
    tj_decref(iterator);
  } else {
    *sp++ = item;
  }
  if (!MayRunNatively(ts, site->unit)) {
    RequestInterpreter(ts, frame, sp, item != nullptr ? site->resume_next : site->resume_taken);
    return {nullptr, nullptr};
  }
  return {item != nullptr ? site->next_address : site->taken_address, item};
}

Departure tj_back_edge(PyObject** lp, PyThreadState* ts, Site* site, const void* target) {
  UnitHeader* unit = site->unit;
  if (!MayRunNatively(ts, unit) || (ts->eval_breaker & _PY_EVAL_EVENTS_MASK) != 0) {
    if (unit->edges_left <= 0) unit->GiveEdges(1);
    if (CheckEntry(lp, ts, site) == nullptr) return {nullptr, nullptr};
    return {target, nullptr};
  }
  if (unit->edges_left > 0) return {target, nullptr};
  // Optimised code goes by what the unit's own header expects, whichever version has come here.
  MayRunNatively(ts, OwnerOf(unit)->whole().header());
  LoopOutcome outcome = AskForPromotion({OwnerOf(unit), lp, ts, site->next, site->depth, unit->profiled, false});
  if (outcome.resume == nullptr && outcome.value == nullptr) return {target, nullptr};
  return {outcome.resume, outcome.value};
}

Departure tj_entry(PyObject** lp, PyThreadState* ts, Site* site, const void* target) {
  UnitHeader* unit = site->unit;
  if (!MayRunNatively(ts, unit) || (ts->eval_breaker & _PY_EVAL_EVENTS_MASK) != 0) {
    if (CheckEntry(lp, ts, site) == nullptr) return {nullptr, nullptr};
    return {target, nullptr};
  }
  if (unit->entries_left > 0) {
    unit->entries_given++;  // the check of events came before the count
    return {target, nullptr};
  }
  MayRunNatively(ts, OwnerOf(unit)->whole().header());
  LoopOutcome outcome = AskForPromotion({OwnerOf(unit), lp, ts, site->next, 0, unit->profiled, true});
  if (outcome.resume == nullptr && outcome.value == nullptr) return {target, nullptr};
  return {outcome.resume, outcome.value};
}

uintptr_t tj_dispose(PyObject** lp, PyObject* acc, PyThreadState* ts, PyObject* dead, Site* site) {
  if (!tj_needs_frame(dead)) {
    tj_dealloc(dead);
    return 1;
  }
  _PyInterpreterFrame* frame = FrameOf(lp);
  frame->instr_ptr = PlaceOf(site);
  int below = site->depth - site->popped;
  MakeCanonicalBelow(below, lp, acc, site);
  tj_dealloc(dead);
  if (MayRunNatively(ts, site->unit) && MakePending(lp, site)) return 1;
  PyObject** sp = StackBase(lp, site) + below;
  if (site->flags & kResultInAcc) *sp++ = acc;
  if (site->fill == FillMethod) sp += 2;  // they are in their slots
  if (site->handler == nullptr && site->flags & kHalfDone) sp = DoSecondHalf(lp, sp, ReadInstruction(site->unit->code, site->instr));
  RequestInterpreter(ts, frame, sp, site->next);
  return 0;
}

uintptr_t tj_dispose_plain(PyObject** lp, PyObject* acc, PyThreadState* ts, PyObject* dead, uint32_t death) {
  uintptr_t attention = ts->eval_breaker + tj_rt.local_events;
  tj_dealloc(dead);
  if (ts->eval_breaker + tj_rt.local_events == attention) [[likely]] return 1;
  return GoesOnBehind(lp, acc, ts, death);
}
PyObject* tj_after_call(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** sp = StackBase(lp, site) + site->depth - site->popped;
  if (result == nullptr) {
    OpLeave::callee_failed = !TakeFailedWithoutFrame();
    OpError(frame, sp);
    return Fail();
  }
  if (MayRunNatively(ts, site->unit)) return result;
  *sp = result;
  RequestInterpreter(ts, frame, sp + 1, site->next);
  return nullptr;
}

void tj_pop_chunk(PyThreadState* ts, _PyInterpreterFrame* frame) { _PyThreadState_PopFrame(ts, frame); }

void tj_return_slow(PyObject** lp, PyThreadState* ts) { PopFrame(ts, FrameOf(lp)); }

Departure tj_leave(PyObject** lp, PyThreadState* ts) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  LeaveKind kind = g_leave;
  g_leave = LeaveKind::kException;
  bool on_loop = OnLoopVersion(frame);
  if (kind != LeaveKind::kException && TellLine(ts, frame, g_done)) {
    if (on_loop) return {nullptr, Py_None};
    return {nullptr, RunInInterpreter(ts, frame)};
  }
  tj_rt.exceptions++;
  if (on_loop) return LeaveLoopByException(ts, frame);
  UnitHeader* unit = UnitOfFrame(frame);
  UnitImpl* owner = OwnerOf(unit);
  int32_t fault = static_cast<int32_t>(frame->instr_ptr - _PyCode_CODE(CodeOf(frame)));
  CaughtException caught;
  UnwindToHandler(ts, frame, owner->whole().Handlers(), &caught);
  Handler* handler = caught.handler;
  if (handler == nullptr) {
    PopFrame(ts, frame);
    return {nullptr, nullptr};
  }
  owner->NoteRaise(fault);
  if (handler->address == nullptr) handler->address = owner->HandlerAddress(handler->range.target);
  if (handler->address != nullptr && MayRunNatively(ts, unit)) return {handler->address, nullptr};
  RequestInterpreter(ts, frame, caught.sp, handler->range.target);
  g_leave = LeaveKind::kException;
  return {nullptr, RunInInterpreter(ts, frame)};
}

}  // extern "C"

void PopFrame(PyThreadState* ts, _PyInterpreterFrame* frame) {
  frame->stacktop = CodeOf(frame)->co_nlocalsplus;
  ts->py_recursion_remaining++;
  ts->current_frame = frame->previous;
  // Where somebody holds the frame object and there is no memory for the caller's, the interpreter loses the exception.
  PyObject* raised = Py_XNewRef(ts->current_exception);
  _PyEval_FrameClearAndPop(ts, frame);
  if (raised != nullptr && ts->current_exception == nullptr) ts->current_exception = std::exchange(raised, nullptr);
  Py_XDECREF(raised);
}

PyObject* RunInInterpreter(PyThreadState* ts, _PyInterpreterFrame* frame) {
  ts->py_recursion_remaining++;
  ts->current_frame = frame->previous;
  frame->previous = nullptr;
  return _PyEval_EvalFrameDefault(ts, frame, 0);
}

// One interpreter loop runs the rest of a deep recursion on the heap: it inlines calls of functions that have its own
// vectorcall.
PyObject* RunUnhooked(PyThreadState* ts, _PyInterpreterFrame* frame) {
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(Py_NewRef(frame->f_funcobj));
  vectorcallfunc hooked = function->vectorcall;
  function->vectorcall = DefaultVectorcall();
  PyObject* result = RunInInterpreter(ts, frame);
  if (function->vectorcall == DefaultVectorcall()) function->vectorcall = hooked;
  Py_DECREF(function);
  return result;
}

}  // namespace tierjit::tier1
