// Looks from time to time at what the interpreter is running: a thread that sleeps for a few milliseconds, and a pending call, made by
// whichever thread runs Python code next. The next sleep begins when that call was made, so an idle process is not woken.
//
// The thread sleeps by the wall clock: timers of the process's CPU time make time.process_time() advance in steps of scheduler ticks.
//
// The thread knows nothing of Python and takes no signals. It is gone while the process forks, as the interpreter warns of threads
// then; Resume() brings it back.
#ifndef TIERJIT_LIB_SAMPLER_H_
#define TIERJIT_LIB_SAMPLER_H_

#include <pthread.h>
#include <semaphore.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "runtime/cpython/python.h"

namespace tierjit {

class Sampler {
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

 private:
  static void* Run(void* self);
  static int OnPendingCall(void* self);
  static PyObject* BeforeFork(PyObject* self, PyObject* unused);
  static bool RegisterForkHook();
  bool StartThread();
  void StopThread();
  void ResumeParked(PyThreadState* ts);

  Look look_;
  PyInterpreterState* interpreter_ = nullptr;
  int64_t shortest_ns_ = 0;
  std::atomic<int64_t> interval_ns_{0};
  sem_t looked_;                    // posted by the pending call
  std::atomic<pid_t> id_{0};        // of the thread, once it runs
  pthread_t thread_{};
  pid_t process_ = 0;  // that the thread belongs to
  bool running_ = false;
  bool parked_ = false;
  // Where the fork was called that the thread is parked for.
  _PyInterpreterFrame* forking_frame_ = nullptr;
  _Py_CODEUNIT* forking_instruction_ = nullptr;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_SAMPLER_H_
