// Looks from time to time at what the interpreter is running: a thread that sleeps for a few milliseconds, and a pending call, made by
// whichever thread runs Python code next. The next sleep begins when that call was made, so an idle process is not woken.
//
// The thread sleeps by the wall clock: timers of the process's CPU time make time.process_time() advance in steps of scheduler ticks.
//
// The thread knows nothing of Python. It is gone while the process forks; Resume() brings it back.
#ifndef TIERJIT_LIB_SAMPLER_H_
#define TIERJIT_LIB_SAMPLER_H_

#include <semaphore.h>

#include <atomic>
#include <cstdint>

#include "lib/forks.h"
#include "lib/own_thread.h"
#include "runtime/cpython/python.h"

namespace tierjit {

class Sampler final : public HasThread {
 public:
  // Looks at what `ts`, the running thread, is about; true when it found something to do. No exception is left. [GIL]
  using Look = bool (*)(PyThreadState* ts);
  explicit Sampler(Look look) : look_(look) {}

  // Samples every `interval_ns` from now on, more rarely while looking is in vain. Where the system offers no thread, nothing is
  // sampled. [GIL]
  void Start(int64_t interval_ns);
  // The thread is gone afterwards. [GIL]
  void Stop();
  // As Stop(), for the end of the interpreter. [GIL]
  void End();
  // Goes on after a fork, in both processes. Cheap; to be called now and then. [GIL]
  void Resume(PyThreadState* ts) {
    if (parked_) ResumeParked(ts);
  }
  bool parked() const { return parked_; }  // for a fork
  bool running() const { return running_; }
  void ParkForFork() override;

 private:
  static void* Run(void* self);
  static int OnPendingCall(void* self);
  bool StartThread();
  void StopThread();
  void ResumeParked(PyThreadState* ts);

  Look look_;
  PyInterpreterState* interpreter_ = nullptr;
  int64_t shortest_ns_ = 0;
  std::atomic<int64_t> interval_ns_{0};
  sem_t looked_;                    // posted by the pending call
  OwnThread thread_;
  bool running_ = false;
  bool parked_ = false;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_SAMPLER_H_
