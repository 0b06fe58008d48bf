// Handlers for operations that Python classes implement themselves: `__getitem__`, `__setitem__`, properties. A compiled function is
// entered at once, with the operands as its arguments, instead of through a type slot.
#ifndef TIERJIT_TIER1_SPECIAL_METHODS_H_
#define TIERJIT_TIER1_SPECIAL_METHODS_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// OpHandlers (runtime/helpers/op.h) for BINARY_SUBSCR, STORE_SUBSCR and LOAD_ATTR without the method bit.
PyObject** SubscriptHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);
PyObject** StoreSubscriptHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);
PyObject** LoadAttrHandler(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** sp, int oparg);

// The Python function that is the `__call__` of instances of `type`; NULL if that is anything else. Borrowed.
PyFunctionObject* CallMethodOf(PyTypeObject* type);
// Likewise `__enter__` and, in *exit, `__exit__`; NULL unless both are functions.
PyFunctionObject* WithMethodsOf(PyTypeObject* type, PyFunctionObject** exit);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_SPECIAL_METHODS_H_
