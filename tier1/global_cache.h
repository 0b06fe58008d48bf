// Values of globals, builtins and module attributes held in cells of units, kept true by the dict watcher.
#ifndef TIERJIT_TIER1_GLOBAL_CACHE_H_
#define TIERJIT_TIER1_GLOBAL_CACHE_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

// Looks `name` up as LOAD_GLOBAL does and, if both dicts can be watched, stores the borrowed value in `cell` until the
// binding changes. Returns the value or NULL when it was not cached. Raises nothing. [GIL]
PyObject* WatchGlobalCell(PyObject* globals, PyObject* builtins, PyObject* name, GlobalCell* cell);
// Has `cell->owner` cleared when `dict[name]` changes; false when the dict cannot be watched. [GIL]
bool WatchModuleCell(PyObject* dict, PyObject* name, AttrCell* cell);

// Where a cell is registered, for its end: one of the two cells, the dicts (compared only, they may be gone) and the name.
struct WatchedCell {
  GlobalCell* global;
  AttrCell* attr;
  PyObject *dict, *fallback;
  PyObject* name;
};
// Whether nobody is to be told that the value of `name` changes. [GIL]
bool IsUnheeded(PyObject* dict, PyObject* name);
// The cell dies. [GIL]
void ForgetCell(const WatchedCell& cell);

// From the dict watcher, before the change. [GIL]
void NoteDictChange(PyDict_WatchEvent event, PyObject* dict, PyObject* key, PyObject* new_value);
// All dicts that are watched are gone, and so are the cells, or nobody is to read them any more. [GIL]
void ForgetDicts();

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_GLOBAL_CACHE_H_
