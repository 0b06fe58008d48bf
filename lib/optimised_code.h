// Machine code of the optimising tier, with what it needs while it lives.
#ifndef TIERJIT_LIB_OPTIMISED_CODE_H_
#define TIERJIT_LIB_OPTIMISED_CODE_H_

#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/compilation.h"
#include "lib/pass_texts.h"
#include "runtime/deopt/exit.h"
#include "runtime/deopt/recorded_call.h"
#include "tier1/compiler.h"
#include "tier2/ir/node.h"
#include "tier2/lift/lifter.h"
#include "tier2/mir/code.h"

namespace tierjit {

// Whose code an exit belongs to.
class ExitOwner {
 public:
  // `exit` is taken too often for its speculation; a call site: it comes back with frames too often. [GIL]
  virtual void OnManyExits(ExitDescriptor* exit) = 0;
  virtual std::string name() const = 0;
  uint64_t exits_before_revision = 100;
  std::set<int32_t> generic;  // instructions whose speculation has failed
  std::set<int32_t> widened;  // and those that were not known to run
  int64_t installed_at = 0;  // see NextMoment()
  int64_t installed_ns = 0;  // NowNs() when the version in use came
  // By the order in which loops and functions become hot.
  const int64_t number = NextNumber();
  // Whether the options let the tier have it.
  bool wanted() const;
  // The instruction that `exit` is taken for is done otherwise from now on: with what was `seen` since, TypeBits, or what is called now; else
  // by its handler. False: no other way is known.
  bool Revise(const ExitDescriptor& exit, uint32_t seen);

 protected:
  ~ExitOwner() = default;

 private:
  static int64_t NextNumber();
};

// What is installed, and what is revised, one by one. [GIL]
int64_t NextMoment();

// Code that was replaced may still run, so it stays as long as its owner.
class OptimisedCode {
 public:
  struct Version {
    mir::CodeHandle code;
    std::vector<std::unique_ptr<ExitDescriptor>> exits;
    std::list<double> constants;  // the code refers to them by address
    std::vector<std::unique_ptr<RecordedCall>> recorded;
  };

  // Puts what was made in the place of the version before. [GIL]
  absl::Status Install(Compilation::Result made, tier1::Unit* unit, const std::string& name, ExitOwner* owner);

  const uint8_t* address() const { return versions_.empty() ? nullptr : versions_.back().code.address(); }
  size_t size() const { return versions_.empty() ? 0 : versions_.back().code.size(); }
  size_t mir_instructions() const { return mir_instructions_; }
  const std::list<Version>& versions() const { return versions_; }  // the last one is in use
  const PassTexts& texts() const { return texts_; }                    // of the last attempt

 private:
  absl::Status InstallVersion(Compilation::Result made, tier1::Unit* unit, const std::string& name, ExitOwner* owner);

  std::list<Version> versions_;
  size_t mir_instructions_ = 0;
  PassTexts texts_;
};

// What the next version of `code` is compiled by. [GIL]
Compilation::Options OptionsFor(tier1::Unit* unit, const ExitOwner& owner, const std::string& name, const OptimisedCode& code, bool frameless);

// What the unit's globals are now. [GIL]
void AddGlobals(tier1::Unit* unit, tier2::Snapshot* snapshot);

// Called for each exit that is taken: see SetExitResolver(). [GIL]
const void* OnExit(PyThreadState* ts, _PyInterpreterFrame* frame, ExitDescriptor* exit);
uint64_t ExitsTaken();
// The one that was taken last since ClearLastExit(), which is due when a unit dies; NULL: none.
const ExitDescriptor* LastExit();
void ClearLastExit();

// Of the monotonic clock.
int64_t NowNs();

}  // namespace tierjit

#endif  // TIERJIT_LIB_OPTIMISED_CODE_H_
