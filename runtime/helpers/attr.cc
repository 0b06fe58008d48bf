// Attributes: load (plain, as a method, through super), store, delete.
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

// The form that stands before a CALL: pushes `function, self` for a plain method and so spares the bound method
// object, or `attribute, NULL`.
PyObject** LoadMethod(_PyInterpreterFrame* frame, PyObject** sp, PyObject* name) {
  PyObject* owner = sp[-1];
  PyObject* attribute = nullptr;
  bool is_method = _PyObject_GetMethod(owner, name, &attribute);
  if (!is_method) Py_DECREF(owner);
  if (attribute == nullptr) return OpError(frame, sp - 1);
  sp[-1] = attribute;
  sp[0] = is_method ? owner : nullptr;
  return sp + 1;
}

// LOAD_SUPER_ATTR's inputs are `super` as found by name, the class and self; its oparg is
// name_index << 2 | two_args << 1 | method.
struct SuperOparg {
  explicit SuperOparg(int oparg) : name_index(oparg >> 2), two_args(oparg & 2), method(oparg & 1) {}
  int name_index;
  bool two_args, method;
};

// Somebody's own `super`, or a class cell that holds no class: called as any function is.
PyObject** LoadThroughAnySuper(_PyInterpreterFrame* frame, PyObject** sp, SuperOparg oparg) {
  PyObject* callable = sp[-3];
  PyObject* args[] = {sp[-2], sp[-1]};
  PyObject* super = PyObject_Vectorcall(callable, args, oparg.two_args ? 2 : 0, nullptr);
  Py_DECREF(callable);
  Py_DECREF(args[0]);
  Py_DECREF(args[1]);
  if (super == nullptr) return OpError(frame, sp - 3);
  PyObject* attribute = PyObject_GetAttr(super, NameAt(frame, oparg.name_index));
  Py_DECREF(super);
  if (attribute == nullptr) return OpError(frame, sp - 3);
  sp[-3] = attribute;
  if (oparg.method) sp[-2] = nullptr;
  return sp - 2 + oparg.method;
}

// The real super: finds the attribute without a super object, and a method without binding it.
PyObject** LoadThroughSuper(_PyInterpreterFrame* frame, PyObject** sp, SuperOparg oparg) {
  PyObject* super = sp[-3];
  PyObject* cls = sp[-2];
  PyObject* self = sp[-1];
  int found = 0;
  bool may_leave_unbound = oparg.method && Py_TYPE(self)->tp_getattro == PyObject_GenericGetAttr;
  PyObject* attribute = _PySuper_Lookup(reinterpret_cast<PyTypeObject*>(cls), self, NameAt(frame, oparg.name_index),
                                        may_leave_unbound ? &found : nullptr);
  Py_DECREF(super);
  Py_DECREF(cls);
  bool is_method = attribute != nullptr && found;
  if (!is_method) Py_DECREF(self);
  if (attribute == nullptr) return OpError(frame, sp - 3);
  sp[-3] = attribute;
  if (oparg.method) sp[-2] = is_method ? self : nullptr;
  return sp - 2 + oparg.method;
}

}  // namespace

PyObject** op_load_attr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* name = NameAt(frame, oparg >> 1);
  if (oparg & 1) return LoadMethod(frame, sp, name);
  PyObject* owner = sp[-1];
  PyObject* attribute = PyObject_GetAttr(owner, name);
  Py_DECREF(owner);
  return PushResult(frame, sp - 1, attribute);
}

PyObject** op_store_attr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = sp[-2];
  PyObject* owner = sp[-1];
  int status = PyObject_SetAttr(owner, NameAt(frame, oparg), value);
  Py_DECREF(value);
  Py_DECREF(owner);
  return DoneOrFail(frame, sp - 2, status == 0);
}

PyObject** op_delete_attr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* owner = sp[-1];
  int status = PyObject_DelAttr(owner, NameAt(frame, oparg));
  Py_DECREF(owner);
  return DoneOrFail(frame, sp - 1, status == 0);
}

PyObject** op_load_super_attr(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  bool real = sp[-3] == reinterpret_cast<PyObject*>(&PySuper_Type) && PyType_Check(sp[-2]);
  return (real ? LoadThroughSuper : LoadThroughAnySuper)(frame, sp, SuperOparg(oparg));
}

}  // namespace tierjit
