#include "lib/own_thread.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tierjit {
namespace {

bool KernelKnows(pid_t thread) { return syscall(SYS_tgkill, getpid(), thread, 0) == 0; }

}  // namespace

void* OwnThread::Run(void* self) {
  auto* thread = static_cast<OwnThread*>(self);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  thread->id_ = static_cast<pid_t>(syscall(SYS_gettid));
  return thread->body_(thread->argument_);
}

bool OwnThread::Start(Body body, void* argument, size_t stack_bytes) {
  body_ = body;
  argument_ = argument;
  id_ = 0;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, stack_bytes);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the thread
  started_ = pthread_create(&thread_, &attributes, &OwnThread::Run, this) == 0;
  process_ = getpid();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return started_;
}

bool OwnThread::here() const { return started_ && process_ == getpid(); }

void OwnThread::Join() {
  bool here = this->here();
  started_ = false;
  if (!here) return;
  pthread_join(thread_, nullptr);
  // The interpreter asks the kernel for the number of threads, and there a joined one can linger.
  for (int turn = 0; turn < 1000 && id_ != 0 && KernelKnows(id_); turn++) sched_yield();
}

}  // namespace tierjit
