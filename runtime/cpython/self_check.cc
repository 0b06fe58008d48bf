#include "runtime/cpython/self_check.h"

#include <dlfcn.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/cpython/python.h"

namespace tierjit {
namespace {

// Owns one reference or nothing.
class Owned {
 public:
  explicit Owned(PyObject* object = nullptr) : object_(object) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { Py_XDECREF(object_); }
  PyObject* get() const { return object_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(object_);
  }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  PyObject* object_;
};

// Keeps the thread's pending exception out of the check's way and hides the check from tracers and profilers.
class Quiet {
 public:
  explicit Quiet(PyThreadState* ts) : ts_(ts), pending_(PyErr_GetRaisedException()) { PyThreadState_EnterTracing(ts_); }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
  ~Quiet() {
    PyErr_SetRaisedException(pending_);  // drops what the check itself may have raised
    PyThreadState_LeaveTracing(ts_);
  }

 private:
  PyThreadState* ts_;
  PyObject* pending_;
};

absl::Status Unfit(absl::string_view reason) { return absl::UnavailableError(reason); }

absl::Status LayoutDiffers(absl::string_view what) {
  return Unfit(absl::StrCat("this Python lays out ", what, " differently from the one that tierjit was built for"));
}

absl::Status Require(bool condition, absl::string_view what) {
  return condition ? absl::OkStatus() : LayoutDiffers(what);
}

// A step of the check itself failed with a Python exception.
absl::Status ProbeFailed(absl::string_view what) {
  Owned exception(PyErr_GetRaisedException());
  const char* type = exception ? Py_TYPE(exception.get())->tp_name : "no exception";
  return Unfit(absl::StrCat("the self-check could not ", what, " (", type, ")"));
}

// --- What kind of interpreter ---

constexpr long kBytecodeMagic = 3571;  // of all 3.13 releases

absl::Status CheckVersion() {
  if (Py_Version >> 16 != PY_VERSION_HEX >> 16) {
    return Unfit(absl::StrCat("tierjit was built for Python ", PY_MAJOR_VERSION, ".", PY_MINOR_VERSION, " but runs in Python ", Py_Version >> 24,
                              ".", Py_Version >> 16 & 0xff));
  }
  if ((PyImport_GetMagicNumber() & 0xffff) != kBytecodeMagic) return Unfit("this Python uses a bytecode of its own");
  return absl::OkStatus();
}

// Looked up by name although most are linked too: a clear sentence beats a symbol error deep inside a program's run.
constexpr const char* kNeededSymbols[] = {
    "_PyEval_EvalFrameDefault", "_PyEvalFramePushAndInit", "_PyEval_FrameClearAndPop", "_PyThreadState_PopFrame",
    "_Py_HandlePending",  "_PyEval_AddPendingCall",      "_PyFunction_SetVersion",  "_PyEval_MonitorRaise",     "_PyEval_BinaryOps",
    "_PyIntrinsics_UnaryFunctions", "_PyIntrinsics_BinaryFunctions", "_PyEval_ConversionFuncs",
    "_PyEval_FormatExcCheckArg", "_PyEval_FormatExcUnbound", "_PyDict_LoadGlobal", "_PyObject_GetMethod",
    "_Py_MakeCoro", "_PyGen_SetStopIterationValue", "_Py_CheckRecursiveCall",
};

absl::Status CheckSymbols() {
  for (const char* name : kNeededSymbols) {
    if (dlsym(RTLD_DEFAULT, name) == nullptr) return Unfit(absl::StrCat("this Python does not export ", name));
  }
  return absl::OkStatus();
}

absl::Status CheckBuild() {
  if (dlsym(RTLD_DEFAULT, "_Py_Executors_InvalidateAll") != nullptr) {
    return Unfit("this Python is built with its experimental JIT, which rewrites the bytecode that tierjit compiles");
  }
  return absl::OkStatus();
}

absl::Status CheckThread(PyThreadState* ts) {
  if (PyThreadState_GetInterpreter(ts) != PyInterpreterState_Main()) {
    return Unfit("tierjit works in the main interpreter only, not in subinterpreters");
  }
  if (_PyInterpreterState_GetEvalFrameFunc(ts->interp) != _PyEval_EvalFrameDefault) {
    return Unfit("another tool has installed a frame evaluator (PEP 523)");
  }
  return Require(ts->interp->eval_frame == nullptr || ts->interp->eval_frame == _PyEval_EvalFrameDefault,
                 "the interpreter state (eval_frame)");
}

// --- Layouts that the interpreter publishes ---

struct PublishedField {
  const char* name;
  uint64_t runtime;
  uint64_t compiled;
};

// Offsets that compiled code and helpers rely on. The sizes of the thread, interpreter and runtime states are left out
// on purpose: they grow at their ends between patch releases, where nothing of ours reaches.
absl::Status CheckPublishedFields(const _Py_DebugOffsets& o) {
#define TIERJIT_FIELD(group, field, value) {#group "." #field, o.group.field, value}
  const PublishedField fields[] = {
      TIERJIT_FIELD(pyobject, size, sizeof(PyObject)),
      TIERJIT_FIELD(pyobject, ob_type, offsetof(PyObject, ob_type)),
      TIERJIT_FIELD(thread_state, prev, offsetof(PyThreadState, prev)),
      TIERJIT_FIELD(thread_state, next, offsetof(PyThreadState, next)),
      TIERJIT_FIELD(thread_state, interp, offsetof(PyThreadState, interp)),
      TIERJIT_FIELD(thread_state, current_frame, offsetof(PyThreadState, current_frame)),
      TIERJIT_FIELD(thread_state, thread_id, offsetof(PyThreadState, thread_id)),
      TIERJIT_FIELD(thread_state, datastack_chunk, offsetof(PyThreadState, datastack_chunk)),
      TIERJIT_FIELD(interpreter_frame, size, sizeof(_PyInterpreterFrame)),
      TIERJIT_FIELD(interpreter_frame, previous, offsetof(_PyInterpreterFrame, previous)),
      TIERJIT_FIELD(interpreter_frame, executable, offsetof(_PyInterpreterFrame, f_executable)),
      TIERJIT_FIELD(interpreter_frame, instr_ptr, offsetof(_PyInterpreterFrame, instr_ptr)),
      TIERJIT_FIELD(interpreter_frame, localsplus, offsetof(_PyInterpreterFrame, localsplus)),
      TIERJIT_FIELD(interpreter_frame, owner, offsetof(_PyInterpreterFrame, owner)),
      TIERJIT_FIELD(code_object, size, sizeof(PyCodeObject)),
      TIERJIT_FIELD(code_object, filename, offsetof(PyCodeObject, co_filename)),
      TIERJIT_FIELD(code_object, name, offsetof(PyCodeObject, co_name)),
      TIERJIT_FIELD(code_object, qualname, offsetof(PyCodeObject, co_qualname)),
      TIERJIT_FIELD(code_object, linetable, offsetof(PyCodeObject, co_linetable)),
      TIERJIT_FIELD(code_object, firstlineno, offsetof(PyCodeObject, co_firstlineno)),
      TIERJIT_FIELD(code_object, argcount, offsetof(PyCodeObject, co_argcount)),
      TIERJIT_FIELD(code_object, localsplusnames, offsetof(PyCodeObject, co_localsplusnames)),
      TIERJIT_FIELD(code_object, localspluskinds, offsetof(PyCodeObject, co_localspluskinds)),
      TIERJIT_FIELD(code_object, co_code_adaptive, offsetof(PyCodeObject, co_code_adaptive)),
      TIERJIT_FIELD(type_object, size, sizeof(PyTypeObject)),
      TIERJIT_FIELD(type_object, tp_name, offsetof(PyTypeObject, tp_name)),
      TIERJIT_FIELD(type_object, tp_repr, offsetof(PyTypeObject, tp_repr)),
      TIERJIT_FIELD(type_object, tp_flags, offsetof(PyTypeObject, tp_flags)),
      TIERJIT_FIELD(tuple_object, size, sizeof(PyTupleObject)),
      TIERJIT_FIELD(tuple_object, ob_item, offsetof(PyTupleObject, ob_item)),
      TIERJIT_FIELD(tuple_object, ob_size, offsetof(PyTupleObject, ob_base.ob_size)),
      TIERJIT_FIELD(list_object, size, sizeof(PyListObject)),
      TIERJIT_FIELD(list_object, ob_item, offsetof(PyListObject, ob_item)),
      TIERJIT_FIELD(list_object, ob_size, offsetof(PyListObject, ob_base.ob_size)),
      TIERJIT_FIELD(dict_object, size, sizeof(PyDictObject)),
      TIERJIT_FIELD(dict_object, ma_keys, offsetof(PyDictObject, ma_keys)),
      TIERJIT_FIELD(dict_object, ma_values, offsetof(PyDictObject, ma_values)),
      TIERJIT_FIELD(float_object, size, sizeof(PyFloatObject)),
      TIERJIT_FIELD(float_object, ob_fval, offsetof(PyFloatObject, ob_fval)),
      TIERJIT_FIELD(long_object, size, sizeof(PyLongObject)),
      TIERJIT_FIELD(long_object, lv_tag, offsetof(PyLongObject, long_value.lv_tag)),
      TIERJIT_FIELD(long_object, ob_digit, offsetof(PyLongObject, long_value.ob_digit)),
      TIERJIT_FIELD(unicode_object, size, sizeof(PyUnicodeObject)),
      TIERJIT_FIELD(unicode_object, state, offsetof(PyUnicodeObject, _base._base.state)),
      TIERJIT_FIELD(unicode_object, length, offsetof(PyUnicodeObject, _base._base.length)),
      TIERJIT_FIELD(unicode_object, asciiobject_size, sizeof(PyASCIIObject)),
  };
#undef TIERJIT_FIELD
  for (const PublishedField& field : fields) {
    if (field.runtime == field.compiled) continue;
    return LayoutDiffers(absl::StrCat(field.name, " (", field.runtime, " instead of ", field.compiled, ")"));
  }
  return absl::OkStatus();
}

absl::Status CheckPublishedLayout() {
  // By name, not by linkage: the size of this variable changes between patch releases, which an executable that copies
  // it (non-PIC) would notice.
  const void* runtime = dlsym(RTLD_DEFAULT, "_PyRuntime");
  if (runtime == nullptr) return Unfit("this Python does not export _PyRuntime");
  _Py_DebugOffsets offsets;
  memcpy(&offsets, runtime, sizeof offsets);
  if (memcmp(offsets.cookie, _Py_Debug_Cookie, sizeof offsets.cookie) != 0) {
    return Unfit("this Python does not publish its structure offsets");
  }
  if (offsets.version != Py_Version) return Unfit("this Python's runtime and library are of different versions");
  if (offsets.free_threaded != 0) return Unfit("free-threaded builds of Python are not supported");
  return CheckPublishedFields(offsets);
}

// --- Layouts that only behaviour shows: objects ---

absl::Status CheckSmallInts() {
  constexpr long kFirst = -5, kLast = 256;
  constexpr ptrdiff_t kSize = 32;
  Owned zero(PyLong_FromLong(0));
  for (long value = kFirst; value <= kLast; ++value) {
    Owned integer(PyLong_FromLong(value));
    if (!integer) return ProbeFailed("make an int");
    const bool in_place = integer.as<char>() - zero.as<char>() == value * kSize;
    if (!in_place || !_Py_IsImmortal(integer.get())) return LayoutDiffers("the cached small ints");
    const _PyLongValue& digits = integer.as<PyLongObject>()->long_value;
    const long sign = 1 - static_cast<long>(digits.lv_tag & _PyLong_SIGN_MASK);
    if (digits.lv_tag >= 16 || sign * static_cast<long>(digits.ob_digit[0]) != value) return LayoutDiffers("ints");
  }
  return Require(_Py_IsImmortal(Py_None) && _Py_IsImmortal(Py_True) && _Py_IsImmortal(Py_False), "immortal objects");
}

absl::Status CheckIterators() {
  Owned list(Py_BuildValue("[iii]", 1, 2, 3));
  Owned tuple(list ? PyList_AsTuple(list.get()) : nullptr);
  Owned range(PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyRange_Type), "iii", 7, 100, 3));
  if (!list || !tuple || !range) return ProbeFailed("make sequences");
  Owned over_list(PyObject_GetIter(list.get())), over_tuple(PyObject_GetIter(tuple.get()));
  Owned over_range(PyObject_GetIter(range.get()));
  if (!over_list || !over_tuple || !over_range) return ProbeFailed("make iterators");
  for (const Owned* iterator : {&over_list, &over_tuple, &over_range}) Owned first(PyIter_Next(iterator->get()));
  const auto* l = over_list.as<_PyListIterObject>();
  const auto* t = over_tuple.as<_PyTupleIterObject>();
  const auto* r = over_range.as<_PyRangeIterObject>();
  absl::Status status = Require(l->it_index == 1 && l->it_seq == list.as<PyListObject>(), "list iterators");
  status.Update(Require(t->it_index == 1 && t->it_seq == tuple.as<PyTupleObject>(), "tuple iterators"));
  status.Update(Require(r->start == 10 && r->step == 3 && r->len == 30, "range iterators"));
  return status;
}

