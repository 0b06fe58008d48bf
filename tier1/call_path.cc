#include "tier1/call_path.h"

#include <utility>

#include "runtime/helpers/call.h"
#include "tier1/call_builtin.h"
#include "tier1/instances.h"
#include "tier1/slow_path.h"
#include "tier1/special_methods.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

// Classes whose instances are made by object.__new__ and a Python `__init__`, or none: looked up by version.
struct ClassInit {
  uint32_t version;
  bool bare;               // no `__init__` but object's
  PyFunctionObject* init;  // borrowed: the version proves that the class still has it
};
constexpr uint32_t kClassCacheSize = 256;
ClassInit g_classes[kClassCacheSize];

// How instances of `type` are made; NULL when that is not as plain as that.
const ClassInit* PlainInit(PyTypeObject* type) {
  uint32_t version = type->tp_version_tag;
  if (version == 0 && PyUnstable_Type_AssignVersionTag(type)) version = type->tp_version_tag;
  if (version == 0) return nullptr;
  ClassInit& cached = g_classes[version % kClassCacheSize];
  if (cached.version == version) return &cached;
  bool plain = Py_TYPE(type)->tp_call == PyType_Type.tp_call && type->tp_new == PyBaseObject_Type.tp_new &&
               type->tp_alloc == PyType_GenericAlloc && (type->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
               !(type->tp_flags & Py_TPFLAGS_IS_ABSTRACT);
  PyObject* init = plain ? _PyType_Lookup(type, InitName()) : nullptr;
  bool function = init != nullptr && PyFunction_Check(init);
  bool bare = plain && type->tp_init == PyBaseObject_Type.tp_init;
  cached = {version, bare, function ? reinterpret_cast<PyFunctionObject*>(init) : nullptr};
  return &cached;
}

bool g_failed_without_frame = false;
void (*g_call_observer)(PyFunctionObject*) = nullptr;

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
  if (*callee == nullptr) {
    ObserveCall(function);
    *callee = CompiledUnit(function);
  }
  if (*callee == nullptr) return nullptr;
  return ex ? PushPythonCallEx(ts, sp, site->oparg, consumed) : PushPythonCall(ts, sp, site->oparg, keywords, consumed);
}

// Binds the frame of a compiled function and links it; `entry`: where to enter it. Otherwise the same outputs as PushCompiled().
_PyInterpreterFrame* PushCallee(PyThreadState* ts, PyObject** sp, Site* site, const void** entry, int* consumed) {
  bool ex = (site->flags & (kPlainCall | kKeywordCall)) == 0;
  UnitHeader* callee;
  _PyInterpreterFrame* pushed = ex ? nullptr : PushFast(ts, sp, site, &callee);
  if (pushed == nullptr) pushed = PushCompiled(ts, sp, site, &callee, consumed);
  if (pushed != nullptr) *entry = LinkFrame(ts, pushed, callee);
  return pushed;
}

Departure Failed(PyObject** left, PyObject** sp) {
  Release(left, sp);
  return {nullptr, nullptr};
}

// Enters `function` in place of the callable in operands[0], with operands[1] as self; `keep` tells from where on the caller's stack
// goes on holding its operands, as the interpreter's does around calls that it does not inline. `made`: the result (see PendingCall).
Departure EnterInstead(PyThreadState* ts, PyObject** sp, Site* site, PyFunctionObject* function, PyObject** keep, PyObject* made) {
  PyObject** operands = sp - site->popped;
  PyObject** end = sp - ((site->flags & kKeywordCall) != 0);
  for (PyObject** p = keep; p < end; p++) Py_INCREF(*p);
  operands[0] = Py_NewRef(function);
  const void* entry;
  int consumed = 0;
  _PyInterpreterFrame* pushed = PushCallee(ts, sp, site, &entry, &consumed);
  if (pushed == nullptr) {
    Release(keep, end);
    Release(operands, sp - consumed);
    Py_XDECREF(made);
    return {nullptr, nullptr};
  }
  tj_pending_call = {made, keep, end, entry};
  const void* through = reinterpret_cast<const void*>(keep == end ? &tj_construct : &tj_call_keeping);
  return {through, reinterpret_cast<PyObject*>(pushed->localsplus)};
}

// Calls a class. False: nothing has happened, the general way is right.
bool Construct(PyThreadState* ts, PyObject** sp, Site* site, Departure* out) {
  PyObject** operands = sp - site->popped;
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(operands[0]);
  if (type == &PyType_Type && site->popped == 3 && (site->flags & kPlainCall)) {
    PyObject* result = Py_NewRef(Py_TYPE(operands[2]));
    Release(operands, sp);
    *out = {nullptr, AfterDirectCall(ts, result)};
    return true;
  }
  const ClassInit* how = PlainInit(type);
  PyFunctionObject* init = how == nullptr ? nullptr : how->init;
  UnitHeader* unit = init == nullptr ? nullptr : CompiledUnit(init);
  bool bare = how != nullptr && how->bare && site->popped == 2;
  if ((unit == nullptr && !bare) || ts->py_recursion_remaining <= 1) return false;
  PyObject* self = NewInstance(type);
  if (self == nullptr || bare) {
    Release(operands, sp);
    *out = {nullptr, self == nullptr ? nullptr : AfterDirectCall(ts, self)};
    return true;
  }
  operands[1] = Py_NewRef(self);
  // The interpreter moves the arguments when they are just those of the parameters.
  bool exact = (site->flags & kPlainCall) && unit->argcount == site->popped - 1;
  *out = EnterInstead(ts, sp, site, init, exact ? sp : operands + 2, self);
  Py_DECREF(type);
  return true;
}

