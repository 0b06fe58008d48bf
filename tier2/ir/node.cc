#include "tier2/ir/node.h"

#include <algorithm>
#include <string_view>

namespace tierjit::tier2 {
namespace {

constexpr OpcodeInfo Make(const char* text, std::string_view operands, Rep rep, bool by_node, Effect effect) {
  bool any_number = operands.ends_with('*');
  return {text, operands.data(), static_cast<int8_t>(any_number ? -1 : static_cast<int>(operands.size())), rep, by_node, effect};
}
struct Born {
  Rep rep;
  bool by_node;
};
constexpr Born kNoResult{Rep::kNone, false}, kBoxed{Rep::kBoxed, false}, kI64{Rep::kI64, false}, kF64{Rep::kF64, false},
    kI1{Rep::kI1, false}, kByNode{Rep::kNone, true};
using enum Effect;
constexpr OpcodeInfo kInfo[] = {
#define OP(name, text, operands, result, effect) Make(text, operands, result.rep, result.by_node, effect),
#include "tier2/ir/opcodes.def"
};
constexpr bool SaysRepresentations(std::string_view operands) {
  if (operands.ends_with('*')) operands.remove_suffix(1);
  return operands.find_first_not_of("oidtn?g") == std::string_view::npos;
}
#define OP(name, text, operands, result, effect) static_assert(SaysRepresentations(operands), "representations of the operands of " text);
#include "tier2/ir/opcodes.def"
static_assert(sizeof kInfo / sizeof kInfo[0] == static_cast<size_t>(Opcode::kCount), "every operation has its line");

void Visit(Block* block, std::vector<uint8_t>* seen, std::vector<Block*>* order) {
  // Iterative: functions of many thousand blocks exist.
  std::vector<std::pair<Block*, size_t>> path = {{block, 0}};
  (*seen)[static_cast<size_t>(block->id)] = 1;
  while (!path.empty()) {
    auto& [b, next] = path.back();
    if (next == b->successors.size()) {
      order->push_back(b);
      path.pop_back();
      continue;
    }
    Block* to = b->successors[next++].to;
    if ((*seen)[static_cast<size_t>(to->id)]) continue;
    (*seen)[static_cast<size_t>(to->id)] = 1;
    path.push_back({to, 0});
  }
}

void SubstituteOne(Node** n, const std::vector<Node*>& to) {
  while (*n != nullptr && static_cast<size_t>((*n)->id) < to.size() && to[static_cast<size_t>((*n)->id)] != nullptr) {
    *n = to[static_cast<size_t>((*n)->id)];
  }
}
void Substitute(std::vector<Node*>* nodes, const std::vector<Node*>& to) {
  for (Node*& n : *nodes) SubstituteOne(&n, to);
}

}  // namespace

const OpcodeInfo& InfoOf(Opcode opcode) { return kInfo[static_cast<int>(opcode)]; }

Relation Negated(Relation r) {
  constexpr Relation kTable[] = {Relation::kGe, Relation::kGt, Relation::kNe, Relation::kEq, Relation::kLe, Relation::kLt};
  return kTable[static_cast<int>(r)];
}
Relation Mirrored(Relation r) {
  constexpr Relation kTable[] = {Relation::kGt, Relation::kGe, Relation::kEq, Relation::kNe, Relation::kLt, Relation::kLe};
  return kTable[static_cast<int>(r)];
}

Block* Graph::NewBlock(int32_t unit) {
  Block* b = all_blocks_.emplace_back(std::make_unique<Block>()).get();
  b->id = static_cast<int>(all_blocks_.size()) - 1;
  b->unit = unit;
  blocks_.push_back(b);
  return b;
}

Node* Graph::NewNode(Opcode opcode, absl::Span<Node* const> inputs) {
  Node* n = nodes_.emplace_back(std::make_unique<Node>()).get();
  n->opcode = opcode;
  n->id = static_cast<int>(nodes_.size()) - 1;
  n->rep = n->info().result;
  n->inputs.assign(inputs.begin(), inputs.end());
  return n;
}

FrameState* Graph::NewState() {
  FrameState* s = states_.emplace_back(std::make_unique<FrameState>()).get();
  s->id = static_cast<int>(states_.size()) - 1;
  return s;
}

Node* Graph::AddParam(Block* block, Rep rep, Type type) {
  Node* n = NewNode(Opcode::kParam);
  n->rep = rep;
  n->type = type;
  n->block = block;
  block->params.push_back(n);
  return n;
}

Node* Graph::Append(Block* block, Node* node) {
  node->block = block;
  block->nodes.push_back(node);
  return node;
}

Node* Graph::InsertBefore(Node* at, Node* node) {
  std::vector<Node*>& list = at->block->nodes;
  list.insert(std::find(list.begin(), list.end(), at), node);
  node->block = at->block;
  return node;
}

void Graph::Replace(Node* from, Node* to) {
  std::vector<Node*> map(static_cast<size_t>(from->id) + 1, nullptr);
  map[static_cast<size_t>(from->id)] = to;
  ReplaceAll(map);
}

void Graph::ReplaceAll(const std::vector<Node*>& to) {
  for (Block* b : blocks_) {
    for (Node* n : b->nodes) Substitute(&n->inputs, to);
    for (Edge& e : b->successors) Substitute(&e.args, to);
  }
  for (auto& s : states_) {
    for (FrameState::Local& l : s->locals) {
      SubstituteOne(&l.value, to);
      SubstituteOne(&l.bound, to);
    }
    Substitute(&s->stack, to);
    for (FrameState::Iterator& i : s->iterators) {
      SubstituteOne(&i.position, to);
      SubstituteOne(&i.remaining, to);
      SubstituteOne(&i.made, to);
    }
  }
}

std::vector<Block*> Graph::ReversePostOrder() const {
  std::vector<uint8_t> seen(all_blocks_.size(), 0);
  std::vector<Block*> order;
  if (!blocks_.empty()) Visit(blocks_.front(), &seen, &order);
  std::reverse(order.begin(), order.end());
  return order;
}

void Graph::Connect() {
  std::vector<uint8_t> reachable(all_blocks_.size(), 0);
  for (Block* b : ReversePostOrder()) reachable[static_cast<size_t>(b->id)] = 1;
  std::erase_if(blocks_, [&](Block* b) { return !reachable[static_cast<size_t>(b->id)]; });
  for (Block* b : blocks_) b->predecessors.clear();
  for (Block* b : blocks_) {
    for (Edge& e : b->successors) e.to->predecessors.push_back(b);
  }
}

// Cooper, Harvey, Kennedy: "A simple, fast dominance algorithm".
std::vector<Block*> Dominators(const Graph& graph) {
  std::vector<Block*> order = graph.ReversePostOrder();
  std::vector<int> number(static_cast<size_t>(graph.block_count()), -1);
  for (size_t i = 0; i < order.size(); i++) number[static_cast<size_t>(order[i]->id)] = static_cast<int>(i);
  std::vector<Block*> idom(static_cast<size_t>(graph.block_count()), nullptr);
  auto of = [&](Block* b) -> Block*& { return idom[static_cast<size_t>(b->id)]; };
  auto rank = [&](Block* b) { return number[static_cast<size_t>(b->id)]; };
  of(order[0]) = order[0];
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 1; i < order.size(); i++) {
      Block* best = nullptr;
      for (Block* p : order[i]->predecessors) {
        if (of(p) == nullptr) continue;
        Block* a = p;
        if (best != nullptr) {
          Block* b = best;
          while (a != b) {
            while (rank(a) > rank(b)) a = of(a);
            while (rank(b) > rank(a)) b = of(b);
          }
        }
        best = a;
      }
      if (of(order[i]) != best) of(order[i]) = best, changed = true;
    }
  }
  return idom;
}

