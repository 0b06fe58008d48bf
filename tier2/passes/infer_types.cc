#include "tier2/passes/infer_types.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace tierjit::tier2 {
namespace {

constexpr int kRoundsBeforeWidening = 3;
constexpr int kRoundsOfLimits = 30;  // then the numbers that ints are compared with are no longer tried one by one

// [low, high] of exact results, given as 128-bit ends; what int64 does not hold leaves the unit, so the range is cut.
Type Cut(__int128 low, __int128 high) {
  return Type::IntRange(static_cast<int64_t>(std::max<__int128>(low, INT64_MIN)), static_cast<int64_t>(std::min<__int128>(high, INT64_MAX)));
}

Type Product(const Type& a, const Type& b) {
  __int128 corners[] = {static_cast<__int128>(a.low()) * b.low(), static_cast<__int128>(a.low()) * b.high(),
                        static_cast<__int128>(a.high()) * b.low(), static_cast<__int128>(a.high()) * b.high()};
  return Cut(*std::min_element(corners, corners + 4), *std::max_element(corners, corners + 4));
}

Type Remainder(const Type& b) {
  if (b.low() > 0) return Type::IntRange(0, b.high() - 1);
  if (b.high() < 0) return Type::IntRange(b.low() + 1, 0);
  return Type::Int();
}

Type Quotient(const Type& a, const Type& b) {
  if (b.low() <= 0) return Type::Int();
  auto floor_div = [](int64_t x, int64_t y) { return x / y - (x % y < 0); };
  return Cut(std::min(floor_div(a.low(), b.low()), floor_div(a.low(), b.high())),
             std::max(floor_div(a.high(), b.low()), floor_div(a.high(), b.high())));
}

// The smallest 2**k - 1 that is at least v.
int64_t Mask(int64_t v) {
  int64_t m = 0;
  while (m < v) m = m * 2 + 1;
  return m;
}

Type Bits(Opcode opcode, const Type& a, const Type& b) {
  if (opcode == Opcode::kIntAnd) {
    if (a.low() >= 0 && b.low() >= 0) return Type::IntRange(0, std::min(a.high(), b.high()));
    if (a.low() >= 0) return Type::IntRange(0, a.high());
    if (b.low() >= 0) return Type::IntRange(0, b.high());
    return Type::Int();
  }
  if (a.low() >= 0 && b.low() >= 0) return Type::IntRange(0, Mask(std::max(a.high(), b.high())));
  return Type::Int();
}

constexpr int kConditions = 4;  // tests above a use that are looked at

class Inference {
 public:
  explicit Inference(Graph* graph, bool guess = false)
      : graph_(graph), guess_(guess), bound_(static_cast<size_t>(graph->node_count())), limits_(LastLimits()) {}

  void Run() {
    // What was known before stays true.
    for (Block* b : graph_->blocks()) {
      for (Node* p : b->params) bound_[static_cast<size_t>(p->id)] = p->type.IsBottom() ? Natural(p->rep) : p->type, p->type = Type();
    }
    NoteLimits();
    std::vector<Block*> order = graph_->ReversePostOrder();
    changed_ = true;
    for (int round = 0; changed_; round++) {
      changed_ = false;
      if (round == kRoundsOfLimits) limits_ = LastLimits();
      for (Block* b : order) Visit(b, round);
    }
  }

 private:
  // Where growing ranges are likely to stop: at what ints are compared with.
  void NoteLimits() {
    for (Block* b : graph_->blocks()) {
      for (Node* n : b->nodes) {
        if (!n->Is(Opcode::kIntCompare)) continue;
        for (Node* i : n->inputs) {
          if (i->Is(Opcode::kInt) && i->imm > INT64_MIN && i->imm < INT64_MAX) limits_.insert({i->imm - 1, i->imm, i->imm + 1});
        }
      }
    }
  }

  static std::set<int64_t> LastLimits() { return {INT64_MIN, INT64_MIN + 1, 0, INT64_MAX - 1, INT64_MAX}; }

  static Type Natural(Rep rep) {
    return rep == Rep::kI64 ? Type::Int() : rep == Rep::kF64 ? Type::Float() : rep == Rep::kI1 ? Type::Bool() : Type::Any();
  }

  void Visit(Block* b, int round) {
    for (Node* n : b->nodes) {
      Type t = Result(*n, *b);
      if (t != n->type && !t.IsBottom()) n->type = t;
    }
    for (size_t way = 0; way < b->successors.size(); way++) {
      Edge& e = b->successors[way];
      for (size_t i = 0; i < e.args.size(); i++) Flow(Limited(e.args[i]->type, *b, way, e.args[i]), e.to->params[i], round);
    }
  }

