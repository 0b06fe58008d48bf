// Whole functions in the optimising tier: as frameless code that others call or inline, and that entries from Tier 1 go over to.
//
//   counting --(tier2_threshold)--> profiled --(profiled_turns)--> known --(something to gain)--> compiling --> optimised
//
// A function that is known may be inlined. It has something to gain from code of its own when it has a loop, or calls others that are
// inlined or frameless, first of all itself.
#ifndef TIERJIT_LIB_FUNCTION_UNITS_H_
#define TIERJIT_LIB_FUNCTION_UNITS_H_

#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "runtime/deopt/exit.h"
#include "tier1/compiler.h"
#include "tier2/lift/lifter.h"

namespace tierjit {

struct Tier2Unit;

tier1::LoopOutcome OnHotFunction(const tier1::HotLoop& hot);
// The unit dies. [GIL]
void ForgetFunction(tier1::Unit* unit);
// The code object dies; its unit stays a little longer. [GIL]
void NoteFunctionDeath(tier1::Unit* unit);
// An exit out of an inlined call is taken too often. False: nothing can be done about it. [GIL]
bool ReviseInlined(ExitDescriptor* exit);

// Functions among the unit's globals that are done being compiled have their code from now on. False: others are still compiled. [GIL]
bool SettleCallees(tier1::Unit* unit);
// What is being compiled is begun anew some time. [GIL]
void DropFunctionCompilations();

// See Tier2UnitsOf(). [GIL]
void ListFunction(const tier1::Unit* unit, std::vector<Tier2Unit>* units);
size_t FunctionCodeBytes();

// What a unit may call, while it is compiled: functions that are known by then. [GIL]
class CalleeTable final : public tier2::CalleeFinder {
 public:
  explicit CalleeTable(bool may_inline) : may_inline_(may_inline) {}
  const tier2::Callee* Find(PyObject* function, uint32_t self_version) override;
  // As it was found by, if possible with a body; NULL: it was not.
  const tier2::Callee* Found(PyObject* function) const;
  // Functions that were asked for and may be known one day.
  int unknown() const { return unknown_; }
  // kUnavailable as long as there are such and `delays`, which it counts, are few: to be tried again Wait() entries or turns later.
  absl::Status Await(int* delays) const;
  static int64_t Wait(int64_t threshold);  // a part of what one was counted for before

 private:
  using Key = std::pair<PyObject*, uint32_t>;  // function, version of the first argument's class
  void Look(const Key& key, tier2::Callee* callee);

  bool may_inline_;
  std::map<Key, tier2::Callee> callees_;  // without a function: none
  std::deque<tier2::Snapshot> bodies_;
  int depth_ = 0;
  int unknown_ = 0;
};

}  // namespace tierjit

#endif  // TIERJIT_LIB_FUNCTION_UNITS_H_
