#include "tier1/call_path.h"

#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

// Classes whose instances are made by object.__new__ and a compiled `__init__`: looked up by version.
struct ClassInit {
  uint32_t version;
  PyFunctionObject* init;  // borrowed: the version proves that the class still has it
};
constexpr uint32_t kClassCacheSize = 256;
ClassInit g_classes[kClassCacheSize];

vectorcallfunc VectorcallOf(PyObject* callable) {
  return *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(callable) + Py_TYPE(callable)->tp_vectorcall_offset);
}

void Release(PyObject** from, PyObject** to) {
  for (; from < to; from++) {
    PyObject* o = *from;
    if (o != nullptr) tj_decref(o);
  }
}

// The `__init__` function to run when calling `type`, or NULL when making an instance is not as plain as that.
PyFunctionObject* PlainInit(PyTypeObject* type) {
  uint32_t version = type->tp_version_tag;
  if (version == 0 && PyUnstable_Type_AssignVersionTag(type)) version = type->tp_version_tag;
  if (version == 0) return nullptr;
  ClassInit& cached = g_classes[version % kClassCacheSize];
  if (cached.version == version) return cached.init;
  bool plain = Py_TYPE(type)->tp_call == PyType_Type.tp_call && type->tp_new == PyBaseObject_Type.tp_new &&
               type->tp_alloc == PyType_GenericAlloc && (type->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
               !(type->tp_flags & Py_TPFLAGS_IS_ABSTRACT);
  PyObject* init = plain ? _PyType_Lookup(type, InitName()) : nullptr;
  bool function = init != nullptr && PyFunction_Check(init);
  cached = {version, function ? reinterpret_cast<PyFunctionObject*>(init) : nullptr};
  return cached.init;
}

// `type(*args)`; false when the class or its `__init__` is not of the plain kind. The arguments move into the frame.
bool CallClass(PyThreadState* ts, PyTypeObject* type, PyObject** args, int count, PyObject** result) {
  PyFunctionObject* init = PlainInit(type);
  if (init == nullptr) return false;
  UnitHeader* unit = UnitOf(reinterpret_cast<PyCodeObject*>(init->func_code));
  if (unit == nullptr || unit->vectorcall != init->vectorcall || unit->argcount != count + 1) return false;
  PyObject* self = PyType_GenericAlloc(type, 0);
  if (self == nullptr) {
    *result = nullptr;
    Release(args, args + count);
    return true;
  }
  PyObject* none = CallWithMovedArguments(ts, init, unit, self, args, count);
  if (none == nullptr) {
    *result = nullptr;
  } else if (none != Py_None) {
    PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(none)->tp_name);
    Py_DECREF(none);
    *result = nullptr;
  } else {
    *result = self;
    return true;
  }
  Py_DECREF(self);
  return true;
}

}  // namespace

bool CallDirectly(PyThreadState* ts, PyObject** sp, int oparg, PyObject** result) {
  PyObject** operands = sp - oparg - 2;
  PyObject* callable = operands[0];
  PyObject* self = operands[1];
  PyTypeObject* kind = Py_TYPE(callable);
  // METH_VARARGS functions have no vectorcall.
  bool builtin = kind == &PyCFunction_Type || kind == &PyMethodDescr_Type;
  if (builtin && VectorcallOf(callable) != nullptr) {
    PyObject** args = operands + 1 + (self == nullptr);
    size_t count = static_cast<size_t>(sp - args);
    *result = VectorcallOf(callable)(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
    Release(args, sp);
    tj_decref(callable);
    return true;
  }
  if (kind == &PyType_Type && self == nullptr && (reinterpret_cast<PyTypeObject*>(callable)->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
    if (!CallClass(ts, reinterpret_cast<PyTypeObject*>(callable), operands + 2, oparg, result)) return false;
    tj_decref(callable);
    return true;
  }
  return false;
}

}  // namespace tierjit::tier1
