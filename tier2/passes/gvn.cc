#include "tier2/passes/gvn.h"

#include <array>
#include <map>
#include <tuple>

#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

constexpr int kRegions = 8;
using Versions = std::array<int, kRegions>;

bool Numbered(const Node& n) {
  return n.rep != Rep::kNone && (IsPure(n.opcode) || IsStableGuard(n.opcode) || ReadsOf(n.opcode) != kNoRegion ||
                                 n.info().effect == Effect::kAllocates) &&
         !n.Is(Opcode::kTakeStack) && !n.Is(Opcode::kMakeRange) && !n.Is(Opcode::kMakeIter) && !n.Is(Opcode::kFreshIter) && !n.Is(Opcode::kMakeList) &&
         !n.Is(Opcode::kMakeEmpty);
}
bool NumberedGuard(const Node& n) { return n.rep == Rep::kNone && IsStableGuard(n.opcode); }

class Numbering {
 public:
  explicit Numbering(Graph* graph)
      : graph_(graph), idom_(Dominators(*graph)), to_(static_cast<size_t>(graph->node_count()), nullptr),
        out_(static_cast<size_t>(graph->block_count())), children_(static_cast<size_t>(graph->block_count())) {}

  void Run() {
    for (Block* b : graph_->ReversePostOrder()) {
      if (b != graph_->entry()) children_[static_cast<size_t>(idom_[static_cast<size_t>(b->id)]->id)].push_back(b);
    }
    // Depth first, with an explicit stack: what a block has added is taken back behind its subtree.
    std::vector<std::pair<Block*, size_t>> path = {{graph_->entry(), 0}};
    Enter(graph_->entry());
    while (!path.empty()) {
      auto& [b, next] = path.back();
      std::vector<Block*>& below = children_[static_cast<size_t>(b->id)];
      if (next < below.size()) {
        Block* child = below[next++];
        Enter(child);
        path.push_back({child, 0});
        continue;
      }
      Leave();
      path.pop_back();
    }
    graph_->ReplaceAll(to_);
    for (Block* b : graph_->blocks()) {
      std::erase_if(b->nodes, [&](Node* n) { return to_[static_cast<size_t>(n->id)] != nullptr || gone_.contains(n); });
    }
  }

 private:
  using Key = std::tuple<Opcode, Relation, int32_t, int64_t, PyObject*, std::vector<int>, uint32_t, uint32_t, int>;

  void Enter(Block* b) {
    scopes_.emplace_back();
    Versions v = AtEntry(b);
    for (Node* n : b->nodes) {
      Visit(n, v);
      uint8_t written = WritesOf(n->opcode);
      for (int r = 0; r < kRegions; r++) {
        if (written & (1 << r)) v[static_cast<size_t>(r)] = ++last_version_;
      }
    }
    out_[static_cast<size_t>(b->id)] = v;
  }

  void Leave() {
    for (const Key& k : scopes_.back()) table_.erase(k);
    scopes_.pop_back();
  }

  // What was not written on any way from the dominator to here keeps its version.
  Versions AtEntry(Block* b) {
    Versions v{};
    if (b == graph_->entry()) return v;
    Block* dominator = idom_[static_cast<size_t>(b->id)];
    v = out_[static_cast<size_t>(dominator->id)];
    uint8_t written = kNoRegion;
    std::vector<uint8_t> seen(static_cast<size_t>(graph_->block_count()), 0);
    std::vector<Block*> work = b->predecessors;
    while (!work.empty()) {
      Block* p = work.back();
      work.pop_back();
      if (p == dominator || seen[static_cast<size_t>(p->id)]) continue;
      seen[static_cast<size_t>(p->id)] = 1;
      for (Node* n : p->nodes) written |= WritesOf(n->opcode);
      work.insert(work.end(), p->predecessors.begin(), p->predecessors.end());
    }
    for (int r = 0; r < kRegions; r++) {
      if (written & (1 << r)) v[static_cast<size_t>(r)] = ++last_version_;
    }
    return v;
  }

  Node* Now(Node* n) const {
    while (to_[static_cast<size_t>(n->id)] != nullptr) n = to_[static_cast<size_t>(n->id)];
    return n;
  }

  // What a guard of a class lets through is the same object.
  Node* Unguarded(Node* n) const {
    while (n->Is(Opcode::kGuardType)) n = Now(n->input(0));
    return n;
  }

  // A number dies without consequences, and it is known to be one.
  bool IsKnownNumber(Node* value) const {
    for (Opcode o : {Opcode::kGuardFloat, Opcode::kGuardNumber, Opcode::kGuardInt, Opcode::kUnboxFloat, Opcode::kUnboxInt}) {
      if (table_.contains(Key{o, Relation::kLt, 0, 0, nullptr, {Now(value)->id}, 0, 0, 0})) return true;
    }
    return false;
  }

  void Visit(Node* n, const Versions& v) {
    if (n->Is(Opcode::kGuardReleasable) && IsKnownNumber(n->input(0))) gone_[n] = true;
    if (!Numbered(*n) && !NumberedGuard(*n)) return;
    std::vector<int> inputs;
    bool typed = n->Is(Opcode::kGuardType);
    for (Node* i : n->inputs) inputs.push_back((typed ? Unguarded(Now(i)) : Now(i))->id);
    int version = 0;
    uint8_t reads = ReadsOf(*n);
    for (int r = 0; r < kRegions; r++) {
      if (reads & (1 << r)) version = v[static_cast<size_t>(r)];
    }
    Key key{n->opcode, n->relation, n->index, n->imm, n->object, std::move(inputs), typed ? n->type.bits() : 0,
            typed ? n->type.version() : 0, version};
    auto [it, fresh] = table_.emplace(key, n);
    if (fresh) {
      scopes_.back().push_back(std::move(key));
    } else if (n->rep != Rep::kNone) {
      to_[static_cast<size_t>(n->id)] = it->second;
      it->second->only_for_value = it->second->only_for_value && n->only_for_value;
    } else {
      gone_[n] = true;
    }
  }

  Graph* graph_;
  std::vector<Block*> idom_;
  std::vector<Node*> to_;
  std::vector<Versions> out_;
  std::vector<std::vector<Block*>> children_;
  std::map<Key, Node*> table_;
  std::map<Node*, bool> gone_;
  std::vector<std::vector<Key>> scopes_;
  int last_version_ = 0;
};

}  // namespace

void NumberValues(Graph* graph) {
  graph->Connect();
  Numbering(graph).Run();
}

}  // namespace tierjit::tier2