bool Dominates(const std::vector<Block*>& idom, const Block* a, const Block* b) {
  while (b != a) {
    const Block* up = idom[static_cast<size_t>(b->id)];
    if (up == nullptr || up == b) return false;
    b = up;
  }
  return true;
}

namespace {

Loop* LoopOf(std::vector<std::unique_ptr<Loop>>* loops, Block* header) {
  for (auto& l : *loops) {
    if (l->header == header) return l.get();
  }
  loops->push_back(std::make_unique<Loop>());
  loops->back()->header = header;
  loops->back()->body.push_back(header);
  return loops->back().get();
}

void AddBody(Loop* loop, Block* latch) {
  std::vector<Block*> work = {latch};
  while (!work.empty()) {
    Block* b = work.back();
    work.pop_back();
    if (std::find(loop->body.begin(), loop->body.end(), b) != loop->body.end()) continue;
    loop->body.push_back(b);
    work.insert(work.end(), b->predecessors.begin(), b->predecessors.end());
  }
}

}  // namespace

std::vector<std::unique_ptr<Loop>> FindLoops(const Graph& graph) {
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<Block*> idom = Dominators(graph);
  for (Block* b : graph.blocks()) {
    for (const Edge& e : b->successors) {
      if (!Dominates(idom, e.to, b)) continue;
      Loop* loop = LoopOf(&loops, e.to);
      loop->latches.push_back(b);
      AddBody(loop, b);
    }
  }
  std::sort(loops.begin(), loops.end(), [](auto& a, auto& b) { return a->body.size() < b->body.size(); });
  for (size_t i = 0; i < loops.size(); i++) {
    for (size_t j = i + 1; j < loops.size() && loops[i]->parent == nullptr; j++) {
      const std::vector<Block*>& outer = loops[j]->body;
      if (std::find(outer.begin(), outer.end(), loops[i]->header) != outer.end()) loops[i]->parent = loops[j].get();
    }
  }
  return loops;
}

}  // namespace tierjit::tier2
