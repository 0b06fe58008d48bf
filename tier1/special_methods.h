// Operations that Python classes implement themselves: `__add__`, `__eq__`, `__getitem__`, properties, ... A compiled method is entered
// like a callee, from where compiled code takes the slow path, instead of through a type slot and a C frame.
#ifndef TIERJIT_TIER1_SPECIAL_METHODS_H_
#define TIERJIT_TIER1_SPECIAL_METHODS_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// Which operation a slow path's handler does, as far as a method may do it instead.
Special SpecialOf(OpHandler handler);

// A method that does the operation of a site; `function` is NULL when there is none, or it is not that plain.
struct SpecialMethod {
  PyFunctionObject* function;  // borrowed
  uint16_t flags;              // MethodFlags
  bool reflected;              // the right operand's method: the arguments change places
};
// `operands` as on the stack, lowest first; they are borrowed. Runs no foreign code.
SpecialMethod FindSpecial(const Site* site, PyObject* const* operands);

// The same by the operands' types, for all but attributes, whose `name` it takes.
SpecialMethod FindSpecialOf(Special special, int oparg, PyTypeObject* const* types, PyObject* name);

// Positions of the method's arguments, self first, among the operands.
struct ArgumentOrder {
  int8_t count;
  int8_t at[3];
  bool moved;  // as the interpreter does here: the arguments' references become the callee's
  bool kept = false;  // the operation leaves its operands on the stack
};
const ArgumentOrder& OrderOf(Special special);

// What the interpreter makes of the method's result (owned): the result of the operation, or NULL with an exception set. The operands are
// still owned by the stack, unless they were moved. May run foreign code.
PyObject* EndSpecial(const Site* site, PyObject* const* operands, PyObject* result, uint16_t flags);

// The Python function that is the `__getitem__` of instances of `type`, or NULL: what FindSpecial() finds for a subscript. Borrowed.
PyFunctionObject* GetItemMethodOf(PyTypeObject* type);
// The getter of the property `name` of instances of `type`, or NULL. Borrowed.
PyFunctionObject* GetterOf(PyTypeObject* type, PyObject* name);
// The `__call__` of plain functions' kind that instances of `type` are called by, or NULL. Borrowed.
PyFunctionObject* CallMethodOf(PyTypeObject* type);
// Likewise `__next__`.
PyFunctionObject* NextMethodOf(PyTypeObject* type);
// Likewise `__enter__` and, in *exit, `__exit__`, or what `async with` calls; NULL unless both are functions.
PyFunctionObject* WithMethodsOf(PyTypeObject* type, bool async, PyFunctionObject** exit);

// See ForgetInterpreter(). [GIL]
void ForgetSpecialMethods(bool alive);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_SPECIAL_METHODS_H_
