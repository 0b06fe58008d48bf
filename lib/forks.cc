#include "lib/forks.h"

#include <algorithm>
#include <vector>

#include "lib/code_state.h"

namespace tierjit {
namespace {

std::vector<HasThread*>& Owners() {
  static auto* owners = new std::vector<HasThread*>;
  return *owners;
}
PyInterpreterState* g_interpreter = nullptr;  // that has the hook

// Where the last fork was called.
_PyInterpreterFrame* g_frame = nullptr;
_Py_CODEUNIT* g_instruction = nullptr;

PyObject* BeforeFork(PyObject*, PyObject*) {
  g_frame = PyThreadState_GetUnchecked()->current_frame;
  g_instruction = g_frame != nullptr ? g_frame->instr_ptr : nullptr;
  for (HasThread* owner : Owners()) owner->ParkForFork();
  Py_RETURN_NONE;
}

// Once an interpreter life: os.register_at_fork() has no opposite.
bool RegisterHook() {
  static PyMethodDef definition = {"tierjit_before_fork", BeforeFork, METH_NOARGS, nullptr};
  KeepException keep;
  PyObject* posix = PyImport_ImportModule("posix");
  PyObject* function = posix != nullptr ? PyCFunction_New(&definition, nullptr) : nullptr;
  PyObject* register_it = function != nullptr ? PyObject_GetAttrString(posix, "register_at_fork") : nullptr;
  PyObject* names = register_it != nullptr ? Py_BuildValue("(s)", "before") : nullptr;
  PyObject* none = names != nullptr ? PyObject_Vectorcall(register_it, &function, 0, names) : nullptr;
  bool registered = none != nullptr;
  for (PyObject* o : {posix, function, register_it, names, none}) Py_XDECREF(o);
  PyErr_Clear();
  return registered;
}

}  // namespace

bool TellOfForks(HasThread* owner) {
  if (g_interpreter != PyInterpreterState_Get() && !RegisterHook()) return false;
  g_interpreter = PyInterpreterState_Get();
  if (std::find(Owners().begin(), Owners().end(), owner) == Owners().end()) Owners().push_back(owner);
  return true;
}

void EndForks() {
  Owners().clear();
  g_interpreter = nullptr;
  g_frame = nullptr;
}

bool MayBeForking(PyThreadState* ts) {
  if (g_frame == nullptr) return false;
  for (_PyInterpreterFrame* frame = ts->current_frame; frame != nullptr; frame = frame->previous) {
    if (frame == g_frame && frame->instr_ptr == g_instruction) return true;
  }
  g_frame = nullptr;
  return false;
}

}  // namespace tierjit
