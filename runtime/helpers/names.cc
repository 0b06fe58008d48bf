// Names that are looked up in dictionaries: globals, builtins and the namespaces of module and class bodies.
#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

InternedName build_class_name("__build_class__");
InternedName annotations_name("__annotations__");

void RaiseNameError(PyThreadState* ts, PyObject* name) {
  _PyEval_FormatExcCheckArg(ts, PyExc_NameError, "name '%.200s' is not defined", name);
}

// New reference to namespace[name]; NULL without an exception when it is not there, NULL with one after an error.
PyObject* Find(PyObject* mapping, PyObject* name) {
  PyObject* value;
  PyMapping_GetOptionalItem(mapping, name, &value);
  return value;
}

// As Find(), first in the frame's globals, then in its builtins. Either may be any mapping (exec() takes them).
PyObject* FindGlobal(_PyInterpreterFrame* frame, PyObject* name) {
  if (PyDict_CheckExact(frame->f_globals) && PyDict_CheckExact(frame->f_builtins)) {
    return _PyDict_LoadGlobal(reinterpret_cast<PyDictObject*>(frame->f_globals),
                              reinterpret_cast<PyDictObject*>(frame->f_builtins), name);
  }
  PyObject* value = Find(frame->f_globals, name);
  if (value != nullptr || PyErr_Occurred()) return value;
  return Find(frame->f_builtins, name);
}

// New reference, or NULL with NameError or whatever the lookup raised.
PyObject* LoadGlobal(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* name) {
  PyObject* value = FindGlobal(frame, name);
  if (value == nullptr && !PyErr_Occurred()) RaiseNameError(ts, name);
  return value;
}

// As LoadGlobal(), for module and class bodies. There globals are read as a plain dictionary even if a subclass
// overrides its lookup, while builtins may be any mapping.
PyObject* LoadName(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* name) {
  PyObject* value = Find(frame->f_locals, name);
  if (value != nullptr || PyErr_Occurred()) return value;
  if (PyDict_GetItemRef(frame->f_globals, name, &value) != 0) return value;
  value = Find(frame->f_builtins, name);
  if (value == nullptr && !PyErr_Occurred()) RaiseNameError(ts, name);
  return value;
}

int StoreInto(PyObject* ns, PyObject* name, PyObject* value) {
  return PyDict_CheckExact(ns) ? PyDict_SetItem(ns, name, value) : PyObject_SetItem(ns, name, value);
}

// Makes sure that the namespace has an __annotations__; 0, or -1 with an exception set.
int EnsureAnnotations(PyObject* ns) {
  PyObject* key = annotations_name.Get();
  PyObject* annotations;
  if (key == nullptr || PyMapping_GetOptionalItem(ns, key, &annotations) < 0) return -1;
  int status = 0;
  if (annotations == nullptr) {
    annotations = PyDict_New();
    status = annotations == nullptr ? -1 : PyObject_SetItem(ns, key, annotations);
  }
  Py_XDECREF(annotations);
  return status;
}

}  // namespace

PyObject** op_load_global(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* value = LoadGlobal(ts, frame, NameAt(frame, oparg >> 1));
  if (value == nullptr) return OpError(frame, sp);
  *sp++ = value;
  if (oparg & 1) *sp++ = nullptr;  // a call follows: no self
  return sp;
}

PyObject** op_load_name(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  if (frame->f_locals == nullptr) {
    PyErr_SetString(PyExc_SystemError, "no locals found");
    return OpError(frame, sp);
  }
  return PushResult(frame, sp, LoadName(ts, frame, NameAt(frame, oparg)));
}

PyObject** op_load_locals(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  if (frame->f_locals == nullptr) PyErr_SetString(PyExc_SystemError, "no locals found");
  return PushResult(frame, sp, Py_XNewRef(frame->f_locals));
}

PyObject** op_load_build_class(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  PyObject* name = build_class_name.Get();
  PyObject* function = name == nullptr ? nullptr : Find(frame->f_builtins, name);
  if (function == nullptr && !PyErr_Occurred()) PyErr_SetString(PyExc_NameError, "__build_class__ not found");
  return PushResult(frame, sp, function);
}

// After an error the namespace stays on the stack. (The interpreter forgets it in one rare case, which leaks it.)
PyObject** op_load_from_dict_or_globals(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* ns = sp[-1];
  PyObject* name = NameAt(frame, oparg);
  PyObject* value = Find(ns, name);
  if (value == nullptr && !PyErr_Occurred()) value = LoadGlobal(ts, frame, name);
  if (value == nullptr) return OpError(frame, sp);
  sp[-1] = value;
  Py_DECREF(ns);
  return sp;
}

PyObject** op_store_name(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* name = NameAt(frame, oparg);
  int status = -1;
  if (frame->f_locals == nullptr) {
    PyErr_Format(PyExc_SystemError, "no locals found when storing %R", name);
  } else {
    status = StoreInto(frame->f_locals, name, sp[-1]);
  }
  Py_DECREF(sp[-1]);
  return status == 0 ? sp - 1 : OpError(frame, sp - 1);
}

PyObject** op_store_global(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  int status = PyDict_SetItem(frame->f_globals, NameAt(frame, oparg), sp[-1]);
  Py_DECREF(sp[-1]);
  return status == 0 ? sp - 1 : OpError(frame, sp - 1);
}

// Any failure to delete becomes a NameError, whatever the mapping raised.
PyObject** op_delete_name(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* name = NameAt(frame, oparg);
  if (frame->f_locals == nullptr) {
    PyErr_Format(PyExc_SystemError, "no locals when deleting %R", name);
    return OpError(frame, sp);
  }
  if (PyObject_DelItem(frame->f_locals, name) == 0) return sp;
  RaiseNameError(ts, name);
  return OpError(frame, sp);
}

PyObject** op_delete_global(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* name = NameAt(frame, oparg);
  int found = PyDict_Pop(frame->f_globals, name, nullptr);
  if (found == 1) return sp;
  if (found == 0) RaiseNameError(ts, name);
  return OpError(frame, sp);
}

PyObject** op_setup_annotations(PyThreadState*, _PyInterpreterFrame* frame, PyObject** sp, int) {
  if (frame->f_locals == nullptr) {
    PyErr_SetString(PyExc_SystemError, "no locals found when setting up annotations");
    return OpError(frame, sp);
  }
  return EnsureAnnotations(frame->f_locals) == 0 ? sp : OpError(frame, sp);
}

}  // namespace tierjit
