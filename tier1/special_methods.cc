#include "tier1/special_methods.h"

#include "runtime/deopt/call_ending.h"
#include "runtime/deopt/reserve.h"
#include "runtime/helpers/async.h"
#include "runtime/helpers/handlers.h"
#include "tier1/class_facts.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr int kOperators = 13;  // NB_ADD ... NB_XOR, then the in-place forms in the same order
struct Operator {
  const char *name, *in_place, *reflected, *symbol;
  binaryfunc PyNumberMethods::*slot;  // NULL: left to the interpreter
};
constexpr Operator kOperator[kOperators] = {
    {"__add__", "__iadd__", "__radd__", "+", &PyNumberMethods::nb_add},
    {"__and__", "__iand__", "__rand__", "&", &PyNumberMethods::nb_and},
    {"__floordiv__", "__ifloordiv__", "__rfloordiv__", "//", &PyNumberMethods::nb_floor_divide},
    {"__lshift__", "__ilshift__", "__rlshift__", "<<", &PyNumberMethods::nb_lshift},
    {"__matmul__", "__imatmul__", "__rmatmul__", "@", &PyNumberMethods::nb_matrix_multiply},
    {"__mul__", "__imul__", "__rmul__", "*", &PyNumberMethods::nb_multiply},
    {"__mod__", "__imod__", "__rmod__", "%", &PyNumberMethods::nb_remainder},
    {"__or__", "__ior__", "__ror__", "|", &PyNumberMethods::nb_or},
    {"__pow__", "__ipow__", "__rpow__", "**", nullptr},
    {"__rshift__", "__irshift__", "__rrshift__", ">>", &PyNumberMethods::nb_rshift},
    {"__sub__", "__isub__", "__rsub__", "-", &PyNumberMethods::nb_subtract},
    {"__truediv__", "__itruediv__", "__rtruediv__", "/", &PyNumberMethods::nb_true_divide},
    {"__xor__", "__ixor__", "__rxor__", "^", &PyNumberMethods::nb_xor},
};
constexpr const char* kRelationMethods[] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
constexpr const char* kRelationSymbols[] = {"<", "<=", "==", "!=", ">", ">="};

constexpr int kRightOperand = 64;  // added to an operator: what the class has as that of its right operand

// What a class has for an operation, by version.
struct Known {
  uint32_t version;
  uint16_t flags;
  uintptr_t key;               // the operation; for attributes the address of the name
  PyObject* name;              // owned: interned strings are mortal, and another could come to lie at its address
  PyFunctionObject* function;  // borrowed: the version proves that the class still has it
};
constexpr size_t kTableSize = 1024;
Known g_known[kTableSize];

PyFunctionObject* AsFunction(PyObject* o) {
  return o != nullptr && PyFunction_Check(o) ? reinterpret_cast<PyFunctionObject*>(o) : nullptr;
}
PyObject* Lookup(PyTypeObject* type, const char* name) {
  PyObject* interned = Interned(name);
  PyObject* found = _PyType_Lookup(type, interned);
  Py_DECREF(interned);
  return found;
}

bool ConcatsOrRepeats(PyTypeObject* type) {
  PySequenceMethods* s = type->tp_as_sequence;
  return s != nullptr && (s->sq_concat != nullptr || s->sq_repeat != nullptr || s->sq_inplace_concat != nullptr ||
                          s->sq_inplace_repeat != nullptr);
}

void FindBinary(PyTypeObject* type, int op, Known* k) {
  const Operator& o = kOperator[op % kOperators];
  if (o.slot == nullptr || ConcatsOrRepeats(type)) return;
  PyObject* in_place = op >= kOperators ? Lookup(type, o.in_place) : nullptr;
  k->flags = in_place != nullptr ? kInPlaceMethod : 0;
  k->function = AsFunction(in_place != nullptr ? in_place : Lookup(type, o.name));
}

void FindReflected(PyTypeObject* type, int op, Known* k) {
  const Operator& o = kOperator[op % kOperators];
  if (o.slot == nullptr || ConcatsOrRepeats(type)) return;
  k->flags = kReflectedMethod;
  k->function = AsFunction(Lookup(type, o.reflected));
}