  void Flow(Type from, Node* param, int round) {
    Type joined = param->type.Join(from);
    if (joined == param->type) return;
    if (round > kRoundsBeforeWidening && joined.MayBe(kIntBit) && param->type.MayBe(kIntBit)) joined = Widened(param->type, joined);
    joined = joined.Meet(bound_[static_cast<size_t>(param->id)]);
    if (joined == param->type) return;
    param->type = joined;
    changed_ = true;
  }

  Type Widened(const Type& before, const Type& now) const {
    int64_t low = now.low() < before.low() ? *std::prev(limits_.upper_bound(now.low())) : now.low();
    int64_t high = now.high() > before.high() ? *limits_.lower_bound(now.high()) : now.high();
    Type range = Type::IntRange(low, high);
    return Type(now.bits() & ~kIntBit).Join(range);
  }

  // `t`, the type of `value`, behind way `way` of block `b`: what `branch (int_cmp a b)` tells there, and above it as long as there is one way only.
  Type Limited(Type t, const Block& b, size_t way, const Node* value) const {
    return TypeAt(Narrowed(t, b, way, value), b, value);
  }
  // The same in `block`.
  Type TypeAt(Type t, const Block& block, const Node* value) const {
    const Block* b = &block;
    for (int i = 0; i < kConditions && value->block != b && b != graph_->entry() && b->predecessors.size() == 1; i++) {
      const Block* above = b->predecessors[0];
      bool both = above->successors.size() == 2 && above->successors[0].to == above->successors[1].to;
      if (!both) t = Narrowed(t, *above, above->successors[0].to == b ? 0 : 1, value);
      b = above;
    }
    return t;
  }
  static Type Narrowed(const Type& t, const Block& b, size_t way, const Node* value) {
    const Node* end = b.end();
    if (!end->Is(Opcode::kBranch) || !end->input(0)->Is(Opcode::kIntCompare)) return t;
    const Node* c = end->input(0);
    Relation r = way == 0 ? c->relation : Negated(c->relation);
    Type narrowed = t;
    if (value == c->input(0)) narrowed = Limit(t, r, c->input(1)->type);
    if (value == c->input(1)) narrowed = Limit(narrowed, Mirrored(r), c->input(0)->type);
    return narrowed.IsBottom() ? t : narrowed;  // a way that is never gone
  }

  static Type Limit(const Type& t, Relation r, const Type& other) {
    if (!other.Is(kIntBit)) return t;
    int64_t low = INT64_MIN, high = INT64_MAX;
    if (r == Relation::kLt && other.high() > INT64_MIN) high = other.high() - 1;
    if (r == Relation::kLe) high = other.high();
    if (r == Relation::kGt && other.low() < INT64_MAX) low = other.low() + 1;
    if (r == Relation::kGe) low = other.low();
    if (r == Relation::kEq) low = other.low(), high = other.high();
    return t.Meet(Type::IntRange(low, high));
  }

