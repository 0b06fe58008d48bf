// A way to end a compilation that another thread waits for.
#ifndef TIERJIT_TIER2_MIR_STOP_REQUEST_H_
#define TIERJIT_TIER2_MIR_STOP_REQUEST_H_

#include <atomic>

namespace tierjit::mir {

// While it exists, MIR gives up on this thread soon after `*stop` has become true: an error of the context, as without memory.
class StopRequest {
 public:
  explicit StopRequest(const std::atomic<bool>* stop);
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;
};

}  // namespace tierjit::mir

#endif  // TIERJIT_TIER2_MIR_STOP_REQUEST_H_
