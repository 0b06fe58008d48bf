// CALL, CALL_KW, CALL_FUNCTION_EX.
#include "runtime/helpers/call.h"

#include <dlfcn.h>

#include "absl/container/inlined_vector.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/helpers/handlers.h"
#include "runtime/helpers/result.h"

namespace tierjit {
namespace {

using Arguments = absl::InlinedVector<PyObject*, 16>;

// The operands of CALL and CALL_KW: slots[0] the callable, slots[1] self or NULL, then the arguments without self.
struct CallOperands {
  CallOperands(PyObject** sp, int oparg, bool has_kwnames)
      : slots(sp - oparg - 2 - has_kwnames), count(oparg), kwnames(has_kwnames ? sp[-1] : nullptr) {}

  PyObject* callable() const { return slots[0]; }
  bool has_self() const { return slots[1] != nullptr; }
  bool is_bound_method() const { return !has_self() && Py_TYPE(callable()) == &PyMethod_Type; }
  PyObject** args() const { return slots + 2 - has_self(); }
  int total() const { return count + has_self(); }
  int positional() const { return total() - (kwnames == nullptr ? 0 : static_cast<int>(PyTuple_GET_SIZE(kwnames))); }
  int entries() const { return 2 + count + (kwnames != nullptr); }

  PyObject** slots;
  int count;
  PyObject* kwnames;
};

// Replaces a bound method by the function and self it wraps.
void ExpandBoundMethod(const CallOperands& call) {
  if (!call.is_bound_method()) return;
  PyObject* method = call.callable();
  call.slots[1] = Py_NewRef(PyMethod_GET_SELF(method));
  call.slots[0] = Py_NewRef(PyMethod_GET_FUNCTION(method));
  Py_DECREF(method);
}

// `callable` as a function whose frames can be pushed; null for anything else.
PyFunctionObject* AsPythonFunction(PyThreadState* ts, PyObject* callable) {
  if (Py_TYPE(callable) != &PyFunction_Type || ts->interp->eval_frame != nullptr) return nullptr;
  return reinterpret_cast<PyFunctionObject*>(callable);
}

PyFunctionObject* CalleeOf(PyThreadState* ts, const CallOperands& call) {
  PyObject* callable = call.callable();
  return AsPythonFunction(ts, call.is_bound_method() ? PyMethod_GET_FUNCTION(callable) : callable);
}

// What the frame of a function whose code has no fast locals (made from exec'ed code) uses as its namespace.
PyObject* NewLocals(PyFunctionObject* function) {
  bool optimized = reinterpret_cast<PyCodeObject*>(function->func_code)->co_flags & CO_OPTIMIZED;
  return optimized ? nullptr : Py_NewRef(function->func_globals);
}

// The shared object that contains `address`; null if none, as for generated code.
const void* ImageOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// Makes a frame for the expanded call; consumes all of its operands.
_PyInterpreterFrame* PushFrame(PyThreadState* ts, PyFunctionObject* function, const CallOperands& call) {
  _PyInterpreterFrame* callee = _PyEvalFramePushAndInit(ts, function, NewLocals(function), call.args(),
                                                        static_cast<size_t>(call.positional()), call.kwnames);
  Py_XDECREF(call.kwnames);
  return callee;
}

// Runs a frame that has just been pushed, as if the interpreter had called it; null if binding has failed.
PyObject* Interpret(PyThreadState* ts, _PyInterpreterFrame* callee) {
  return callee == nullptr ? nullptr : _PyEval_EvalFrameDefault(ts, callee, 0);
}

// Any callable: by vectorcall. Releases the operands afterwards in the interpreter's order.
PyObject* CallObject(const CallOperands& call) {
  PyObject* callable = call.callable();
  PyObject** args = call.args();
  int total = call.total();
  size_t nargsf = static_cast<size_t>(call.positional()) | PY_VECTORCALL_ARGUMENTS_OFFSET;
  PyObject* result = PyObject_Vectorcall(callable, args, nargsf, call.kwnames);
  Py_XDECREF(call.kwnames);
  Py_DECREF(callable);
  ReleaseAll(args, total);
  return result;
}

// Python functions that the interpreter would run inline get their arguments by moved references here too, so that a
// callee that drops an argument drops the last reference to it.
PyObject** Call(PyThreadState* ts, _PyInterpreterFrame* frame, const CallOperands& call) {
  ExpandBoundMethod(call);
  PyFunctionObject* function = AsPythonFunction(ts, call.callable());
  bool interpreted = function != nullptr && HasInterpreterVectorcall(function);
  PyObject* result = interpreted ? Interpret(ts, PushFrame(ts, function, call)) : CallObject(call);
  return PushResult(frame, call.slots, result);
}

// The operands of CALL_FUNCTION_EX: slots[0] the function, slots[1] NULL, slots[2] the arguments, slots[3] keywords.
struct ExOperands {
  ExOperands(PyObject** sp, int oparg)
      : slots(sp - 3 - (oparg & 1)), entries(3 + (oparg & 1)), kwargs(oparg & 1 ? sp[-1] : nullptr) {}

