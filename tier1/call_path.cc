#include "tier1/call_path.h"

#include <algorithm>
#include <utility>

#include "runtime/deopt/reserve.h"
#include "runtime/helpers/call.h"
#include "runtime/helpers/handlers.h"
#include "tier1/attr_lookup.h"
#include "tier1/bind.h"
#include "tier1/call_builtin.h"
#include "tier1/class_facts.h"
#include "tier1/instances.h"
#include "tier1/slow_path.h"
#include "tier1/special_methods.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

// Classes whose instances are made by object.__new__ and a Python `__init__` or none, or by a Python `__new__` alone: looked up by
// version.
struct ClassInit {
  uint32_t version;
  bool bare;               // no `__init__` but object's, nor `__new__`
  PyFunctionObject* init;  // borrowed: the version proves that the class still has it
  PyFunctionObject* make;  // `__new__`, likewise
};
constexpr uint32_t kClassCacheSize = 256;
ClassInit g_classes[kClassCacheSize];

// The Python function that is `__new__` of `type`, whose `__init__` is object's; NULL if it is anything else. Borrowed.
PyFunctionObject* PythonNew(PyTypeObject* type) {
  static PyObject* name = Interned("__new__");
  bool alone = type->tp_init == PyBaseObject_Type.tp_init && Py_TYPE(type) == &PyType_Type && (type->tp_flags & Py_TPFLAGS_HEAPTYPE);
  PyObject* found = alone ? _PyType_Lookup(type, name) : nullptr;
  if (found == nullptr || Py_TYPE(found) != &PyStaticMethod_Type) return nullptr;
  static PyObject* attribute = Interned("__func__");
  PyObject* function = Surely([&] { return PyObject_GetAttr(found, attribute); });
  Py_DECREF(function);  // the class holds it
  return PyFunction_Check(function) ? reinterpret_cast<PyFunctionObject*>(function) : nullptr;
}

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
  cached = {version, bare, function ? reinterpret_cast<PyFunctionObject*>(init) : nullptr, plain ? nullptr : PythonNew(type)};
  return &cached;
}

bool g_failed_without_frame = false;
void (*g_call_observer)(PyFunctionObject*) = nullptr;

// A compiled callee, its frame not yet linked; NULL: see to it the general way, nothing has happened.
_PyInterpreterFrame* PushFast(PyThreadState* ts, PyObject** sp, Site* site, UnitHeader** callee) {
  bool keywords = site->flags & kKeywordCall;
  PyObject** operands = sp - site->popped;
  if (!PyFunction_Check(operands[0]) || ts->py_recursion_remaining <= 1) return nullptr;
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(operands[0]);
  *callee = CompiledUnit(function);
  if (*callee == nullptr) return nullptr;
  PyObject** args = operands + 1 + (operands[1] == nullptr);
  PyObject* names = keywords ? sp[-1] : nullptr;
  int named = keywords ? static_cast<int>(PyTuple_GET_SIZE(names)) : 0;
  int positional = static_cast<int>(sp - keywords - args) - named;
  _PyInterpreterFrame* frame =
      BindFrame(ts, function, *callee, {args, positional, named, keywords ? &PyTuple_GET_ITEM(names, 0) : nullptr});
  if (frame == nullptr) return nullptr;
  Py_DECREF(function);  // the frame took a reference, the stack's is left over
  if (keywords) Py_DECREF(names);
  return frame;
}

