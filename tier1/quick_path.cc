// Operations on builtin types that run no foreign code: done on the operands as they lie, without a canonical frame.
#include <bit>
#include <cstdlib>

#include "tier1/free_lists.h"
#include "tier1/inline_cache.h"
#include "tier1/item_access.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

bool IsNumber(PyObject* o) { return PyLong_CheckExact(o) || PyFloat_CheckExact(o); }

bool ToDouble(PyObject* o, double* v) {
  if (PyFloat_CheckExact(o)) {
    *v = PyFloat_AS_DOUBLE(o);
    return true;
  }
  if (!_PyLong_IsCompact(reinterpret_cast<PyLongObject*>(o))) return false;
  *v = static_cast<double>(_PyLong_CompactValue(reinterpret_cast<PyLongObject*>(o)));
  return true;
}

PyObject* FloatBinary(int op, PyObject* a, PyObject* b) {
  double x, y;
  if (!ToDouble(a, &x) || !ToDouble(b, &y)) return nullptr;
  switch (op) {
    case NB_ADD: return ListedFloat(x + y);
    case NB_SUBTRACT: return ListedFloat(x - y);
    case NB_MULTIPLY: return ListedFloat(x * y);
    case NB_TRUE_DIVIDE: return y == 0.0 ? nullptr : ListedFloat(x / y);
    case NB_POWER: return PyFloat_Type.tp_as_number->nb_power(a, b, Py_None);
    case NB_FLOOR_DIVIDE: return PyFloat_Type.tp_as_number->nb_floor_divide(a, b);
    case NB_REMAINDER: return PyFloat_Type.tp_as_number->nb_remainder(a, b);
    default: return nullptr;
  }
}

bool IsSmall(PyObject* o) { return _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(o)); }
// As a distance of shifting.
bool IsShort(PyObject* o) {
  if (!IsSmall(o)) return false;
  Py_ssize_t value = _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(o));
  return value >= 0 && value < 64;
}
// All products on the way have one digit.
bool IsSmallPower(PyObject* base, PyObject* exponent) {
  if (!IsSmall(base) || !IsShort(exponent)) return false;
  Py_ssize_t b = _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(base));
  int bits = 64 - std::countl_zero(static_cast<uint64_t>(std::abs(b)));
  return bits * _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(exponent)) <= PyLong_SHIFT;
}

// Others look at signals meanwhile, whose handlers are foreign code.
bool IsQuickOnInts(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case NB_MULTIPLY: case NB_FLOOR_DIVIDE: case NB_REMAINDER: return IsSmall(a) && IsSmall(b);
    case NB_POWER: return IsSmallPower(a, b);
    case NB_LSHIFT: return IsShort(b);
    default: return true;
  }
}

PyObject* IntBinary(int op, PyObject* a, PyObject* b) {
  PyNumberMethods* methods = PyLong_Type.tp_as_number;
  if (!IsQuickOnInts(a, b, op)) return nullptr;
  bool zero = _PyLong_IsZero(reinterpret_cast<PyLongObject*>(b));
  switch (op) {
    case NB_ADD: return _PyLong_Add(reinterpret_cast<PyLongObject*>(a), reinterpret_cast<PyLongObject*>(b));
    case NB_SUBTRACT: return _PyLong_Subtract(reinterpret_cast<PyLongObject*>(a), reinterpret_cast<PyLongObject*>(b));
    case NB_MULTIPLY: return _PyLong_Multiply(reinterpret_cast<PyLongObject*>(a), reinterpret_cast<PyLongObject*>(b));
    case NB_AND: return methods->nb_and(a, b);
    case NB_OR: return methods->nb_or(a, b);
    case NB_XOR: return methods->nb_xor(a, b);
    case NB_FLOOR_DIVIDE: return zero ? nullptr : methods->nb_floor_divide(a, b);
    case NB_REMAINDER: return zero ? nullptr : methods->nb_remainder(a, b);
    case NB_POWER: return methods->nb_power(a, b, Py_None);
    case NB_LSHIFT: return methods->nb_lshift(a, b);
    case NB_RSHIFT: return methods->nb_rshift(a, b);
    default: return nullptr;  // what can fail, or take long, keeps its frame
  }
}

}  // namespace

namespace {

bool IsComplexOperand(PyObject* o) { return PyComplex_CheckExact(o) || IsNumber(o); }

PyObject* ComplexBinary(int op, PyObject* a, PyObject* b) {
  PyNumberMethods* methods = PyComplex_Type.tp_as_number;
  switch (op) {
    case NB_ADD: return methods->nb_add(a, b);
    case NB_SUBTRACT: return methods->nb_subtract(a, b);
    case NB_MULTIPLY: return methods->nb_multiply(a, b);
    case NB_TRUE_DIVIDE: return methods->nb_true_divide(a, b);
    default: return nullptr;
  }
}

// Objects that nothing but identity makes equal.
bool ComparesByIdentity(PyObject* o) { return Py_TYPE(o)->tp_richcompare == PyBaseObject_Type.tp_richcompare; }
bool IsNumberOrStr(PyObject* o) { return IsNumber(o) || PyUnicode_CheckExact(o); }

PyObject* CompareByIdentity(PyObject* a, PyObject* b, int relation) {
  if (relation != Py_EQ && relation != Py_NE) return nullptr;
  bool identity = ComparesByIdentity(a) ? ComparesByIdentity(b) || IsNumberOrStr(b)
                                        : IsNumberOrStr(a) && (IsNumberOrStr(b) || ComparesByIdentity(b));
  if (!identity) return nullptr;
  return (a == b) == (relation == Py_EQ) ? Py_True : Py_False;
}

}  // namespace

