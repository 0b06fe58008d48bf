#include "tier2/passes/ownership.h"

#include <algorithm>
#include <set>

#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

using Set = std::set<Node*>;

bool BornOwned(const Node& n) {
  switch (n.opcode) {
    case Opcode::kBoxInt: case Opcode::kBoxFloat: case Opcode::kMakeRange: case Opcode::kNewTuple: case Opcode::kResult: case Opcode::kCaught: case Opcode::kTakeStack: return true;
    case Opcode::kMakeList: case Opcode::kMakeEmpty: case Opcode::kMakeIter: case Opcode::kTextItem: return true;
    case Opcode::kParam: case Opcode::kCallTyped: return n.rep == Rep::kBoxed;
    default: return MemoryOf(n.opcode) != HelperMemory::kNotAHelper && n.rep == Rep::kBoxed;
  }
}
// Whether the operation takes over a reference to its operand `i`.
bool Takes(const Node& n, size_t i) {
  switch (n.opcode) {
    case Opcode::kSetLocal: case Opcode::kStoreLocal: case Opcode::kReturn: return true;
    case Opcode::kListSet: return i == 2;
    case Opcode::kAttrSet: case Opcode::kCellSet: case Opcode::kListPush: return i == 1;
    case Opcode::kGeneric: case Opcode::kNewTuple: case Opcode::kMakeList: return true;
    default: return false;
  }
}

bool IsCounted(Node* n) {
  return n != nullptr && n->rep == Rep::kBoxed && !n->Is(Opcode::kNull) && !n->Is(Opcode::kFreshRange) && !n->Is(Opcode::kVirtualTuple) && !n->Is(Opcode::kFreshIter);
}

class Assigner {
 public:
  explicit Assigner(Graph* graph) : graph_(graph), live_in_(static_cast<size_t>(graph->block_count())), live_out_(live_in_) {}

  Ownership Run() {
    FindOwned();
    DropNeedlessGuards();
    for (Block* b : std::vector<Block*>(graph_->blocks())) Insert(b);
    return std::move(out_);
  }

  // By a frame that waits while the instruction at `s` runs.
  static bool IsHeldOutside(const FrameState* s, Node* root) {
    if (s == nullptr || s->inlined.empty()) return false;
    const InlinedFrame& innermost = s->inlined.back();
    auto holds = [&](Node* n) { return IsCounted(n) && Ownership::RootOf(n) == root; };
    return std::any_of(s->locals.begin(), s->locals.begin() + innermost.first_local, [&](const FrameState::Local& l) { return l.bound == nullptr && holds(l.value); }) ||
           std::any_of(s->stack.begin(), s->stack.begin() + innermost.first_stack, holds);
  }

  // A guard of the death of what the unit does not own, or others hold, or nobody cares for.
  void DropNeedlessGuards() {
    for (Block* b : graph_->blocks()) {
      std::erase_if(b->nodes, [&](Node* n) {
        if (!n->Is(Opcode::kGuardDeath)) return false;
        Node* r = Ownership::RootOf(n->input(0));
        return !Owned(r) || (r->type.IsSimple() && !r->type.IsBottom()) || IsHeldOutside(n->state, r);
      });
    }
  }

  void FindOwned() {
    out_.owned.assign(static_cast<size_t>(graph_->node_count()), 0);
    for (Block* b : graph_->blocks()) {
      for (Node* p : b->params) Own(p);
      for (Node* n : b->nodes) Own(n);
    }
    ComputeLiveness();
    while (OwnWhatMayBeReleased()) {
    }
  }

 private:
  bool Owned(Node* n) const { return static_cast<size_t>(n->id) < out_.owned.size() && out_.owned[static_cast<size_t>(n->id)]; }
  void Own(Node* n) {
    if (BornOwned(*n)) out_.owned[static_cast<size_t>(n->id)] = 1;
    // An iterator holds what it iterates over, and who counts can tell.
    if (!n->Is(Opcode::kFreshIter)) return;
    for (Node* source : n->inputs) {
      Node* root = Ownership::RootOf(source);
      if (Borrows(root->opcode)) out_.owned[static_cast<size_t>(root->id)] = 1;
    }
  }

