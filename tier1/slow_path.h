// What happens when compiled code leaves its fast path: bring the frame into canonical state, run the opcode's handler, go on.
#ifndef TIERJIT_TIER1_SLOW_PATH_H_
#define TIERJIT_TIER1_SLOW_PATH_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// More SiteFlags (see rt.h), for sites that are not plain instructions.
enum ExtraFlags : uint8_t {
  kEntryCheck = 32,  // RESUME and backward jumps: events, tracing
  kLeave = 64,       // the interpreter goes on at `instr`
  kHalfDone = 2,     // deaths: see PlainDeath::kHalf
  kNoPolling = 1,    // entry checks: the interpreter does not look at pending events here
  kPlainCall = 1,    // call sites: CALL ...
  kKeywordCall = 2,  // ... CALL_KW; neither: CALL_FUNCTION_EX, or ...
  kEnterWith = 4,    // ... BEFORE_WITH, BEFORE_ASYNC_WITH
  kRecheck = 2,      // slow paths: the instruction is done, only whether the unit may go on is in doubt
  kAppendLocal = 128,  // `x = x + y` into the local that holds, or may hold, the left operand: str may grow in place
};

inline PyObject** StackBase(PyObject** lp, const Site* site) { return lp + site->unit->nlocalsplus; }
inline _Py_CODEUNIT* InstructionAt(const Site* site, int32_t unit) { return _PyCode_CODE(site->unit->code) + unit; }
// Where a frame stands that runs the site's instruction.
inline _Py_CODEUNIT* PlaceOf(const Site* site) { return InstructionAt(site, site->instr + site->prefixes); }

// Every pending entry below the stack entry `end` becomes an owned reference in its slot.
inline void MakeCanonicalBelow(int end, PyObject** lp, PyObject* acc, const Site* site) {
  PyObject** base = StackBase(lp, site);
  for (int i = 0; i < site->pending_count; i++) {
    const Pending& p = site->pending[i];
    if (p.slot >= end) return;
    PyObject* o = nullptr;
    if (p.kind == Kind::kLocal) o = Py_XNewRef(lp[p.value]);
    if (p.kind == Kind::kConst) o = Py_NewRef(reinterpret_cast<PyObject*>(p.value));
    if (p.kind == Kind::kAcc) o = acc;
    base[p.slot] = o;
  }
}

// Loads below the operands become pending again; false when foreign code has changed one of the locals meanwhile (then
// the slots keep what was loaded).
inline bool MakePending(PyObject** lp, const Site* site) {
  PyObject** base = StackBase(lp, site);
  const int below = site->depth - site->popped;
  const Pending* end = site->pending;
  for (int left = site->pending_count; left > 0 && end->slot < below; left--, end++) {
    if (end->kind == Kind::kLocal && base[end->slot] != lp[end->value]) return false;
  }
  for (const Pending* p = site->pending; p != end; p++) {
    if (p->kind == Kind::kLocal || p->kind == Kind::kConst) Py_XDECREF(base[p->slot]);
  }
  return true;
}

// The local that the STORE_FAST behind the instruction stores into.
inline PyObject** StoredLocal(PyObject** lp, const Site* site) { return &lp[InstructionAt(site, site->next)->op.arg]; }

// True while the code of `unit` may run natively: no tool wants events from it. Refreshes expected_breaker when the
// interpreter has brought the code's instrumentation up to date. [GIL]
bool MayRunNatively(PyThreadState* ts, UnitHeader* unit);

// Marks the frame for continuation in the interpreter at code unit `instr` with `sp`; the caller returns NULL so that the
// exit thunk takes over. [GIL]
void RequestInterpreter(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int32_t instr);

// Sets rt's soft stack limit for the running thread; false when the stack pointer is below it. [GIL]
bool RefreshStackLimit();

// FOR_ITER has no item (NULL: the end, or an error), or one while something is pending.
extern "C" Departure tj_for_end(PyObject** lp, PyObject* item, PyThreadState* ts, Site* site);

// A compiled method that does the operation of the site: localsplus of its frame, which is linked and has its arguments, and where to
// enter it. NULL: there is none, and nothing has happened. `acc`: the operand that the site expects in the accumulator, if any. The
// operands stay on the stack as the interpreter leaves them there, unless it would move them. tj_end_special() is the end of it. [GIL]
PyObject** EnterSpecial(PyObject** lp, PyObject* acc, PyThreadState* ts, Site* site, const void** entry);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_SLOW_PATH_H_
