#include "tier1/functions.h"

#include "runtime/deopt/reserve.h"
#include "runtime/helpers/collector_link.h"
#include "runtime/helpers/handlers.h"
#include "runtime/watch/watchers.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr uint32_t kBlocks = 32;
PyFunctionObject* g_blocks[kBlocks];
uint32_t g_count = 0;
bool g_on = false;
bool g_entered_at_once = false;

// A name that every module has, at much the same place in its dict.
struct ModuleName {
  PyObject* name;
  Py_ssize_t place;
};
ModuleName g_name, g_builtins;

void InitialiseNames() {
  if (g_name.name != nullptr) return;
  g_name.name = Interned("__name__");
  g_builtins.name = Interned("__builtins__");
}

// Borrowed; NULL: there is none, or `globals` is not the dict of a module.
PyObject* Find(PyObject* globals, ModuleName* wanted) {
  PyDictObject* dict = reinterpret_cast<PyDictObject*>(globals);
  if (!PyDict_CheckExact(globals) || dict->ma_values != nullptr || !DK_IS_UNICODE(dict->ma_keys)) return nullptr;
  PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(dict->ma_keys);
  Py_ssize_t count = dict->ma_keys->dk_nentries;
  if (wanted->place >= count || entries[wanted->place].me_key != wanted->name) {
    wanted->place = 0;
    while (wanted->place < count && entries[wanted->place].me_key != wanted->name) wanted->place++;
    if (wanted->place == count) return nullptr;
  }
  return entries[wanted->place].me_value;
}

PyObject* BuiltinsOf(PyObject* globals) {
  PyObject* builtins = Find(globals, &g_builtins);
  return builtins != nullptr && PyModule_Check(builtins) ? PyModule_GetDict(builtins) : builtins;
}

PyObject* DocOf(const PyCodeObject* code) {
  PyObject* consts = code->co_consts;
  if (PyTuple_GET_SIZE(consts) == 0) return Py_None;
  PyObject* first = PyTuple_GET_ITEM(consts, 0);
  return PyUnicode_Check(first) ? first : Py_None;
}

// Gives a new function the entry of its compiled code, as whoever is told of new functions would.
bool EnterUnit(PyFunctionObject* f, PyCodeObject* code) {
  if (!g_entered_at_once || code->co_version != 0) return false;
  UnitHeader* unit = UnitOf(code);
  if (unit == nullptr || !BindNames(unit, f->func_globals, f->func_builtins)) return false;
  f->vectorcall = unit->vectorcall;
  return true;
}

// NULL, without an exception: the interpreter must make it. The reference of `code` moves into the function.
PyObject* Take(PyThreadState* ts, PyObject* code_object, PyObject* globals) {
  if (g_count == 0 || !WatchesFunctionsAlone(ts->interp)) return nullptr;
  PyObject* module = Find(globals, &g_name);
  PyObject* builtins = BuiltinsOf(globals);
  if (module == nullptr || builtins == nullptr) return nullptr;
  PyCodeObject* code = reinterpret_cast<PyCodeObject*>(code_object);
  PyFunctionObject* f = g_blocks[--g_count];
  reinterpret_cast<PyObject*>(f)->ob_refcnt = 1;
  f->func_globals = Py_NewRef(globals);
  f->func_builtins = Py_NewRef(builtins);
  f->func_name = Py_NewRef(code->co_name);
  f->func_qualname = Py_NewRef(code->co_qualname);
  f->func_code = code_object;
  f->func_doc = Py_NewRef(DocOf(code));
  f->func_module = Py_NewRef(module);
  f->func_defaults = f->func_kwdefaults = f->func_closure = f->func_dict = nullptr;
  f->func_weakreflist = f->func_annotations = f->func_typeparams = nullptr;
  f->vectorcall = DefaultVectorcall();
  f->func_version = 0;
  TrackObject(ts->interp, reinterpret_cast<PyObject*>(f));
  if (!EnterUnit(f, code)) ReportNewFunction(f);
  if (code->co_version != 0) _PyFunction_SetVersion(f, code->co_version);
  return reinterpret_cast<PyObject*>(f);
}

void Unset(PyObject* value) {
  if (value != nullptr) tj_decref(value);
}

// What few functions have.
bool HasExtras(const PyFunctionObject* f) {
  auto bits = [](PyObject* o) { return reinterpret_cast<uintptr_t>(o); };
  return (bits(f->func_defaults) | bits(f->func_kwdefaults) | bits(f->func_dict) | bits(f->func_closure) | bits(f->func_annotations) |
          bits(f->func_typeparams)) != 0;
}

// In the interpreter's order.
void UnsetFields(PyFunctionObject* f) {
  if (HasExtras(f)) {
    for (PyObject* field : {f->func_globals, f->func_builtins, f->func_module, f->func_defaults, f->func_kwdefaults, f->func_doc, f->func_dict,
                            f->func_closure, f->func_annotations, f->func_typeparams, f->func_code, f->func_name, f->func_qualname}) {
      Unset(field);
    }
  } else {
    for (PyObject* field : {f->func_globals, f->func_builtins, f->func_module, f->func_doc, f->func_code, f->func_name, f->func_qualname}) {
      Unset(field);
    }
  }
}

}  // namespace

PyObject** MakeFunction(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  PyObject* function = Take(ts, sp[-1], frame->f_globals);
  if (function == nullptr) return op_make_function(ts, frame, sp, oparg);
  sp[-1] = function;
  return sp;
}

bool KeepFunction(PyObject* dead) {
  if (!Py_IS_TYPE(dead, &PyFunction_Type)) return false;
  PyFunctionObject* f = reinterpret_cast<PyFunctionObject*>(dead);
  PyInterpreterState* interp = (*tj_rt.running)->interp;
  if (!g_on || g_count == kBlocks || f->func_weakreflist != nullptr || !WatchesFunctionsAlone(interp)) return false;
  _PyObject_GC_UNTRACK(dead);
  if (f->func_version != 0) _PyFunction_SetVersion(f, 0);
  UnsetFields(f);
  // What died with it may have made and dropped functions, or switched the lists off.
  if (g_on && g_count < kBlocks) {
    g_blocks[g_count++] = f;
  } else {
    PyObject_GC_Del(dead);
  }
  return true;
}

void EnterUnitsAtOnce(bool on) { g_entered_at_once = on; }

void FlushFunctions() {
  while (g_count > 0) PyObject_GC_Del(g_blocks[--g_count]);
}

void SwitchFunctions(bool on) {
  g_on = on;
  if (on) InitialiseNames();
}

}  // namespace tierjit::tier1
