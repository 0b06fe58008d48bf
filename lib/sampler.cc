#include "lib/sampler.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "lib/code_state.h"

namespace tierjit {
namespace {

// Samples in vain double the interval up to this many times the shortest one.
constexpr int64_t kLongestInterval = 32;

Sampler* g_forking = nullptr;  // the one that the fork hook parks; NULL: none runs

bool KernelKnows(pid_t thread) { return syscall(SYS_tgkill, getpid(), thread, 0) == 0; }

}  // namespace

void* Sampler::Run(void* self) {
  auto* sampler = static_cast<Sampler*>(self);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  sampler->id_ = static_cast<pid_t>(syscall(SYS_gettid));
  while (true) {
    int64_t ns = sampler->interval_ns_;
    timespec interval = {ns / 1000000000, ns % 1000000000};
    // The two waits are the only places where Stop() can end the thread.
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &interval, nullptr);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    if (_PyEval_AddPendingCall(sampler->interpreter_, &Sampler::OnPendingCall, self, 0) != _Py_ADD_PENDING_SUCCESS) continue;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
    sem_wait(&sampler->looked_);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  }
  return nullptr;
}

int Sampler::OnPendingCall(void* self) {
  auto* sampler = static_cast<Sampler*>(self);
  if (!sampler->running_) return 0;
  bool found = sampler->look_(PyThreadState_GetUnchecked());
  int64_t longest = sampler->shortest_ns_ * kLongestInterval;
  sampler->interval_ns_ = found ? sampler->shortest_ns_ : std::min(2 * sampler->interval_ns_.load(), longest);
  sem_post(&sampler->looked_);
  return 0;
}

bool Sampler::StartThread() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the thread
  id_ = 0;
  sem_init(&looked_, 0, 0);  // a child of a fork does not inherit the pending calls
  running_ = pthread_create(&thread_, &attributes, &Sampler::Run, this) == 0;
  process_ = getpid();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return running_;
}

// The thread may be adding its pending call; who holds the locks for that never waits for the GIL, which we have.
void Sampler::StopThread() {
  if (!running_) return;
  running_ = false;
  if (process_ != getpid()) return;  // a child of a fork that the interpreter knows nothing of has no such thread
  pthread_cancel(thread_);
  pthread_join(thread_, nullptr);
  // The interpreter asks the kernel for the number of threads, and there a joined one can linger.
  for (int turn = 0; turn < 1000 && id_ != 0 && KernelKnows(id_); turn++) sched_yield();
}

PyObject* Sampler::BeforeFork(PyObject* self, PyObject* unused) {
  if (g_forking != nullptr && g_forking->running_) {
    Sampler& sampler = *g_forking;
    sampler.StopThread();
    sampler.parked_ = true;
    sampler.forking_frame_ = PyThreadState_GetUnchecked()->current_frame;
    sampler.forking_instruction_ = sampler.forking_frame_ != nullptr ? sampler.forking_frame_->instr_ptr : nullptr;
  }
  Py_RETURN_NONE;
}

// Once an interpreter life: os.register_at_fork() has no opposite.
bool Sampler::RegisterForkHook() {
  static PyMethodDef definition = {"tierjit_before_fork", &Sampler::BeforeFork, METH_NOARGS, nullptr};
  PyObject* posix = PyImport_ImportModule("posix");
  PyObject* function = posix != nullptr ? PyCFunction_New(&definition, nullptr) : nullptr;
  PyObject* register_it = function != nullptr ? PyObject_GetAttrString(posix, "register_at_fork") : nullptr;
  PyObject* names = register_it != nullptr ? Py_BuildValue("(s)", "before") : nullptr;
  PyObject* none = names != nullptr ? PyObject_Vectorcall(register_it, &function, 0, names) : nullptr;
  for (PyObject* o : {posix, function, register_it, names, none}) Py_XDECREF(o);
  PyErr_Clear();
  return none != nullptr;
}

void Sampler::Start(int64_t interval_ns) {
  if (running_ || interval_ns <= 0) return;
  KeepException keep;
  PyInterpreterState* interpreter = PyInterpreterState_Get();
  if (interpreter_ != interpreter && !RegisterForkHook()) return;
  interpreter_ = interpreter;
  interval_ns_ = shortest_ns_ = interval_ns;
  parked_ = false;
  if (StartThread()) g_forking = this;
}

void Sampler::Stop() {
  StopThread();
  parked_ = false;
  g_forking = nullptr;
}

void Sampler::End() {
  Stop();
  interpreter_ = nullptr;
}

// While the program is still in os.fork() the interpreter may not have counted threads yet.
void Sampler::ResumeParked(PyThreadState* ts) {
  for (_PyInterpreterFrame* frame = ts->current_frame; frame != nullptr; frame = frame->previous) {
    if (frame == forking_frame_ && frame->instr_ptr == forking_instruction_) return;
  }
  parked_ = false;
  StartThread();
}

}  // namespace tierjit
