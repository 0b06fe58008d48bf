// A compilation that a loop or a function waits for while it goes on in Tier 1, which asks for it from time to time.
#ifndef TIERJIT_LIB_PENDING_COMPILATION_H_
#define TIERJIT_LIB_PENDING_COMPILATION_H_

#include <cstdint>
#include <memory>

#include "lib/compilation.h"
#include "lib/compile_queue.h"

namespace tierjit {

// All of it: [GIL].
class PendingCompilation {
 public:
  PendingCompilation() = default;
  ~PendingCompilation() { Drop(); }
  PendingCompilation(const PendingCompilation&) = delete;
  PendingCompilation& operator=(const PendingCompilation&) = delete;

  // Gives it to the worker, or, with the policy's background off, does it at once. kLater: nothing was begun, and the compilation is gone.
  enum class Begun { kUnderWay, kDone, kLater };
  Begun Begin(std::shared_ptr<Compilation> compilation);

  bool any() const { return compilation_ != nullptr; }
  CompileQueue::Progress Look() const;
  // The one that is done.
  std::shared_ptr<Compilation> Take() { return std::move(compilation_); }
  // Nobody waits for it any more.
  void Drop();

  // How many turns, or entries, may pass before it is worth asking: as many as take kAskEveryNs, by the time that the turns took which were
  // given before.
  int64_t TurnsToWait();
  void NoteGiven(int64_t turns);

 private:
  std::shared_ptr<Compilation> compilation_;
  int64_t asked_ns_ = 0, turns_given_ = 1;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_PENDING_COMPILATION_H_
