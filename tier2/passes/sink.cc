#include "tier2/passes/sink.h"

#include <set>
#include <vector>

namespace tierjit::tier2 {
namespace {

bool IsBox(const Node* n) { return n->Is(Opcode::kBoxInt) || n->Is(Opcode::kBoxFloat) || n->Is(Opcode::kBoxBool); }
bool MaySink(const Node* n) { return IsBox(n) || n->Is(Opcode::kNewTuple); }

class Sinker {
 public:
  explicit Sinker(Graph* graph) : graph_(graph), wanted_(static_cast<size_t>(graph->node_count()), 0) {}

  void Run() {
    FindWanted();
    std::set<FrameState*> states;
    for (Block* b : graph_->blocks()) {
      for (Node* n : b->nodes) {
        if (n->state != nullptr) states.insert(n->state);
      }
      if (b->state != nullptr) states.insert(b->state);
    }
    for (FrameState* s : states) Rewrite(s);
    for (Block* b : graph_->blocks()) GuardItems(b);
    for (Block* b : graph_->blocks()) {
      for (Node* n : b->nodes) {
        if (!n->Is(Opcode::kNewTuple) || IsWanted(n)) continue;
        n->opcode = Opcode::kVirtualTuple;
        for (Node*& i : n->inputs) i = Sunk(i);
      }
      std::erase_if(b->nodes, [&](Node* n) { return IsBox(n) && !IsWanted(n); });
    }
  }

 private:
  bool IsWanted(const Node* n) const { return wanted_[static_cast<size_t>(n->id)] != 0; }
  Node* Sunk(Node* n) const { return n != nullptr && IsBox(n) && !IsWanted(n) ? n->input(0) : n; }

  void Want(const Node* n) {
    if (n == nullptr || !MaySink(n) || IsWanted(n)) return;
    wanted_[static_cast<size_t>(n->id)] = 1;
    if (n->Is(Opcode::kNewTuple)) {
      for (const Node* i : n->inputs) Want(i);
    }
  }

  // As operands, arguments, and where handlers find their stack.
  void FindWanted() {
    for (const Block* b : graph_->blocks()) {
      for (const Node* n : b->nodes) {
        if (!n->Is(Opcode::kNewTuple) && !n->Is(Opcode::kGuardDeath)) {
          for (const Node* i : n->inputs) Want(i);
        }
        if (!n->Is(Opcode::kGeneric)) continue;
        for (const Node* i : n->state->stack) Want(i);
      }
      for (const Edge& e : b->successors) {
        for (const Node* a : e.args) Want(a);
      }
    }
  }

  // With a tuple, its items are let go.
  void GuardItems(Block* b) {
    for (Node* n : std::vector<Node*>(b->nodes)) {
      if (!n->Is(Opcode::kGuardDeath) || !n->input(0)->Is(Opcode::kNewTuple) || IsWanted(n->input(0))) continue;
      Let(n->input(0), n);
      std::erase(b->nodes, n);
    }
  }
  void Let(Node* tuple, Node* guard) {
    for (Node* i : tuple->inputs) {
      if (i->Is(Opcode::kNewTuple) && !IsWanted(i)) Let(i, guard);
      else if (!i->type.IsSimple() || i->type.IsBottom()) graph_->InsertBefore(guard, graph_->NewNode(Opcode::kGuardDeath, {i}))->state = guard->state;
    }
  }

  void Rewrite(FrameState* s) const {
    for (FrameState::Local& l : s->locals) l.value = Sunk(l.value);
    for (Node*& n : s->stack) n = Sunk(n);
  }

  Graph* graph_;
  std::vector<uint8_t> wanted_;  // by node id
};

}  // namespace

void SinkIntoStates(Graph* graph) { Sinker(graph).Run(); }

}  // namespace tierjit::tier2
