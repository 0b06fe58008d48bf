// The life of a code object: Cold -> Compiled | Refused, and the switch for the whole process.
//
//   new or existing function --(counting entry)--> counted --(threshold)--> compiled: the unit's own entry
//                                                     \--(cannot)--> refused: the interpreter's entry and version again
//
// All of it: [GIL], main interpreter.
#ifndef TIERJIT_LIB_MANAGER_H_
#define TIERJIT_LIB_MANAGER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/code_state.h"
#include "lib/function_hooks.h"
#include "lib/loop_door.h"

namespace tierjit {

enum class Mode { kOff, kOn, kFlush };

class Manager : public HookClient {
 public:
  static Manager& Get();

  // See tj_attach(), tj_detach(). Attach() fails with kUnavailable, or kFailedPrecondition when no interpreter runs or
  // the GIL is not held.
  absl::Status Attach(bool read_environment);
  void Detach();
  bool attached() const { return attached_; }
  // kFailedPrecondition, kUnavailable: nothing is done for a thread without the GIL, or in another interpreter than the main one.
  absl::Status CheckCaller() const;
  // Empty when attached.
  const std::string& unavailable_reason() const { return unavailable_; }

  // Switches the whole on or off. kUnavailable, kFailedPrecondition (not attached).
  absl::Status Enable();
  void Disable();
  // Drops the state of everything that was compiled or refused, and counts anew.
  void FlushAll();
  bool enabled() const { return enabled_; }

  // Adds `delta` to the pause count, which stays >= 0; returns it.
  int Pause(int delta);
  bool paused() const { return pause_count_ > 0; }

  // Mode of one code and, with `recurse`, of the codes among its constants. `func` (or NULL) is the function that
  // `code` was got from.
  absl::Status SetMode(PyFunctionObject* func, PyCodeObject* code, Mode mode, bool recurse);

  // Compiles at once, whatever the count. kUnimplemented and others with a reason text (ReasonText()) as message.
  absl::Status CompileNow(PyFunctionObject* func, PyCodeObject* code);
  // Compiles the code unless it is compiled, and makes its unit the one that calls enter.
  absl::Status CompileState(CodeState* state);
  // Notes that the code stays in the interpreter; returns the reason as a status.
  absl::Status Refuse(CodeState* state, const absl::Status& status);
  // What can be told without compiling.
  absl::Status CanCompile(CodeState* state);

  // Whether the next call of `func` (or of any function of `code`, if NULL) runs compiled code.
  bool IsCompiled(PyFunctionObject* func, PyCodeObject* code) const;
  // Empty when compiled.
  std::string WhyNot(PyFunctionObject* func, PyCodeObject* code) const;

  vectorcallfunc OnCountedCall(PyFunctionObject* func) override;
  void OnNewFunction(PyFunctionObject* func) override;
  void OnNewCode(PyFunctionObject* func, PyCodeObject* code) override;

  LoopDoor& loop_door() { return loop_door_; }

 private:
  Manager() : loop_door_(this) {}

  absl::Status CheckProcess() const;
  absl::Status PrepareInterpreter();
  static void OnInterpreterExit(void* self);
  absl::Status Unavailable(const absl::Status& status);
  absl::Status StartHooks();
  void StopHooks();

  // While others watch calls, functions have the interpreter's own entry. Nobody tells when they have ceased to: the next
  // new function asks.
  void StandBack();
  void ComeBack();
  void OfferStarts();
  void HookExisting(PyFunctionObject* func);
  void ApplyMode(CodeState* state, Mode mode);
  void RehookFunctionsOf(const std::vector<PyCodeObject*>& codes);
  void Rehook(PyFunctionObject* func, CodeState* state);
  vectorcallfunc Forward(CodeState* state);
  bool WantsCounting(const CodeState* state) const;

  LoopDoor loop_door_;
  bool attached_ = false;
  bool enabled_ = false;
  bool stood_back_ = false;
  bool interpreter_prepared_ = false;  // index and exit hook belong to the running interpreter
  int pause_count_ = 0;
  std::string unavailable_ = "not attached";
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_MANAGER_H_
