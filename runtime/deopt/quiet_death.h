// Deaths that nobody can notice. Optimised code lets objects die between bytecodes only when they do so quietly; it leaves in front of an
// instruction whose effect would be another death, so that finalizers and callbacks of weak references run where the interpreter runs them.
#ifndef TIERJIT_RUNTIME_DEOPT_QUIET_DEATH_H_
#define TIERJIT_RUNTIME_DEOPT_QUIET_DEATH_H_

#include "runtime/cpython/python.h"

namespace tierjit {

// The deallocator of instances of classes that are made by `class`; registered once at start.
void SetInstanceDealloc(destructor dealloc);

// Whether `object`, when its last reference goes away, takes nothing with it that runs foreign code: no finalizer, no weak reference, and only
// types whose deallocators are known. False where finding out would take long. [GIL]
extern "C" int64_t tj_dies_quietly(PyObject* object);
// `object` has no references any more: it is deallocated by `dealloc` if it dies quietly, else buried (see calls.h). [GIL]
extern "C" void tj_let_die(PyThreadState* ts, PyObject* object, destructor dealloc);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_QUIET_DEATH_H_
