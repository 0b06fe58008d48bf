#include "tier1/call_path.h"

#include <utility>

#include "runtime/helpers/call.h"
#include "tier1/attention.h"
#include "tier1/instances.h"
#include "tier1/slow_path.h"
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

// `type(*args)`; false when the class or its `__init__` is not of the plain kind. `slots` are the stack entries of self (NULL yet) and
// the arguments, which move into the frame.
bool CallClass(PyThreadState* ts, PyTypeObject* type, PyObject** slots, int count, PyObject** result) {
  PyFunctionObject* init = PlainInit(type);
  UnitHeader* unit = init == nullptr ? nullptr : CompiledUnit(init);
  if (unit == nullptr || unit->argcount != count + 1) return false;
  *result = nullptr;
  PyObject* self = NewInstance(type);
  if (self == nullptr) {
    Release(slots + 1, slots + 1 + count);
    return true;
  }
  slots[0] = Py_NewRef(self);
  PyObject* none = CallWithMovedArguments(ts, init, unit, slots, count + 1);
  if (none == Py_None) {
    *result = self;
    return true;
  }
  if (none != nullptr) {
    PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(none)->tp_name);
    Py_DECREF(none);
  }
  Py_DECREF(self);
  return true;
}

bool g_failed_without_frame = false;
void (*g_call_observer)(PyFunctionObject*) = nullptr;

_PyInterpreterFrame* FrameOf(PyObject** lp) {
  return reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<char*>(lp) - offsetof(_PyInterpreterFrame, localsplus));
}

// The call itself; operands are borrowed. A callee that forgets its exception, or leaves one behind, is told off.
PyObject* CallBuiltin(PyThreadState* ts, vectorcallfunc f, PyObject* callable, PyObject** args, size_t count) {
  PyCodeObject* watched = LocalEventsTarget(callable, args, count);
  PyObject* result = f(callable, args, count | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  if (watched != nullptr) NoteLocalEvents(watched);
  bool failed = ts->current_exception != nullptr;
  return (result == nullptr) == failed ? result : _Py_CheckFunctionResult(ts, callable, result, nullptr);
}

// Builtin functions and methods, and plain classes. True: done, *result is the new reference or NULL with an exception set, the operands
// are released. False: nothing has happened.
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
    *result = CallBuiltin(ts, VectorcallOf(callable), callable, args, count);
    Release(args, sp);
    tj_decref(callable);
    return true;
  }
  if (callable == reinterpret_cast<PyObject*>(&PyType_Type) && self == nullptr && oparg == 1) {
    *result = Py_NewRef(Py_TYPE(operands[2]));
    Release(operands + 2, sp);
    return true;
  }
  if (kind == &PyType_Type && self == nullptr && (reinterpret_cast<PyTypeObject*>(callable)->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
    if (!CallClass(ts, reinterpret_cast<PyTypeObject*>(callable), operands + 1, oparg, result)) return false;
    tj_decref(callable);
    return true;
  }
  return false;
}

void Link(PyThreadState* ts, _PyInterpreterFrame* frame, UnitHeader* unit) {
  frame->instr_ptr = unit->first_traceable;
  frame->stacktop = -1;
  frame->previous = ts->current_frame;
  ts->current_frame = frame;
  ts->py_recursion_remaining--;
}

int DefaultCount(PyFunctionObject* function) {
  return function->func_defaults == nullptr ? 0 : static_cast<int>(PyTuple_GET_SIZE(function->func_defaults));
}

// The default of parameter `index` of `argcount`, a new reference; the caller knows that there is one.
PyObject* DefaultOf(PyFunctionObject* function, int index, int argcount) {
  return Py_NewRef(PyTuple_GET_ITEM(function->func_defaults, index - (argcount - DefaultCount(function))));
}

// CALL of a compiled function of plain parameters: `args` move, defaults are added. NULL: not that plain.
_PyInterpreterFrame* PushPlain(PyThreadState* ts, PyFunctionObject* function, UnitHeader* unit, PyObject** args, int count) {
  int argcount = unit->argcount;
  if (argcount < count || argcount - count > DefaultCount(function)) return nullptr;
  _PyInterpreterFrame* frame = PushFrame(ts, function, unit);
  if (frame == nullptr) return nullptr;
  for (int i = 0; i < count; i++) frame->localsplus[i] = args[i];
  for (int i = count; i < argcount; i++) frame->localsplus[i] = DefaultOf(function, i, argcount);
  return frame;
}

