// The handlers of all opcodes that have one: op_<lower-case opcode>, contract in op.h. [GIL]
//
// Each does what the interpreter's unspecialised instruction does: same results, same exceptions and messages,
// same moments of release where a finaliser can see them.
#ifndef TIERJIT_RUNTIME_HELPERS_HANDLERS_H_
#define TIERJIT_RUNTIME_HELPERS_HANDLERS_H_

#include "runtime/helpers/op.h"

namespace tierjit {

#define STEP(NAME, FAMILY, HANDLER_NAME) \
  PyObject** HANDLER_NAME(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);
#define BRANCH(NAME, FAMILY, HANDLER_NAME) STEP(NAME, FAMILY, HANDLER_NAME)
#define CONTROL(NAME, FAMILY)
#define REFUSE(NAME, FAMILY, CODE, REASON)
#define NEVER_SEEN(NAME)
#include "runtime/bytecode/families.def"

// BUILD_SLICE of three parts and the BINARY_SUBSCR behind it in one step: containers that can do without get no slice object.
PyObject** op_binary_strided(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_HANDLERS_H_
