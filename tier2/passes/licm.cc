#include "tier2/passes/licm.h"

#include <algorithm>
#include <set>

#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

bool Contains(const std::vector<Block*>& list, const Block* b) { return std::find(list.begin(), list.end(), b) != list.end(); }

class Hoister {
 public:
  explicit Hoister(Graph* graph) : graph_(graph), loops_(FindLoops(*graph)) {}

  void Run() {
    for (auto& loop : loops_) Hoist(loop.get());
  }

 private:
  void Hoist(Loop* loop) {
    Block* before = Preheader(loop);
    if (before == nullptr) return;
    std::vector<Block*> idom = Dominators(*graph_);
    Summarise(*loop);
    for (Block* b : graph_->ReversePostOrder()) {
      if (!Contains(loop->body, b)) continue;
      bool always = std::all_of(loop->latches.begin(), loop->latches.end(), [&](Block* l) { return Dominates(idom, b, l); });
      std::vector<Node*> kept;
      for (Node* n : b->nodes) {
        if (Invariant(*n, *loop) && Movable(*n, always, loop)) Move(n, before, *loop);
        else kept.push_back(n);
      }
      b->nodes = std::move(kept);
    }
  }

  void Summarise(const Loop& loop) {
    written_ = kNoRegion;
    stored_.clear();
    escapes_ = false;
    for (Block* b : loop.body) {
      for (Node* n : b->nodes) {
        written_ |= WritesOf(n->opcode);
        escapes_ = escapes_ || n->info().effect == Effect::kEscapes;
        if (n->Is(Opcode::kSetLocal) || n->Is(Opcode::kStoreLocal)) stored_.insert(n->index);
      }
    }
  }

  bool Invariant(const Node& n, const Loop& loop) {
    return std::all_of(n.inputs.begin(), n.inputs.end(), [&](Node* i) { return !Contains(loop.body, i->block); });
  }

  bool Movable(const Node& n, bool always, const Loop* loop) {
    if (IsPure(n.opcode)) return true;
    if (IsStableGuard(n.opcode)) return always && loop->header->state != nullptr && (ReadsOf(n) & written_) == 0;
    uint8_t reads = ReadsOf(n.opcode);
    if (reads == kNoRegion || n.Is(Opcode::kTakeStack)) return false;
    if (n.Is(Opcode::kLoadLocal)) return !escapes_ && !stored_.contains(n.index);
    // A load above its guard could read what is not there; its operand is the guard's result, so it cannot come above it.
    return (reads & written_) == 0;
  }

  void Move(Node* n, Block* before, const Loop& loop) {
    if (n->state != nullptr) n->state = EntryState(before, loop, OriginAt(*n->state, *loop.header->state));
    n->block = before;
    before->nodes.insert(before->nodes.end() - 1, n);
  }

  // What fails within an inlined call is the call's affair where the loop is.
  static int32_t OriginAt(const FrameState& from, const FrameState& at) {
    return from.inlined.size() > at.inlined.size() ? from.inlined[at.inlined.size()].call : from.origin;
  }

  // The header's state with what this way in brings.
  FrameState* EntryState(Block* before, const Loop& loop, int32_t origin) {
    FrameState* s = graph_->NewState();
    const FrameState& from = *loop.header->state;
    int id = s->id;
    *s = from;
    s->id = id;
    s->origin = origin;
    const std::vector<Node*>& args = before->successors[0].args;
    auto incoming = [&](Node** n) {
      for (size_t i = 0; i < args.size(); i++) {
        if (*n == loop.header->params[i]) {
          *n = args[i];
          return;
        }
      }
    };
    for (FrameState::Local& l : s->locals) {
      if (l.value != nullptr) incoming(&l.value);
      if (l.bound != nullptr) incoming(&l.bound);
    }
    for (Node*& n : s->stack) incoming(&n);
    for (FrameState::Iterator& i : s->iterators) {
      incoming(&i.position);
      if (i.remaining != nullptr) incoming(&i.remaining);
    }
    return s;
  }

  // The one block from which the loop is entered, which does nothing else then; made when there is none.
  Block* Preheader(Loop* loop) {
    std::vector<Block*> outside;
    for (Block* p : loop->header->predecessors) {
      if (!Contains(loop->body, p)) outside.push_back(p);
    }
    if (outside.empty()) return nullptr;
    if (outside.size() == 1 && outside[0]->successors.size() == 1) return outside[0];
    Block* b = graph_->NewBlock();
    Edge on{loop->header, {}};
    for (Node* p : loop->header->params) on.args.push_back(graph_->AddParam(b, p->rep, p->type));
    for (Block* p : outside) {
      for (Edge& e : p->successors) {
        if (e.to == loop->header) e.to = b;
      }
    }
    graph_->Append(b, graph_->NewNode(Opcode::kJump));
    b->successors.push_back(std::move(on));
    graph_->Connect();
    for (Loop* outer = loop->parent; outer != nullptr; outer = outer->parent) outer->body.push_back(b);
    return b;
  }

  Graph* graph_;
  std::vector<std::unique_ptr<Loop>> loops_;
  uint8_t written_ = kNoRegion;
  std::set<int32_t> stored_;
  bool escapes_ = false;
};

}  // namespace

void HoistInvariants(Graph* graph) {
  graph->Connect();
  Hoister(graph).Run();
}

}  // namespace tierjit::tier2
