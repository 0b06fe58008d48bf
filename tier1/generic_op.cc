// Operators on operands of any type, called by stencils with the operands as they lie.
#include <cstring>

#include "tier1/free_lists.h"
#include "tier1/inline_cache.h"
#include "tier1/operator_slots.h"
#include "tier1/slow_path.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr int kLeftOwned = 1, kRightOwned = 2;

PyObject** Bottom(PyObject** lp, const Site* site) { return StackBase(lp, site) + site->depth - site->popped; }

inline void Release(PyObject* a, PyObject* b, int owned) {
  if (owned & kLeftOwned) tj_decref(a);
  if (owned & kRightOwned) tj_decref(b);
}

// The operand's last reference is consumed, and its death can run foreign code.
bool MayDie(PyObject* o, bool owned) { return owned && Py_REFCNT(o) == 1 && tj_needs_frame(o); }
bool MayEitherDie(PyObject* a, PyObject* b, int owned) { return MayDie(a, owned & kLeftOwned) || MayDie(b, owned & kRightOwned); }

// Foreign code may drop what the operands are borrowed from.
inline void TakeBorrowed(PyObject* a, PyObject* b, int owned) {
  if (!(owned & kLeftOwned)) Py_INCREF(a);
  if (!(owned & kRightOwned)) Py_INCREF(b);
}

PyObject* Fail(PyObject** lp, const Site* site) {
  OpError(FrameOf(lp), Bottom(lp, site));
  return nullptr;
}

// Instances of such classes may have methods for operators.
bool IsPythonClass(PyTypeObject* type) {
  return (type->tp_flags & (Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_IMMUTABLETYPE)) == Py_TPFLAGS_HEAPTYPE;
}

// A compiled method of an operand's class, if that is what does the operation.
bool EntersMethod(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned, Departure* method) {
  PyObject** callee = EnterSpecial(lp, owned & kRightOwned ? b : a, ts, site, &method->resume);
  method->value = reinterpret_cast<PyObject*>(callee);
  return callee != nullptr;
}

// After foreign code: the operands are gone, the result belongs on the stack. NULL: leave.
[[gnu::noinline]] PyObject* FinishDisturbed(PyObject** lp, PyThreadState* ts, const Site* site, PyObject* result) {
  if (result == nullptr) return Fail(lp, site);
  if (MayRunNatively(ts, site->unit)) return result;
  PyObject** bottom = Bottom(lp, site);
  *bottom = result;
  RequestInterpreter(ts, FrameOf(lp), bottom + 1, site->next);
  return nullptr;
}

inline PyObject* Finish(PyObject** lp, PyThreadState* ts, const Site* site, PyObject* result) {
  if (result != nullptr && ts->eval_breaker == site->unit->expected_breaker) return result;
  return FinishDisturbed(lp, ts, site, result);
}

inline void ShowInstruction(PyObject** lp, const Site* site) { FrameOf(lp)->instr_ptr = PlaceOf(site); }

bool SameText(PyObject* a, PyObject* b) {
  if (a == b) return true;
  Py_ssize_t length = PyUnicode_GET_LENGTH(a);
  if (length != PyUnicode_GET_LENGTH(b) || PyUnicode_KIND(a) != PyUnicode_KIND(b)) return false;
  return std::memcmp(PyUnicode_DATA(a), PyUnicode_DATA(b), static_cast<size_t>(length) * PyUnicode_KIND(a)) == 0;
}

// Whether the slots of `type` are C functions for good. One that declines may then be asked again, as part of the general way.
bool HasFixedSlots(PyTypeObject* type) { return (type->tp_flags & Py_TPFLAGS_IMMUTABLETYPE) != 0; }

