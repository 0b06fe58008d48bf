// The way into compiled code for loops that the interpreter is running already: sys.monitoring, tool id 5 (reserved for
// optimisers), local JUMP events with a C callback that runs the rest of the activation natively. Likewise, by PY_START and PY_RESUME, for
// what the interpreter enters without asking the function: __init__ in its specialised constructor, generators in its loops.
//
// It serves code that runs when tierjit is enabled, module and class bodies with loops, which are not called through a function's entry,
// and what samples find the interpreter running later: calls that began while tierjit was paused or a tool listened, and whatever else
// enable() and entries cannot see. Where other tools listen on the same code it does nothing. All of it: [GIL].
#ifndef TIERJIT_LIB_LOOP_DOOR_H_
#define TIERJIT_LIB_LOOP_DOOR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "lib/code_state.h"
#include "lib/sampler.h"

namespace tierjit {

class Manager;

class LoopDoor {
 public:
  explicit LoopDoor(Manager* manager);

  // Takes the tool id and puts events on the code of all frames that are running and have a loop. When the id belongs
  // to somebody else the door stays shut and status() says so. No exception is left.
  void Open();
  // Takes all events and the tool id back.
  void Close();
  // As Close(), at the end of the interpreter.
  void End();

  // The code is about to run, or running, in the interpreter: puts events on it if it has a loop and can be compiled. A
  // pending exception stays as it is. True when it did.
  bool Offer(PyCodeObject* code);
  // The same for what the interpreter may enter without asking the function, if it is long enough to be worth an event.
  bool OfferStart(PyCodeObject* code);

  // A tracer comes, or a debugger takes the old one away to set its own: takes all events back. There are none while a tracer stays. A
  // pending exception stays as it is.
  void MakeWayForTracer();

  Sampler& sampler() { return sampler_; }

  // "on", "off", or why it is shut.
  const std::string& status() const { return status_; }

 private:
  friend PyObject* OnJump(PyObject* self, PyObject* const* args, Py_ssize_t count);
  friend PyObject* OnResume(PyObject* self, PyObject* const* args, Py_ssize_t count);

  // An event. All in code units.
  struct Way {
    int32_t target;   // where the interpreter would go on
    int32_t handled;  // where it looks for the handler of an exception that the callback raises
    int32_t units;    // of a jump: how far it goes back
  };

  void WithdrawEvents();
  bool MayOffer(const PyCodeObject* code) const;
  bool open() const { return monitoring_ != nullptr; }
  absl::Status Claim();
  static int FindEvent(PyObject* events, const char* name);
  bool RegisterCallback(int event, PyMethodDef* callback);
  void DropReferences();
  void OfferRunningFrames();
  bool SetEvents(PyCodeObject* code, int events);
  bool Admits(CodeState* state);
  bool IsWorthwhile(CodeState* state, int32_t units);
  // Result of the callback: a new reference, or NULL with an exception to be raised in the frame.
  PyObject* Enter(PyThreadState* ts, _PyInterpreterFrame* frame, PyCodeObject* code, const Way& way);
  // Py_None where it takes memory that there is none of: the interpreter goes on.
  PyObject* EnterIfPossible(PyThreadState* ts, _PyInterpreterFrame* frame, PyCodeObject* code, const Way& way);
  bool RunNatively(PyThreadState* ts, _PyInterpreterFrame* frame, CodeState* state, const Way& way);
  PyObject* Disable() const { return Py_NewRef(disable_); }

  // True when the code of one of the innermost frames of `ts` has got events.
  bool OfferSampled(PyThreadState* ts);

  Manager* manager_;
  Sampler sampler_;
  std::string status_ = "off";
  PyObject* monitoring_ = nullptr;  // sys.monitoring
  PyObject* disable_ = nullptr;     // sys.monitoring.DISABLE
  bool offered_ = false;            // since the events were withdrawn
  int jump_event_ = 0, start_event_ = 0, resume_event_ = 0;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_LOOP_DOOR_H_
