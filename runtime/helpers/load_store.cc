// Fast locals, constants and the shape of the stack.
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

// The superinstructions name two locals in one argument.
int FirstLocal(int oparg) { return oparg >> 4; }
int SecondLocal(int oparg) { return oparg & 15; }

void RaiseUnbound(PyThreadState* ts, _PyInterpreterFrame* frame, int index) {
  _PyEval_FormatExcCheckArg(ts, PyExc_UnboundLocalError,
                            "cannot access local variable '%s' where it is not associated with a value",
                            LocalNameAt(frame, index));
}

}  // namespace

PyObject** op_load_fast(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  *sp = Py_NewRef(frame->localsplus[oparg]);
  return sp + 1;
}

PyObject** op_load_fast_check(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = frame->localsplus[oparg];
  if (value == nullptr) {
    RaiseUnbound(ts, frame, oparg);
    return OpError(frame, sp);
  }
  *sp = Py_NewRef(value);
  return sp + 1;
}

// Saves the variable that an inlined comprehension is about to reuse; NULL when it has no value.
PyObject** op_load_fast_and_clear(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  *sp = frame->localsplus[oparg];
  frame->localsplus[oparg] = nullptr;
  return sp + 1;
}

PyObject** op_load_fast_load_fast(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  sp[0] = Py_NewRef(frame->localsplus[FirstLocal(oparg)]);
  sp[1] = Py_NewRef(frame->localsplus[SecondLocal(oparg)]);
  return sp + 2;
}

PyObject** op_load_const(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  *sp = Py_NewRef(PyTuple_GET_ITEM(CodeOf(frame)->co_consts, oparg));
  return sp + 1;
}

PyObject** op_store_fast(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  SetLocal(frame, oparg, sp[-1]);
  return sp - 1;
}

PyObject** op_store_fast_load_fast(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  SetLocal(frame, FirstLocal(oparg), sp[-1]);
  sp[-1] = Py_NewRef(frame->localsplus[SecondLocal(oparg)]);
  return sp;
}

PyObject** op_store_fast_store_fast(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  SetLocal(frame, FirstLocal(oparg), sp[-1]);
  SetLocal(frame, SecondLocal(oparg), sp[-2]);
  return sp - 2;
}

PyObject** op_delete_fast(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  if (frame->localsplus[oparg] == nullptr) {
    RaiseUnbound(ts, frame, oparg);
    return OpError(frame, sp);
  }
  SetLocal(frame, oparg, nullptr);
  return sp;
}

PyObject** op_pop_top(PyThreadState*, _PyInterpreterFrame*, PyObject** sp, int) {
  Py_DECREF(sp[-1]);
  return sp - 1;
}

PyObject** op_push_null(PyThreadState*, _PyInterpreterFrame*, PyObject** sp, int) {
  *sp = nullptr;
  return sp + 1;
}

PyObject** op_copy(PyThreadState*, _PyInterpreterFrame*, PyObject** sp, int oparg) {
  *sp = Py_NewRef(sp[-oparg]);
  return sp + 1;
}

PyObject** op_swap(PyThreadState*, _PyInterpreterFrame*, PyObject** sp, int oparg) {
  PyObject* top = sp[-1];
  sp[-1] = sp[-oparg];
  sp[-oparg] = top;
  return sp;
}

}  // namespace tierjit