absl::Status CheckDictKeys() {
  Owned dict(Py_BuildValue("{sisi}", "a", 1, "b", 2));
  if (!dict) return ProbeFailed("make a dict");
  const PyDictKeysObject* keys = dict.as<PyDictObject>()->ma_keys;
  const bool header = keys->dk_kind == DICT_KEYS_UNICODE && keys->dk_nentries == 2 && keys->dk_refcnt == 1;
  if (!header) return LayoutDiffers("dict keys");
  const PyDictUnicodeEntry* entries = DK_UNICODE_ENTRIES(const_cast<PyDictKeysObject*>(keys));
  const bool key_fits = PyUnicode_CompareWithASCIIString(entries[1].me_key, "b") == 0;
  return Require(key_fits && PyLong_AsLong(entries[1].me_value) == 2, "dict entries");
}

// Position of the attribute `name` in the inline values of instances of `type`; -1 if it has none.
Py_ssize_t SharedKeyIndex(PyTypeObject* type, const char* name) {
  PyDictKeysObject* keys = reinterpret_cast<PyHeapTypeObject*>(type)->ht_cached_keys;
  if (keys == nullptr || keys->dk_kind != DICT_KEYS_SPLIT) return -1;
  for (Py_ssize_t i = 0; i < keys->dk_nentries; ++i) {
    if (PyUnicode_CompareWithASCIIString(DK_UNICODE_ENTRIES(keys)[i].me_key, name) == 0) return i;
  }
  return -1;
}