  Type Result(const Node& n, const Block& b) const {
    if (guess_ && n.Is(Opcode::kGuardInt) && n.index == 1) return Type::IntRange(n.imm, n.imm);
    auto in = [&](int i) {
      Type t = n.input(i)->type.Is(kIntBit) ? n.input(i)->type : Type::Int();
      return n.input(i)->rep == Rep::kI64 ? TypeAt(t, b, n.input(i)) : t;
    };
    switch (n.opcode) {
      case Opcode::kIntAdd: return Cut(static_cast<__int128>(in(0).low()) + in(1).low(), static_cast<__int128>(in(0).high()) + in(1).high());
      case Opcode::kIntSub: return Cut(static_cast<__int128>(in(0).low()) - in(1).high(), static_cast<__int128>(in(0).high()) - in(1).low());
      case Opcode::kIntMul: return Product(in(0), in(1));
      case Opcode::kIntNeg: return Cut(-static_cast<__int128>(in(0).high()), -static_cast<__int128>(in(0).low()));
      case Opcode::kIntInvert: return Type::IntRange(~in(0).high(), ~in(0).low());
      case Opcode::kIntMod: case Opcode::kIntModPure: case Opcode::kIntModTrunc: return Remainder(in(1));
      case Opcode::kIntFloorDiv: case Opcode::kIntFloorDivPure: case Opcode::kIntDivTrunc: return Quotient(in(0), in(1));
      case Opcode::kIntAnd: case Opcode::kIntOr: case Opcode::kIntXor: return Bits(n.opcode, in(0), in(1));
      case Opcode::kIntShr: case Opcode::kIntShrArith:
        return in(0).low() >= 0 ? Type::IntRange(0, in(1).low() >= 0 && in(1).low() < 64 ? in(0).high() >> in(1).low() : in(0).high()) : Type::Int();
      case Opcode::kNormalizeIndex:
        return Type::IntRange(std::max<int64_t>(0, in(0).low() >= 0 ? in(0).low() : 0), std::max<int64_t>(0, in(1).high() - 1));
      case Opcode::kGuardInt: case Opcode::kUnboxInt: return n.input(0)->type.Meet(Type::Int()).IsBottom() ? Type::Int() : n.input(0)->type.Meet(Type::Int());
      case Opcode::kIntFoldDown: case Opcode::kIntFoldUp: return Type::IntRange(0, in(1).high() - 1);
      case Opcode::kRangeItem: {
        if (n.inputs.size() < 4) return n.type;
        bool up = in(3).low() > 0, down = in(3).high() < 0;
        if (up && in(2).high() > in(1).low()) return Type::IntRange(in(1).low(), in(2).high() - 1);
        if (down && in(1).high() > in(2).low()) return Type::IntRange(in(2).low() + 1, in(1).high());
        return in(0);
      }
      case Opcode::kIntMin: return Type::IntRange(std::min(in(0).low(), in(1).low()), std::min(in(0).high(), in(1).high()));
      case Opcode::kIntMax: return Type::IntRange(std::max(in(0).low(), in(1).low()), std::max(in(0).high(), in(1).high()));
      case Opcode::kIntAbs: {
        if (in(0).low() >= 0) return in(0);
        int64_t most = std::max(in(0).high() < 0 ? 0 : in(0).high(), in(0).low() == INT64_MIN ? INT64_MAX : -in(0).low());
        return Type::IntRange(0, most);
      }
      case Opcode::kBoxInt: return in(0);
      case Opcode::kGuardBound: return n.input(0)->type.Meet(Type::Bound()).IsBottom() ? Type::Bound() : n.input(0)->type.Meet(Type::Bound());
      default: return n.type;
    }
  }

  Graph* graph_;
  bool guess_;                 // ints at the way in are those that were seen
  std::vector<Type> bound_;    // of parameters, by id
  std::set<int64_t> limits_;   // where widening stops
  bool changed_ = false;
};

}  // namespace

void InferTypes(Graph* graph) { Inference(graph).Run(); }

namespace {

// Bounds that are only the value of that one run are none.
Type Bounds(const Type& t, int64_t seen) {
  int64_t low = t.low() != seen ? t.low() : seen >= 0 ? 0 : INT64_MIN;
  int64_t high = t.high() != seen ? t.high() : INT64_MAX;
  return Type::IntRange(low, high);
}

}  // namespace

void GuardEntryRanges(Graph* graph) {
  Block* entry = graph->entry();
  if (entry->successors.size() != 1) return;
  std::vector<std::pair<Node*, Type>> before;
  for (Block* b : graph->blocks()) {
    for (Node* p : b->params) before.push_back({p, p->type});
    for (Node* n : b->nodes) before.push_back({n, n->type});
  }
  Inference(graph, true).Run();
  Edge& way_in = entry->successors[0];
  std::vector<std::pair<size_t, Type>> found;
  for (size_t i = 0; i < way_in.args.size(); i++) {
    const Node* n = way_in.args[i];
    if (!n->Is(Opcode::kGuardInt) || n->index != 1) continue;
    Type t = Bounds(way_in.to->params[i]->type, n->imm);
    if (t.low() != INT64_MIN || t.high() != INT64_MAX) found.push_back({i, t});
  }
  for (auto& [n, type] : before) n->type = type;
  for (auto& [i, type] : found) {
    Node* value = way_in.args[i];
    Node* guard = graph->NewNode(Opcode::kGuardRange, {value});
    guard->type = type;
    guard->state = graph->NewState();
    int id = guard->state->id;
    *guard->state = *value->state;
    guard->state->id = id;
    guard->state->origin = kOtherInts;  // says nothing of the instruction
    graph->InsertBefore(entry->end(), guard);
    way_in.args[i] = guard;
  }
}

}  // namespace tierjit::tier2
