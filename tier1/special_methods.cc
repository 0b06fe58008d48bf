#include "tier1/special_methods.h"

#include "runtime/helpers/handlers.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

// What a class has under a name, by version: the function to run, or NULL.
struct Special {
  uint32_t version;
  bool getter;
  PyObject* name;               // owned: interned strings are mortal, and another could come to lie at its address
  PyFunctionObject* function;   // borrowed: the version proves that the class still has it
};
constexpr size_t kSpecials = 512;
Special g_specials[kSpecials];

// The function behind a class attribute: itself, or a property's getter when `getter`.
PyFunctionObject* FunctionOf(PyTypeObject* type, PyObject* name, bool getter) {
  PyObject* found = _PyType_Lookup(type, name);
  if (found == nullptr) return nullptr;
  if (getter) {
    if (type->tp_getattro != PyObject_GenericGetAttr || Py_TYPE(found) != &PyProperty_Type) return nullptr;
    found = reinterpret_cast<propertyobject*>(found)->prop_get;
  }
  return found != nullptr && PyFunction_Check(found) ? reinterpret_cast<PyFunctionObject*>(found) : nullptr;
}

PyFunctionObject* Find(PyTypeObject* type, PyObject* name, bool getter) {
  uint32_t version = type->tp_version_tag;
  if (version == 0 || !(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || (type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) return nullptr;
  Special& s = g_specials[(version * 31 + (reinterpret_cast<uintptr_t>(name) >> 4)) % kSpecials];
  if (s.version == version && s.name == name && s.getter == getter) return s.function;
  s.version = version;
  s.getter = getter;
  s.function = FunctionOf(type, name, getter);
  Py_XSETREF(s.name, Py_NewRef(name));
  return s.function;
}

// The unit of a compiled function that takes exactly `count` positional arguments.
UnitHeader* UnitFor(PyFunctionObject* function, int count) {
  UnitHeader* unit = function == nullptr ? nullptr : CompiledUnit(function);
  return unit != nullptr && unit->argcount == count ? unit : nullptr;
}

PyObject* Interned(const char* text) { return PyUnicode_InternFromString(text); }

}  // namespace

PyFunctionObject* CallMethodOf(PyTypeObject* type) {
  static PyObject* name = Interned("__call__");
  return type->tp_flags & Py_TPFLAGS_HAVE_VECTORCALL ? nullptr : Find(type, name, false);
}

PyFunctionObject* WithMethodsOf(PyTypeObject* type, PyFunctionObject** exit) {
  static PyObject *enter_name = Interned("__enter__"), *exit_name = Interned("__exit__");
  *exit = Find(type, exit_name, false);
  return *exit == nullptr ? nullptr : Find(type, enter_name, false);
}

PyObject** SubscriptHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  static PyObject* name = Interned("__getitem__");
  PyFunctionObject* function = Find(Py_TYPE(sp[-2]), name, false);
  UnitHeader* unit = UnitFor(function, 2);
  if (unit == nullptr) return op_binary_subscr(ts, frame, sp, oparg);
  PyObject* result = CallWithMovedArguments(ts, function, unit, sp - 2, 2);
  if (result == nullptr) return OpError(frame, sp - 2);
  sp[-2] = result;
  return sp - 1;
}

PyObject** StoreSubscriptHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  static PyObject* name = Interned("__setitem__");
  PyFunctionObject* function = Find(Py_TYPE(sp[-2]), name, false);
  UnitHeader* unit = UnitFor(function, 3);
  if (unit == nullptr) return op_store_subscr(ts, frame, sp, oparg);
  PyObject* args[3] = {sp[-2], sp[-1], sp[-3]};
  PyObject* result = CallWithMovedArguments(ts, function, unit, args, 3);
  if (result == nullptr) return OpError(frame, sp - 3);
  tj_decref(result);
  return sp - 3;
}

PyObject** LoadAttrHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* name = PyTuple_GET_ITEM(CodeOf(frame)->co_names, oparg >> 1);
  PyFunctionObject* function = (oparg & 1) ? nullptr : Find(Py_TYPE(sp[-1]), name, true);
  UnitHeader* unit = UnitFor(function, 1);
  if (unit == nullptr) return op_load_attr(ts, frame, sp, oparg);
  PyObject* result = CallWithMovedArguments(ts, function, unit, sp - 1, 1);
  if (result == nullptr) return OpError(frame, sp - 1);
  sp[-1] = result;
  return sp;
}

}  // namespace tierjit::tier1
