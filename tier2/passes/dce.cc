#include "tier2/passes/dce.h"

#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

// The exit of checked arithmetic only hands an exact result to the interpreter: when nobody wants that, it need not be taken.
bool Removable(const Node& n) {
  if (n.rep == Rep::kNone) return false;
  // An identity is tested for its own sake; results and what was on the stack come with a reference that somebody has to release.
  if (n.Is(Opcode::kGuardSame) || n.Is(Opcode::kResult) || n.Is(Opcode::kCaught) || n.Is(Opcode::kTakeStack)) return false;
  if (IsRepeated(n.opcode)) return false;
  Effect e = n.info().effect;
  return (e == Effect::kGuards && !n.Is(Opcode::kNormalizeIndex)) || e == Effect::kPure || e == Effect::kAllocates || ReadsOf(n.opcode) != kNoRegion;
}

class Marker {
 public:
  explicit Marker(Graph* graph) : graph_(graph), live_(static_cast<size_t>(graph->node_count()), 0), states_(graph->states().size(), 0) {}

  void Run() {
    for (Block* b : graph_->blocks()) {
      for (Node* n : b->nodes) {
        if (!Removable(*n) || RaisesInPython(*n)) Mark(n);
      }
    }
    while (!work_.empty()) {
      Node* n = work_.back();
      work_.pop_back();
      for (Node* i : n->inputs) Mark(i);
      if (n->state != nullptr) MarkState(n->state);
      if (n->Is(Opcode::kParam)) MarkIncoming(n);
    }
    Sweep();
  }

 private:
  // Division by zero, a missing item, an operand of a type that cannot be added: the exit is how the program gets its exception. What a class
  // has may have become a constant, which the guard of the class stands for.
  static bool RaisesInPython(const Node& n) {
    switch (n.opcode) {
      case Opcode::kIntFloorDiv: case Opcode::kIntMod: case Opcode::kIntShl: case Opcode::kIntShr: case Opcode::kFloatDiv:
      case Opcode::kFloatPow: case Opcode::kFloatSqrt: case Opcode::kFloatMath: case Opcode::kFloatMath2: case Opcode::kFloatFloorDiv: case Opcode::kFloatMod: case Opcode::kFloatToInt: case Opcode::kNormalizeIndex:
      case Opcode::kGuardBound: return true;
      case Opcode::kGuardInt: case Opcode::kGuardFloat: case Opcode::kGuardNumber: case Opcode::kGuardBool: case Opcode::kGuardToFloat:
      case Opcode::kGuardType: case Opcode::kGuardArray: case Opcode::kGuardClasses: case Opcode::kGuardVersion: case Opcode::kGuardExact:
        return !n.only_for_value;
      default: return false;
    }
  }

  void Mark(Node* n) {
    if (n == nullptr || live_[static_cast<size_t>(n->id)]) return;
    live_[static_cast<size_t>(n->id)] = 1;
    work_.push_back(n);
  }

  void MarkState(FrameState* s) {
    if (states_[static_cast<size_t>(s->id)]) return;
    states_[static_cast<size_t>(s->id)] = 1;
    for (FrameState::Local& l : s->locals) Mark(l.value), Mark(l.bound);
    for (Node* n : s->stack) Mark(n);
    for (FrameState::Iterator& i : s->iterators) Mark(i.position), Mark(i.remaining);
  }

  void MarkIncoming(Node* param) {
    size_t at = 0;
    while (param->block->params[at] != param) at++;
    for (Block* p : param->block->predecessors) {
      for (Edge& e : p->successors) {
        if (e.to == param->block) Mark(e.args[at]);
      }
    }
  }

  void Sweep() {
    for (Block* b : graph_->blocks()) {
      std::erase_if(b->nodes, [&](Node* n) { return !live_[static_cast<size_t>(n->id)]; });
      for (Edge& e : b->successors) {
        std::vector<Node*> kept;
        for (size_t i = 0; i < e.args.size(); i++) {
          if (live_[static_cast<size_t>(e.to->params[i]->id)]) kept.push_back(e.args[i]);
        }
        e.args = std::move(kept);
      }
    }
    for (Block* b : graph_->blocks()) {
      std::erase_if(b->params, [&](Node* n) { return !live_[static_cast<size_t>(n->id)]; });
      // States that only stood at a header for later use keep naming live values only.
      if (b->state != nullptr && !states_[static_cast<size_t>(b->state->id)]) b->state = nullptr;
    }
  }

  Graph* graph_;
  std::vector<uint8_t> live_, states_;
  std::vector<Node*> work_;
};

}  // namespace

void RemoveDeadCode(Graph* graph) {
  graph->Connect();
  Marker(graph).Run();
}

}  // namespace tierjit::tier2
