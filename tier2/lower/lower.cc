#include "tier2/lower/lower.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/deopt/calls.h"
#include "tier2/lower/lowerer.h"

namespace tierjit::tier2 {
namespace {

// Of MIR's generator.
constexpr int kFullLevel = 2, kQuickLevel = 1;

bool IsCompare(const Node& n) { return n.Is(Opcode::kIntCompare) || n.Is(Opcode::kFloatCompare); }

}  // namespace

absl::StatusOr<Lowered> Lower(const Graph& graph, const Ownership& ownership, const Snapshot& snapshot, const Environment& environment,
                              const Effort& effort, bool keep_text) {
  return Lowerer(graph, ownership, snapshot, environment).Run(effort, keep_text);
}

Lowerer::Lowerer(const Graph& graph, const Ownership& ownership, const Snapshot& snapshot, const Environment& environment)
    : graph_(graph), ownership_(ownership), snapshot_(snapshot), env_(environment),
      regs_(static_cast<size_t>(graph.node_count())), uses_(static_cast<size_t>(graph.node_count()), 0) {}

absl::StatusOr<Lowered> Lowerer::Run(const Effort& effort, bool keep_text) {
  FindLoopDepths();
  OpenFunction();
  LoadExpectedBreaker();
  LoadLoopConstants();
  CountUses();
  FindNumbersInPlace();
  FindLate();
  std::vector<const Block*> order = Layout();
  for (size_t i = 0; i < order.size(); i++) LowerBlock(*order[i], i + 1 < order.size() ? order[i + 1] : nullptr);
  {
    mir::Function::ColdSection cold(*f_);
    in_loop_ = false;
    for (size_t i = 0; i < cold_.size(); i++) {  // cold parts may add more of them
      std::function<void()> part = std::move(cold_[i]);
      part();
    }
  }
  if (most_exit_values_ > kMaxExitValues) return absl::ResourceExhaustedError(absl::StrCat("an exit of ", most_exit_values_, " values"));
  if (most_waiting_ > kMaxWaiting) return absl::ResourceExhaustedError(absl::StrCat(most_waiting_, " values that wait for a call"));
  Lowered out;
  out.mir_instructions = f_->instruction_count();
  if (out.mir_instructions > effort.quick) {
    return absl::OutOfRangeError(absl::StrCat(out.mir_instructions, " MIR instructions, ", effort.quick, " allowed"));
  }
  out.quick = out.mir_instructions > effort.full;
  if (keep_text) out.mir_text = f_->Dump();
  absl::StatusOr<mir::CodeImage> image = f_->Generate(out.quick ? kQuickLevel : kFullLevel);
  if (!image.ok()) return image.status();
  out.image = *std::move(image);
  out.recorded = TakeRecords(out.image);
  out.exits = std::move(exits_);
  out.constants = std::move(constants_);  // a list's elements stay where they are
  return out;
}

// Those whose code MIR has found to be reachable.
std::vector<Lowered::Recorded> Lowerer::TakeRecords(const mir::CodeImage& image) {
  std::vector<Lowered::Recorded> taken;
  for (const mir::CodeImage::Record& r : image.records) {
    Lowered::Recorded& recorded = taken.emplace_back(recorded_[static_cast<size_t>(r.id)]);
    recorded.returns_to = r.offset;
    recorded.places = r.places;
  }
  return taken;
}

void Lowerer::CountUses() {
  auto use = [&](const Node* n) {
    if (n != nullptr) uses_[static_cast<size_t>(n->id)]++;
  };
  for (const Block* b : graph_.blocks()) {
    for (const Node* n : b->nodes) {
      for (const Node* i : n->inputs) use(i);
      if (!n->inputs.empty() && n->input(0)->Is(Opcode::kGeneric)) parts_[n->input(0)].push_back(n);
      if (n->state == nullptr) continue;
      for (const FrameState::Local& l : n->state->locals) use(l.value), use(l.bound);
      for (const Node* s : n->state->stack) use(s);
      for (const FrameState::Iterator& i : n->state->iterators) use(i.position), use(i.remaining);
      for (const Node* s : n->state->stack) {
        if (s->Is(Opcode::kFreshIter)) std::for_each(s->inputs.begin(), s->inputs.end(), use);
      }
    }
    for (const Edge& e : b->successors) {
      for (const Node* a : e.args) use(a);
    }
  }
}

Lowerer::Label Lowerer::LabelOf(const Block* b) {
  auto [it, fresh] = labels_.emplace(b->id, Label{});
  if (fresh) it->second = f_->NewLabel();
  return it->second;
}

Lowerer::Reg Lowerer::RegOf(const Node& n) {
  Reg& r = regs_[static_cast<size_t>(n.id)];
  if (!r.valid()) r = n.rep == Rep::kF64 ? f_->NewDouble("d") : f_->NewInt("v");
  return r;
}

// The value of a parameter changes on the way to its block only, and there nothing is alive that is made of it behind: such would have to be
// made on every way to where it is used.
void Lowerer::IsSame(const Node& n, const Node* as) {
  Reg& r = regs_[static_cast<size_t>(n.id)];
  if (r.valid() || IsConstant(*as)) return f_->Move(RegOf(n), ValueOf(as));
  r = RegOf(*as);
}

Lowerer::Operand Lowerer::ValueOf(const Node* n) {
  switch (n->opcode) {
    case Opcode::kInt: case Opcode::kBool: return Operand(n->imm);
    case Opcode::kObject: return Operand(n->object);
    case Opcode::kNull: case Opcode::kFreshRange: case Opcode::kVirtualTuple: case Opcode::kFreshIter: return Operand(0);
    case Opcode::kFloat: {
      double v;
      __builtin_memcpy(&v, &n->imm, sizeof v);
      return Double(v);
    }
    default: return Operand(CurrentReg(*n));
  }
}

void Lowerer::LoadLoopConstants() {
  constexpr size_t kMost = 6;
  std::vector<std::pair<int, int64_t>> constants;  // by depth: those of the innermost loops are the first to get a register
  for (const Block* b : graph_.blocks()) {
    if (DepthOf(b) == 0) continue;
    for (const Node* n : b->nodes) {
      for (const Node* i : n->inputs) {
        if (i->Is(Opcode::kFloat)) constants.push_back({DepthOf(b), i->imm});
      }
    }
  }
  std::stable_sort(constants.begin(), constants.end(), [](const auto& x, const auto& y) { return x.first > y.first; });
  for (auto [depth, bits] : constants) {
    if (loop_constants_.size() == kMost) return;
    if (loop_constants_.contains(bits)) continue;
    double value;
    __builtin_memcpy(&value, &bits, sizeof value);
    Operand in_memory = Double(value);
    Reg r = f_->NewDouble("c");
    f_->DMov(r, in_memory);
    loop_constants_.emplace(bits, r);
  }
}

Lowerer::Operand Lowerer::Double(double value) {
  int64_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  auto in_register = loop_constants_.find(bits);
  if (in_loop_ && in_register != loop_constants_.end()) return Operand(in_register->second);
  for (const double& known : constants_) {
    if (__builtin_memcmp(&known, &value, sizeof value) == 0) return Operand(Mem::At(mir::Type::kDouble, &known));
  }
  constants_.push_back(value);
  return Operand(Mem::At(mir::Type::kDouble, &constants_.back()));
}

Lowerer::Reg Lowerer::IntReg(const Node* n) {
  if (!IsConstant(*n)) return CurrentReg(*n);
  Reg r = f_->NewInt("c");
  f_->Mov(r, ValueOf(n));
  return r;
}

Lowerer::Reg Lowerer::DoubleReg(const Node* n) {
  if (!IsConstant(*n)) return RegOf(*n);
  Reg r = f_->NewDouble("c");
  f_->DMov(r, ValueOf(n));
  return r;
}

void Lowerer::LowerBlock(const Block& b, const Block* next) {
  in_loop_ = DepthOf(&b) > 0;
  f_->Bind(LabelOf(&b));
  for (const Node* n : b.nodes) {
    if (n != b.end()) LowerNode(*n);
  }
  LowerEnd(b, next);
}

bool Lowerer::IsBranched(const Node& n) const {
  const Node& end = *n.block->end();
  return IsCompare(n) && uses_[static_cast<size_t>(n.id)] == 1 && end.Is(Opcode::kBranch) && end.input(0) == &n;
}

void Lowerer::LowerNode(const Node& n) {
  if (IsConstant(n) || n.Is(Opcode::kFreshRange) || n.Is(Opcode::kVirtualTuple) || n.Is(Opcode::kFreshIter) || in_place_[static_cast<size_t>(n.id)] ||
      IsLate(n)) {
    return;
  }
  // A comparison whose only use is the branch at the end of its block is done there.
  if (IsBranched(n)) return;
  if (env_.new_exit_point && n.info().effect == Effect::kGuards) MayFail(n.info().text, n.state->origin, ExitFor(n));
  if (Number(n) || Container(n) || Array(n) || HelperCall(n) || Guard(n) || Calls(n) || Frame(n)) return;
}

void Lowerer::LowerEnd(const Block& b, const Block* next) {
  const Node& end = *b.end();
  switch (end.opcode) {
    case Opcode::kJump: {
      const Block& to = *b.successors[0].to;
      PassArguments(b.successors[0]);
      if (&to != next) f_->Jmp(LabelOf(&to));
      return;
    }
    case Opcode::kBranch: BranchTo(b, next); return;
    case Opcode::kReturn: Return(end); return;
    default:
      MayFail(end.info().text, end.state->origin, ExitFor(end), ExitPoint::Kind::kEnd);
      f_->Jmp(ExitFor(end));
      return;
  }
}

// All at once, with as few copies as there are circles: what one argument overwrites, another may still need.
void Lowerer::PassArguments(const Edge& e) {
  struct Move {
    Reg to;
    const Node* from;
  };
  std::vector<Move> moves;
  for (size_t i = 0; i < e.args.size(); i++) {
    if (e.args[i] != e.to->params[i]) moves.push_back({RegOf(*e.to->params[i]), e.args[i]});
  }
  // A circle is opened by a copy of what its next move overwrites. By register, not by node: a guarded value has its operand's.
  std::vector<std::pair<Reg, Reg>> saved;
  auto copy_of = [&](Reg reg) { return std::find_if(saved.begin(), saved.end(), [&](const auto& s) { return s.first == reg; }); };
  auto source = [&](const Node* from) {
    if (IsConstant(*from)) return ValueOf(from);
    auto it = copy_of(RegOf(*from));
    return it == saved.end() ? ValueOf(from) : Operand(it->second);
  };
  auto reads = [&](const Node* from, Reg r) {
    if (IsLate(*from)) return RegOf(*from->input(0)) == r || (!IsConstant(*from->input(1)) && RegOf(*from->input(1)) == r);
    return !IsConstant(*from) && RegOf(*from) == r;
  };
  auto needed = [&](const Move& mine) {
    if (copy_of(mine.to) != saved.end()) return false;
    return std::any_of(moves.begin(), moves.end(), [&](const Move& m) { return &m != &mine && reads(m.from, mine.to); });
  };
  while (!moves.empty()) {
    bool any = false;
    for (size_t i = 0; i < moves.size();) {
      if (needed(moves[i])) {
        i++;
        continue;
      }
      const Node& from = *moves[i].from;
      if (IsLate(from)) MakeLate(from, moves[i].to, source(from.input(0)), source(from.input(1)));
      else f_->Move(moves[i].to, source(&from));
      moves.erase(moves.begin() + static_cast<std::ptrdiff_t>(i));
      any = true;
    }
    if (any || moves.empty()) continue;
    Reg overwritten = moves.front().to;
    Reg copy = f_->NewReg(overwritten.reg_class);
    f_->Move(copy, overwritten);
    saved.emplace_back(overwritten, copy);
  }
}

}  // namespace tierjit::tier2