void FindCompare(PyTypeObject* type, int relation, Known* k) {
  PyObject* found = Lookup(type, kRelationMethods[relation]);
  if (relation == Py_NE && found != nullptr && found == Lookup(&PyBaseObject_Type, "__ne__")) {
    found = Lookup(type, "__eq__");
    k->flags = kNegatedMethod;
  }
  k->function = AsFunction(found);
}

void FindTruth(PyTypeObject* type, Known* k) {
  PyObject* found = Lookup(type, "__bool__");
  if (found == nullptr) {
    found = Lookup(type, "__len__");
    k->flags = kLengthMethod;
  }
  k->function = AsFunction(found);
}

void FindGetter(PyTypeObject* type, PyObject* name, Known* k) {
  PyObject* found = type->tp_getattro == PyObject_GenericGetAttr ? _PyType_Lookup(type, name) : nullptr;
  if (found != nullptr && Py_TYPE(found) == &PyProperty_Type) {
    k->function = AsFunction(reinterpret_cast<propertyobject*>(found)->prop_get);
  }
}

// What `argument` says more closely: operator, relation.
void FindFunction(PyTypeObject* type, Special special, int argument, PyObject* name, Known* k) {
  switch (special) {
    case Special::kBinary: return argument & kRightOperand ? FindReflected(type, argument & ~kRightOperand, k)
                                                           : FindBinary(type, argument, k);
    case Special::kCompare: return FindCompare(type, argument, k);
    case Special::kTruth: return FindTruth(type, k);
    case Special::kContains: k->function = AsFunction(Lookup(type, "__contains__")); return;
    case Special::kNegative: k->function = AsFunction(Lookup(type, "__neg__")); return;
    case Special::kInvert: k->function = AsFunction(Lookup(type, "__invert__")); return;
    case Special::kSubscript: k->function = AsFunction(Lookup(type, "__getitem__")); return;
    case Special::kStoreSubscript: k->function = AsFunction(Lookup(type, "__setitem__")); return;
    case Special::kCall: k->function = AsFunction(Lookup(type, "__call__")); return;
    case Special::kEnter: k->function = AsFunction(Lookup(type, "__enter__")); return;
    case Special::kExit: k->function = AsFunction(Lookup(type, "__exit__")); return;
    case Special::kAsyncEnter: k->function = AsFunction(Lookup(type, "__aenter__")); return;
    case Special::kAsyncExit: k->function = AsFunction(Lookup(type, "__aexit__")); return;
    case Special::kNext: k->function = AsFunction(Lookup(type, "__next__")); return;
    case Special::kIter: k->function = AsFunction(Lookup(type, "__iter__")); return;
    case Special::kAwait: k->function = AsFunction(Lookup(type, "__await__")); return;
    case Special::kAnext: k->function = AsFunction(Lookup(type, "__anext__")); return;
    case Special::kAttribute: return FindGetter(type, name, k);
    case Special::kNone: return;
  }
}

const Known* Find(PyTypeObject* type, Special special, int argument, PyObject* name) {
  if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE) || (type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE)) return nullptr;
  uint32_t version = type->tp_version_tag;
  if (version == 0) return nullptr;
  uintptr_t key = static_cast<uintptr_t>(special) << 8 | static_cast<unsigned>(argument);
  if (name != nullptr) key = reinterpret_cast<uintptr_t>(name);
  Known& k = g_known[(version * 31 + (name != nullptr ? key >> 4 : key)) % kTableSize];
  if (k.version == version && k.key == key) return &k;
  k.function = nullptr;
  k.flags = 0;
  if (LookupIsPure(type)) FindFunction(type, special, argument, name, &k);
  k.version = version;
  k.key = key;
  Py_XSETREF(k.name, Py_XNewRef(name));
  return &k;
}

PyFunctionObject* FunctionFor(PyTypeObject* type, Special special) {
  const Known* k = Find(type, special, 0, nullptr);
  return k == nullptr ? nullptr : k->function;
}

int ArgumentOf(Special special, int oparg) {
  if (special == Special::kBinary) return oparg;
  return special == Special::kCompare ? oparg >> 5 : 0;
}

