// Which machine code a function object runs when it is called: its vectorcall and, with it, its version. All of it:
// [GIL].
//
// The interpreter's specialised calls look at the version of a function only, so a function with an entry of ours must
// have version 0 (CALL_PY_EXACT_ARGS and its kin then fall back to a call through vectorcall). A function that gets the
// interpreter's own entry back gets its version back too, otherwise its calls would stay slow for ever.
#ifndef TIERJIT_LIB_FUNCTION_HOOKS_H_
#define TIERJIT_LIB_FUNCTION_HOOKS_H_

#include <functional>

#include "absl/status/status.h"
#include "lib/code_state.h"

namespace tierjit {

// Decides for hooked functions; implemented by the manager.
class HookClient {
 public:
  virtual ~HookClient() = default;
  // A function with the counting entry is being called. Returns the entry to call.
  virtual vectorcallfunc OnCountedCall(PyFunctionObject* func) = 0;
  // A function object came into being, with the interpreter's own entry. Defaults and closure are not set yet.
  virtual void OnNewFunction(PyFunctionObject* func) = 0;
  // The function, hooked, is about to get another code object.
  virtual void OnNewCode(PyFunctionObject* func, PyCodeObject* code) = 0;
};

class FunctionHooks {
 public:
  static FunctionHooks& Get();

  // Finds the interpreter's own entry of functions. Call it before any watcher of ours exists. kUnavailable when some
  // other tool has replaced it.
  absl::Status CaptureDefault();
  vectorcallfunc default_entry() const { return default_entry_; }

  // Starts the watchers, ours for functions and codes and Tier 1's for dicts. kUnavailable when the interpreter has
  // none left.
  absl::Status Start(HookClient* client);
  // Stops them. By then no code has its version taken, and no compiled code runs again: it relies on the dict watcher.
  void Stop();

  // Puts the counting entry into `func`.
  void HookCounting(PyFunctionObject* func, CodeState* state);
  // Puts the entry of the state's unit into `func`; false, and its own entry, if the unit does not serve it.
  bool HookUnit(PyFunctionObject* func, CodeState* state);
  // Gives `func` its own entry and version back, if it has an entry of ours.
  void Unhook(PyFunctionObject* func, CodeState* state);

  bool HasDefault(const PyFunctionObject* func) const { return func->vectorcall == default_entry_; }
  bool IsCounting(const PyFunctionObject* func) const;
  // Counts the call that compiled code is about to make, so that it can enter `func` directly if that compiles it; otherwise the counting
  // entry, which the call reaches next, does not count it again.
  void CountAhead(PyFunctionObject* func);
  // Counts a call; the entry to call.
  vectorcallfunc Count(PyFunctionObject* func);
  bool TakeCounted(const PyFunctionObject* func);
  // Whether `func` runs an entry of ours; `state` is that of its code, or NULL.
  bool IsHooked(const PyFunctionObject* func, const CodeState* state) const;

  // Calls `visit` for each function object there is. `visit` must not create or destroy objects.
  static void ForEachFunction(const std::function<void(PyFunctionObject*)>& visit);

  HookClient* client() const { return client_; }

 private:
  void SetEntry(PyFunctionObject* func, CodeState* state, vectorcallfunc entry);

  vectorcallfunc default_entry_ = nullptr;
  HookClient* client_ = nullptr;
  const PyFunctionObject* counted_ = nullptr;  // compared only
};

inline PyCodeObject* CodeOf(const PyFunctionObject* func) { return reinterpret_cast<PyCodeObject*>(func->func_code); }

}  // namespace tierjit

#endif  // TIERJIT_LIB_FUNCTION_HOOKS_H_