constexpr int kMaxUnpacked = 32;
// The same for CALL_FUNCTION_EX with a tuple and, at most, a dict.
_PyInterpreterFrame* PushUnpacked(PyThreadState* ts, PyObject** sp, Site* site, UnitHeader** callee) {
  PyObject** operands = sp - site->popped;
  PyObject* tuple = operands[2];
  PyObject* dict = site->popped > 3 ? operands[3] : nullptr;
  if (!PyFunction_Check(operands[0]) || !PyTuple_CheckExact(tuple) || ts->py_recursion_remaining <= 1) return nullptr;
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(operands[0]);
  *callee = CompiledUnit(function);
  int positional = static_cast<int>(PyTuple_GET_SIZE(tuple));
  int named = dict == nullptr ? 0 : static_cast<int>(PyDict_GET_SIZE(dict));
  if (*callee == nullptr || positional + named > kMaxUnpacked || (named > 0 && !OnlyStrKeys(dict))) return nullptr;
  PyObject *values[kMaxUnpacked], *names[kMaxUnpacked];
  for (int i = 0; i < positional; i++) values[i] = Py_NewRef(PyTuple_GET_ITEM(tuple, i));
  PyObject *key, *value;
  int count = positional;
  for (Py_ssize_t at = 0; named > 0 && PyDict_Next(dict, &at, &key, &value); count++) {
    names[count - positional] = key;
    values[count] = Py_NewRef(value);
  }
  _PyInterpreterFrame* frame = BindFrame(ts, function, *callee, {values, positional, named, names});
  if (frame == nullptr) {
    for (int i = 0; i < count; i++) Py_DECREF(values[i]);
    return nullptr;
  }
  Py_DECREF(function);
  tj_decref(tuple);
  if (dict != nullptr) tj_decref(dict);
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
  _PyInterpreterFrame* pushed = ex ? PushUnpacked(ts, sp, site, &callee) : PushFast(ts, sp, site, &callee);
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
  tj_pending_call = {made, keep, end, entry, nullptr};
  const void* through = reinterpret_cast<const void*>(keep == end ? &tj_construct : &tj_call_keeping);
  return {through, reinterpret_cast<PyObject*>(pushed->localsplus)};
}

// Calls the compiled `function` with `first` and the operands from `rest` on, while the caller's stack goes on holding all operands
// of a CALL. `cls`: see PendingCall. False: nothing has happened.
constexpr int kMaxKept = 8;
bool EnterBeside(PyThreadState* ts, PyObject** sp, Site* site, PyFunctionObject* function, PyObject* first, PyObject** rest,
                 PyTypeObject* cls, Departure* out) {
  UnitHeader* unit = CompiledUnit(function);
  int count = static_cast<int>(sp - rest) + 1;
  if (unit == nullptr || count > kMaxKept || ts->py_recursion_remaining <= 1 || !(site->flags & kPlainCall)) return false;
  PyObject* values[kMaxKept] = {Py_NewRef(first)};
  for (int i = 1; i < count; i++) values[i] = Py_NewRef(rest[i - 1]);
  _PyInterpreterFrame* frame = BindFrame(ts, function, unit, {values, count, 0, nullptr});
  if (frame == nullptr) {
    for (int i = 0; i < count; i++) Py_DECREF(values[i]);
    return false;
  }
  tj_pending_call = {nullptr, sp - site->popped, sp, LinkFrame(ts, frame, unit), cls};
  *out = {reinterpret_cast<const void*>(&tj_call_keeping), reinterpret_cast<PyObject*>(frame->localsplus)};
  return true;
}