// The interpreter asks the right operand first when its class is derived from the left one's.
bool RightComesFirst(PyTypeObject* left, PyTypeObject* right) { return left != right && PyType_IsSubtype(right, left); }
bool RightComesFirst(PyObject* left, PyObject* right) { return RightComesFirst(Py_TYPE(left), Py_TYPE(right)); }

bool MayDo(Special special, int oparg, PyTypeObject* const* types) {
  if (special == Special::kCompare) return !RightComesFirst(types[0], types[1]);
  if (special != Special::kBinary) return true;
  if (RightComesFirst(types[0], types[1])) return false;
  return oparg % kOperators != NB_MULTIPLY || !ConcatsOrRepeats(types[1]);
}

bool IsPlainNumber(PyTypeObject* type) { return type == &PyFloat_Type || type == &PyLong_Type; }

// Ints and floats know nothing of classes that are not derived from them: the right operand's method is the first that does anything.
SpecialMethod FindReflectedMethod(int oparg, PyTypeObject* type) {
  const Known* k = Find(type, Special::kBinary, oparg | kRightOperand, nullptr);
  if (k == nullptr || k->function == nullptr) return {nullptr, 0, false};
  bool number = PyType_IsSubtype(type, &PyFloat_Type) || PyType_IsSubtype(type, &PyLong_Type);
  return number ? SpecialMethod{nullptr, 0, false} : SpecialMethod{k->function, k->flags, true};
}

binaryfunc SlotOf(PyTypeObject* type, const Operator& o) {
  return type->tp_as_number == nullptr ? nullptr : type->tp_as_number->*(o.slot);
}

// The reflected method of an operand whose class is a Python one.
PyObject* CallReflected(PyObject* left, PyObject* right, const Operator& o) {
  PyObject* found = Lookup(Py_TYPE(right), o.reflected);
  if (found == nullptr) return Py_NewRef(Py_NotImplemented);
  PyObject* result;
  Py_INCREF(found);
  if (PyType_HasFeature(Py_TYPE(found), Py_TPFLAGS_METHOD_DESCRIPTOR)) {
    PyObject* args[2] = {right, left};
    result = PyObject_Vectorcall(found, args, 2, nullptr);
  } else {
    descrgetfunc get = Py_TYPE(found)->tp_descr_get;
    PyObject* bound = get == nullptr ? Py_NewRef(found) : get(found, right, reinterpret_cast<PyObject*>(Py_TYPE(right)));
    result = bound == nullptr ? nullptr : PyObject_CallOneArg(bound, left);
    Py_XDECREF(bound);
  }
  Py_DECREF(found);
  return result;
}

// After the left operand's method has given up.
PyObject* ReflectedBinary(PyObject* left, PyObject* right, const Operator& o) {
  if (Py_TYPE(left) == Py_TYPE(right)) return Py_NewRef(Py_NotImplemented);
  binaryfunc slot = SlotOf(Py_TYPE(right), o);
  if (slot == nullptr) return Py_NewRef(Py_NotImplemented);
  return slot == SlotOf(Py_TYPE(left), o) ? CallReflected(left, right, o) : slot(left, right);
}

// After the in-place method has given up: the plain operation, but for its error.
PyObject* PlainBinary(PyObject* left, PyObject* right, const Operator& o) {
  binaryfunc first = SlotOf(Py_TYPE(left), o);
  binaryfunc second = Py_TYPE(left) == Py_TYPE(right) ? nullptr : SlotOf(Py_TYPE(right), o);
  if (second == first) second = nullptr;
  PyObject* result = Py_NewRef(Py_NotImplemented);
  if (second != nullptr && RightComesFirst(left, right)) {
    Py_SETREF(result, second(left, right));
    second = nullptr;
  }
  if (result == Py_NotImplemented && first != nullptr) Py_SETREF(result, first(left, right));
  if (result == Py_NotImplemented && second != nullptr) Py_SETREF(result, second(left, right));
  return result;
}