// Instances of plain classes keep their attributes inside. A class of our own would be garbage in a cycle afterwards,
// so the probe takes one that every interpreter has (importlib's ModuleSpec), and an instance on which no code has run.
absl::Status CheckInlineValues() {
  Owned module_name(PyUnicode_FromString("_frozen_importlib"));
  Owned importlib(module_name ? PyImport_GetModule(module_name.get()) : nullptr);
  Owned spec_type(importlib ? PyObject_GetAttrString(importlib.get(), "ModuleSpec") : nullptr);
  if (!spec_type || !PyType_Check(spec_type.get())) return ProbeFailed("find a Python class");
  auto* type = spec_type.as<PyTypeObject>();
  constexpr unsigned long kNeeded = Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_INLINE_VALUES;
  if ((type->tp_flags & kNeeded) != kNeeded) return LayoutDiffers("type flags");
  Owned no_arguments(PyTuple_New(0)), value(PyFloat_FromDouble(1.5));
  if (!no_arguments || !value) return ProbeFailed("make objects");
  Owned instance(PyBaseObject_Type.tp_new(type, no_arguments.get(), nullptr));
  if (!instance || PyObject_SetAttrString(instance.get(), "name", value.get()) < 0) {
    return ProbeFailed("make an instance");
  }
  const Py_ssize_t index = SharedKeyIndex(type, "name");
  const PyDictValues* values = _PyObject_InlineValues(instance.get());
  absl::Status status = Require(index >= 0, "the shared keys of classes");
  status.Update(Require(values->valid == 1 && index < values->capacity && values->values[index] == value.get() &&
                            _PyObject_ManagedDictPointer(instance.get())->dict == nullptr,
                        "instances"));
  return status;
}

