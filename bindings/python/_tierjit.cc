// The extension module: tierjit.h as Python functions. What is more than a conversion is in the package's Python code.
#include <cstring>
#include <limits>

#include "run_main.h"
#include "tierjit.h"

namespace {

// Raises `error` (NULL: out of memory) as its Python counterpart and frees it. Always NULL.
PyObject* Raise(tj_error* error) {
  if (error == nullptr && tj_out_of_memory()) return PyErr_NoMemory();
  PyObject* type = PyExc_RuntimeError;
  switch (tj_error_code(error)) {
    case TJ_EUNKNOWN_OPTION:
    case TJ_ETYPE: type = PyExc_TypeError; break;
    case TJ_EVALUE: type = PyExc_ValueError; break;
    default: break;
  }
  PyErr_SetString(type, error != nullptr ? tj_error_message(error) : "tierjit: internal error");
  tj_error_free(error);
  return nullptr;
}

// `error` is what the call that gave `status` has stored.
PyObject* Finish(tj_status status, tj_error* const& error) {
  if (status != TJ_OK) return Raise(error);
  Py_RETURN_NONE;
}

// Takes text of the library over as str; None for NULL.
PyObject* TakeText(char* text) {
  if (text == nullptr && tj_out_of_memory()) return PyErr_NoMemory();
  if (text == nullptr) Py_RETURN_NONE;
  PyObject* result = PyUnicode_DecodeUTF8(text, static_cast<Py_ssize_t>(std::strlen(text)), "replace");
  tj_free(text);
  return result;
}

PyObject* Attach(PyObject*, PyObject*) {
  if (tj_attach(TJ_ATTACH_ENVIRONMENT, nullptr) == TJ_OK) Py_RETURN_TRUE;
  if (tj_out_of_memory()) return PyErr_NoMemory();
  Py_RETURN_FALSE;
}

PyObject* Detach(PyObject*, PyObject*) {
  tj_detach();
  Py_RETURN_NONE;
}

PyObject* WhyUnavailable(PyObject*, PyObject*) {
  const char* reason = tj_why_unavailable();
  if (reason == nullptr) Py_RETURN_NONE;
  return PyUnicode_FromString(reason);
}

// Of an int that int64 does not hold; only for the error's text.
double HugeAsDouble(PyObject* number, int sign) {
  double value = PyLong_AsDouble(number);
  if (!PyErr_Occurred()) return value;
  PyErr_Clear();
  return sign * std::numeric_limits<double>::infinity();
}

PyObject* SetOption(PyObject*, PyObject* args) {
  const char* key;
  PyObject* value;
  if (!PyArg_ParseTuple(args, "sO", &key, &value)) return nullptr;
  tj_error* error = nullptr;
  if (PyLong_Check(value)) {
    int overflow;
    int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) return Finish(tj_configure_int(key, number, &error), error);
    return Finish(tj_configure_double(key, HugeAsDouble(value, overflow), &error), error);
  }
  if (PyFloat_Check(value)) return Finish(tj_configure_double(key, PyFloat_AS_DOUBLE(value), &error), error);
  Py_ssize_t size = 0;
  const char* text = PyUnicode_Check(value) ? PyUnicode_AsUTF8AndSize(value, &size) : nullptr;
  if (PyErr_Occurred()) return nullptr;
  if (text != nullptr && std::strlen(text) != static_cast<size_t>(size)) {
    PyErr_SetString(PyExc_ValueError, "embedded null character");
    return nullptr;
  }
  if (text != nullptr) return Finish(tj_configure(key, text, &error), error);
  // Let the library complain about the key first; no option accepts this text.
  tj_status status = tj_configure(key, "\x01", &error);
  if (status == TJ_EUNKNOWN_OPTION || tj_out_of_memory()) return Raise(error);
  tj_error_free(error);
  return PyErr_Format(PyExc_TypeError, "%s cannot be a %s", key, Py_TYPE(value)->tp_name);
}

PyObject* GetConfig(PyObject*, PyObject* described) { return TakeText(tj_get_config(PyObject_IsTrue(described) == 1)); }

PyObject* SetMode(PyObject*, PyObject* args) {
  PyObject* func;
  int mode, recurse;
  if (!PyArg_ParseTuple(args, "Oip", &func, &mode, &recurse)) return nullptr;
  tj_error* error = nullptr;
  tj_status status = tj_set_mode(func == Py_None ? nullptr : func, static_cast<tj_mode>(mode),
                                 recurse ? TJ_RECURSE : TJ_SELF, &error);
  return Finish(status, error);
}

PyObject* IsEnabled(PyObject*, PyObject*) { return PyBool_FromLong(tj_is_enabled()); }

PyObject* Pause(PyObject*, PyObject* args) {
  int delta;
  if (!PyArg_ParseTuple(args, "i", &delta)) return nullptr;
  return PyLong_FromLong(tj_pause(delta));
}