  PyObject* callable() const { return slots[0]; }
  PyObject* args() const { return slots[2]; }

  PyObject** slots;
  int entries;
  PyObject* kwargs;  // an exact dict: DICT_MERGE has made it
};

// Sets TypeError for `*args` if `args` is not iterable.
bool CheckIterable(PyThreadState* ts, PyObject* function, PyObject* args) {
  if (Py_TYPE(args)->tp_iter != nullptr || PySequence_Check(args)) return true;
  PyObject* name = _PyObject_FunctionStr(function);
  if (name == nullptr) return false;
  _PyErr_Format(ts, PyExc_TypeError, "%U argument after * must be an iterable, not %.200s", name,
                Py_TYPE(args)->tp_name);
  Py_DECREF(name);
  return false;
}

// Makes the arguments a tuple, in their slot. False with an exception set: nothing is consumed.
bool MakeArgsTuple(PyThreadState* ts, const ExOperands& call) {
  PyObject* args = call.args();
  if (PyTuple_CheckExact(args)) return true;
  if (!CheckIterable(ts, call.callable(), args)) return false;
  PyObject* tuple = PySequence_Tuple(args);
  if (tuple == nullptr) return false;
  call.slots[2] = tuple;
  Py_DECREF(args);
  return true;
}

bool CheckKeywords(PyThreadState* ts, PyObject* kwargs) {
  Py_ssize_t position = 0;
  PyObject* key;
  while (PyDict_Next(kwargs, &position, &key, nullptr)) {
    if (PyUnicode_Check(key)) continue;
    _PyErr_SetString(ts, PyExc_TypeError, "keywords must be strings");
    return false;
  }
  return true;
}

// Appends new references to the values to `args` and returns a new tuple of the keys; null with an exception set.
PyObject* UnpackKeywords(PyThreadState* ts, PyObject* kwargs, Arguments* args) {
  if (!CheckKeywords(ts, kwargs)) return nullptr;
  PyObject* names = PyTuple_New(PyDict_GET_SIZE(kwargs));
  if (names == nullptr) return nullptr;
  Py_ssize_t position = 0;
  PyObject *key, *value;
  for (Py_ssize_t i = 0; PyDict_Next(kwargs, &position, &key, &value); i++) {
    PyTuple_SET_ITEM(names, i, Py_NewRef(key));
    args->push_back(Py_NewRef(value));
  }
  return names;
}

// Room for the items of `args` and the values of `kwargs`. False: MemoryError.
bool MakeRoom(Arguments* unpacked, PyObject* args, PyObject* kwargs) {
  Py_ssize_t count = PyTuple_GET_SIZE(args) + (kwargs != nullptr ? PyDict_GET_SIZE(kwargs) : 0);
  if (HasMemoryFor([=] { unpacked->reserve(static_cast<size_t>(count)); })) return true;
  PyErr_NoMemory();
  return false;
}

// Consumes a reference to `function` but not `args` (a tuple) and `kwargs` (a dict or null).
_PyInterpreterFrame* PushUnpacked(PyThreadState* ts, PyFunctionObject* function, PyObject* args, PyObject* kwargs) {
  Arguments unpacked;
  if (!MakeRoom(&unpacked, args, kwargs)) {
    Py_DECREF(function);
    return nullptr;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) unpacked.push_back(Py_NewRef(PyTuple_GET_ITEM(args, i)));
  PyObject* names = nullptr;
  if (kwargs != nullptr && PyDict_GET_SIZE(kwargs) > 0) {
    names = UnpackKeywords(ts, kwargs, &unpacked);
    if (names == nullptr) {
      for (PyObject* arg : unpacked) Py_DECREF(arg);
      Py_DECREF(function);
      return nullptr;
    }
  }
  _PyInterpreterFrame* callee = _PyEvalFramePushAndInit(ts, function, NewLocals(function), unpacked.data(),
                                                        static_cast<size_t>(PyTuple_GET_SIZE(args)), names);
  Py_XDECREF(names);
  return callee;
}

// Makes a frame for a call whose arguments are a tuple; consumes all of its operands.
_PyInterpreterFrame* PushFrameEx(PyThreadState* ts, PyFunctionObject* function, const ExOperands& call) {
  PyObject* args = call.args();
  _PyInterpreterFrame* callee = PushUnpacked(ts, function, args, call.kwargs);
  Py_DECREF(args);
  Py_XDECREF(call.kwargs);
  return callee;
}

PyObject* CallObjectEx(const ExOperands& call) {
  PyObject* callable = call.callable();
  PyObject* args = call.args();
  PyObject* result = PyObject_Call(callable, args, call.kwargs);
  Py_DECREF(callable);
  Py_DECREF(args);
  Py_XDECREF(call.kwargs);
  return result;
}

}  // namespace

// The interpreter does not export its vectorcall, but no other one for functions lies in its image; what the type's
// dealloc slot points to does.
static vectorcallfunc g_known_vectorcall = nullptr;

bool HasInterpreterVectorcall(PyFunctionObject* function) {
  if (g_known_vectorcall != nullptr) return function->vectorcall == g_known_vectorcall;
  const void* image = ImageOf(reinterpret_cast<const void*>(PyFunction_Type.tp_dealloc));
  if (image == nullptr || ImageOf(reinterpret_cast<const void*>(function->vectorcall)) != image) return false;
  g_known_vectorcall = function->vectorcall;
  return true;
}

void SetInterpreterVectorcall(vectorcallfunc entry) { g_known_vectorcall = entry; }

PyFunctionObject* PythonCallee(PyThreadState* ts, PyObject** sp, int oparg, bool has_kwnames) {
  return CalleeOf(ts, CallOperands(sp, oparg, has_kwnames));
}

_PyInterpreterFrame* PushPythonCall(PyThreadState* ts, PyObject** sp, int oparg, bool has_kwnames, int* consumed) {
  CallOperands call(sp, oparg, has_kwnames);
  PyFunctionObject* function = CalleeOf(ts, call);
  if (function == nullptr) return nullptr;
  ExpandBoundMethod(call);
  *consumed = call.entries();
  return PushFrame(ts, function, call);
}

_PyInterpreterFrame* PushPythonCallEx(PyThreadState* ts, PyObject** sp, int oparg, int* consumed) {
  ExOperands call(sp, oparg);
  PyFunctionObject* function = AsPythonFunction(ts, call.callable());
  if (function == nullptr) return nullptr;
  *consumed = 0;
  if (!MakeArgsTuple(ts, call)) return nullptr;
  *consumed = call.entries;
  return PushFrameEx(ts, function, call);
}

PyObject** op_call(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return Call(ts, frame, CallOperands(sp, oparg, /*has_kwnames=*/false));
}

PyObject** op_call_kw(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  return Call(ts, frame, CallOperands(sp, oparg, /*has_kwnames=*/true));
}

PyObject** op_call_function_ex(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg) {
  ExOperands call(sp, oparg);
  if (!MakeArgsTuple(ts, call)) return OpError(frame, sp);
  PyFunctionObject* function = AsPythonFunction(ts, call.callable());
  bool interpreted = function != nullptr && HasInterpreterVectorcall(function);
  PyObject* result = interpreted ? Interpret(ts, PushFrameEx(ts, function, call)) : CallObjectEx(call);
  return PushResult(frame, call.slots, result);
}

}  // namespace tierjit
