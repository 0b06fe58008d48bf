// Filling of inline caches, and operations on builtin types that need no canonical frame (quick paths).
#ifndef TIERJIT_TIER1_INLINE_CACHE_H_
#define TIERJIT_TIER1_INLINE_CACHE_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// CacheFill functions (rt.h). They run no Python code and raise nothing.
void FillAttr(PyThreadState* ts, PyObject* owner, PyObject*, Site* site);
void FillMethod(PyThreadState* ts, PyObject* owner, PyObject*, Site* site);
void FillStoreAttr(PyThreadState* ts, PyObject* value, PyObject* owner, Site* site);
void FillTruth(PyThreadState* ts, PyObject* operand, PyObject*, Site* site);
// `getter`: the function that was found for it, NULL: none.
void FillGetter(PyThreadState* ts, PyObject* owner, PyObject* getter, Site* site);
void FillClass(PyThreadState* ts, PyObject* type, PyObject* init, Site* site);
void FillName(PyThreadState* ts, PyObject*, PyObject*, Site* site);
void FillGlobal(PyThreadState* ts, PyObject*, PyObject*, Site* site);
// Watches the name of a LOAD_GLOBAL again, for a cell that its change has emptied. False: there is no value to be had.
bool RefillGlobal(const Site& site);

// A cell that matches nothing.
void ClearPolyCell(PolyCell* cell);

// BINARY_OP on ints and floats; nullptr without an exception: of other things, not quick, or it raises.
PyObject* BinaryOfReals(PyObject* a, PyObject* b, int64_t oparg);

// QuickPath functions (rt.h).
PyObject* QuickBinary(PyThreadState* ts, PyObject* a, PyObject* b, Site* site);
PyObject* QuickCompare(PyThreadState* ts, PyObject* a, PyObject* b, Site* site);
PyObject* QuickToBool(PyThreadState* ts, PyObject* a, PyObject*, Site* site);

// The value of LOAD_NAME where all namespaces that have to be asked are plain dicts: a new reference. NULL: they are not, or there is no
// value in them; nothing is raised. Called by stencils. [GIL]
extern "C" PyObject* tj_load_name(_PyInterpreterFrame* frame, Site* site);

// Stores a name in the dict that is a namespace; called by stencils. Without foreign code: what was there before comes back. [GIL]
extern "C" StoreResult tj_store_name(PyObject* ns, PyObject* name, PyObject* value);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_INLINE_CACHE_H_