// True when compiled, False when refused or unavailable.
PyObject* Compile(PyObject*, PyObject* args) {
  PyObject* func;
  int tier;
  if (!PyArg_ParseTuple(args, "Oi", &func, &tier)) return nullptr;
  tj_error* error = nullptr;
  tj_status status = tj_compile(func, tier, &error);
  if (status == TJ_ETYPE || status == TJ_EVALUE || status == TJ_EINTERNAL) return Raise(error);
  tj_error_free(error);
  return PyBool_FromLong(status == TJ_OK);
}

PyObject* NoFunction(PyObject* object) {
  return PyErr_Format(PyExc_TypeError, "needs a Python function, method or code object, not %s",
                      Py_TYPE(object)->tp_name);
}

PyObject* IsCompiled(PyObject*, PyObject* func) {
  int tier = tj_is_compiled(func);
  if (tier >= 0) return PyLong_FromLong(tier);
  return NoFunction(func);
}

PyObject* WhyNot(PyObject*, PyObject* func) { return TakeText(tj_why_not(func)); }

PyObject* InfoJson(PyObject*, PyObject* func) {
  char* text = tj_info_json(func);
  if (text != nullptr || tj_out_of_memory()) return TakeText(text);
  return NoFunction(func);
}

PyObject* Dump(PyObject*, PyObject* func) { return TakeText(tj_dump(func)); }

PyObject* DumpTier2(PyObject*, PyObject* args) {
  PyObject* func;
  const char* what;
  if (!PyArg_ParseTuple(args, "Os", &func, &what)) return nullptr;
  return TakeText(tj_dump_tier2(func, what));
}

PyObject* AddressAndBytes(const void* begin, size_t size) {
  return Py_BuildValue("Ny#", PyLong_FromVoidPtr(const_cast<void*>(begin)), static_cast<const char*>(begin),
                       static_cast<Py_ssize_t>(size));
}

PyObject* Tier2Code(PyObject*, PyObject* args) {
  PyObject* func;
  int index;
  const void* begin;
  size_t size;
  tj_error* error = nullptr;
  if (!PyArg_ParseTuple(args, "Oi", &func, &index)) return nullptr;
  if (tj_tier2_code(func, index, &begin, &size, &error) != TJ_OK) return Raise(error);
  return AddressAndBytes(begin, size);
}

PyObject* MachineCode(PyObject*, PyObject* func) {
  const void* begin;
  size_t size;
  tj_error* error = nullptr;
  if (tj_machine_code(func, &begin, &size, &error) != TJ_OK) return Raise(error);
  return AddressAndBytes(begin, size);
}

PyObject* StatsJson(PyObject*, PyObject* reset) { return TakeText(tj_stats_json(PyObject_IsTrue(reset) == 1)); }

PyObject* SlowSites(PyObject*, PyObject* limit) {
  int count = PyLong_AsInt(limit);
  return count == -1 && PyErr_Occurred() ? nullptr : TakeText(tj_slow_sites(count));
}

PyMethodDef kMethods[] = {
    {"slow_sites", SlowSites, METH_O, nullptr},
    {"attach", Attach, METH_NOARGS, nullptr},
    {"detach", Detach, METH_NOARGS, nullptr},
    {"why_unavailable", WhyUnavailable, METH_NOARGS, nullptr},
    {"set_option", SetOption, METH_VARARGS, nullptr},
    {"get_config", GetConfig, METH_O, nullptr},
    {"set_mode", SetMode, METH_VARARGS, nullptr},
    {"is_enabled", IsEnabled, METH_NOARGS, nullptr},
    {"pause", Pause, METH_VARARGS, nullptr},
    {"compile", Compile, METH_VARARGS, nullptr},
    {"is_compiled", IsCompiled, METH_O, nullptr},
    {"why_not", WhyNot, METH_O, nullptr},
    {"info_json", InfoJson, METH_O, nullptr},
    {"dump", Dump, METH_O, nullptr},
    {"dump_tier2", DumpTier2, METH_VARARGS, nullptr},
    {"tier2_code", Tier2Code, METH_VARARGS, nullptr},
    {"machine_code", MachineCode, METH_O, nullptr},
    {"stats_json", StatsJson, METH_O, nullptr},
    {"run_file", RunFile, METH_O, nullptr},
    {"run_stdin", RunStdin, METH_NOARGS, nullptr},
    {"run_string", RunString, METH_O, nullptr},
    {"run_module", RunModule, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

// The slot below keeps it out of sub-interpreters with a lock of their own; others are asked here. The library serves the main one only.
int AddConstants(PyObject* module) {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(PyExc_ImportError, "tierjit works in the main interpreter only");
    return -1;
  }
  bool failed = PyModule_AddStringConstant(module, "version", tj_version()) != 0 ||
                PyModule_AddIntMacro(module, TJ_OFF) != 0 || PyModule_AddIntMacro(module, TJ_ON) != 0 ||
                PyModule_AddIntMacro(module, TJ_FLUSH) != 0;
  return failed ? -1 : 0;
}

PyModuleDef_Slot kSlots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(&AddConstants)},
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
    {0, nullptr},
};

PyModuleDef kModule = {
    PyModuleDef_HEAD_INIT, "tierjit._tierjit", nullptr, 0, kMethods, kSlots, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__tierjit(void) { return PyModuleDef_Init(&kModule); }
