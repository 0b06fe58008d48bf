// Cells and free variables, and the functions that capture them.
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

// The content of the cell in a slot; may be NULL.
PyObject** CellContent(_PyInterpreterFrame* frame, int index) {
  return &reinterpret_cast<PyCellObject*>(frame->localsplus[index])->ob_ref;
}

// New reference to a cell's value, or NULL with UnboundLocalError (own cell) or NameError (free variable).
PyObject* LoadCell(PyThreadState* ts, _PyInterpreterFrame* frame, int index) {
  PyObject* value = Py_XNewRef(*CellContent(frame, index));
  if (value == nullptr) _PyEval_FormatExcUnbound(ts, CodeOf(frame), index);
  return value;
}

PyObject** AttributeSlot(PyFunctionObject* function, int attribute) {
  switch (attribute) {
    case MAKE_FUNCTION_CLOSURE:
      return &function->func_closure;
    case MAKE_FUNCTION_ANNOTATIONS:
      return &function->func_annotations;
    case MAKE_FUNCTION_KWDEFAULTS:
      return &function->func_kwdefaults;
    default:
      return &function->func_defaults;
  }
}

}  // namespace

// The slot holds an argument, or nothing; from here on it holds a cell.
PyObject** op_make_cell(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* cell = PyCell_New(frame->localsplus[oparg]);
  if (cell == nullptr) return OpError(frame, sp);
  SetLocal(frame, oparg, cell);
  return sp;
}

PyObject** op_copy_free_vars(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* closure = reinterpret_cast<PyFunctionObject*>(frame->f_funcobj)->func_closure;
  PyObject** free_vars = &frame->localsplus[CodeOf(frame)->co_nlocalsplus - oparg];
  for (int i = 0; i < oparg; ++i) free_vars[i] = Py_NewRef(PyTuple_GET_ITEM(closure, i));
  return sp;
}

PyObject** op_load_deref(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return PushResult(frame, sp, LoadCell(ts, frame, oparg));
}

PyObject** op_load_from_dict_or_deref(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* ns = sp[-1];
  PyObject* value;
  if (PyMapping_GetOptionalItem(ns, LocalNameAt(frame, oparg), &value) < 0) return OpError(frame, sp);
  if (value == nullptr) value = LoadCell(ts, frame, oparg);
  if (value == nullptr) return OpError(frame, sp);
  sp[-1] = value;
  Py_DECREF(ns);
  return sp;
}

PyObject** op_store_deref(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  SetSlot(CellContent(frame, oparg), sp[-1]);
  return sp - 1;
}

PyObject** op_delete_deref(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** content = CellContent(frame, oparg);
  if (*content == nullptr) {
    _PyEval_FormatExcUnbound(ts, CodeOf(frame), oparg);
    return OpError(frame, sp);
  }
  SetSlot(content, nullptr);
  return sp;
}

PyObject** op_make_function(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject* code = sp[-1];
  auto* function = reinterpret_cast<PyFunctionObject*>(PyFunction_New(code, frame->f_globals));
  // After the watchers of new functions have run: the version is the code's, as one of them may have changed it.
  if (function != nullptr) _PyFunction_SetVersion(function, reinterpret_cast<PyCodeObject*>(code)->co_version);
  Py_DECREF(code);
  return PushResult(frame, sp - 1, reinterpret_cast<PyObject*>(function));
}

PyObject** op_set_function_attribute(PyThreadState*, _PyInterpreterFrame*, PyObject** sp, int oparg) {
  PyObject* function = sp[-1];
  *AttributeSlot(reinterpret_cast<PyFunctionObject*>(function), oparg) = sp[-2];
  sp[-2] = function;
  return sp - 1;
}

}  // namespace tierjit