// --- Layouts that only behaviour shows: functions, frames, threads ---

// What a Python function's C callee sees of its caller.
struct FrameProbe {
  PyThreadState* ts;
  PyCodeObject* code;
  int py_recursion_before, c_recursion_before;
  int calls = 0;
  absl::Status result;
};

absl::Status InspectCaller(const FrameProbe& probe) {
  const PyThreadState* ts = probe.ts;
  const _PyInterpreterFrame* frame = ts->current_frame;
  if (frame == nullptr || frame->f_executable != reinterpret_cast<PyObject*>(probe.code)) {
    return LayoutDiffers("the current frame");
  }
  const _Py_CODEUNIT* first = _PyCode_CODE(probe.code);
  const bool in_code = frame->instr_ptr >= first && frame->instr_ptr < first + Py_SIZE(probe.code);
  if (!in_code || BaseOpcode(frame->instr_ptr->op.code) != CALL) return LayoutDiffers("frame positions");
  absl::Status status = Require(frame->owner == FRAME_OWNED_BY_THREAD && frame->stacktop == -1,
                                "running frames");
  status.Update(Require(ts->datastack_top == reinterpret_cast<PyObject* const*>(frame) + probe.code->co_framesize &&
                            ts->datastack_limit > ts->datastack_top,
                        "the data stack"));
  status.Update(Require(frame->previous != nullptr && frame->previous->owner == FRAME_OWNED_BY_CSTACK, "entry frames"));
  // The frame takes one Python level; the evaluation loop two C levels and a C function at most two more.
  const int c_levels = probe.c_recursion_before - ts->c_recursion_remaining;
  status.Update(Require(probe.py_recursion_before - ts->py_recursion_remaining == 1 && c_levels >= 2 && c_levels <= 4 &&
                            ts->py_recursion_limit == Py_GetRecursionLimit(),
                        "recursion counters"));
  const PyObject* handled = ts->exc_info != nullptr ? ts->exc_info->exc_value : nullptr;
  status.Update(Require(handled != nullptr && Py_IS_TYPE(handled, reinterpret_cast<PyTypeObject*>(PyExc_KeyError)),
                        "handled exceptions"));
  return status;
}