// Two objects of one builtin type ask that type; neither is a reflection of the other, nor is there a Python call to count.
inline PyObject* RichCompare(PyObject* a, PyObject* b, int relation) {
  PyTypeObject* type = Py_TYPE(a);
  bool builtin = type == Py_TYPE(b) && HasFixedSlots(type) && type->tp_richcompare != nullptr;
  PyObject* result = builtin ? type->tp_richcompare(a, b, relation) : Py_NotImplemented;
  return result != Py_NotImplemented ? result : PyObject_RichCompare(a, b, relation);
}

binaryfunc SlotAt(PyNumberMethods* methods, uint16_t offset) {
  return *reinterpret_cast<binaryfunc*>(reinterpret_cast<char*>(methods) + offset);
}

// C classes ask the left operand first unless the right one's class is derived from its own, as neither the same class nor
// that of a number is.
inline bool AsksLeftFirst(PyObject* a, PyObject* b) {
  return HasFixedSlots(Py_TYPE(a)) && (Py_TYPE(b) == Py_TYPE(a) || PyLong_CheckExact(b) || PyFloat_CheckExact(b));
}

inline PyObject* Operate(PyObject* a, PyObject* b, int oparg) {
  PyTypeObject* type = Py_TYPE(a);
  PyNumberMethods* methods = type->tp_as_number;
  if (AsksLeftFirst(a, b) && methods != nullptr) {
    OperatorSlots slots = kOperatorSlots[oparg];
    binaryfunc ask = SlotAt(methods, slots.empty) == nullptr ? SlotAt(methods, slots.asked) : nullptr;
    PyObject* result = ask == nullptr ? Py_NotImplemented : ask(a, b);
    if (result != Py_NotImplemented) return result;
  }
  return _PyEval_BinaryOps[oparg](a, b);
}

// str + str. The left one may grow in place when nobody else can see it: a temporary, or a local that the result is about
// to be stored into (unbound meanwhile, and for good when there is no memory, as in the interpreter).
PyObject* Concatenate(PyObject** lp, PyObject* a, PyObject* b, Site* site, int owned) {
  PyObject* result = a;
  PyObject** local = site->flags & kAppendLocal ? StoredLocal(lp, site) : nullptr;
  if (local != nullptr && *local == a) {
    *local = nullptr;
    if (owned & kLeftOwned) tj_decref(a);  // the operand's own reference is left
    PyUnicode_Append(&result, b);
  } else if (owned & kLeftOwned) {
    PyUnicode_Append(&result, b);
  } else {
    result = PyUnicode_Concat(a, b);
  }
  if (owned & kRightOwned) tj_decref(b);
  if (result != nullptr) return result;
  ShowInstruction(lp, site);
  return Fail(lp, site);
}

// Whether there are shorter ways for `o` on the left.
inline bool IsNumberOrText(PyObject* o) {
  constexpr unsigned long kIntOrStr = Py_TPFLAGS_LONG_SUBCLASS | Py_TPFLAGS_UNICODE_SUBCLASS;
  return (Py_TYPE(o)->tp_flags & kIntOrStr) != 0 || PyFloat_CheckExact(o) || PyComplex_CheckExact(o);
}

// Of foreign objects.
[[gnu::noinline]] Departure BinaryOfObjects(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  TakeBorrowed(a, b, owned);
  ShowInstruction(lp, site);
  PyObject* result = Operate(a, b, site->oparg);
  tj_decref(a);
  tj_decref(b);
  return {nullptr, Finish(lp, ts, site, result)};
}

[[gnu::noinline]] Departure BinaryOfNumbersOrText(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site,
                                                  int owned) {
  bool add = site->oparg == NB_ADD || site->oparg == NB_INPLACE_ADD;
  if (add && PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)) {
    BalanceFreeLists();
    return {nullptr, Concatenate(lp, a, b, site, owned)};
  }
  PyObject* result = QuickBinary(ts, a, b, site);
  if (result == nullptr) return BinaryOfObjects(lp, a, b, ts, site, owned);
  BalanceFreeLists();
  Release(a, b, owned);
  return {nullptr, result};
}

