#include "lib/pending_compilation.h"

#include <algorithm>
#include <utility>

#include "lib/optimised_code.h"
#include "lib/policy.h"
#include "lib/promotion_stats.h"
#include "runtime/base/out_of_memory.h"

namespace tierjit {
namespace {

constexpr int64_t kAskEveryNs = 100'000;
constexpr int64_t kMaxTurnsToAsk = 20000;

}  // namespace

PendingCompilation::Begun PendingCompilation::Begin(std::shared_ptr<Compilation> compilation) {
  Drop();
  CompileQueue::Answer answer = CompileQueue::Answer::kNoThread;
  if (policy().background && !compilation->texts_wanted()) {
    auto submit = [&] { return CompileQueue::Get().Submit(compilation, policy().compile_delay_us); };
    answer = UnlessOutOfMemory(CompileQueue::Answer::kLater, submit);
  }
  if (answer == CompileQueue::Answer::kLater) return Begun::kLater;
  compilation_ = std::move(compilation);
  if (answer == CompileQueue::Answer::kTaken) return Begun::kUnderWay;
  compilation_->Work();
  NotePause(compilation_->work_ns());
  return Begun::kDone;
}

CompileQueue::Progress PendingCompilation::Look() const {
  if (policy().install_delay > 0) CompileQueue::Get().Wait(*compilation_);
  return CompileQueue::Get().Look(*compilation_);
}

void PendingCompilation::Drop() {
  if (compilation_ != nullptr) CompileQueue::Get().Cancel(compilation_.get());
  compilation_.reset();
}

void PendingCompilation::NoteGiven(int64_t turns) {
  asked_ns_ = NowNs();
  turns_given_ = turns;
}

int64_t PendingCompilation::TurnsToWait() {
  if (policy().install_delay > 0) return policy().install_delay;
  int64_t turn_ns = std::max<int64_t>(1, (NowNs() - asked_ns_) / turns_given_);
  NoteGiven(std::clamp<int64_t>(kAskEveryNs / turn_ns, 1, kMaxTurnsToAsk));
  return turns_given_;
}

}  // namespace tierjit
