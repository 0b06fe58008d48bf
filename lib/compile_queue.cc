#include "lib/compile_queue.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/base/out_of_memory.h"

namespace tierjit {
namespace {

constexpr size_t kMaxWaiting = 64;
constexpr size_t kStackBytes = size_t{4} << 20;  // passes and MIR recurse over the graph; unused pages cost nothing

}  // namespace

CompileQueue& CompileQueue::Get() {
  static CompileQueue& instance = *new CompileQueue;  // never destroyed: the thread may outlive static destructors
  return instance;
}

// The next job, which is running then; NULL at the end.
std::shared_ptr<CompileJob> CompileQueue::Next(Channel* channel) {
  std::unique_lock<std::mutex> lock(channel->mutex);
  channel->wake.wait(lock, [&] { return channel->quit || !channel->jobs.empty(); });
  if (channel->quit) return nullptr;
  std::shared_ptr<CompileJob> job = std::move(channel->jobs.front());
  channel->jobs.pop_front();
  job->state_ = CompileJob::State::kRunning;
  channel->current = job;
  // For tests, which want to be in the middle of things.
  channel->wake.wait_for(lock, std::chrono::microseconds(job->delay_us_), [&] { return channel->quit || job->stop_; });
  return job;
}

void* CompileQueue::Run(void* argument) {
  auto* channel = static_cast<Channel*>(argument);
  while (std::shared_ptr<CompileJob> job = Next(channel)) {
    if (!job->stop_ && !HasMemoryFor([&] { job->Work(); })) job->stop_ = true;
    std::lock_guard<std::mutex> lock(channel->mutex);
    channel->current.reset();
    job->state_ = job->stop_ ? CompileJob::State::kLost : CompileJob::State::kDone;
  }
  return nullptr;
}

CompileQueue::Answer CompileQueue::EnsureThread() {
  if (process_ != getpid()) {
    if (thread_.started()) channel_ = new Channel;
    channel_->jobs.clear();
    process_ = getpid();
  }
  if (thread_.here()) return Answer::kTaken;
  if (!told_) return Answer::kNoThread;
  if (MayBeForking(PyThreadState_GetUnchecked())) return Answer::kLater;
  channel_->quit = false;
  return thread_.Start(&CompileQueue::Run, channel_, kStackBytes) ? Answer::kTaken : Answer::kNoThread;
}

CompileQueue::Answer CompileQueue::Submit(std::shared_ptr<CompileJob> job, int64_t delay_us) {
  if (Answer answer = EnsureThread(); answer != Answer::kTaken) return answer;
  job->process_ = process_;
  job->delay_us_ = delay_us;
  std::lock_guard<std::mutex> lock(channel_->mutex);
  if (channel_->jobs.size() >= kMaxWaiting) return Answer::kLater;
  channel_->jobs.push_back(std::move(job));
  channel_->wake.notify_all();
  return Answer::kTaken;
}

CompileQueue::Progress CompileQueue::Look(const CompileJob& job) {
  switch (job.state_.load()) {
    case CompileJob::State::kDone: return Progress::kDone;
    case CompileJob::State::kLost: return Progress::kLost;
    default: break;
  }
  if (job.process_ != getpid()) return Progress::kLost;
  EnsureThread();
  return Progress::kUnderWay;
}

void CompileQueue::Wait(const CompileJob& job) {
  while (Look(job) == Progress::kUnderWay && thread_.here()) usleep(20);
}

void CompileQueue::Cancel(CompileJob* job) {
  job->stop_ = true;
  if (job->process_ != getpid()) return;
  std::lock_guard<std::mutex> lock(channel_->mutex);
  auto& jobs = channel_->jobs;
  jobs.erase(std::remove_if(jobs.begin(), jobs.end(), [&](const auto& j) { return j.get() == job; }), jobs.end());
  channel_->wake.notify_all();
}

void CompileQueue::EndThread() {
  if (thread_.here()) {
    std::lock_guard<std::mutex> lock(channel_->mutex);
    channel_->quit = true;
    if (channel_->current != nullptr) channel_->current->stop_ = true;
    channel_->wake.notify_all();
  }
  thread_.Join();
}

void CompileQueue::Stop() {
  EndThread();
  if (process_ != getpid()) return;
  for (const auto& job : channel_->jobs) job->state_ = CompileJob::State::kLost;
  channel_->jobs.clear();
}

void CompileQueue::ParkForFork() { EndThread(); }

size_t CompileQueue::waiting() const {
  if (process_ != getpid()) return 0;
  std::lock_guard<std::mutex> lock(channel_->mutex);
  return channel_->jobs.size() + (channel_->current != nullptr);
}

}  // namespace tierjit
