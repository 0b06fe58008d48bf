// Order of blocks, and branches.
#include <algorithm>

#include "tier2/lower/lowerer.h"

namespace tierjit::tier2 {
void Lowerer::FindLoopDepths() {
  loop_depth_.assign(static_cast<size_t>(graph_.block_count()), 0);
  for (const auto& loop : FindLoops(graph_)) {
    for (const Block* b : loop->body) loop_depth_[static_cast<size_t>(b->id)]++;
    if (loop->latches.size() == 1 && loop->header->end()->Is(Opcode::kBranch)) bottom_tests_.push_back({loop->header, loop->latches[0]});
  }
}

// What loops compare the breaker with is read once: when it changes, so does the breaker.
void Lowerer::LoadExpectedBreaker() {
  for (const Block* b : graph_.blocks()) {
    if (DepthOf(b) == 0 || std::none_of(b->nodes.begin(), b->nodes.end(), [](const Node* n) { return n->Is(Opcode::kPoll); })) continue;
    expected_ = f_->Load(Mem::At(mir::Type::kI64, env_.expected_breaker));
    return;
  }
}

// A reverse post-order in which loops are not interrupted by what they leave for; else the first way of a branch comes first.
std::vector<const Block*> Lowerer::Layout() {
  std::vector<const Block*> order;
  std::vector<uint8_t> seen(static_cast<size_t>(graph_.block_count()), 0);
  std::vector<std::pair<const Block*, std::vector<const Block*>>> path;  // blocks, and the ways that are still to be gone, last one first
  auto enter = [&](const Block* b) {
    if (std::exchange(seen[static_cast<size_t>(b->id)], 1)) return;
    std::vector<const Block*> ways;
    for (const Edge& e : b->successors) ways.push_back(e.to);
    std::stable_sort(ways.begin(), ways.end(), [&](const Block* x, const Block* y) { return DepthOf(x) > DepthOf(y); });
    path.push_back({b, std::move(ways)});
  };
  enter(graph_.entry());
  while (!path.empty()) {
    std::vector<const Block*>& ways = path.back().second;
    if (ways.empty()) {
      order.push_back(path.back().first);
      path.pop_back();
      continue;
    }
    const Block* way = ways.back();
    ways.pop_back();
    enter(way);
  }
  std::reverse(order.begin(), order.end());
  // A header that tests whether to go on stands at the end of its loop: so a turn has one branch.
  for (auto [header, latch] : bottom_tests_) {
    auto at = std::find(order.begin(), order.end(), header), end = std::find(order.begin(), order.end(), latch);
    if (at < end) std::rotate(at, at + 1, end + 1);
  }
  return order;
}

void Lowerer::BranchTo(const Block& b, const Block* next) {
  const Block *first = b.successors[0].to, *second = b.successors[1].to;
  const Node& condition = *b.end()->input(0);
  if (first == next && BranchUnless(condition, LabelOf(second))) return;
  BranchOn(condition, LabelOf(first));
  if (second != next) f_->Jmp(LabelOf(second));
}

void Lowerer::BranchOn(const Node& condition, Label if_true) {
  if (!IsBranched(condition)) return f_->BT(if_true, ValueOf(&condition));
  BranchBy(condition, condition.relation, if_true);
}

// False: there is no such branch, as NaN would go the wrong way.
bool Lowerer::BranchUnless(const Node& condition, Label if_false) {
  if (!IsBranched(condition)) {
    f_->BF(if_false, ValueOf(&condition));
    return true;
  }
  bool equality = condition.relation == Relation::kEq || condition.relation == Relation::kNe;
  if (!condition.Is(Opcode::kIntCompare) && !equality) return false;
  BranchBy(condition, Negated(condition.relation), if_false);
  return true;
}

void Lowerer::BranchBy(const Node& compared, Relation relation, Label label) {
  constexpr mir::Op kInts[] = {mir::Op::kBLt, mir::Op::kBLe, mir::Op::kBEq, mir::Op::kBNe, mir::Op::kBGt, mir::Op::kBGe};
  constexpr mir::Op kFloats[] = {mir::Op::kDBLt, mir::Op::kDBLe, mir::Op::kDBEq, mir::Op::kDBNe, mir::Op::kDBGt, mir::Op::kDBGe};
  f_->Branch((compared.Is(Opcode::kIntCompare) ? kInts : kFloats)[static_cast<int>(relation)], label, ValueOf(compared.input(0)),
             ValueOf(compared.input(1)));
}

}  // namespace tierjit::tier2
