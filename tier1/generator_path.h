// Generators and coroutines resumed from C, and what their stencils leave to C.
#ifndef TIERJIT_TIER1_GENERATOR_PATH_H_
#define TIERJIT_TIER1_GENERATOR_PATH_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// Resumes `gen` in compiled code, with `sent` (borrowed). kDeclined: nothing has happened, the interpreter has to do it. Else what it has
// yielded or, where Suspended() is false now, returned; NULL with an exception set. [GIL]
inline PyObject* const kDeclined = reinterpret_cast<PyObject*>(1);
PyObject* ResumeFromC(PyGenObject* gen, PyObject* sent);
inline bool Suspended(const PyGenObject* gen) { return gen->gi_frame_state < FRAME_EXECUTING; }

// The method `name` of a static type and the wrapper of its __next__(), as the interpreter keeps them; NULL: it has none. [GIL]
PyMethodDef* MethodOf(PyTypeObject* type, const char* name);
PyWrapperDescrObject* NextOf(PyTypeObject* type);

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