  template <class F>
  static void ForValue(Node* n, F f) {
    if (IsCounted(n)) return f(Ownership::RootOf(n));
    if (n == nullptr || !n->Is(Opcode::kVirtualTuple)) return;
    for (Node* i : n->inputs) ForValue(i, f);
  }
  template <class F>
  static void ForState(const FrameState* s, F f) {
    if (s == nullptr) return;
    for (const FrameState::Local& l : s->locals) ForValue(l.value, f);
    for (Node* n : s->stack) ForValue(n, f);
    ForSources(s, s->stack.size(), f);
  }
  // What iterators that are not made would hold, in the first `depth` stack entries.
  template <class F>
  static void ForSources(const FrameState* s, size_t depth, F f) {
    for (size_t i = 0; i < depth; i++) {
      if (!s->stack[i]->Is(Opcode::kFreshIter)) continue;
      for (Node* source : s->stack[i]->inputs) {
        if (IsCounted(source)) f(Ownership::RootOf(source));
      }
    }
  }
  template <class F>
  static void ForUses(const Node& n, F f) {
    if (n.Is(Opcode::kVirtualTuple)) return;
    for (Node* i : n.inputs) {
      if (IsCounted(i)) f(Ownership::RootOf(i));
    }
    ForState(n.state, f);
  }
  // Stack entries below the operands of a generic operation stay on the stack while it runs.
  template <class F>
  static void ForStaying(const Node& n, F f) {
    if (!n.Is(Opcode::kGeneric)) return;
    size_t below = n.state->stack.size() - n.inputs.size();
    for (size_t i = 0; i < below; i++) {
      if (IsCounted(n.state->stack[i])) f(Ownership::RootOf(n.state->stack[i]));
    }
  }

  // Backwards over one node: `live` is behind it, then before it.
  static void StepBack(const Node& n, Set* live) {
    live->erase(const_cast<Node*>(&n));
    ForUses(n, [&](Node* r) { live->insert(r); });
  }

  Set BehindLast(const Block& b) const {
    Set live = live_out_[static_cast<size_t>(b.id)];
    for (const Edge& e : b.successors) {
      for (Node* a : e.args) {
        if (IsCounted(a)) live.insert(Ownership::RootOf(a));
      }
    }
    return live;
  }

