// Conditional jumps. POP_JUMP_IF_TRUE and _FALSE test a bool: the compiler puts a TO_BOOL or a comparison before them.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

PyObject** JumpIf(bool condition, PyObject** sp) { return condition ? Taken(sp) : sp; }

// Pops the top of the stack and says whether it was None.
bool PopIsNone(PyObject** sp) {
  PyObject* value = sp[-1];
  bool is_none = Py_IsNone(value);
  Py_DECREF(value);
  return is_none;
}

}  // namespace

PyObject** op_pop_jump_if_true(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return JumpIf(Py_IsTrue(sp[-1]), sp - 1);
}

PyObject** op_pop_jump_if_false(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return JumpIf(Py_IsFalse(sp[-1]), sp - 1);
}

PyObject** op_pop_jump_if_none(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return JumpIf(PopIsNone(sp), sp - 1);
}

PyObject** op_pop_jump_if_not_none(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return JumpIf(!PopIsNone(sp), sp - 1);
}

}  // namespace tierjit