// Pushes and links a frame for `function` when it is compiled for just `count` arguments; NULL: the general way is right.
_PyInterpreterFrame* PushPlain(PyThreadState* ts, PyFunctionObject* function, int count, const void** entry) {
  UnitHeader* callee = function == nullptr ? nullptr : CompiledUnit(function);
  bool plain = callee != nullptr && callee->argcount == count && ts->py_recursion_remaining > 1 && ts->interp->eval_frame == nullptr;
  _PyInterpreterFrame* pushed = plain ? PushFrame(ts, function, callee) : nullptr;
  if (pushed != nullptr) *entry = LinkFrame(ts, pushed, callee);
  return pushed;
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
  if (how != nullptr && how->make != nullptr) return EnterBeside(ts, sp, site, how->make, operands[0], operands + 2, type, out);
  PyFunctionObject* init = how == nullptr ? nullptr : how->init;
  UnitHeader* unit = init == nullptr ? nullptr : CompiledUnit(init);
  if (unit != nullptr && site->fill != nullptr) site->fill(ts, operands[0], reinterpret_cast<PyObject*>(init), site);
  bool bare = how != nullptr && how->bare && site->popped == 2;
  if ((unit == nullptr && !bare) || ts->py_recursion_remaining <= 1) return false;
  PyObject* self = NewInstance(type);
  if (self == nullptr || bare) {
    Release(operands, sp);
    *out = {nullptr, self == nullptr ? nullptr : AfterDirectCall(ts, self)};
    return true;
  }
  operands[1] = Py_NewRef(self);
  // The interpreter would move the arguments only if they were just those of the parameters.
  bool exact = (site->flags & kPlainCall) && unit->argcount == site->popped - 1 && Py_TYPE(type) == &PyType_Type;
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

// A metaclass without a `__call__` of its own.
bool CallsAsType(PyTypeObject* kind) {
  return PyType_FastSubclass(kind, Py_TPFLAGS_TYPE_SUBCLASS) && kind->tp_call == PyType_Type.tp_call;
}

// Calls that the interpreter does not inline but that end in a compiled function, which takes the place of self. False: nothing has
// happened to the operands that a call of the general kind would mind.
bool CallIndirectly(PyThreadState* ts, PyObject** sp, Site* site, Departure* out) {
  PyObject** operands = sp - site->popped;
  PyTypeObject* kind = Py_TYPE(operands[0]);
  bool ex = (site->flags & (kPlainCall | kKeywordCall)) == 0;
  if (kind == &PyFunction_Type || ex) return false;
  if (operands[1] != nullptr) {
    // The end of a `with` block has its first None in the place of self, and the interpreter does not expand the method then.
    PyObject* function = kind == &PyMethod_Type ? PyMethod_GET_FUNCTION(operands[0]) : nullptr;
    if (function == nullptr || !PyFunction_Check(function)) return false;
    return EnterBeside(ts, sp, site, reinterpret_cast<PyFunctionObject*>(function), PyMethod_GET_SELF(operands[0]), operands + 1,
                       nullptr, out);
  }
  if (kind == &PyType_Type || CallsAsType(kind)) return Construct(ts, sp, site, out);
  if (kind->tp_flags & Py_TPFLAGS_HEAPTYPE) return CallInstance(ts, sp, site, out);
  ExpandMethod(operands);
  return false;
}

// Any callable but Python functions. Releases the operands in the interpreter's order.
PyObject* CallObject(PyThreadState* ts, PyObject** operands, PyObject** sp, PyObject* names) {
  PyObject** args = operands + 1 + (operands[1] == nullptr);
  PyObject** end = sp - (names != nullptr);
  size_t count = static_cast<size_t>(end - args) - (names == nullptr ? 0 : static_cast<size_t>(PyTuple_GET_SIZE(names)));
  PyObject* result = Vectorcall(ts, operands[0], args, count, names);
  if (names != nullptr) tj_decref(names);
  tj_decref(operands[0]);
  Release(args, end);
  return AfterDirectCall(ts, result);
}

// BEFORE_WITH or BEFORE_ASYNC_WITH by its handler. Its errors leave the slot of `__exit__` empty.
Departure EnterWithByHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, Site* site) {
  PyObject** left = site->handler(ts, frame, sp, site->oparg);
  if (left != nullptr) return {nullptr, left[-1]};
  for (left = frame->localsplus + frame->stacktop; left < sp; left++) *left = nullptr;
  frame->stacktop = -1;
  return {nullptr, nullptr};
}

// BEFORE_WITH, BEFORE_ASYNC_WITH: the manager gives way to its bound `__exit__`, and a compiled `__enter__` is entered.
Departure EnterWith(PyObject** lp, PyThreadState* ts, Site* site) {
  PyObject** sp = lp + site->unit->nlocalsplus + site->depth;
  _PyInterpreterFrame* caller = FrameOf(lp);
  caller->instr_ptr = PlaceOf(site);
  PyObject* manager = sp[-1];
  PyFunctionObject *exit, *enter = WithMethodsOf(Py_TYPE(manager), site->handler == op_before_async_with, &exit);
  UnitHeader* unit = enter == nullptr ? nullptr : CompiledUnit(enter);
  if (unit == nullptr || unit->argcount != 1 || ts->py_recursion_remaining <= 1) return EnterWithByHandler(ts, caller, sp, site);
  PyObject* bound = PyMethod_New(reinterpret_cast<PyObject*>(exit), manager);
  _PyInterpreterFrame* frame = bound == nullptr ? nullptr : PushFrame(ts, enter, unit);
  if (frame == nullptr) {
    if (bound == nullptr) PyErr_Clear();
    Py_XDECREF(bound);
    return EnterWithByHandler(ts, caller, sp, site);
  }
  frame->localsplus[0] = manager;
  sp[-1] = bound;
  sp[0] = Py_NewRef(manager);  // as the interpreter's bound `__enter__` holds it
  tj_pending_call = {nullptr, sp, sp + 1, LinkFrame(ts, frame, unit), nullptr};
  return {reinterpret_cast<const void*>(&tj_call_keeping), reinterpret_cast<PyObject*>(frame->localsplus)};
}