PyObject* ProbeCallee(PyObject* capsule, PyObject*) {
  auto* probe = static_cast<FrameProbe*>(PyCapsule_GetPointer(capsule, nullptr));
  if (probe == nullptr) return nullptr;
  ++probe->calls;
  probe->result = InspectCaller(*probe);
  Py_RETURN_NONE;
}

PyMethodDef kProbeCallee = {"probe", ProbeCallee, METH_NOARGS, nullptr};

constexpr char kProbeSource[] =
    "def f(probe, error):\n"
    "  try:\n"
    "    raise error\n"
    "  except error:\n"
    "    probe()\n"
    "    return 73\n"
    "def g():\n"
    "  yield\n";

// Runs `function` as compiled code leaves to the interpreter: push a frame, then evaluate it.
PyObject* EvaluatePushedFrame(PyThreadState* ts, PyFunctionObject* function, PyObject* probe) {
  PyObject* arguments[] = {Py_NewRef(probe), Py_NewRef(PyExc_KeyError)};
  Py_INCREF(function);
  // Takes over the references, also when it fails.
  _PyInterpreterFrame* frame = _PyEvalFramePushAndInit(ts, function, nullptr, arguments, 2, nullptr);
  return frame != nullptr ? _PyEval_EvalFrameDefault(ts, frame, 0) : nullptr;
}

