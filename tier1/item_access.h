// Element access and membership of builtin containers without foreign code, for the stencils that find no form of their own for the
// operands. Operands are borrowed. NULL without an exception: declined, nothing has happened. Else the death of key, value and item runs
// no foreign code either; only that of a container may need a frame.
#ifndef TIERJIT_TIER1_ITEM_ACCESS_H_
#define TIERJIT_TIER1_ITEM_ACCESS_H_

#include "runtime/cpython/python.h"

namespace tierjit::tier1 {

extern "C" {
// container[key], a new reference. [GIL]
PyObject* tj_get_item(PyObject* container, PyObject* key);
// container[key] = value. What lay there before, for the caller to release, or None. [GIL]
PyObject* tj_set_item(PyObject* container, PyObject* key, PyObject* value);
// dict[key] = value in an exact dict; what lay there before is released. 0: declined. [GIL]
int64_t tj_store_in_dict(PyObject* dict, PyObject* key, PyObject* value);
// item in container: True or False. [GIL]
PyObject* tj_contains(PyObject* item, PyObject* container);
}

// dict[name] = value for a name that is there, in the dict of a module: as tj_set_item(), also while the dict is watched. [GIL]
PyObject* ReplaceInNamespace(PyDictObject* dict, PyObject* name, PyObject* value);
// See ForgetInterpreter(). [GIL]
void ForgetInheritedAccess();

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ITEM_ACCESS_H_