// A call by way of its handler. A NULL result, the events of tools and the stack depth after an error are seen to by what follows
// every call.
Departure CallByHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, Site* site) {
  PyObject** operands = sp - site->popped;
  sp = site->handler(ts, frame, sp, site->oparg);
  if (sp != nullptr) return {nullptr, AfterDirectCall(ts, sp[-1])};
  PyObject** end = frame->localsplus + frame->stacktop;
  frame->stacktop = -1;
  return Failed(operands, end);
}

// Calls of Python functions, and of what may lead to one: the frame of a compiled callee to enter, if it is one (see tj_call).
Departure CallPython(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, Site* site) {
  tj_rt.slow_calls++;
  site->visits++;
  PyObject** operands = sp - site->popped;
  Departure out;
  if (CallIndirectly(ts, sp, site, &out)) return out;
  if (Py_TYPE(operands[0]) != &PyFunction_Type && (site->flags & (kPlainCall | kKeywordCall))) {
    return {nullptr, CallObject(ts, operands, sp, site->flags & kKeywordCall ? sp[-1] : nullptr)};
  }
  const void* entry;
  int consumed = 0;
  _PyInterpreterFrame* pushed = PushCallee(ts, sp, site, &entry, &consumed);
  if (pushed != nullptr) return {entry, reinterpret_cast<PyObject*>(pushed->localsplus)};
  if (ts->current_exception != nullptr) return Failed(operands, sp - consumed);
  return CallByHandler(ts, frame, sp, site);
}

Departure Call(PyObject** lp, PyThreadState* ts, Site* site) {
  _PyInterpreterFrame* frame = FrameOf(lp);
  PyObject** sp = lp + site->unit->nlocalsplus + site->depth;
  PyObject** operands = sp - site->popped;
  // All operands lie in their slots, but for the NULL that stands for no self.
  for (int i = 0; i < site->pending_count; i++) lp[site->unit->nlocalsplus + site->pending[i].slot] = nullptr;
  frame->instr_ptr = PlaceOf(site);
  if (Py_TYPE(operands[0]) == &PyFunction_Type && (site->flags & (kPlainCall | kKeywordCall))) {
    UnitHeader* callee;
    _PyInterpreterFrame* pushed = PushFast(ts, sp, site, &callee);
    if (pushed != nullptr) return {LinkFrame(ts, pushed, callee), reinterpret_cast<PyObject*>(pushed->localsplus)};
  }
  if (!EndsInC(operands[0])) return CallPython(ts, frame, sp, site);
  if (site->flags & kKeywordCall) return {nullptr, CallObject(ts, operands, sp, sp[-1])};
  return site->flags & kPlainCall ? Departure{nullptr, CallObject(ts, operands, sp, nullptr)} : CallByHandler(ts, frame, sp, site);
}

// `__new__` of `cls` has made something else. An instance of a subclass is initialised by what that has for `__init__`.
PyObject* InitSubclass(PyObject* made, PyTypeObject* cls, PyObject** args, PyObject** end) {
  PyTypeObject* type = Py_TYPE(made);
  if (!PyType_IsSubtype(type, cls) || type->tp_init == PyBaseObject_Type.tp_init || type->tp_init == nullptr) return made;
  PyObject* tuple = PyTuple_New(end - args);
  for (Py_ssize_t i = 0; tuple != nullptr && i < end - args; i++) PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
  if (tuple == nullptr || type->tp_init(made, tuple, nullptr) < 0) Py_CLEAR(made);
  Py_XDECREF(tuple);
  return made;
}

}  // namespace

// A class of `type` alone: others may be given a `__call__` of which the class's version does not tell.
Construction FindConstruction(PyTypeObject* type) {
  const ClassInit* how = Py_TYPE(type) == &PyType_Type ? PlainInit(type) : nullptr;
  if (how == nullptr || (how->init == nullptr && !how->bare)) return {false, nullptr};
  return {true, how->init};
}

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

