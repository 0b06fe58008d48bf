// The worker: jobs are done in their order, cancelled, lost and done again.
#include "lib/compile_queue.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "lib/policy.h"

namespace tierjit {
namespace {

using Progress = CompileQueue::Progress;

class Counted final : public CompileJob {
 public:
  explicit Counted(int* dead) : dead_(dead) {}
  ~Counted() override { ++*dead_; }
  void Work() override {
    begun = true;
    while (wait_for_stop && !stop()) usleep(10);
    worker = pthread_self();
    done = true;
  }
  bool wait_for_stop = false;
  pthread_t worker{};
  std::atomic<bool> begun{false}, done{false};

 private:
  int* dead_;
};

class Running {
 public:
  Running() { CompileQueue::Get().Prepare(); }
  ~Running() {
    CompileQueue::Get().Stop();
    EndForks();
  }
};

CompileQueue::Answer Submit(const std::shared_ptr<Counted>& job, int64_t delay_us = 0) { return CompileQueue::Get().Submit(job, delay_us); }

TEST_CASE("a job is done by the worker, which lets go of it") {
  Running running;
  int dead = 0;
  auto job = std::make_shared<Counted>(&dead);
  REQUIRE(Submit(job) == CompileQueue::Answer::kTaken);
  CompileQueue::Get().Wait(*job);
  CHECK(CompileQueue::Get().Look(*job) == Progress::kDone);
  CHECK(job->done);
  CHECK(!pthread_equal(job->worker, pthread_self()));
  CompileQueue::Get().Stop();
  CHECK(job.use_count() == 1);
  job.reset();
  CHECK(dead == 1);
  CHECK(!CompileQueue::Get().running());
}

TEST_CASE("a cancelled job is not begun") {
  Running running;
  int dead = 0;
  auto first = std::make_shared<Counted>(&dead), second = std::make_shared<Counted>(&dead);
  first->wait_for_stop = true;
  REQUIRE(Submit(first) == CompileQueue::Answer::kTaken);
  REQUIRE(Submit(second) == CompileQueue::Answer::kTaken);
  CHECK(CompileQueue::Get().waiting() == 2);
  while (!first->begun) usleep(100);
  CompileQueue::Get().Cancel(second.get());
  CompileQueue::Get().Cancel(first.get());
  CompileQueue::Get().Stop();
  CHECK(!second->done);
  CHECK(CompileQueue::Get().Look(*first) == Progress::kLost);
}

TEST_CASE("a fork loses the running job, and the next one waits") {
  Running running;
  int dead = 0;
  auto first = std::make_shared<Counted>(&dead), second = std::make_shared<Counted>(&dead);
  first->wait_for_stop = true;
  REQUIRE(Submit(first) == CompileQueue::Answer::kTaken);
  REQUIRE(Submit(second) == CompileQueue::Answer::kTaken);
  while (!first->begun) usleep(100);
  CompileQueue::Get().ParkForFork();
  CHECK(!CompileQueue::Get().running());
  CompileQueue::Get().Wait(*first);
  CHECK(CompileQueue::Get().Look(*first) == Progress::kLost);
  CompileQueue::Get().Look(*second);
  CHECK(CompileQueue::Get().running());
  CompileQueue::Get().Wait(*second);
  CHECK(CompileQueue::Get().Look(*second) == Progress::kDone);
}

TEST_CASE("a child that nobody was told of has a queue of its own") {
  Running running;
  int dead = 0;
  auto job = std::make_shared<Counted>(&dead);
  job->wait_for_stop = true;
  REQUIRE(Submit(job) == CompileQueue::Answer::kTaken);
  pid_t child = fork();
  if (child == 0) {
    bool lost = CompileQueue::Get().Look(*job) == Progress::kLost;
    auto mine = std::make_shared<Counted>(&dead);
    bool taken = Submit(mine) == CompileQueue::Answer::kTaken;
    CompileQueue::Get().Wait(*mine);
    _exit(lost && taken && CompileQueue::Get().Look(*mine) == Progress::kDone ? 7 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 7);
  CompileQueue::Get().Cancel(job.get());
}

TEST_CASE("max_compile_ms in instructions") {
  CHECK(InstructionsIn(100, kFullCost) > 3000);
  CHECK(InstructionsIn(100, kFullCost) < 4000);
  CHECK(InstructionsIn(100, kQuickCost) > 10000);
  CHECK(InstructionsIn(1, kFullCost) < 60);
}

}  // namespace
}  // namespace tierjit
