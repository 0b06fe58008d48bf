// Binds the arguments of calls to frames of compiled functions.
#ifndef TIERJIT_TIER1_BIND_H_
#define TIERJIT_TIER1_BIND_H_

#include "tier1/rt.h"

namespace tierjit::tier1 {

struct Arguments {
  PyObject** values;       // positional ones, then those of the keywords
  int positional;
  int keywords;
  PyObject* const* names;  // of the keywords: str
};

// A new frame of `function`, whose unit is `unit`, not linked yet. The references in `args.values` move into it. NULL without an
// exception: nothing has happened; the call is wrong, or too unusual for this, and the interpreter's binder will tell. [GIL]
_PyInterpreterFrame* BindFrame(PyThreadState* ts, PyFunctionObject* function, UnitHeader* unit, const Arguments& args);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_BIND_H_
