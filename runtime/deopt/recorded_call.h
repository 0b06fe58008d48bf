// How optimised code leaves itself in a few bytes: it calls tj_recorded_call without arguments. The descriptor is found by the address that
// the call returns to, and the values by the places where the code keeps them at that call: registers, all of which are saved, and its stack.
#ifndef TIERJIT_RUNTIME_DEOPT_RECORDED_CALL_H_
#define TIERJIT_RUNTIME_DEOPT_RECORDED_CALL_H_

#include <vector>

#include "runtime/deopt/exit.h"
#include "runtime/deopt/value_place.h"

namespace tierjit {

// What a recorded call does with its frame state.
enum class RecordedAction : uint8_t {
  kExit,           // tj_exit(): the call gives how the unit is left
  kExitFrameless,  // tj_exit_frameless()
  kMaterialise,    // tj_materialise()
  kSync,           // tj_sync_locals()
  kLocalsHold,     // tj_locals_hold(), which the call gives
};

// One call. The first place is that of the frame's locals (frameless: of the waiting values); behind it those of tj_exit_values.
class RecordedCall {
 public:
  RecordedCall(const void* returns_to, RecordedAction action, ExitDescriptor* exit, std::vector<ValuePlace> places);  // [GIL]
  ~RecordedCall();  // [GIL]
  RecordedCall(const RecordedCall&) = delete;
  RecordedCall& operator=(const RecordedCall&) = delete;

  const void* returns_to() const { return returns_to_; }
  RecordedAction action() const { return action_; }
  const ExitDescriptor& exit() const { return *exit_; }
  UnitExit Run(const int64_t* registers, const char* stack) const;

 private:
  const void* returns_to_;
  RecordedAction action_;
  ExitDescriptor* exit_;
  std::vector<ValuePlace> places_;
};

// The call's target. It returns in rax and rdx, and leaves xmm2 and above alone.
extern "C" void tj_recorded_call();

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_RECORDED_CALL_H_
