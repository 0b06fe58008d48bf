// Calls between optimised units without frames, and how the frames are made when somebody may see them.
//
// A caller stores the values that its frames will need, then the descriptor of the call, and calls the code with the address behind:
//
//   tj_waiting:  0 | values of the first, descriptor | values of the next, descriptor | ...
//
// A unit that leaves walks this list down to 0, or to a call of a unit with a frame: that is the thread's current frame. It makes all
// frames, outermost first, and runs its own to the end in Tier 1. Its caller is told that the frames are made, pushes the result to its
// own stack, does the same, and so on. Nothing can run meanwhile that would look at the list again, so there is one for all threads.
#ifndef TIERJIT_RUNTIME_DEOPT_CALLS_H_
#define TIERJIT_RUNTIME_DEOPT_CALLS_H_

#include "runtime/deopt/exit.h"

namespace tierjit {

inline constexpr int kMaxWaiting = 31;          // values of one call
inline constexpr int kMaxFramelessDepth = 2000;
extern "C" int64_t tj_waiting[1 + (kMaxFramelessDepth + 2) * (kMaxWaiting + 1)];  // [GIL]
// The result of a call that has made its frames: a new reference, or NULL with an exception set. [GIL]
extern "C" PyObject* tj_finished_value;

// What Tier 1 does here; registered once at start.
struct FrameRunner {
  // A frame on top of the current one, which becomes the current one. Its locals and stack are NULL.
  _PyInterpreterFrame* (*push)(PyThreadState* ts, PyFunctionObject* function, PyCodeObject* code);
  // Runs the current frame on from native code until it has returned and is gone.
  PyObject* (*run)(PyThreadState* ts, const void* address);
  // The current frame's call has ended with `result`: where it goes on.
  const void* (*after_call)(PyThreadState* ts, const ExitFrame& frame, PyObject* result);
  // The current frame is the innermost one that `exit` leaves: `address`, or where tools that have come meanwhile see what follows.
  const void* (*go_on)(PyThreadState* ts, const ExitDescriptor& exit, const void* address);
  bool (*have_stack)(uintptr_t* low);  // lowest address of the C stack that may be used
};
void SetFrameRunner(const FrameRunner& runner);
// FrameRunner::go_on. [GIL]
const void* GoOn(PyThreadState* ts, const ExitDescriptor& exit, const void* address);

// How many frames more there may be on top of the current one. [GIL]
extern "C" int64_t tj_frames_left(PyThreadState* ts);

// tj_exit() for exits with frames.
UnitExit ExitToFrames(PyThreadState* ts, ExitDescriptor* exit);
// A unit without a frame leaves; `waiting` is the end of the list. Its result is in tj_finished_value then.
extern "C" void tj_exit_frameless(PyThreadState* ts, int64_t* waiting, ExitDescriptor* exit);
// A call has made its frames: the end of its caller, with a frame and without. The result is in tj_finished_value, before and after.
extern "C" UnitExit tj_call_finished(PyThreadState* ts, ExitDescriptor* site);
extern "C" void tj_call_finished_frameless(PyThreadState* ts, ExitDescriptor* site);

// An object that does not die quietly (see quiet_death.h) and lost its last reference where nothing can be run, because nobody foresaw it: it
// dies at the next exit or return. [GIL]
extern "C" void tj_bury(PyThreadState* ts, PyObject* object);
extern "C" int64_t tj_buried;
extern "C" void tj_flush_buried();

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_CALLS_H_
