// tierjit's watchers: one of each kind that the interpreter offers, for changes of code, functions, dicts and types.
#ifndef TIERJIT_RUNTIME_WATCH_WATCHERS_H_
#define TIERJIT_RUNTIME_WATCH_WATCHERS_H_

#include "absl/status/status.h"
#include "runtime/cpython/python.h"

namespace tierjit {

// Called with the GIL held, *before* the change takes place, possibly with an exception pending and during
// finalisation. A callback may neither raise nor run Python code, nor touch the pending exception; it keeps no
// reference to what it is given unless it takes one. A null callback leaves its kind of watcher out.
struct WatchCallbacks {
  // PY_CODE_EVENT_CREATE and _DESTROY of every code object.
  void (*code_event)(PyCodeEvent event, PyCodeObject* code);
  // Every function. At PyFunction_EVENT_CREATE defaults and closure are not set yet. `new_value` is null where the
  // event has none.
  void (*function_event)(PyFunction_WatchEvent event, PyFunctionObject* function, PyObject* new_value);
  // Watched dicts; also dicts that were watched before an earlier StopWatching(). `key` and `new_value` are null where
  // the event has none.
  void (*dict_event)(PyDict_WatchEvent event, PyObject* dict, PyObject* key, PyObject* new_value);
  // Watched types, whenever the type or one of its bases loses its version tag. Nothing more is reported until the type
  // has a tag again: call WatchType() once more *after* the change to go on watching.
  void (*type_event)(PyTypeObject* type);
};

// All functions: [GIL], main interpreter. They leave a pending exception alone.

// Registers the watchers, all or none. kResourceExhausted when another tool has the last id of a kind;
// kFailedPrecondition when already started.
absl::Status StartWatching(const WatchCallbacks& callbacks);

// Unregisters them; nothing when not started. No callback is made afterwards.
void StopWatching();

// For functions that are made by other means than the interpreter's: whether nobody else watches functions, and the report of a new one.
bool WatchesFunctionsAlone(const PyInterpreterState* interp);
void ReportNewFunction(PyFunctionObject* function);

// Whether `dict` has our watcher and no other.
bool WatchesDictAlone(const PyDictObject* dict);

// Reports changes of `dict` from now on. kFailedPrecondition when there is no dict watcher, kInvalidArgument for other
// objects. Watching twice is the same as once. No reference is kept: the watch ends with the dict.
absl::Status WatchDict(PyObject* dict);
void UnwatchDict(PyObject* dict);

// Reports the next change of `type` and gives it a version tag. kFailedPrecondition when there is no type watcher or
// when the type gets no tag (it has used up its tags, or one of its bases has): then its changes are never reported.
absl::Status WatchType(PyTypeObject* type);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_WATCH_WATCHERS_H_
