#include "lib/sampler.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>

#include "runtime/base/out_of_memory.h"
#include "tier1/compiler.h"

namespace tierjit {
namespace {

// Samples in vain double the interval up to this many times the shortest one.
constexpr int64_t kLongestInterval = 32;

}  // namespace

void* Sampler::Run(void* self) {
  auto* sampler = static_cast<Sampler*>(self);
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
  bool found = UnlessOutOfMemory(false, [&] { return sampler->look_(PyThreadState_GetUnchecked()); });
  int64_t longest = sampler->shortest_ns_ * kLongestInterval;
  sampler->interval_ns_ = found ? sampler->shortest_ns_ : std::min(2 * sampler->interval_ns_.load(), longest);
  sem_post(&sampler->looked_);
  return 0;
}

bool Sampler::StartThread() {
  sem_init(&looked_, 0, 0);  // a child of a fork does not inherit the pending calls
  return running_ = thread_.Start(&Sampler::Run, this, 256 * 1024);
}

// The thread may be adding its pending call; who holds the locks for that never waits for the GIL, which we have.
void Sampler::StopThread() {
  if (!running_) return;
  running_ = false;
  if (thread_.here()) thread_.Cancel();
  thread_.Join();
}

void Sampler::ParkForFork() {
  if (!running_) return;
  StopThread();
  parked_ = true;
  tier1::EnterUnitsAtOnce(false);  // the next new function may resume
}

void Sampler::Start(int64_t interval_ns) {
  if (running_ || interval_ns <= 0 || !TellOfForks(this)) return;
  interpreter_ = PyInterpreterState_Get();
  interval_ns_ = shortest_ns_ = interval_ns;
  parked_ = false;
  StartThread();
}

void Sampler::Stop() {
  StopThread();
  parked_ = false;
}

void Sampler::End() {
  Stop();
  interpreter_ = nullptr;
}

void Sampler::ResumeParked(PyThreadState* ts) {
  if (MayBeForking(ts)) return;
  parked_ = false;
  StartThread();
}

}  // namespace tierjit