// Calls an instance whose class has a compiled function for `__call__`. False: nothing has happened.
bool CallInstance(PyThreadState* ts, PyObject** sp, Site* site, Departure* out) {
  PyObject** operands = sp - site->popped;
  PyFunctionObject* function = CallMethodOf(Py_TYPE(operands[0]));
  if (function == nullptr || CompiledUnit(function) == nullptr || ts->py_recursion_remaining <= 1) return false;
  operands[1] = operands[0];
  *out = EnterInstead(ts, sp, site, function, operands + 1, nullptr);
  return true;
}

// A bound method gives way to its function and its self, as in the interpreter. `operands`: callable, NULL, ...
void ExpandMethod(PyObject** operands) {
  PyObject* callable = operands[0];
  if (Py_TYPE(callable) != &PyMethod_Type) return;
  operands[0] = Py_NewRef(PyMethod_GET_FUNCTION(callable));
  operands[1] = Py_NewRef(PyMethod_GET_SELF(callable));
  Py_DECREF(callable);
}

// Calls that the interpreter does not inline but that end in a compiled function, which takes the place of self. False: nothing has
// happened to the operands that a call of the general kind would mind.
bool CallIndirectly(PyThreadState* ts, PyObject** sp, Site* site, Departure* out) {
  PyObject** operands = sp - site->popped;
  PyTypeObject* kind = Py_TYPE(operands[0]);
  bool ex = (site->flags & (kPlainCall | kKeywordCall)) == 0;
  if (kind == &PyFunction_Type || ex || operands[1] != nullptr) return false;
  if (kind == &PyType_Type) return Construct(ts, sp, site, out);
  if (kind->tp_flags & Py_TPFLAGS_HEAPTYPE) return CallInstance(ts, sp, site, out);
  ExpandMethod(operands);
  return false;
}

// A call by way of its handler, or the frame of a compiled callee to enter (see tj_call).
Departure Call(PyObject** lp, PyThreadState* ts, Site* site) {
  tj_rt.slow_calls++;
  site->visits++;
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** sp = lp + site->unit->nlocalsplus + site->depth;
  PyObject** operands = sp - site->popped;
  // All operands lie in their slots, but for the NULL that stands for no self.
  for (int i = 0; i < site->pending_count; i++) lp[site->unit->nlocalsplus + site->pending[i].slot] = nullptr;
  frame->instr_ptr = _PyCode_CODE(site->unit->code) + site->instr;
  Departure out;
  if (CallIndirectly(ts, sp, site, &out)) return out;
  const void* entry;
  int consumed = 0;
  _PyInterpreterFrame* pushed = PushCallee(ts, sp, site, &entry, &consumed);
  if (pushed != nullptr) return {entry, reinterpret_cast<PyObject*>(pushed->localsplus)};
  if (ts->current_exception != nullptr) return Failed(operands, sp - consumed);
  // A NULL result, the events of tools and the stack depth after an error are seen to by what follows every call.
  sp = site->handler(ts, frame, sp, site->oparg);
  if (sp == nullptr) {
    PyObject** end = frame->localsplus + frame->stacktop;
    frame->stacktop = -1;
    return Failed(operands, end);
  }
  return {nullptr, AfterDirectCall(ts, sp[-1])};
}

}  // namespace

void ObserveCall(PyFunctionObject* function) {
  if (g_call_observer != nullptr) g_call_observer(function);
}

void SetCallObserver(void (*observer)(PyFunctionObject*)) { g_call_observer = observer; }

void NoteFailedWithoutFrame() { g_failed_without_frame = true; }
bool TakeFailedWithoutFrame() { return std::exchange(g_failed_without_frame, false); }

extern "C" {

PendingCall tj_pending_call;
PyObject* tj_none = Py_None;

PyObject* tj_init_failed(PyObject* made, PyObject* result) {
  if (result != nullptr) {
    PyErr_Format(PyExc_TypeError, "__init__() should return None, not '%.200s'", Py_TYPE(result)->tp_name);
    Py_DECREF(result);
  }
  Py_DECREF(made);
  g_failed_without_frame = true;
  return nullptr;
}

PyObject* tj_end_kept(PyObject* result, PyObject* made, PyObject** keep, PyObject** end) {
  if (made != nullptr) result = result == Py_None ? made : tj_init_failed(made, result);
  Release(keep, end);
  g_failed_without_frame = result == nullptr;
  return result;
}

}  // extern "C"

extern "C" Departure tj_call(PyObject** lp, PyThreadState* ts, Site* site) {
  Departure d = Call(lp, ts, site);
  g_failed_without_frame = d.resume == nullptr && d.value == nullptr;
  return d;
}

}  // namespace tierjit::tier1