absl::Status CheckFrames(PyThreadState* ts, PyFunctionObject* function) {
  FrameProbe probe{ts, reinterpret_cast<PyCodeObject*>(function->func_code), ts->py_recursion_remaining,
                   ts->c_recursion_remaining};
  Owned capsule(PyCapsule_New(&probe, nullptr, nullptr));
  Owned callee(capsule ? PyCFunction_New(&kProbeCallee, capsule.get()) : nullptr);
  if (!callee) return ProbeFailed("make a C function");
  const _PyInterpreterFrame* frame = ts->current_frame;
  PyObject* const* top = ts->datastack_top;
  Owned result(EvaluatePushedFrame(ts, function, callee.get()));
  if (!result) return ProbeFailed("run a function");
  if (!probe.result.ok()) return probe.result;
  const bool restored = ts->current_frame == frame && ts->datastack_top == top &&
                        ts->py_recursion_remaining == probe.py_recursion_before &&
                        ts->c_recursion_remaining == probe.c_recursion_before;
  return Require(probe.calls == 1 && restored && PyLong_AsLong(result.get()) == 73, "thread states");
}

absl::Status CheckFunction(PyFunctionObject* function) {
  if (function->vectorcall != PyVectorcall_Function(reinterpret_cast<PyObject*>(function))) {
    return LayoutDiffers("functions (vectorcall)");
  }
  // Written directly: the exported setter would take a slot in the interpreter's table of versions.
  function->func_version = UINT32_MAX;
  if (PyFunction_SetDefaults(reinterpret_cast<PyObject*>(function), Py_None) < 0) return ProbeFailed("set defaults");
  return Require(function->func_version == 0 && function->func_defaults == nullptr, "functions (func_version)");
}

absl::Status CheckCode(PyCodeObject* code) {
  absl::Status status =
      Require(code->co_framesize == code->co_nlocalsplus + code->co_stacksize + static_cast<int>(FRAME_SPECIALS_SIZE),
              "code objects (co_framesize)");
  if (!status.ok()) return status;
  Owned bytes(PyCode_GetCode(code));
  if (!bytes) return ProbeFailed("read bytecode");
  const char* base = PyBytes_AS_STRING(bytes.get());
  for (Py_ssize_t unit = 0; unit < Py_SIZE(code);) {
    const uint8_t opcode = static_cast<uint8_t>(base[2 * unit]);
    if (opcode == CACHE || BaseOpcode(_PyCode_CODE(code)[unit].op.code) != opcode) return LayoutDiffers("bytecode");
    unit += 1 + CacheUnits(opcode);
  }
  const uint8_t traceable = static_cast<uint8_t>(base[2 * code->_co_firsttraceable]);
  return Require(traceable == RESUME && PyBytes_Check(code->co_exceptiontable), "code objects");
}

absl::Status CheckGenerator(PyFunctionObject* function) {
  Owned object(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(function)));
  if (!object || !PyGen_CheckExact(object.get())) return ProbeFailed("make a generator");
  const auto* generator = object.as<PyGenObject>();
  const auto* frame = reinterpret_cast<const _PyInterpreterFrame*>(generator->gi_iframe);
  absl::Status status = Require(generator->gi_frame_state == FRAME_CREATED, "generators (gi_frame_state)");
  status.Update(Require(frame->f_executable == function->func_code && frame->owner == FRAME_OWNED_BY_GENERATOR &&
                            frame->f_funcobj == reinterpret_cast<PyObject*>(function) && frame->previous == nullptr,
                        "generators (gi_iframe)"));
  return status;
}

