#include "tier2/passes/delay_counts.h"

#include <algorithm>

#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

using At = std::map<const Node*, std::vector<Node*>>;

// Whether what held `value` in front of `n` holds it behind it, too, and `n` takes no reference to it.
bool Keeps(const Node& n, const Node* value) {
  Effect e = n.info().effect;
  bool quiet = e == Effect::kPure || e == Effect::kGuards || e == Effect::kAllocates || ReadsOf(n) != kNoRegion || n.Is(Opcode::kIncref);
  bool takes = e == Effect::kAllocates && std::any_of(n.inputs.begin(), n.inputs.end(), [&](Node* i) { return Ownership::RootOf(i) == value; });
  return quiet && !takes && !IsRepeated(n.opcode) && !n.Is(Opcode::kReturn) && !n.Is(Opcode::kPoll);
}

// Where its reference is dropped without need; -1: nowhere at the beginning of the block.
int DropIn(const Block& b, const Node* value) {
  for (size_t i = 0; i + 1 < b.nodes.size(); i++) {
    const Node& n = *b.nodes[i];
    if (n.Is(Opcode::kDecref) && Ownership::RootOf(n.input(0)) == value) return static_cast<int>(i);
    if (!Keeps(n, value)) return -1;
  }
  return -1;
}

void Disown(At* at, const Block& b, size_t from, size_t to, const Node* value) {
  for (size_t i = from; i < to; i++) {
    auto it = at->find(b.nodes[i]);
    if (it == at->end()) continue;
    auto mine = std::find(it->second.begin(), it->second.end(), value);
    if (mine != it->second.end()) it->second.erase(mine);
  }
}

// Without the unit's reference nothing dies there, as somebody else holds it.
void DropDeathGuards(Block* b, size_t from, size_t to, const Node* value) {
  auto begin = b->nodes.begin() + static_cast<std::ptrdiff_t>(from), end = b->nodes.begin() + static_cast<std::ptrdiff_t>(to);
  b->nodes.erase(std::remove_if(begin, end, [&](Node* n) { return n->Is(Opcode::kGuardDeath) && Ownership::RootOf(n->input(0)) == value; }), end);
}

bool Delay(Block* b, size_t count, At* at) {
  Node* value = Ownership::RootOf(b->nodes[count]->input(0));
  if (!Borrows(value->opcode) || b->successors.size() != 2) return false;
  for (size_t i = count + 1; i + 1 < b->nodes.size(); i++) {
    if (!Keeps(*b->nodes[i], value)) return false;
  }
  for (size_t way = 0; way < 2; way++) {
    Block *drops = b->successors[way].to, *keeps = b->successors[1 - way].to;
    if (drops == keeps || drops->predecessors.size() != 1 || keeps->predecessors.size() != 1) continue;
    int drop = DropIn(*drops, value);
    if (drop < 0) continue;
    Disown(at, *b, count + 1, b->nodes.size(), value);
    Disown(at, *drops, 0, static_cast<size_t>(drop), value);
    Node* incref = b->nodes[count];
    b->nodes.erase(b->nodes.begin() + static_cast<std::ptrdiff_t>(count));
    drops->nodes.erase(drops->nodes.begin() + drop);
    DropDeathGuards(b, count, b->nodes.size(), value);
    DropDeathGuards(drops, 0, static_cast<size_t>(drop), value);
    incref->block = keeps;
    keeps->nodes.insert(keeps->nodes.begin(), incref);
    return true;
  }
  return false;
}

}  // namespace

void DelayCounts(Graph* graph, Ownership* ownership) {
  graph->Connect();
  for (Block* b : graph->ReversePostOrder()) {
    for (size_t i = b->nodes.size(); i-- > 0;) {
      if (b->nodes[i]->Is(Opcode::kIncref)) Delay(b, i, &ownership->at);
    }
  }
}

}  // namespace tierjit::tier2
