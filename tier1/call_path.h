// Calls from compiled code that the stencils do not do themselves.
#ifndef TIERJIT_TIER1_CALL_PATH_H_
#define TIERJIT_TIER1_CALL_PATH_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// Whether the last call failed before a frame of the callee was entered; forgets it. [GIL]
bool TakeFailedWithoutFrame();

void NoteFailedWithoutFrame();

// A call on its way through native code that surrounds the callee: tj_construct and tj_call_keeping take it from here at once.
struct PendingCall {
  PyObject* made;           // the instance whose `__init__` runs: the call's result (owned); NULL: the callee's result is
  PyObject **keep, **end;   // operands on the caller's stack, to be released afterwards (tj_call_keeping)
  const void* entry;        // of the callee
  PyTypeObject* cls;        // whose `__new__` the callee is, or NULL (tj_call_keeping)
};
extern "C" {
extern PendingCall tj_pending_call;
extern PyObject* tj_none;
// Entered as compiled callees are (tier1/entry.cc).
void tj_construct();
void tj_call_keeping();
// How these two end when it is not simple. Result as of a call.
PyObject* tj_init_failed(PyObject* made, PyObject* result);
PyObject* tj_end_kept(PyObject* result, PyObject* made, PyObject** keep, PyObject** end, PyTypeObject* cls);
}
// Tells the observer (SetCallObserver()) of a function that compiled code is about to enter. [GIL]
void ObserveCall(PyFunctionObject* function);
// See ForgetInterpreter(). [GIL]
void ForgetClasses();

// Called from compiled code, see tier1/stencils/call.cc. `resume`: native entry of a compiled callee, whose bound and linked frame has
// its localsplus at `value`; NULL: the call is done, `value` is the result or NULL with an exception set.
extern "C" Departure tj_call(PyObject** lp, PyThreadState* ts, Site* site);
// The same for a CALL of a class, with instr_ptr set and no self.
extern "C" Departure tj_call_class(PyObject** lp, PyThreadState* ts, Site* site);
// The same for BINARY_SUBSCR; instr_ptr is set, the operands lie below `sp`.
extern "C" Departure tj_call_getitem(PyThreadState* ts, PyObject** sp);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_CALL_PATH_H_
