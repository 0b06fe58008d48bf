// What tierjit knows about one code object. Not kept in the code's co_extra: other tools' free functions would be called for
// code that they never saw, and the interpreter takes code with extras for not plain.
#ifndef TIERJIT_LIB_CODE_STATE_H_
#define TIERJIT_LIB_CODE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "runtime/cpython/suspension.h"
#include "tier1/compiler.h"

namespace tierjit {

enum class Phase : uint8_t {
  kCold,      // interpreted; calls are counted while tierjit is on
  kCompiled,  // `owned` exists
  kRefused,   // interpreted for good (until flushed or asked for explicitly); `reason` says why
};

struct CodeState {
  // The unit that calls enter, NULL while the code is to be interpreted.
  tier1::Unit* unit = nullptr;
  // The unit, once compiled. It stays until the code object dies, because activations of it may be running, and is
  // taken into `unit` again instead of being compiled anew.
  std::unique_ptr<tier1::Unit> owned;
  PyCodeObject* code = nullptr;         // borrowed; the state dies with it
  const std::string* reason = nullptr;  // interned; of a refusal
  CodeState* previous = nullptr;        // list of all states
  CodeState* next = nullptr;
  uint32_t calls = 0;         // counted before compilation
  uint32_t version = 0;       // co_version as CPython assigned it, valid once version_known
  int32_t instructions = 0;   // without caches; valid once examined
  uint32_t loop_entries = 0;  // through the loop door, that did not run to the end of the activation
  int64_t loop_work = 0;      // code units that the interpreter has run in loops since tierjit listens, about
  int64_t fresh_work = 0;     // the same, of the activation that began last
  Phase phase = Phase::kCold;
  bool examined = false;       // `instructions` is known
  bool loops_looked_for = false;
  bool has_loop = false;       // valid once looked for
  bool off = false;            // the program does not want it compiled
  bool version_known = false;
  bool version_taken = false;  // co_version is 0 at the moment
  bool version_lost = false;   // its functions differ (changed defaults): version 0 is the right one for them
  bool door_open = false;      // JUMP events of tool id 5 are set
};

// All states, and the dead units. All functions: [GIL].
class CodeStates {
 public:
  static CodeStates& Get();

  // For the start of an interpreter's life, and for its end, after which no code is watched any more: forgets all states.
  // Their units may be running at the end; they are freed at the next start.
  void Begin();
  void End();

  // NULL if there is none.
  CodeState* Find(PyCodeObject* code) const;
  // The unit that a compiled frame of `code` runs, whether calls still enter it or not; NULL if the code was never compiled. Answers
  // after End() as well: what was suspended then (a greenlet, say) may be woken by its own death.
  tier1::Unit* UnitOf(PyCodeObject* code) const;
  // The code must be watched: OnCodeDeath() has to come.
  CodeState* FindOrCreate(PyCodeObject* code);

  template <typename Visit>
  void ForEach(Visit visit) {
    for (CodeState *state = first_, *next; state != nullptr; state = next) {
      next = state->next;
      visit(state);
    }
  }

  // Frees units whose code died before the previous call of this function. The code of a unit can die at the very end
  // of its last activation, whose machine code may still be returning at that moment; after one more request for
  // compilation it no longer is.
  void FreeDeadUnits();

  // Sets co_version to 0, so that MAKE_FUNCTION gives new functions version 0: the interpreter's specialised calls then
  // respect their vectorcall.
  static void TakeVersion(CodeState* state);
  // Restores it. Must happen before the code object dies, as the interpreter finds its function-version cache entry by
  // it.
  static void GiveBackVersion(CodeState* state);

  void OnCodeDeath(CodeState* state);
  bool empty() const { return states_.empty(); }
  size_t live_units() const { return live_units_; }
  void NoteUnit() { ++live_units_; }

 private:
  void Link(CodeState* state);
  void Unlink(CodeState* state);

  // Not of abseil's: an insertion that gets no memory leaves those broken.
  using Table = std::unordered_map<const PyCodeObject*, std::unique_ptr<CodeState>>;
  Table states_;
  // A function that is made over and over asks for the same code.
  mutable const PyCodeObject* last_code_ = nullptr;
  mutable CodeState* last_found_ = nullptr;
  CodeState* first_ = nullptr;
  size_t live_units_ = 0;
  CodeState *dead_ = nullptr, *long_dead_ = nullptr;  // for their units; linked by `next`
  Table ended_;
};

// Not the body of a module or class, nor what exec() and eval() run: it is entered by calls of functions.
inline bool IsFunctionCode(const PyCodeObject* code) { return (code->co_flags & CO_OPTIMIZED) != 0; }

// The qualified name, for people.
std::string NameOf(PyCodeObject* code);

// Counts instructions and looks for loops, once.
void Examine(CodeState* state);
// Only the latter.
bool LooksForLoop(CodeState* state);

// Keeps a pending exception over code that may raise and clear one of its own.
class KeepException {
 public:
  KeepException() : pending_(PyErr_GetRaisedException()) {}
  ~KeepException() { PyErr_SetRaisedException(pending_); }
  KeepException(const KeepException&) = delete;
  KeepException& operator=(const KeepException&) = delete;

 private:
  PyObject* pending_;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_CODE_STATE_H_
