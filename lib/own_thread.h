// A thread of the library: it takes no signals, and the interpreter does not know it.
#ifndef TIERJIT_LIB_OWN_THREAD_H_
#define TIERJIT_LIB_OWN_THREAD_H_

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>

namespace tierjit {

class OwnThread {
 public:
  using Body = void* (*)(void* argument);
  // False where the system offers no thread. It must not be running.
  bool Start(Body body, void* argument, size_t stack_bytes);
  // Started and not joined. In the child of a fork that nobody was told of there is no such thread.
  bool started() const { return started_; }
  bool here() const;
  void Cancel() { pthread_cancel(thread_); }
  // Afterwards the kernel has forgotten it, too. Nothing but started() changes when it is not here().
  void Join();

 private:
  static void* Run(void* self);

  Body body_ = nullptr;
  void* argument_ = nullptr;
  std::atomic<pid_t> id_{0};  // once it runs
  pthread_t thread_{};
  pid_t process_ = 0;         // that it belongs to
  bool started_ = false;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_OWN_THREAD_H_