// Index of the parameter `name` (interned, like all names in code) among those that may be given by keyword, -1 if none.
int ParameterIndex(PyCodeObject* code, PyObject* name) {
  for (int i = code->co_posonlyargcount; i < code->co_argcount; i++) {
    if (PyTuple_GET_ITEM(code->co_localsplusnames, i) == name) return i;
  }
  return -1;
}

constexpr int kMaxKeywords = 8;
// The same for CALL_KW, whose keywords must all name parameters that have no argument yet; others are missing ones' defaults.
_PyInterpreterFrame* PushKeywords(PyThreadState* ts, PyFunctionObject* function, UnitHeader* unit, PyObject** args, int count,
                                  PyObject* names) {
  int keywords = static_cast<int>(PyTuple_GET_SIZE(names));
  int positional = count - keywords;
  int argcount = unit->argcount;
  if (keywords > kMaxKeywords || argcount < count || argcount > 16) return nullptr;
  int index[kMaxKeywords];
  uint32_t given = (1u << positional) - 1;
  for (int k = 0; k < keywords; k++) {
    index[k] = ParameterIndex(unit->code, PyTuple_GET_ITEM(names, k));
    if (index[k] < 0 || (given >> index[k] & 1)) return nullptr;
    given |= 1u << index[k];
  }
  for (int i = 0; i < argcount - DefaultCount(function); i++) {
    if (!(given >> i & 1)) return nullptr;
  }
  _PyInterpreterFrame* frame = PushFrame(ts, function, unit);
  if (frame == nullptr) return nullptr;
  for (int i = 0; i < positional; i++) frame->localsplus[i] = args[i];
  for (int k = 0; k < keywords; k++) frame->localsplus[index[k]] = args[positional + k];
  for (int i = positional; i < argcount; i++) {
    if (!(given >> i & 1)) frame->localsplus[i] = DefaultOf(function, i, argcount);
  }
  return frame;
}

// A callee of plain parameters, its frame not yet linked; NULL: see to it the general way, nothing has happened.
_PyInterpreterFrame* PushFast(PyThreadState* ts, PyObject** sp, Site* site, UnitHeader** callee) {
  bool keywords = site->flags & kKeywordCall;
  PyObject** operands = sp - site->popped;
  if (!PyFunction_Check(operands[0]) || ts->py_recursion_remaining <= 1) return nullptr;
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(operands[0]);
  *callee = CompiledUnit(function);
  if (*callee == nullptr || (*callee)->argcount < 0) return nullptr;
  PyObject** args = operands + 1 + (operands[1] == nullptr);
  int count = static_cast<int>(sp - keywords - args);
  _PyInterpreterFrame* frame = keywords ? PushKeywords(ts, function, *callee, args, count, sp[-1])
                                        : PushPlain(ts, function, *callee, args, count);
  if (frame == nullptr) return nullptr;
  Py_DECREF(function);  // PushFrame() took a reference, the stack's is left over
  if (keywords) Py_DECREF(sp[-1]);
  return frame;
}

// The compiled callee of a call, its frame bound; NULL: not such a callee (no exception), or binding failed
// (exception set, operands released).
_PyInterpreterFrame* PushCompiled(PyThreadState* ts, PyObject** sp, Site* site, UnitHeader** callee, int* consumed) {
  bool keywords = site->flags & kKeywordCall;
  bool ex = !keywords && !(site->flags & kPlainCall);
  PyObject* callable = ex ? sp[-3 - (site->oparg & 1)] : nullptr;
  PyFunctionObject* function = ex ? PyFunction_Check(callable) ? reinterpret_cast<PyFunctionObject*>(callable) : nullptr
                                  : PythonCallee(ts, sp, site->oparg, keywords);
  if (function == nullptr || ts->py_recursion_remaining <= 1) return nullptr;
  if (function->vectorcall == DefaultVectorcall()) return nullptr;
  *callee = CompiledUnit(function);
  if (*callee == nullptr && g_call_observer != nullptr) {
    g_call_observer(function);
    *callee = CompiledUnit(function);
  }
  if (*callee == nullptr) return nullptr;
  return ex ? PushPythonCallEx(ts, sp, site->oparg, consumed) : PushPythonCall(ts, sp, site->oparg, keywords, consumed);
}

// What the interpreter does after a call that did not push a frame: pending events. The result, or NULL.
PyObject* AfterDirectCall(PyThreadState* ts, PyObject* result) {
  static uint32_t calls = 0;
  if ((++calls & 63) == 0) FollowTracer();
  if (ts->interp->eval_frame != nullptr) NoteWatchers(ts);
  if (result == nullptr || (ts->eval_breaker & _PY_EVAL_EVENTS_MASK) == 0 || _Py_HandlePending(ts) == 0) return result;
  Py_DECREF(result);
  return nullptr;
}

