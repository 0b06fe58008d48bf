// C functions that optimised code calls where it does not do a thing itself.
#ifndef TIERJIT_TIER2_LOWER_RUNTIME_CALLS_H_
#define TIERJIT_TIER2_LOWER_RUNTIME_CALLS_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier2 {

extern "C" {
// New references, never NULL (runtime/deopt/reserve.h). [GIL]
// `refill`: of the free blocks, of which there are none as a rule, see Environment.
PyObject* tj2_box_int(int64_t value, void (*refill)());
PyObject* tj2_box_float(double value, void (*refill)());
PyObject* tj2_new_tuple(int64_t size);  // whose items are to be stored before anything else is done
// The value of an exact int of more than one digit. 0 in `fits`: int64 does not hold it. [GIL]
struct IntValue {
  int64_t value;
  int64_t fits;
};
IntValue tj2_int_value(PyObject* o);
// Of exact numbers, and to be compared of text and None as well; NULL: of something else, or it raises. A new reference; True or False. [GIL]
PyObject* tj2_number_op(PyObject* a, PyObject* b, int64_t oparg, PyObject* (*quick)(PyObject* a, PyObject* b, int64_t oparg));
PyObject* tj2_compare_numbers(PyObject* a, PyObject* b, int64_t relation);
// base ** exponent as float.__pow__ computes it. The base is positive. [any]
double tj2_sqrt(double value);  // changes xmm0 only
// As float.__mod__ and float.__floordiv__; the divisor is not 0. [any]
double tj2_float_mod(double a, double b);
double tj2_float_floordiv(double a, double b);
double tj2_pow(double base, double exponent);
}

// libm's function for an entry of math_calls.def.
const void* MathFunction(int64_t entry);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_LOWER_RUNTIME_CALLS_H_