// Mostly large ones: small ones have stencils.
[[gnu::noinline]] Departure BinaryOfInts(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  int op = site->oparg >= NB_INPLACE_ADD ? site->oparg - NB_INPLACE_ADD : site->oparg;
  PyLongObject* x = reinterpret_cast<PyLongObject*>(a);
  PyLongObject* y = reinterpret_cast<PyLongObject*>(b);
  BalanceFreeLists();
  if (op == NB_MULTIPLY) {
    TakeBorrowed(a, b, owned);
    ShowInstruction(lp, site);
    PyObject* product = _PyLong_Multiply(x, y);
    tj_decref(a);
    tj_decref(b);
    return {nullptr, Finish(lp, ts, site, product)};
  }
  PyObject* result = op == NB_ADD ? _PyLong_Add(x, y) : op == NB_SUBTRACT ? _PyLong_Subtract(x, y) : QuickBinary(ts, a, b, site);
  if (result == nullptr) {
    PyErr_Clear();  // it is met again with the frame in order
    return BinaryOfObjects(lp, a, b, ts, site, owned);
  }
  Release(a, b, owned);
  return {nullptr, result};
}

[[gnu::always_inline]] inline Departure BinaryOfCTypes(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  if (PyLong_CheckExact(a) && PyLong_CheckExact(b)) return BinaryOfInts(lp, a, b, ts, site, owned);
  return IsNumberOrText(a) ? BinaryOfNumbersOrText(lp, a, b, ts, site, owned) : BinaryOfObjects(lp, a, b, ts, site, owned);
}

[[gnu::noinline]] Departure BinaryOfInstances(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  Departure method;
  if (EntersMethod(lp, a, b, ts, site, owned, &method)) return method;
  return IsNumberOrText(a) ? BinaryOfNumbersOrText(lp, a, b, ts, site, owned) : BinaryOfObjects(lp, a, b, ts, site, owned);
}

// What QuickCompare() knows on the left: numbers, strings, and objects that identity tells apart.
inline bool MayCompareQuickly(PyObject* a) {
  return IsNumberOrText(a) || Py_TYPE(a)->tp_richcompare == PyBaseObject_Type.tp_richcompare;
}

PyObject* Compare(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  constexpr int kRelationShift = 5, kToBool = 16;
  BalanceFreeLists();
  int relation = site->oparg >> kRelationShift;
  if ((relation == Py_EQ || relation == Py_NE) && PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)) {
    bool result = SameText(a, b) == (relation == Py_EQ);
    Release(a, b, owned);
    return result ? Py_True : Py_False;
  }
  PyObject* quick = !MayCompareQuickly(a) || MayEitherDie(a, b, owned) ? nullptr : QuickCompare(ts, a, b, site);
  if (quick != nullptr) {
    Release(a, b, owned);
    return quick;
  }
  TakeBorrowed(a, b, owned);
  ShowInstruction(lp, site);
  PyObject* result = RichCompare(a, b, relation);
  tj_decref(a);
  tj_decref(b);
  if (result != nullptr && (site->oparg & kToBool) && !PyBool_Check(result)) {
    int truth = PyObject_IsTrue(result);
    tj_decref(result);
    result = truth < 0 ? nullptr : truth ? Py_True : Py_False;
  }
  return Finish(lp, ts, site, result);
}

// What waits below the operands goes to its slots.
inline void StoreBelow(PyObject** lp, const Site* site) { MakeCanonicalBelow(site->depth - site->popped, lp, nullptr, site); }

inline PyObject* OrLeft(PyObject* result) { return result != nullptr ? result : reinterpret_cast<PyObject*>(kLeft); }