// A bound method gives way to its function and its self, as in the interpreter. `operands`: callable, self or NULL, ...
void ExpandMethod(PyObject** operands) {
  PyObject* callable = operands[0];
  if (operands[1] != nullptr || Py_TYPE(callable) != &PyMethod_Type) return;
  operands[0] = Py_NewRef(PyMethod_GET_FUNCTION(callable));
  operands[1] = Py_NewRef(PyMethod_GET_SELF(callable));
  Py_DECREF(callable);
}

// A call by way of its handler, or the frame of a compiled callee to enter (see tj_call).
Departure Call(PyObject** lp, PyThreadState* ts, Site* site) {
  tj_rt.slow_calls++;
  site->visits++;
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** sp = lp + site->unit->nlocalsplus + site->depth;
  // All operands lie in their slots, but for the NULL that stands for no self.
  for (int i = 0; i < site->pending_count; i++) lp[site->unit->nlocalsplus + site->pending[i].slot] = nullptr;
  frame->instr_ptr = _PyCode_CODE(site->unit->code) + site->instr;
  if (PyObject * direct; (site->flags & kPlainCall) && CallDirectly(ts, sp, site->oparg, &direct)) {
    return {nullptr, AfterDirectCall(ts, direct)};
  }
  if (site->flags & (kPlainCall | kKeywordCall)) ExpandMethod(sp - site->popped);
  UnitHeader* callee;
  int consumed = 0;
  bool ex = (site->flags & (kPlainCall | kKeywordCall)) == 0;
  _PyInterpreterFrame* pushed = ex ? nullptr : PushFast(ts, sp, site, &callee);
  if (pushed == nullptr) pushed = PushCompiled(ts, sp, site, &callee, &consumed);
  if (pushed != nullptr) {
    Link(ts, pushed, callee);
    return {callee->native_entry, reinterpret_cast<PyObject*>(pushed->localsplus)};
  }
  if (ts->current_exception != nullptr) {
    for (PyObject** left = sp - site->popped; left < sp - consumed; left++) Py_CLEAR(*left);
    return {nullptr, nullptr};
  }
  // A NULL result, the events of tools and the stack depth after an error are seen to by what follows every call.
  sp = site->handler(ts, frame, sp, site->oparg);
  if (sp == nullptr) {
    PyObject** left = lp + site->unit->nlocalsplus + site->depth - site->popped;
    for (; left < frame->localsplus + frame->stacktop; left++) Py_CLEAR(*left);
    frame->stacktop = -1;
    return {nullptr, nullptr};
  }
  return {nullptr, AfterDirectCall(ts, sp[-1])};
}

}  // namespace

void SetCallObserver(void (*observer)(PyFunctionObject*)) { g_call_observer = observer; }

bool TakeFailedWithoutFrame() { return std::exchange(g_failed_without_frame, false); }

namespace {

// isinstance() with a plain class, when the object's own `__class__` cannot differ from its type.
PyObject* QuickIsInstance(PyObject* object, PyObject* cls) {
  if (Py_TYPE(cls) != &PyType_Type) return nullptr;
  PyTypeObject* type = Py_TYPE(object);
  if (PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(cls))) return Py_True;
  return type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE && type->tp_getattro == PyObject_GenericGetAttr ? Py_False : nullptr;
}

// The most frequent builtins, without their argument parsing.
PyObject* QuickBuiltin(PyObject* callable, PyObject** args, int64_t count) {
  if (callable == tj_rt.isinstance && count == 2) return QuickIsInstance(args[0], args[1]);
  if (callable != tj_rt.len || count != 1) return nullptr;
  PyObject* o = args[0];
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) return PyLong_FromSsize_t(Py_SIZE(o));
  return PyUnicode_CheckExact(o) ? PyLong_FromSsize_t(PyUnicode_GET_LENGTH(o)) : nullptr;
}

}  // namespace

extern "C" PyObject* tj_call_builtin(vectorcallfunc f, PyObject* callable, PyObject** args, int64_t count, PyThreadState* ts) {
  PyObject* result = QuickBuiltin(callable, args, count);
  if (result == nullptr) result = CallBuiltin(ts, f, callable, args, static_cast<size_t>(count));
  Release(args, args + count);
  tj_decref(callable);
  result = AfterDirectCall(ts, result);
  g_failed_without_frame = result == nullptr;
  return result;
}

extern "C" Departure tj_call(PyObject** lp, PyThreadState* ts, Site* site) {
  Departure d = Call(lp, ts, site);
  g_failed_without_frame = d.resume == nullptr && d.value == nullptr;
  return d;
}

}  // namespace tierjit::tier1
