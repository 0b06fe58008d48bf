#include "perf/micro/embedded_python.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace tierjit::micro {
namespace {

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "tierjit_micro: %s failed\n", what);
  if (Py_IsInitialized() && PyErr_Occurred()) PyErr_Print();
  std::exit(1);
}

template <typename T>
T* Checked(T* result, const char* what) {
  if (result == nullptr) Fail(what);
  return result;
}

}  // namespace

void StartPython(const char* executable) {
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  // The executable's place leads the interpreter to pyvenv.cfg, and so to the installed package.
  PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, executable);
  if (!PyStatus_Exception(status)) status = PyConfig_SetBytesString(&config, &config.executable, executable);
  config.install_signal_handlers = 0;
  config.parse_argv = 0;
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  if (PyStatus_Exception(status)) Fail(status.err_msg != nullptr ? status.err_msg : "starting Python");
}

PyObject* RunModule(const char* source) {
  PyObject* space = Checked(PyDict_New(), "making a namespace");
  PyObject* name = Checked(PyUnicode_FromString("micro"), "making a name");
  if (PyDict_SetItemString(space, "__builtins__", PyEval_GetBuiltins()) < 0) Fail("making a namespace");
  if (PyDict_SetItemString(space, "__name__", name) < 0) Fail("making a namespace");
  Py_DECREF(name);
  Py_DECREF(Checked(PyRun_String(source, Py_file_input, space, space), "running a module"));
  return space;
}

PyObject* Call(PyObject* space, const char* name, const char* format, ...) {
  va_list list;
  va_start(list, format);
  PyObject* arguments = Checked(Py_VaBuildValue(format, list), name);
  va_end(list);
  PyObject* callable = Checked(PyDict_GetItemString(space, name), name);
  PyObject* result = Checked(PyObject_Call(callable, arguments, nullptr), name);
  Py_DECREF(arguments);
  return result;
}

double CallForNumber(PyObject* space, const char* name) {
  PyObject* result = Call(space, name);
  double number = PyFloat_AsDouble(result);
  Py_DECREF(result);
  if (PyErr_Occurred()) Fail(name);
  return number;
}

}  // namespace tierjit::micro