  void ComputeLiveness() {
    std::vector<Block*> order = graph_->ReversePostOrder();
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = order.size(); i-- > 0;) {
        Block* b = order[i];
        Set out;
        for (const Edge& e : b->successors) {
          const Set& in = live_in_[static_cast<size_t>(e.to->id)];
          out.insert(in.begin(), in.end());
        }
        live_out_[static_cast<size_t>(b->id)] = out;
        Set live = BehindLast(*b);
        for (size_t k = b->nodes.size(); k-- > 0;) StepBack(*b->nodes[k], &live);
        for (Node* p : b->params) live.erase(p);
        if (live != live_in_[static_cast<size_t>(b->id)]) live_in_[static_cast<size_t>(b->id)] = std::move(live), changed = true;
      }
    }
  }

  // Whether `n` may make the reference that `borrowed` relies on go away.
  bool MayRelease(const Node& n, const Node& borrowed) const {
    if (n.info().effect == Effect::kEscapes) return true;
    bool element = borrowed.Is(Opcode::kListGet) || borrowed.Is(Opcode::kTupleGet) || borrowed.Is(Opcode::kAttrGet) || borrowed.Is(Opcode::kCellGet);
    switch (n.opcode) {
      case Opcode::kSetLocal: return !borrowed.Is(Opcode::kLoadLocal) || borrowed.index == n.index;
      case Opcode::kListSet: return element;
      case Opcode::kAttrSet: return element;
      case Opcode::kCellSet: return element;
      case Opcode::kCallTyped: return element;
      default: return element && (MemoryOf(n.opcode) == HelperMemory::kWritesSequence || MemoryOf(n.opcode) == HelperMemory::kWritesHash);
    }
  }

  // The last use of an owned object that may hold others.
  bool EndsComplex(const Node& n, const Set& behind) const {
    bool ends = false;
    ForUses(n, [&](Node* r) { ends = ends || (Owned(r) && !behind.contains(r) && !(r->type.IsSimple() && !r->type.IsBottom())); });
    return ends;
  }

  // A death leaves the frame's slots alone.
  static bool StaysInSlot(const Node& n) { return n.Is(Opcode::kLoadLocal); }

  bool OwnWhatMayBeReleased() {
    bool changed = false;
    auto own = [&](Node* r) {
      if (!Borrows(r->opcode) || Owned(r)) return;
      out_.owned[static_cast<size_t>(r->id)] = 1;
      changed = true;
    };
    for (Block* b : graph_->blocks()) {
      Set live = BehindLast(*b);
      // An argument of an edge is taken over, so a borrowed one is counted there; what dies on the edge into b counts as an end.
      for (size_t k = b->nodes.size(); k-- > 0;) {
        Node* n = b->nodes[k];
        bool ends = EndsComplex(*n, live);
        for (Node* r : live) {
          // An item outlives its container if that ends with the access.
          if ((r != n && MayRelease(*n, *r)) || (ends && !StaysInSlot(*r))) own(r);
        }
        StepBack(*n, &live);
      }
      if (DiesAtEntry(*b)) {
        for (Node* r : live) {
          if (!StaysInSlot(*r)) own(r);
        }
      }
    }
    return changed;
  }

  Set DyingAtEntry(const Block& b) const {
    Set dying;
    for (const Block* p : b.predecessors) {
      if (p->successors.size() < 2) continue;
      for (Node* r : live_out_[static_cast<size_t>(p->id)]) {
        if (Owned(r) && !live_in_[static_cast<size_t>(b.id)].contains(r)) dying.insert(r);
      }
      for (Node* prm : b.params) dying.erase(prm);
    }
    return dying;
  }
  bool DiesAtEntry(const Block& b) const {
    for (Node* r : DyingAtEntry(b)) {
      if (!r->type.IsSimple() || r->type.IsBottom()) return true;
    }
    return false;
  }

  Node* Count(Opcode opcode, Node* value) { return graph_->NewNode(opcode, {value}); }

  void Insert(Block* b) {
    std::vector<Node*> backwards;
    Set live = BehindLast(*b);
    PassArguments(b, &backwards);
    for (size_t k = b->nodes.size(); k-- > 0;) {
      Node* n = b->nodes[k];
      bool ends_block = k + 1 == b->nodes.size();
      InsertAround(n, live, ends_block, &backwards);
      Set behind = live;
      StepBack(*n, &live);
      if (n->info().effect == Effect::kGuards || n->Is(Opcode::kCallTyped)) NoteOwned(n, live);
      if (n->Is(Opcode::kGeneric)) NoteOwned(n, Kept(*n, behind));
      if (n->Is(Opcode::kStoreLocal)) NoteOwned(n, WithState(*n, behind));
    }
    std::reverse(backwards.begin(), backwards.end());
    std::vector<Node*> nodes;
    for (Node* p : b->params) {
      if (Owned(p) && !live.contains(p) && !UsedIn(*b, p)) nodes.push_back(Count(Opcode::kDecref, p));
    }
    for (Node* r : DyingAtEntry(*b)) nodes.push_back(Count(Opcode::kDecref, r));
    nodes.insert(nodes.end(), backwards.begin(), backwards.end());
    for (Node* n : nodes) n->block = b;
    b->nodes = std::move(nodes);
  }

  static bool UsedIn(const Block& b, Node* p) {
    bool used = false;
    for (Node* n : b.nodes) ForUses(*n, [&](Node* r) { used = used || r == p; });
    for (const Edge& e : b.successors) {
      for (Node* a : e.args) used = used || (IsCounted(a) && Ownership::RootOf(a) == p);
    }
    return used;
  }

  // Arguments are taken over by the parameters: one reference for each, for nothing when the value ends here.
  void PassArguments(Block* b, std::vector<Node*>* backwards) {
    if (b->successors.size() != 1) return;  // edges of branches carry no boxed values: see EdgesAreOwn
    const Set& out = live_out_[static_cast<size_t>(b->id)];
    std::map<Node*, int> needed;
    for (Node* a : b->successors[0].args) {
      if (IsCounted(a)) needed[Ownership::RootOf(a)]++;
    }
    for (auto [r, count] : needed) {
      if (Owned(r) && !out.contains(r)) count--;
      for (; count > 0; count--) pending_.push_back(Count(Opcode::kIncref, r));
    }
    (void)backwards;
  }

  // Counts in front of and behind one node, written backwards.
  void InsertAround(Node* n, const Set& behind, bool ends_block, std::vector<Node*>* backwards) {
    std::map<Node*, int> taken;
    Set used;
    for (size_t i = 0; i < n->inputs.size() && !n->Is(Opcode::kVirtualTuple); i++) {
      if (!IsCounted(n->input(static_cast<int>(i)))) continue;
      Node* r = Ownership::RootOf(n->input(static_cast<int>(i)));
      used.insert(r);
      if (Takes(*n, i)) taken[r]++;
    }
    ForState(n->state, [&](Node* r) { used.insert(r); });
    std::map<Node*, int> staying;
    ForStaying(*n, [&](Node* r) { staying[r]++; });
    std::vector<Node*> before, after;
    for (Node* r : used) {
      bool ends = Owned(r) && !behind.contains(r);
      int needed = taken.contains(r) ? taken[r] : 0;
      if (needed > 0 && ends && !staying.contains(r)) needed--;
      else if (ends && !ends_block) after.push_back(Count(Opcode::kDecref, r));
      for (; needed > 0; needed--) before.push_back(Count(Opcode::kIncref, r));
    }
    // One reference for each slot while a handler runs: an exception makes the frame release them.
    for (auto [r, count] : staying) {
      int extra = Owned(r) ? count - 1 : count;
      for (; extra > 0; extra--) {
        before.push_back(Count(Opcode::kIncref, r));
        after.push_back(Count(Opcode::kDecref, r));
      }
    }
    // A value that is owned although it was born borrowed, or that nobody uses.
    if (n->rep == Rep::kBoxed && Ownership::RootOf(n) == n && Owned(n)) {
      if (Borrows(n->opcode)) after.insert(after.begin(), Count(Opcode::kIncref, n));
      if (!behind.contains(n)) after.push_back(Count(Opcode::kDecref, n));
    }
    for (size_t i = after.size(); i-- > 0;) backwards->push_back(after[i]);
    backwards->push_back(n);
    if (ends_block) {
      for (Node* p : pending_) backwards->push_back(p);
      pending_.clear();
    }
    for (size_t i = before.size(); i-- > 0;) backwards->push_back(before[i]);
  }

  // What is still the unit's when a handler has failed: neither given to it nor kept on the stack.
  static Set Kept(const Node& n, const Set& behind) {
    Set kept = behind;
    ForStaying(n, [&](Node* r) { kept.erase(r); });
    ForSources(n.state, n.state->stack.size() - n.inputs.size(), [&](Node* r) { kept.insert(r); });
    return kept;
  }

  // What is the unit's behind a store, with what only the stack has a use for. The value that is stored is the slot's by then.
  static Set WithState(const Node& n, const Set& behind) {
    Set all = behind;
    Node* stored = Ownership::RootOf(n.input(0));
    ForState(n.state, [&](Node* r) {
      if (r != stored) all.insert(r);
    });
    return all;
  }

  void NoteOwned(Node* n, const Set& before) {
    std::vector<Node*>& list = out_.at[n];
    for (Node* r : before) {
      if (Owned(r)) list.push_back(r);
    }
  }

  Graph* graph_;
  std::vector<Set> live_in_, live_out_;
  std::vector<Node*> pending_;
  Ownership out_;
};

