#include "tier2/passes/trailing.h"

#include <algorithm>
#include <utility>

namespace tierjit::tier2 {
namespace {

class Dropper {
 public:
  Dropper(Graph* graph, const Loop& loop) : graph_(graph), header_(loop.header), in_body_(static_cast<size_t>(graph->block_count()), 0) {
    for (const Block* b : loop.body) in_body_[static_cast<size_t>(b->id)] = 1;
  }

  // False: nothing was changed.
  bool Run() {
    if (!FindEdges() || !FindCounter()) return false;
    for (size_t i = 0; i < header_->params.size(); i++) {
      if (IsTrailing(i)) trailing_.push_back(header_->params[i]);
    }
    if (trailing_.empty()) return false;
    const std::vector<Block*> idom = Dominators(*graph_);
    std::erase_if(trailing_, [&](const Node* t) { return !IsForBehind(*t, idom); });
    if (trailing_.empty()) return false;
    MakeBehind();
    return true;
  }

 private:
  bool InBody(const Block* b) const { return in_body_[static_cast<size_t>(b->id)] != 0; }

  bool FindEdges() {
    const Node& end = *header_->end();
    if (!end.Is(Opcode::kBranch)) return false;
    for (Block* p : header_->predecessors) {
      for (Edge& e : p->successors) {
        if (e.to != header_) continue;
        if (InBody(p)) again_.push_back(&e);
        else if (std::exchange(enter_, &e) != nullptr) return false;
      }
    }
    leave_ = &header_->successors[1];
    return enter_ != nullptr && !again_.empty() && InBody(header_->successors[0].to) && !InBody(leave_->to);
  }

  size_t IndexOf(const Node* param) const {
    return static_cast<size_t>(std::find(header_->params.begin(), header_->params.end(), param) - header_->params.begin());
  }

  // How many turns are left: it is what it began with in the first one only.
  bool FindCounter() {
    const Node& test = *header_->end()->input(0);
    auto is = [](const Node* n, int64_t value) { return n->Is(Opcode::kInt) && n->imm == value; };
    if (!test.Is(Opcode::kIntCompare) || test.relation != Relation::kGt || !is(test.input(1), 0)) return false;
    size_t at = IndexOf(test.input(0));
    if (at == header_->params.size()) return false;
    for (const Edge* e : again_) {
      const Node& next = *e->args[at];
      if (!next.Is(Opcode::kIntSubWrap) || next.input(0) != test.input(0) || !is(next.input(1), 1)) return false;
    }
    counter_ = test.input(0);
    first_ = enter_->args[at];
    return true;
  }

  // What the next turn adds to a position; nullptr: it is none.
  Node* StepOf(const Node* position) const {
    size_t at = IndexOf(position);
    if (at == header_->params.size()) return nullptr;
    Node* step = nullptr;
    for (const Edge* e : again_) {
      const Node& next = *e->args[at];
      if (!next.Is(Opcode::kIntAddWrap) || next.input(0) != position || (step != nullptr && next.input(1) != step)) return nullptr;
      step = next.input(1);
    }
    return step->Is(Opcode::kInt) || !InBody(step->block) ? step : nullptr;
  }

  const Node* PositionOf(const Node* item) const { return item->Is(Opcode::kRangeItem) ? item->input(0) : item; }

  bool IsTrailing(size_t i) const {
    const Node *param = header_->params[i], *next = again_[0]->args[i];
    for (const Edge* e : again_) {
      if (PositionOf(e->args[i]) != PositionOf(next)) return false;
    }
    if (param->rep == Rep::kI1) return next->Is(Opcode::kBool) && next->imm == 1;
    return param->rep == Rep::kI64 && PositionOf(next) != param && StepOf(PositionOf(next)) != nullptr;
  }

  // Calls `use` with the block of each use but those on the way out of the loop.
  template <typename F>
  void ForUses(const Node& t, F use) const {
    for (const Block* b : graph_->blocks()) {
      for (const Node* n : b->nodes) {
        if (std::find(n->inputs.begin(), n->inputs.end(), &t) != n->inputs.end() || (n->state != nullptr && Names(*n->state, t))) use(b);
      }
      if (b->state != nullptr && Names(*b->state, t)) use(b);
      for (const Edge& e : b->successors) {
        if (&e != leave_ && std::find(e.args.begin(), e.args.end(), &t) != e.args.end()) use(b);
      }
    }
  }

  static bool Names(const FrameState& s, const Node& t) {
    return std::any_of(s.locals.begin(), s.locals.end(), [&](const FrameState::Local& l) { return l.value == &t || l.bound == &t; }) ||
           std::find(s.stack.begin(), s.stack.end(), &t) != s.stack.end() ||
           std::any_of(s.iterators.begin(), s.iterators.end(), [&](const FrameState::Iterator& i) { return i.position == &t || i.remaining == &t; });
  }

  bool IsForBehind(const Node& t, const std::vector<Block*>& idom) const {
    bool all = true, alone = leave_->to->predecessors.size() == 1;
    ForUses(t, [&](const Block* b) { all = all && alone && Dominates(idom, leave_->to, b); });
    return all;
  }

  void MakeBehind() {
    Block* behind = graph_->NewBlock();
    behind->depth = leave_->to->depth;
    behind->rare = leave_->to->rare;
    Node* none = Add(behind, Opcode::kIntCompare, {counter_, first_}, Type(kBoolBit));
    none->relation = Relation::kEq;
    std::vector<Node*> to(static_cast<size_t>(graph_->node_count()) + 4 * trailing_.size(), nullptr);
    std::vector<size_t> dropped;
    for (Node* t : trailing_) {
      size_t at = IndexOf(t);
      dropped.push_back(at);
      Node* last = again_[0]->args[at];
      if (t->rep == Rep::kI64) {
        Node* position = const_cast<Node*>(PositionOf(last));
        last = Add(behind, Opcode::kIntSubWrap, {position, StepOf(position)}, Type(kIntBit));
      }
      Node* made = Add(behind, Opcode::kSelect, {none, enter_->args[at], last}, t->type);
      made->rep = t->rep;
      to[static_cast<size_t>(t->id)] = made;
    }
    Add(behind, Opcode::kJump, {}, Type());
    behind->successors.push_back({leave_->to, leave_->args});
    *leave_ = {behind, {}};
    std::sort(dropped.rbegin(), dropped.rend());
    for (size_t at : dropped) {
      auto offset = static_cast<std::ptrdiff_t>(at);
      header_->params.erase(header_->params.begin() + offset);
      enter_->args.erase(enter_->args.begin() + offset);
      for (Edge* e : again_) e->args.erase(e->args.begin() + offset);
    }
    graph_->ReplaceAll(to);
    graph_->Connect();
  }

  Node* Add(Block* block, Opcode opcode, absl::Span<Node* const> inputs, Type type) {
    Node* n = graph_->NewNode(opcode, inputs);
    n->type = type;
    return graph_->Append(block, n);
  }

  Graph* graph_;
  Block* header_;
  std::vector<uint8_t> in_body_;               // by block id
  Edge *enter_ = nullptr, *leave_ = nullptr;
  std::vector<Edge*> again_;
  Node *counter_ = nullptr, *first_ = nullptr;  // and what it is in the first turn
  std::vector<Node*> trailing_;
};

}  // namespace

void DropTrailingParams(Graph* graph) {
  graph->Connect();
  for (bool changed = true; changed;) {  // blocks are made, so the loops are looked for anew
    changed = false;
    for (const auto& loop : FindLoops(*graph)) {
      if (changed = Dropper(graph, *loop).Run(); changed) break;
    }
  }
}

}  // namespace tierjit::tier2
