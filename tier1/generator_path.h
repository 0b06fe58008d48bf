// Generators and coroutines resumed from C, and what their stencils leave to C.
#ifndef TIERJIT_TIER1_GENERATOR_PATH_H_
#define TIERJIT_TIER1_GENERATOR_PATH_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// See tier1/stencils/generator.cc.
extern "C" {
// Moves the running frame into a new generator, which begins at `resume`, and pops it. NULL with an exception set: nothing is popped.
PyObject* tj_make_generator(PyObject** lp, PyThreadState* ts, _Py_CODEUNIT* resume);
// Resumes `gen` by the interpreter; `sent` is consumed. The result as its yield or return gives it, NULL with an exception set.
PyObject* tj_resume_in_interpreter(PyGenObject* gen, PyObject* sent, PyThreadState* ts);
// A generator has come back to FOR_ITER or SEND with something else than an ordinary item.
Departure tj_after_resume(PyObject** lp, PyObject* result, PyThreadState* ts, Site* site);
}

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_GENERATOR_PATH_H_
