#include "tier2/passes/worth.h"

#include <algorithm>

#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

// Estimates, in nanoseconds times four.
constexpr int64_t kGainOfNode = 4;      // a node that Tier 1 does as a step on boxed objects
constexpr int64_t kGainOfCall = 40;     // without a frame
constexpr int64_t kLossOfHandler = 40;  // a call of a handler in place of a stencil
constexpr int64_t kLossOfCall = 120;    // the same for a call of Python code, which Tier 1 enters directly
constexpr int64_t kLossOfSlotCall = 240;  // the same through a slot of the operand's type
constexpr int64_t kLossOfConstruction = 360;
constexpr int64_t kLossOfNumber = 40;   // a number that a C function makes, of several kinds
constexpr int64_t kLossOfLocal = 14;    // a local that may have to be boxed for it
constexpr int kTurns = 8;               // of a loop, for each turn of the one around it
constexpr int kMaxDepth = 5;
constexpr int kRarity = 32;             // turns for each exception; what that takes by itself is the same in both tiers

int64_t LossOf(int64_t kind) {
  switch (kind) {
    case kPythonCall: return kLossOfCall;
    case kSlotCall: return kLossOfSlotCall;
    case kConstruction: return kLossOfConstruction;
    default: return kLossOfHandler;
  }
}

int64_t Value(const Node& n) {
  if (n.Is(Opcode::kGeneric)) {
    int64_t locals = 0;
    for (const FrameState::Local& l : n.state->locals) locals += l.value != nullptr;
    return -LossOf(n.imm) - kLossOfLocal * locals;
  }
  if (n.Is(Opcode::kCallTyped)) return kGainOfCall;
  if (n.Is(Opcode::kNumberOp) || n.Is(Opcode::kFindAttribute)) return -kLossOfNumber;
  if (n.Is(Opcode::kLoadLocal) || n.Is(Opcode::kSetLocal) || n.Is(Opcode::kStoreLocal) || n.Is(Opcode::kCellGet)) return 0;  // as in Tier 1
  Effect e = n.info().effect;
  bool arithmetic = e == Effect::kGuards && (n.rep == Rep::kI64 || n.rep == Rep::kF64);
  bool pure = IsPure(n.opcode) && !n.inputs.empty();
  bool helper = MemoryOf(n.opcode) != HelperMemory::kNotAHelper || n.Is(Opcode::kMakeList) || n.Is(Opcode::kNewTuple);
  return arithmetic || pure || helper || ReadsOf(n.opcode) != kNoRegion || WritesOf(n.opcode) != kNoRegion ? kGainOfNode : 0;
}

}  // namespace

bool IsWorthIt(const Graph& graph) {
  int64_t sum = graph.frameless ? kGainOfCall : 0;
  for (const Block* b : graph.blocks()) {
    int64_t weight = 1;
    for (int i = 0; i < std::min(b->depth, kMaxDepth); i++) weight *= kTurns;
    int64_t value = 0;
    for (const Node* n : b->nodes) value += weight * Value(*n);
    sum += b->rare ? value / kRarity : value;
  }
  return sum > 0;
}

}  // namespace tierjit::tier2
