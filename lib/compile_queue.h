// The worker of the optimising tier: a thread without the GIL that takes jobs one after the other. It is started with the first job. It is
// gone while the process forks, and comes back in both processes with the next look at a job.
//
//   waiting --> running --> done
//       \          \-----------> lost: the thread had to end in the middle, or stayed behind in the parent of a fork
//        \-> nobody looks any more: cancelled
#ifndef TIERJIT_LIB_COMPILE_QUEUE_H_
#define TIERJIT_LIB_COMPILE_QUEUE_H_

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "lib/forks.h"
#include "lib/own_thread.h"

namespace tierjit {

// One compilation. It touches no Python object, nor does its destructor: whoever is last drops it.
class CompileJob {
 public:
  virtual ~CompileJob() = default;
  // On the worker without the GIL, or on any thread that wants it at once. Ends early, with whatever result, when stop() becomes true.
  virtual void Work() = 0;

  const std::atomic<bool>& stop() const { return stop_; }

 private:
  friend class CompileQueue;
  enum class State { kWaiting, kRunning, kDone, kLost };
  std::atomic<State> state_{State::kWaiting};
  std::atomic<bool> stop_{false};
  pid_t process_ = 0;      // where it was submitted
  int64_t delay_us_ = 0;
};

class CompileQueue final : public HasThread {
 public:
  static CompileQueue& Get();

  // Before anything else in an interpreter's life. [GIL]
  void Prepare() { told_ = TellOfForks(this); }

  // kLater: not now, as many jobs wait already or a fork is under way; kNoThread: the system offers none. `delay_us`: the worker sleeps
  // that long before the job. [GIL]
  enum class Answer { kTaken, kLater, kNoThread };
  Answer Submit(std::shared_ptr<CompileJob> job, int64_t delay_us);

  enum class Progress { kUnderWay, kDone, kLost };
  // kDone: the worker uses the job no more. [GIL]
  Progress Look(const CompileJob& job);

  // Until Look() tells something else than kUnderWay. For tests. [GIL]
  void Wait(const CompileJob& job);

  // Nobody will look at it any more. [GIL]
  void Cancel(CompileJob* job);

  // The thread is gone afterwards, and jobs that are not done are lost. [GIL]
  void Stop();

  void ParkForFork() override;
  size_t waiting() const;
  bool running() const { return thread_.here(); }

 private:
  // What both threads use. The child of a fork that nobody was told of makes a new one: the old one's lock may be held for good.
  struct Channel {
    mutable std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::shared_ptr<CompileJob>> jobs;  // that wait
    std::shared_ptr<CompileJob> current;
    bool quit = false;
  };

  CompileQueue() : channel_(new Channel) {}
  static void* Run(void* channel);
  static std::shared_ptr<CompileJob> Next(Channel* channel);
  Answer EnsureThread();
  void EndThread();

  Channel* channel_;
  OwnThread thread_;
  bool told_ = false;  // of forks
  pid_t process_ = 0;  // that channel_ belongs to
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_COMPILE_QUEUE_H_
