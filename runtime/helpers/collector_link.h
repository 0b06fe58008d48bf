// The collector's list of young objects.
#ifndef TIERJIT_RUNTIME_HELPERS_COLLECTOR_LINK_H_
#define TIERJIT_RUNTIME_HELPERS_COLLECTOR_LINK_H_

#include "runtime/cpython/python.h"

namespace tierjit {

// PyObject_GC_Track() without asking for the running thread. `o` is complete and not tracked. [GIL]
inline void TrackObject(PyInterpreterState* interp, PyObject* o) {
  PyGC_Head* gc = _Py_AS_GC(o);
  PyGC_Head* young = interp->gc.generation0;
  PyGC_Head* last = reinterpret_cast<PyGC_Head*>(young->_gc_prev);
  _PyGCHead_SET_NEXT(last, gc);
  _PyGCHead_SET_PREV(gc, last);
  _PyGCHead_SET_NEXT(gc, young);
  young->_gc_prev = reinterpret_cast<uintptr_t>(gc);
}

// PyObject_GC_UnTrack() in place of a call. [GIL]
inline void UntrackObject(PyObject* o) {
  if (_PyObject_GC_IS_TRACKED(o)) _PyObject_GC_UNTRACK(o);
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_COLLECTOR_LINK_H_
