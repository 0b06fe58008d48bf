#include "tier2/lower/runtime_calls.h"

#include <cmath>

#include "runtime/deopt/reserve.h"

namespace tierjit::tier2 {

PyObject* tj2_box_int(int64_t value, void (*refill)()) {
  refill();
  return Surely([&] { return PyLong_FromLongLong(value); });
}
PyObject* tj2_box_float(double value, void (*refill)()) {
  refill();
  return Surely([&] { return PyFloat_FromDouble(value); });
}
PyObject* tj2_new_tuple(int64_t size) {
  return Surely([&] { return PyTuple_New(size); });
}

namespace {

bool IsNumber(PyObject* o) { return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o); }

bool IsSmall(PyObject* o) { return PyLong_Check(o) && _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(o)); }

PyObject* Power(PyObject* a, PyObject* b) { return PyNumber_Power(a, b, Py_None); }

using NumberFunction = PyObject* (*)(PyObject*, PyObject*);
NumberFunction FunctionOf(int64_t oparg) {
  switch (oparg >= NB_INPLACE_ADD ? oparg - NB_INPLACE_ADD : oparg) {
    case NB_ADD: return PyNumber_Add;
    case NB_SUBTRACT: return PyNumber_Subtract;
    case NB_MULTIPLY: return PyNumber_Multiply;
    case NB_TRUE_DIVIDE: return PyNumber_TrueDivide;
    case NB_FLOOR_DIVIDE: return PyNumber_FloorDivide;
    case NB_REMAINDER: return PyNumber_Remainder;
    case NB_POWER: return Power;
    case NB_AND: return PyNumber_And;
    case NB_OR: return PyNumber_Or;
    case NB_XOR: return PyNumber_Xor;
    case NB_LSHIFT: return PyNumber_Lshift;
    case NB_RSHIFT: return PyNumber_Rshift;
    default: return nullptr;
  }
}

}  // namespace

PyObject* tj2_number_op(PyObject* a, PyObject* b, int64_t oparg, PyObject* (*quick)(PyObject* a, PyObject* b, int64_t oparg)) {
  if (PyObject* result = quick(a, b, oparg)) return result;
  NumberFunction function = FunctionOf(oparg);
  if (!IsNumber(a) || !IsNumber(b) || function == nullptr) return nullptr;
  // Ints take their time, and look at signals meanwhile, whose handlers are foreign code.
  bool small = IsSmall(a) && IsSmall(b) && oparg != NB_POWER && oparg != NB_INPLACE_POWER;
  if (PyLong_Check(a) && PyLong_Check(b) && !small) return nullptr;
  PyObject* result = function(a, b);
  if (result == nullptr) PyErr_Clear();
  return result;
}

PyObject* tj2_compare_numbers(PyObject* a, PyObject* b, int64_t relation) {
  auto fits = [](PyObject* o) { return IsNumber(o) || o == Py_None || PyUnicode_CheckExact(o); };
  if (!fits(a) || !fits(b)) return nullptr;
  PyObject* result = PyObject_RichCompare(a, b, static_cast<int>(relation));
  if (result == nullptr) PyErr_Clear();
  return result;
}

IntValue tj2_int_value(PyObject* o) {
  int overflow;
  long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  return {v, overflow == 0};
}

asm(R"(
  .text
  .p2align 4
  .globl tj2_sqrt
  .hidden tj2_sqrt
  .type tj2_sqrt, @function
tj2_sqrt:
  sqrtsd %xmm0, %xmm0
  ret
)");

double tj2_float_mod(double a, double b) {
  double m = std::fmod(a, b);
  if (m == 0.0) return std::copysign(0.0, b);
  return (b < 0.0) != (m < 0.0) ? m + b : m;
}

double tj2_float_floordiv(double a, double b) {
  double m = std::fmod(a, b);
  double quotient = (a - m) / b;
  if (m != 0.0 && (b < 0.0) != (m < 0.0)) quotient -= 1.0;
  if (quotient == 0.0) return std::copysign(0.0, a / b);
  double down = std::floor(quotient);
  return quotient - down > 0.5 ? down + 1.0 : down;
}

const void* MathFunction(int64_t entry) {
  using One = double (*)(double);
  using Two = double (*)(double, double);
  static const void* const kFunctions[] = {
#define MATH1(name) reinterpret_cast<const void*>(static_cast<One>(std::name)),
#define MATH2(name) reinterpret_cast<const void*>(static_cast<Two>(std::name)),
#include "tier2/ir/math_calls.def"
  };
  return kFunctions[entry];
}

double tj2_pow(double base, double exponent) { return std::pow(base, exponent); }


}  // namespace tierjit::tier2