// Branches pass no arguments: their edges get blocks of their own.
void SplitBranchEdges(Graph* graph) {
  for (Block* b : std::vector<Block*>(graph->blocks())) {
    if (b->successors.size() < 2) continue;
    for (Edge& e : b->successors) {
      if (e.args.empty() && e.to->predecessors.size() == 1) continue;
      Block* middle = graph->NewBlock();
      graph->Append(middle, graph->NewNode(Opcode::kJump));
      middle->successors.push_back(std::move(e));
      e = Edge{middle, {}};
    }
  }
  graph->Connect();
}

}  // namespace

bool Borrows(Opcode opcode) {
  switch (opcode) {
    case Opcode::kLoadLocal: case Opcode::kListGet: case Opcode::kTupleGet: case Opcode::kAttrGet: case Opcode::kCellGet:
    case Opcode::kGlobalGet: case Opcode::kIterSequence: case Opcode::kClassValue: case Opcode::kBoundSelf: return true;
    default: return false;
  }
}

Node* Ownership::RootOf(Node* n) {
  while (n->Is(Opcode::kGuardType) || n->Is(Opcode::kGuardBound) || n->Is(Opcode::kGuardSame) || n->Is(Opcode::kGuardVersion) ||
         n->Is(Opcode::kGuardExact) || n->Is(Opcode::kGuardClasses)) n = n->input(0);
  return n;
}

void DropNeedlessDeathGuards(Graph* graph) {
  graph->Connect();
  Assigner assigner(graph);
  assigner.FindOwned();
  assigner.DropNeedlessGuards();
}

Ownership AssignOwnership(Graph* graph) {
  graph->Connect();
  SplitBranchEdges(graph);
  return Assigner(graph).Run();
}

}  // namespace tierjit::tier2