// After StoreBelow() and the operation, which left the unit if there is no result.
inline PyObject* EndAbove(PyObject** lp, PyThreadState* ts, const Site* site, PyObject* result) {
  if (result == nullptr || MakePending(lp, site)) return OrLeft(result);
  PyObject** bottom = Bottom(lp, site);
  *bottom = result;
  RequestInterpreter(ts, FrameOf(lp), bottom + 1, site->next);
  return OrLeft(nullptr);
}

}  // namespace

extern "C" {

PyObject* tj_quick(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  if (IsPythonClass(Py_TYPE(a)) || IsPythonClass(Py_TYPE(b))) return nullptr;
  bool compares = site->special == Special::kCompare;
  if (compares ? MayCompareQuickly(a) : IsNumberOrText(a)) {
    BalanceFreeLists();
    PyObject* result = MayEitherDie(a, b, owned) ? nullptr : site->quick(ts, a, b, site);
    if (result != nullptr) {
      Release(a, b, owned);
      return result;
    }
  }
  StoreBelow(lp, site);
  return EndAbove(lp, ts, site, compares ? Compare(lp, a, b, ts, site, owned) : BinaryOfCTypes(lp, a, b, ts, site, owned).value);
}

PyObject* tj_unary(PyObject** lp, PyObject* a, PyThreadState* ts, Site* site, int owned) {
  if (IsPythonClass(Py_TYPE(a))) return nullptr;
  StoreBelow(lp, site);
  BalanceFreeLists();
  if (!owned) Py_INCREF(a);
  ShowInstruction(lp, site);
  PyObject* result = site->special == Special::kNegative ? PyNumber_Negative(a) : PyNumber_Invert(a);
  tj_decref(a);
  return EndAbove(lp, ts, site, Finish(lp, ts, site, result));
}

PyObject* tj_truth(PyObject** lp, PyObject* a, PyThreadState* ts, Site* site, int owned) {
  if (IsPythonClass(Py_TYPE(a))) return nullptr;
  BalanceFreeLists();
  PyObject* quick = MayDie(a, owned) ? nullptr : QuickToBool(ts, a, nullptr, site);
  if (quick != nullptr) {
    if (owned) tj_decref(a);
    return quick;
  }
  if (site->misses < kMaxFills) {
    site->misses++;
    site->fill(ts, a, nullptr, site);
  }
  if (!owned) Py_INCREF(a);
  ShowInstruction(lp, site);
  int truth = PyObject_IsTrue(a);
  tj_decref(a);
  return OrLeft(Finish(lp, ts, site, truth < 0 ? nullptr : truth ? Py_True : Py_False));
}

bool tj_list_append(PyObject** lp, PyListObject* list, PyObject* item, Site* site) {
  if (_PyList_AppendTakeRef(list, item) == 0) return true;
  ShowInstruction(lp, site);
  Fail(lp, site);
  return false;
}

Departure tj_binary(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  if (IsPythonClass(Py_TYPE(a)) || IsPythonClass(Py_TYPE(b))) return BinaryOfInstances(lp, a, b, ts, site, owned);
  return BinaryOfCTypes(lp, a, b, ts, site, owned);
}

PyObject* tj_ask_others(PyThreadState* ts, PyObject* a, PyObject* b, const Site* site, PyObject* result) {
  return result == nullptr ? nullptr : _PyEval_BinaryOps[site->oparg](a, b);
}

PyObject* tj_finish_disturbed(PyObject** lp, PyThreadState* ts, const Site* site, PyObject* result) {
  return FinishDisturbed(lp, ts, site, result);
}

Departure tj_compare(PyObject** lp, PyObject* a, PyObject* b, PyThreadState* ts, Site* site, int owned) {
  Departure method;
  bool instances = IsPythonClass(Py_TYPE(a)) || IsPythonClass(Py_TYPE(b));
  if (instances && EntersMethod(lp, a, b, ts, site, owned, &method)) return method;
  return {nullptr, Compare(lp, a, b, ts, site, owned)};
}

}  // extern "C"

}  // namespace tierjit::tier1
