#include "run_main.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

// Hides the frames that are active now, and their share of the recursion limit, as long as it lives.
class FramesHidden {
 public:
  FramesHidden() : ts_(PyThreadState_Get()), frame_(ts_->current_frame) {
    depth_ = ts_->py_recursion_limit - ts_->py_recursion_remaining;
    ts_->py_recursion_remaining += depth_;
    ts_->current_frame = nullptr;
  }
  ~FramesHidden() {
    ts_->current_frame = frame_;
    ts_->py_recursion_remaining -= depth_;
  }
  FramesHidden(const FramesHidden&) = delete;
  FramesHidden& operator=(const FramesHidden&) = delete;

 private:
  PyThreadState* ts_;
  _PyInterpreterFrame* frame_;
  int depth_;
};

// `__main__.__dict__`, borrowed.
PyObject* MainDict() {
  PyObject* module = PyImport_AddModule("__main__");
  return module != nullptr ? PyModule_GetDict(module) : nullptr;
}

// Only code that runs through PyRun_*() tells the interpreter to die of SIGINT at its end, so run some.
void NoteKeyboardInterrupt() {
  PyObject* globals = PyDict_New();
  if (globals == nullptr) return PyErr_Clear();
  PyObject* none = PyRun_String("raise KeyboardInterrupt", Py_file_input, globals, globals);
  Py_XDECREF(none);
  Py_DECREF(globals);
  PyErr_Clear();
}

// Steals `result`. Returns the exit status.
int Finish(PyObject* result) {
  Py_XDECREF(result);
  if (result != nullptr) return 0;
  bool interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
  PyErr_Print();
  if (interrupted) NoteKeyboardInterrupt();
  return 1;
}

// -c shows source lines in tracebacks by way of linecache. What identifies the source there changed within 3.13: first
// the file name, later the code object. A failure costs the source lines only.
void RegisterSource(PyObject* code, PyObject* source) {
  PyObject* linecache = PyImport_ImportModule("linecache");
  if (linecache != nullptr) {
    PyObject* name = reinterpret_cast<PyCodeObject*>(code)->co_filename;
    bool by_code = PyObject_HasAttrString(linecache, "_interactive_cache");
    Py_XDECREF(PyObject_CallMethod(linecache, "_register_code", "OOO", by_code ? code : name, source, name));
    Py_DECREF(linecache);
  }
  PyErr_Clear();
}

PyObject* EvalString(PyObject* source, PyObject* globals) {
  const char* text = PyUnicode_AsUTF8(source);
  if (text == nullptr || globals == nullptr) return nullptr;
  PyCompilerFlags flags = _PyCompilerFlags_INIT;
  flags.cf_flags |= PyCF_IGNORE_COOKIE;
  PyObject* code = Py_CompileStringExFlags(text, "<string>", Py_file_input, &flags, -1);
  if (code == nullptr) return nullptr;
  RegisterSource(code, source);
  PyObject* result = PySys_Audit("exec", "O", code) == 0 ? PyEval_EvalCode(code, globals, globals) : nullptr;
  Py_DECREF(code);
  return result;
}

// Prints exceptions, notes KeyboardInterrupt.
int RunOpenFile(FILE* file, const char* name, bool close) {
  PyCompilerFlags flags = _PyCompilerFlags_INIT;
  return PyRun_AnyFileExFlags(file, name, close, &flags) != 0;
}

// As the interpreter words it.
int CannotOpen(PyObject* filename, int error) {
  PyObject* original = PySys_GetObject("orig_argv");
  PyObject* program = original != nullptr && PyList_Check(original) ? PyList_GetItem(original, 0) : Py_None;
  PySys_FormatStderr("%S: can't open file %R: [Errno %d] %s\n", program, filename, error, std::strerror(error));
  return 2;
}

int RunFileNamed(PyObject* filename, const char* path) {
  FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return CannotOpen(filename, errno);
  struct stat status;
  if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
    std::fclose(file);
    PySys_FormatStderr("%R is a directory, cannot continue\n", filename);
    return 1;
  }
  return RunOpenFile(file, path, true);
}

}  // namespace

PyObject* RunFile(PyObject* self, PyObject* filename) {
  PyObject* path = nullptr;
  if (!PyUnicode_FSConverter(filename, &path)) return nullptr;
  int status;
  {
    FramesHidden hidden;
    status = RunFileNamed(filename, PyBytes_AS_STRING(path));
  }
  Py_DECREF(path);
  return PyLong_FromLong(status);
}

PyObject* RunStdin(PyObject* self, PyObject*) {
  FramesHidden hidden;
  return PyLong_FromLong(RunOpenFile(stdin, "<stdin>", false));
}

PyObject* RunString(PyObject* self, PyObject* source) {
  FramesHidden hidden;
  return PyLong_FromLong(Finish(EvalString(source, MainDict())));
}

PyObject* RunModule(PyObject* self, PyObject* args) {
  PyObject* runpy = PyImport_ImportModule("runpy");
  PyObject* run = runpy != nullptr ? PyObject_GetAttrString(runpy, "_run_module_as_main") : nullptr;
  Py_XDECREF(runpy);
  if (run == nullptr) return nullptr;
  int status;
  {
    FramesHidden hidden;
    status = Finish(PyObject_CallObject(run, args));
  }
  Py_DECREF(run);
  return PyLong_FromLong(status);
}