PyObject* BinaryOfReals(PyObject* a, PyObject* b, int64_t oparg) {
  int op = static_cast<int>(oparg >= NB_INPLACE_ADD ? oparg - NB_INPLACE_ADD : oparg);
  bool ints = PyLong_CheckExact(a) && PyLong_CheckExact(b);
  if (!ints && !(IsNumber(a) && IsNumber(b))) return nullptr;
  PyObject* r = ints && op != NB_TRUE_DIVIDE ? IntBinary(op, a, b) : FloatBinary(op, a, b);
  if (r == nullptr) PyErr_Clear();  // the handler meets the same error with the frame in order
  return r;
}

PyObject* QuickBinary(PyThreadState*, PyObject* a, PyObject* b, Site* site) {
  if (!PyComplex_CheckExact(a) && !PyComplex_CheckExact(b)) return BinaryOfReals(a, b, site->oparg);
  if (!IsComplexOperand(a) || !IsComplexOperand(b)) return nullptr;
  PyObject* r = ComplexBinary(site->oparg >= NB_INPLACE_ADD ? site->oparg - NB_INPLACE_ADD : site->oparg, a, b);
  if (r == nullptr) PyErr_Clear();
  return r;
}

namespace {

PyObject* AsBool(bool value) { return value ? Py_True : Py_False; }

PyObject* CompareDoubles(double x, double y, int relation) {
  switch (relation) {
    case Py_LT: return AsBool(x < y);
    case Py_LE: return AsBool(x <= y);
    case Py_EQ: return AsBool(x == y);
    case Py_NE: return AsBool(x != y);
    case Py_GT: return AsBool(x > y);
    default: return AsBool(x >= y);
  }
}

}  // namespace

PyObject* QuickCompare(PyThreadState* ts, PyObject* a, PyObject* b, Site* site) {
  int op = site->oparg >> 5;
  if (IsNumber(a) && IsNumber(b)) {
    double x, y;
    // A double holds an int of one digit exactly.
    if (ToDouble(a, &x) && ToDouble(b, &y)) return CompareDoubles(x, y, op);
    PyObject* r = Py_TYPE(a)->tp_richcompare(a, b, op);
    if (r != Py_NotImplemented) return r;
    return PyFloat_CheckExact(b) ? PyFloat_Type.tp_richcompare(b, a, _Py_SwappedOp[op]) : nullptr;
  }
  if (PyUnicode_CheckExact(a) && PyUnicode_CheckExact(b)) return PyUnicode_RichCompare(a, b, op);
  return CompareByIdentity(a, b, op);
}

PyObject* QuickToBool(PyThreadState* ts, PyObject* a, PyObject*, Site*) {
  if (PyBool_Check(a)) return a;
  if (a == Py_None) return Py_False;
  if (PyLong_CheckExact(a)) return PyBool_FromLong(!_PyLong_IsZero(reinterpret_cast<PyLongObject*>(a)));
  if (PyUnicode_CheckExact(a)) return PyBool_FromLong(PyUnicode_GET_LENGTH(a) != 0);
  if (PyList_CheckExact(a) || PyTuple_CheckExact(a) || PyBytes_CheckExact(a)) return PyBool_FromLong(Py_SIZE(a) != 0);
  if (PyDict_CheckExact(a)) return PyBool_FromLong(PyDict_GET_SIZE(a) != 0);
  return nullptr;
}

extern "C" StoreResult tj_store_name(PyObject* ns, PyObject* name, PyObject* value) {
  if (ns == nullptr || !PyDict_CheckExact(ns) || reinterpret_cast<PyDictObject*>(ns)->ma_keys->dk_kind == DICT_KEYS_GENERAL) {
    return {nullptr, 0};
  }
  if (PyObject* old = ReplaceInNamespace(reinterpret_cast<PyDictObject*>(ns), name, value)) return {old, 1};
  PyObject* old = Py_XNewRef(_PyDict_GetItem_KnownHash(ns, name, reinterpret_cast<PyASCIIObject*>(name)->hash));
  if (PyDict_SetItem(ns, name, value) == 0) return {old, 1};
  PyErr_Clear();
  Py_XDECREF(old);
  return {nullptr, 0};
}

}  // namespace tierjit::tier1