PyObject* EndBinary(int op, PyObject* left, PyObject* right, PyObject* result, uint16_t flags) {
  if (result != Py_NotImplemented) return result;
  const Operator& o = kOperator[op % kOperators];
  if (!(flags & kReflectedMethod)) {
    Py_SETREF(result, flags & kInPlaceMethod ? PlainBinary(left, right, o) : ReflectedBinary(left, right, o));
  }
  if (result != Py_NotImplemented) return result;
  Py_DECREF(result);
  PyErr_Format(PyExc_TypeError, "unsupported operand type(s) for %.100s%s: '%.100s' and '%.100s'", o.symbol,
               op >= kOperators ? "=" : "", Py_TYPE(left)->tp_name, Py_TYPE(right)->tp_name);
  return nullptr;
}

// The truth of `value`, which is released, or its contrary; NULL after an error.
PyObject* Truth(PyObject* value, bool negated) {
  int truth = PyObject_IsTrue(value);
  Py_DECREF(value);
  return truth < 0 ? nullptr : PyBool_FromLong(truth != negated);
}

PyObject* CompareReflected(int relation, PyObject* left, PyObject* right) {
  richcmpfunc compare = Py_TYPE(right)->tp_richcompare;
  PyObject* result = compare == nullptr ? Py_NewRef(Py_NotImplemented) : compare(right, left, _Py_SwappedOp[relation]);
  if (result != Py_NotImplemented) return result;
  Py_DECREF(result);
  if (relation == Py_EQ || relation == Py_NE) return PyBool_FromLong((left == right) == (relation == Py_EQ));
  PyErr_Format(PyExc_TypeError, "'%s' not supported between instances of '%.100s' and '%.100s'", kRelationSymbols[relation],
               Py_TYPE(left)->tp_name, Py_TYPE(right)->tp_name);
  return nullptr;
}

PyObject* EndCompare(int oparg, PyObject* left, PyObject* right, PyObject* result, uint16_t flags) {
  if (result == Py_NotImplemented) {
    Py_DECREF(result);
    result = CompareReflected(oparg >> 5, left, right);
  } else if (flags & kNegatedMethod) {
    result = Truth(result, true);
  }
  return result != nullptr && (oparg & 16) != 0 && !PyBool_Check(result) ? Truth(result, false) : result;
}

PyObject* EndLength(PyObject* result) {
  Py_SETREF(result, PyNumber_Index(result));
  if (result == nullptr) return nullptr;
  if (_PyLong_IsNegative(reinterpret_cast<PyLongObject*>(result))) {
    Py_DECREF(result);
    PyErr_SetString(PyExc_ValueError, "__len__() should return >= 0");
    return nullptr;
  }
  Py_ssize_t length = PyNumber_AsSsize_t(result, PyExc_OverflowError);
  Py_DECREF(result);
  return length < 0 ? nullptr : PyBool_FromLong(length != 0);
}

PyObject* EndTruth(PyObject* result, uint16_t flags) {
  if (flags & kLengthMethod) return EndLength(result);
  if (PyBool_Check(result)) return result;
  PyErr_Format(PyExc_TypeError, "__bool__ should return bool, returned %s", Py_TYPE(result)->tp_name);
  Py_DECREF(result);
  return nullptr;
}

PyObject* EndIter(PyObject* result) {
  if (PyIter_Check(result)) return result;
  PyErr_Format(PyExc_TypeError, "iter() returned non-iterator of type '%.100s'", Py_TYPE(result)->tp_name);
  Py_DECREF(result);
  return nullptr;
}

PyObject* EndAwait(PyObject* result) {
  if (IsCoroutine(result)) {
    PyErr_SetString(PyExc_TypeError, "__await__() returned a coroutine");
  } else if (PyIter_Check(result)) {
    return result;
  } else {
    PyErr_Format(PyExc_TypeError, "__await__() returned non-iterator of type '%.100s'", Py_TYPE(result)->tp_name);
  }
  Py_DECREF(result);
  return nullptr;
}

}  // namespace

Special SpecialOf(OpHandler handler) {
  if (handler == op_binary_op) return Special::kBinary;
  if (handler == op_compare_op) return Special::kCompare;
  if (handler == op_contains_op) return Special::kContains;
  if (handler == op_to_bool) return Special::kTruth;
  if (handler == op_unary_negative) return Special::kNegative;
  if (handler == op_unary_invert) return Special::kInvert;
  if (handler == op_binary_subscr) return Special::kSubscript;
  if (handler == op_store_subscr) return Special::kStoreSubscript;
  if (handler == op_get_iter || handler == op_get_yield_from_iter) return Special::kIter;
  if (handler == op_get_awaitable) return Special::kAwait;
  if (handler == op_get_anext) return Special::kAnext;
  return handler == op_load_attr ? Special::kAttribute : Special::kNone;
}

