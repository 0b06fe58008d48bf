// `import m` and `from m import name`.
#include <memory>

#include "runtime/helpers/frame_access.h"
#include "runtime/helpers/handlers.h"

namespace tierjit {
namespace {

struct Release {
  void operator()(PyObject* object) const { Py_DECREF(object); }
};
using Owned = std::unique_ptr<PyObject, Release>;

InternedName import_function_name("__import__");
InternedName module_name_name("__name__");
InternedName spec_name("__spec__");
InternedName getattr_name("__getattr__");

// New reference to the `__import__` that the frame's builtins hold now, or NULL with an exception set.
PyObject* ImportFunction(_PyInterpreterFrame* frame) {
  PyObject* name = import_function_name.Get();
  PyObject* function;
  if (name == nullptr || PyMapping_GetOptionalItem(frame->f_builtins, name, &function) < 0) return nullptr;
  if (function == nullptr) PyErr_SetString(PyExc_ImportError, "__import__ not found");
  return function;
}

PyObject* ImportDefault(PyObject* name, PyObject* globals, PyObject* locals, PyObject* fromlist, PyObject* level) {
  int depth = PyLong_AsInt(level);
  if (depth == -1 && PyErr_Occurred()) return nullptr;
  return PyImport_ImportModuleLevelObject(name, globals, locals, fromlist, depth);
}

PyObject* ImportName(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* name, PyObject* fromlist,
                     PyObject* level) {
  Owned function(ImportFunction(frame));
  if (function == nullptr) return nullptr;
  PyObject* locals = frame->f_locals == nullptr ? Py_None : frame->f_locals;
  if (function.get() == ts->interp->imports.import_func) {
    return ImportDefault(name, frame->f_globals, locals, fromlist, level);
  }
  PyObject* arguments[] = {name, frame->f_globals, locals, fromlist, level};
  return PyObject_Vectorcall(function.get(), arguments, 5, nullptr);
}

// A function body of one argument that does nothing but IMPORT_FROM `name`.
PyObject* ImportFromCode(PyObject* name) {
  constexpr unsigned char kBody[] = {RESUME, 0, LOAD_FAST, 0, IMPORT_FROM, 0, RETURN_VALUE, 0};
  Owned body(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(kBody), sizeof kBody));
  Owned none(PyTuple_New(0));
  Owned names(PyTuple_Pack(1, name));
  Owned text(PyUnicode_FromString("<import>"));
  Owned variables(text == nullptr ? nullptr : PyTuple_Pack(1, text.get()));
  Owned empty(PyBytes_FromStringAndSize(nullptr, 0));
  if (!body || !none || !names || !variables || !empty) return nullptr;
  return reinterpret_cast<PyObject*>(PyUnstable_Code_New(
      1, 0, 1, 3, CO_OPTIMIZED | CO_NEWLOCALS, body.get(), none.get(), names.get(), variables.get(), none.get(),
      none.get(), text.get(), text.get(), text.get(), 1, empty.get(), empty.get()));
}

// Stores `value` under `name`, or makes sure that there is none when `value` is NULL.
int PutOrRemove(PyObject* dict, PyObject* name, PyObject* value) {
  return value != nullptr ? PyDict_SetItem(dict, name, value) : PyDict_Pop(dict, name, nullptr);
}

// A plain module that looks like `source` to whoever explains why `name` is missing, and has no code that could run
// when it is asked. `module_name` and `spec` may be NULL. New reference, or NULL with an exception set.
PyObject* StandIn(PyObject* source, PyObject* module_name, PyObject* spec, PyObject* name) {
  if (getattr_name.Get() == nullptr) return nullptr;
  Owned module(PyModule_New(""));
  if (module == nullptr) return nullptr;
  PyObject* dict = PyModule_GetDict(module.get());
  PyObject* content = PyModule_Check(source) ? PyModule_GetDict(source) : nullptr;
  if (content != nullptr && PyDict_Update(dict, content) < 0) return nullptr;
  if (PutOrRemove(dict, name, nullptr) < 0 || PutOrRemove(dict, getattr_name.Get(), nullptr) < 0 ||
      PutOrRemove(dict, module_name_name.Get(), module_name) < 0 || PutOrRemove(dict, spec_name.Get(), spec) < 0) {
    return nullptr;
  }
  return module.release();
}

// Runs `code` in the interpreter out of sight of tracers. Steals nothing; NULL with an exception set.
PyObject* EvalUnseen(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* code, PyObject* argument) {
  PyThreadState_EnterTracing(ts);
  PyObject* result =
      PyEval_EvalCodeEx(code, frame->f_globals, nullptr, &argument, 1, nullptr, 0, nullptr, 0, nullptr, nullptr);
  PyThreadState_LeaveTracing(ts);
  return result;
}

void DropTraceback() {
  PyObject* exception = PyErr_GetRaisedException();
  PyException_SetTraceback(exception, Py_None);
  PyErr_SetRaisedException(exception);
}

// Raises the ImportError. The wording (circular import, shadowed library, location) changes from one patch release to
// the next, so the running interpreter says it: its own IMPORT_FROM fails on a stand-in for the module.
void RaiseCannotImport(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* module, PyObject* module_name,
                       PyObject* name) {
  PyObject* key = spec_name.Get();
  PyObject* found;
  if (key == nullptr || PyObject_GetOptionalAttr(module, key, &found) < 0) return;
  Owned spec(found);
  Owned code(ImportFromCode(name));
  Owned stand_in(code == nullptr ? nullptr : StandIn(module, module_name, spec.get(), name));
  if (stand_in == nullptr) return;
  Owned result(EvalUnseen(ts, frame, code.get(), stand_in.get()));
  if (result == nullptr) {
    DropTraceback();
  } else {  // an attribute that every module has and `module` lacks
    PyErr_Format(PyExc_ImportError, "cannot import name %R", name);
  }
}

// `from package import name` while `package` still waits for its attribute: the submodule itself, if it is loaded.
PyObject* LoadedSubmodule(PyObject* package_name, PyObject* name) {
  Owned full_name(PyUnicode_FromFormat("%U.%U", package_name, name));
  return full_name == nullptr ? nullptr : PyImport_GetModule(full_name.get());
}

// New reference, or NULL with an exception set.
PyObject* ImportFrom(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject* module, PyObject* name) {
  PyObject* value;
  if (PyObject_GetOptionalAttr(module, name, &value) != 0) return value;
  PyObject* key = module_name_name.Get();
  PyObject* found;
  if (key == nullptr || PyObject_GetOptionalAttr(module, key, &found) < 0) return nullptr;
  Owned module_name(found);
  if (module_name != nullptr && !PyUnicode_Check(module_name.get())) module_name.reset();
  if (module_name != nullptr) {
    value = LoadedSubmodule(module_name.get(), name);
    if (value != nullptr || PyErr_Occurred()) return value;
  }
  RaiseCannotImport(ts, frame, module, module_name.get(), name);
  return nullptr;
}

}  // namespace

PyObject** op_import_name(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject** inputs = sp - 2;  // level, names wanted
  PyObject* module = ImportName(ts, frame, NameAt(frame, oparg), inputs[1], inputs[0]);
  ReleaseAll(inputs, 2);
  return PushResult(frame, inputs, module);
}

PyObject** op_import_from(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return PushResult(frame, sp, ImportFrom(ts, frame, sp[-1], NameAt(frame, oparg)));
}

}  // namespace tierjit
