// The one door to CPython's headers, public and private.
//
// Everything else includes this file and never a pycore header, so that what a new
// interpreter version breaks shows up in this folder only.
#ifndef TIERJIT_RUNTIME_CPYTHON_PYTHON_H_
#define TIERJIT_RUNTIME_CPYTHON_PYTHON_H_

#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#ifndef PY_SSIZE_T_CLEAN
#define PY_SSIZE_T_CLEAN
#endif
#include <Python.h>

#include "internal/pycore_call.h"
#include "internal/pycore_ceval.h"
#include "internal/pycore_code.h"
#include "internal/pycore_descrobject.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_function.h"
#include "internal/pycore_gil.h"
#include "internal/pycore_genobject.h"
#include "internal/pycore_instruments.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_intrinsics.h"
#include "internal/pycore_list.h"
#include "internal/pycore_long.h"
#include "internal/pycore_object.h"
#include "internal/pycore_opcode_utils.h"
#include "internal/pycore_pyerrors.h"
#include "internal/pycore_range.h"
#include "internal/pycore_runtime.h"
#include "internal/pycore_setobject.h"
#include "internal/pycore_sliceobject.h"
#include "internal/pycore_tuple.h"
#include "internal/pycore_typeobject.h"
#include "internal/pycore_unicodeobject.h"
#include "opcode.h"

#if PY_VERSION_HEX < 0x030D0000 || PY_VERSION_HEX >= 0x030E0000
#error "tierjit supports CPython 3.13 only"
#endif
#ifdef Py_GIL_DISABLED
#error "tierjit does not support free-threaded builds"
#endif

// Layouts that generated code relies on; the import self-check proves them for the running interpreter.
static_assert(offsetof(_PyInterpreterFrame, localsplus) == 72);
static_assert(offsetof(_PyInterpreterFrame, stacktop) == 64);
static_assert(offsetof(PyThreadState, eval_breaker) == 24);
static_assert(offsetof(PyThreadState, current_frame) == 72);
static_assert(offsetof(PyThreadState, datastack_top) == 240);
static_assert(offsetof(PyFunctionObject, vectorcall) == 128);

#endif  // TIERJIT_RUNTIME_CPYTHON_PYTHON_H_