PyObject* tj_end_kept(PyObject* result, PyObject* made, PyObject** keep, PyObject** end, PyTypeObject* cls) {
  if (made != nullptr) result = result == Py_None ? made : tj_init_failed(made, result);
  if (cls != nullptr && result != nullptr && Py_TYPE(result) != cls) result = InitSubclass(result, cls, keep + 2, end);
  Release(keep, end);
  g_failed_without_frame = result == nullptr;
  return result;
}

}  // extern "C"

namespace {

// What a handler has left on the stack.
Departure HandlerResult(PyObject** sp) {
  g_failed_without_frame = sp == nullptr;
  return {nullptr, sp == nullptr ? nullptr : sp[-1]};
}

}  // namespace

extern "C" Departure tj_call_getitem(PyThreadState* ts, PyObject** sp) {
  const void* entry;
  g_failed_without_frame = false;
  _PyInterpreterFrame* pushed = PushPlain(ts, GetItemMethodOf(Py_TYPE(sp[-2])), 2, &entry);
  if (pushed == nullptr) return HandlerResult(op_binary_subscr(ts, ts->current_frame, sp, 0));
  pushed->localsplus[0] = sp[-2];
  pushed->localsplus[1] = sp[-1];
  return {entry, reinterpret_cast<PyObject*>(pushed->localsplus)};
}

extern "C" Departure tj_call_attr(PyThreadState* ts, PyObject** sp, Site* site) {
  const void* entry;
  g_failed_without_frame = false;
  ts->current_frame->instr_ptr = PlaceOf(site);
  FoundAttr found = ReadAttr(sp[-1], site);
  if (found.form != AttrForm::kNone) {
    tj_decref(sp[-1]);
    g_failed_without_frame = found.value == nullptr;
    return {nullptr, found.value};
  }
  PyObject* name = PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg >> 1);
  _PyInterpreterFrame* pushed = PushPlain(ts, GetterOf(Py_TYPE(sp[-1]), name), 1, &entry);
  if (pushed == nullptr) return HandlerResult(op_load_attr(ts, ts->current_frame, sp, site->oparg));
  pushed->localsplus[0] = sp[-1];
  return {entry, reinterpret_cast<PyObject*>(pushed->localsplus)};
}

extern "C" Departure tj_call(PyObject** lp, PyThreadState* ts, Site* site) {
  Departure d = site->flags & kEnterWith ? EnterWith(lp, ts, site) : Call(lp, ts, site);
  g_failed_without_frame = d.resume == nullptr && d.value == nullptr;
  return d;
}

extern "C" Departure tj_call_class(PyObject** lp, PyThreadState* ts, Site* site) {
  PyObject** operands = lp + site->unit->nlocalsplus + site->depth - site->popped;
  int count = site->popped - 2;
  PyTypeObject* type = reinterpret_cast<PyTypeObject*>(operands[0]);
  const ClassInit& how = g_classes[type->tp_version_tag % kClassCacheSize];
  if (how.version != type->tp_version_tag || how.version == 0 || how.init == nullptr) return tj_call(lp, ts, site);
  UnitHeader* unit = CompiledUnit(how.init);
  if (unit == nullptr || unit->argcount != count + 1 || ts->py_recursion_remaining <= 1) return tj_call(lp, ts, site);
  PyObject* self = tj_new_instance(type);
  if (self == nullptr) return tj_call(lp, ts, site);
  _PyInterpreterFrame* frame = PushFrame(ts, how.init, unit);
  if (frame == nullptr) {
    Py_DECREF(self);
    return tj_call(lp, ts, site);
  }
  PyObject** to = frame->localsplus;
  *to++ = Py_NewRef(self);
  for (PyObject** from = operands + 2; count > 0; count--) *to++ = *from++;
  Py_DECREF(type);
  tj_pending_call = {self, nullptr, nullptr, LinkFrame(ts, frame, unit), nullptr};
  return {reinterpret_cast<const void*>(&tj_construct), reinterpret_cast<PyObject*>(frame->localsplus)};
}

void ForgetClasses() {
  for (ClassInit& known : g_classes) known = ClassInit{};
}

}  // namespace tierjit::tier1