const ArgumentOrder& OrderOf(Special special) {
  static constexpr ArgumentOrder kOne = {1, {0}, false}, kTwo = {2, {0, 1}, false}, kKept = {1, {0}, false, true};
  static constexpr ArgumentOrder kContainer = {2, {1, 0}, false}, kStore = {3, {1, 2, 0}, false};
  static constexpr ArgumentOrder kOwner = {1, {0}, true}, kItem = {2, {0, 1}, true};
  switch (special) {
    case Special::kBinary: case Special::kCompare: return kTwo;
    case Special::kContains: return kContainer;
    case Special::kSubscript: return kItem;
    case Special::kStoreSubscript: return kStore;
    case Special::kAttribute: return kOwner;
    case Special::kAnext: return kKept;
    default: return kOne;
  }
}

SpecialMethod FindSpecialOf(Special special, int oparg, PyTypeObject* const* types, PyObject* name) {
  if (special == Special::kBinary && IsPlainNumber(types[0])) return FindReflectedMethod(oparg, types[1]);
  const Known* k = Find(types[OrderOf(special).at[0]], special, ArgumentOf(special, oparg), name);
  if (k == nullptr || k->function == nullptr || !MayDo(special, oparg, types)) return {nullptr, 0, false};
  return {k->function, k->flags, false};
}

SpecialMethod FindSpecial(const Site* site, PyObject* const* operands) {
  bool attribute = site->special == Special::kAttribute;
  if (attribute && (site->oparg & 1)) return {nullptr, 0, false};
  PyObject* name = attribute ? PyTuple_GET_ITEM(site->unit->code->co_names, site->oparg >> 1) : nullptr;
  PyTypeObject* types[3];
  for (int i = 0; i < OrderOf(site->special).count; i++) types[i] = Py_TYPE(operands[i]);
  return FindSpecialOf(site->special, site->oparg, types, name);
}

PyObject* EndSpecial(const Site* site, PyObject* const* operands, PyObject* result, uint16_t flags) {
  switch (site->special) {
    case Special::kBinary: return EndBinary(site->oparg, operands[0], operands[1], result, flags);
    case Special::kCompare: return EndCompare(site->oparg, operands[0], operands[1], result, flags);
    case Special::kContains:
      if (PyBool_Check(result)) return PyBool_FromLong((result == Py_True) ^ site->oparg);
      return Truth(result, site->oparg);
    case Special::kTruth: return EndTruth(result, flags);
    case Special::kIter: return EndIter(result);
    case Special::kAwait: return EndAwait(result);
    case Special::kAnext: return TakeAnextAwaitable(result);
    case Special::kStoreSubscript: Py_DECREF(result); return Py_None;
    default: return result;
  }
}

PyFunctionObject* GetItemMethodOf(PyTypeObject* type) { return FunctionFor(type, Special::kSubscript); }

PyFunctionObject* GetterOf(PyTypeObject* type, PyObject* name) {
  const Known* k = Find(type, Special::kAttribute, 0, name);
  return k == nullptr ? nullptr : k->function;
}

PyFunctionObject* NextMethodOf(PyTypeObject* type) { return FunctionFor(type, Special::kNext); }

PyFunctionObject* CallMethodOf(PyTypeObject* type) {
  if (type->tp_flags & Py_TPFLAGS_HAVE_VECTORCALL) return nullptr;
  return FunctionFor(type, Special::kCall);
}

PyFunctionObject* WithMethodsOf(PyTypeObject* type, bool async, PyFunctionObject** exit) {
  *exit = FunctionFor(type, async ? Special::kAsyncExit : Special::kExit);
  return *exit == nullptr ? nullptr : FunctionFor(type, async ? Special::kAsyncEnter : Special::kEnter);
}

void ForgetSpecialMethods(bool alive) {
  for (Known& k : g_known) {
    if (alive) Py_XDECREF(k.name);
    k = Known{};
  }
}

}  // namespace tierjit::tier1
