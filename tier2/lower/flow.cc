// Order of blocks, branches, and loops that test at their end.
#include <algorithm>

#include "tier2/lower/lowerer.h"

namespace tierjit::tier2 {
namespace {

constexpr size_t kMostTestedAgain = 6;  // nodes of a header that stand twice

// What may stand twice: a test with what it loads.
bool MayStandTwice(const Node& n) {
  switch (n.info().effect) {
    case Effect::kPure: return !n.Is(Opcode::kResult) && !n.Is(Opcode::kTaken);
    case Effect::kReadsShape: case Effect::kReadsLocals: case Effect::kReadsList: case Effect::kReadsArray: case Effect::kReadsIterator:
    case Effect::kReadsAttr: case Effect::kReadsCell: case Effect::kReadsGlobal: return !n.Is(Opcode::kTakeStack) && !n.Is(Opcode::kArg);
    default: return false;
  }
}

}  // namespace

void Lowerer::FindLoopDepths() {
  loop_depth_.assign(static_cast<size_t>(graph_.block_count()), 0);
  for (const auto& loop : FindLoops(graph_)) {
    for (const Block* b : loop->body) loop_depth_[static_cast<size_t>(b->id)]++;
    for (const Block* latch : loop->latches) back_edges_.insert({latch->id, loop->header->id});
  }
}

// A reverse post-order in which loops are not interrupted by what they leave for; else the first way of a branch comes first.
std::vector<const Block*> Lowerer::Layout() {
  FindLoopDepths();
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
  return order;
}

// A jump back to a header that only tests whether to go on: the test stands at the jump as well, so that a turn has one branch less.
bool Lowerer::IsTestedAgain(const Block& latch, const Block& header) const {
  return back_edges_.contains({latch.id, header.id}) && header.end()->Is(Opcode::kBranch) && header.nodes.size() <= kMostTestedAgain + 1 &&
         std::all_of(header.nodes.begin(), header.nodes.end() - 1, [](const Node* n) { return MayStandTwice(*n); });
}

void Lowerer::TestAgain(const Block& header, const Block* next) {
  for (const Node* n : header.nodes) {
    if (n != header.end()) LowerNode(*n);
  }
  // Back into the loop by the branch, out of it by falling through or by a jump.
  const Block *first = header.successors[0].to, *second = header.successors[1].to;
  const Node& condition = *header.end()->input(0);
  if (DepthOf(first) >= DepthOf(second) || !BranchUnless(condition, LabelOf(second))) {
    BranchOn(condition, LabelOf(first));
    first = second;
  }
  if (first != next) f_->Jmp(LabelOf(first));
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