// Whether an asynchronous exception for this operating system thread goes to `ts`: a host may give a thread several
// states.
bool IsFirstOfItsThread(const PyThreadState* ts) {
  PyThreadState* at = PyInterpreterState_ThreadHead(ts->interp);
  while (at != nullptr && at->thread_id != ts->thread_id) at = PyThreadState_Next(at);
  return at == ts;
}

// The version bits and the event bits share a word that compiled code compares. An empty asynchronous exception is the
// one event that can be raised and taken back without effect.
absl::Status CheckEvalBreaker(PyThreadState* ts) {
  if (_Py_eval_breaker_bit_is_set(ts, _PY_ASYNC_EXCEPTION_BIT) || !IsFirstOfItsThread(ts)) return absl::OkStatus();
  PyThreadState_SetAsyncExc(ts->thread_id, nullptr);
  const bool seen = _Py_eval_breaker_bit_is_set(ts, _PY_ASYNC_EXCEPTION_BIT);
  _Py_unset_eval_breaker_bit(ts, _PY_ASYNC_EXCEPTION_BIT);
  return Require(seen, "the thread state (eval_breaker)");
}

absl::Status CheckCurrentException(PyThreadState* ts) {
  PyErr_SetNone(PyExc_KeyError);
  const PyObject* raised = ts->current_exception;
  const bool seen = raised != nullptr && Py_IS_TYPE(raised, reinterpret_cast<PyTypeObject*>(PyExc_KeyError));
  PyErr_Clear();
  return Require(seen && ts->current_exception == nullptr, "the thread state (current_exception)");
}

absl::Status CheckFunctionsIn(PyThreadState* ts, PyObject* globals) {
  PyObject* f = PyDict_GetItemString(globals, "f");
  PyObject* g = PyDict_GetItemString(globals, "g");
  const bool made = f != nullptr && g != nullptr && PyFunction_Check(f) && PyFunction_Check(g);
  if (!made) return ProbeFailed("make functions");
  auto* function = reinterpret_cast<PyFunctionObject*>(f);
  auto* generator = reinterpret_cast<PyFunctionObject*>(g);
  for (PyFunctionObject* one : {function, generator}) {
    absl::Status status = CheckCode(reinterpret_cast<PyCodeObject*>(one->func_code));
    if (!status.ok()) return status;
  }
  absl::Status status = CheckFunction(function);
  if (status.ok()) status = CheckFrames(ts, function);
  if (status.ok()) status = CheckGenerator(generator);
  return status;
}

absl::Status CheckPythonCode(PyThreadState* ts) {
  Owned globals(Py_BuildValue("{ss}", "__name__", "tierjit.self_check"));
  Owned code(Py_CompileString(kProbeSource, "<tierjit self-check>", Py_file_input));
  if (!globals || !code) return ProbeFailed("compile a function");
  Owned ran(PyEval_EvalCode(code.get(), globals.get(), globals.get()));
  absl::Status status = ran ? CheckFunctionsIn(ts, globals.get()) : ProbeFailed("run a module");
  PyDict_Clear(globals.get());  // the functions refer to their globals: without this they would be garbage in a cycle
  return status;
}

absl::Status CheckBehaviour(PyThreadState* ts) {
  Quiet quiet(ts);
  absl::Status status = CheckSmallInts();
  if (status.ok()) status = CheckIterators();
  if (status.ok()) status = CheckDictKeys();
  if (status.ok()) status = CheckInlineValues();
  if (status.ok()) status = CheckEvalBreaker(ts);
  if (status.ok()) status = CheckCurrentException(ts);
  if (status.ok()) status = CheckPythonCode(ts);
  return status;
}

}  // namespace

// From the general to the particular: each step relies on those before it.
absl::Status CheckInterpreter() {
  absl::Status status = CheckVersion();
  if (status.ok()) status = CheckPublishedLayout();
  if (status.ok()) status = CheckBuild();
  if (status.ok()) status = CheckSymbols();
  PyThreadState* ts = PyThreadState_Get();
  if (status.ok()) status = CheckThread(ts);
  if (status.ok()) status = CheckBehaviour(ts);
  return status;
}

}  // namespace tierjit
