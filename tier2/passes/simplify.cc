#include "tier2/passes/simplify.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

class Simplifier {
 public:
  explicit Simplifier(Graph* graph) : graph_(graph) {}

  bool Round() {
    to_.assign(static_cast<size_t>(graph_->node_count()), nullptr);
    changed_ = false;
    for (Block* b : graph_->blocks()) {
      for (Node* n : b->nodes) {
        if (Node* r = Rewritten(n)) Substitute(n, r);
      }
      FoldBranch(b);
    }
    graph_->Connect();
    TrivialParams();
    if (!changed_) return false;
    graph_->ReplaceAll(to_);
    // A guard that stayed would go on guarding.
    for (Block* b : graph_->blocks()) {
      std::erase_if(b->nodes, [&](Node* n) { return static_cast<size_t>(n->id) < to_.size() && to_[static_cast<size_t>(n->id)] != nullptr; });
    }
    return true;
  }

 private:
  void Substitute(Node* from, Node* to) {
    if (from == to) return;
    to_[static_cast<size_t>(from->id)] = to;
    changed_ = true;
  }

  Node* Now(Node* n) const {
    while (static_cast<size_t>(n->id) < to_.size() && to_[static_cast<size_t>(n->id)] != nullptr) n = to_[static_cast<size_t>(n->id)];
    return n;
  }

  Node* Constant(Node* at, Opcode opcode, int64_t imm) {
    Node* c = graph_->NewNode(opcode);
    c->imm = imm;
    c->type = opcode == Opcode::kInt ? Type::IntRange(imm, imm) : Type::Bool();
    at->opcode = opcode;  // in place: the node stays where it is
    at->inputs.clear();
    at->imm = imm;
    at->state = nullptr;
    at->type = c->type;
    at->rep = c->rep;
    changed_ = true;
    return nullptr;
  }

  // What `n` can be replaced by; nullptr: nothing.
  Node* Rewritten(Node* n) {
    Node* a = n->inputs.empty() ? nullptr : Now(n->input(0));
    switch (n->opcode) {
      case Opcode::kGuardInt: case Opcode::kUnboxInt:
        if (a->Is(Opcode::kBoxInt)) return Now(a->input(0));
        if (n->Is(Opcode::kGuardInt) && a->type.Is(kIntBit)) Relax(n, Opcode::kUnboxInt);
        return nullptr;
      case Opcode::kGuardToFloat: return a->Is(Opcode::kBoxFloat) ? Now(a->input(0)) : nullptr;
      case Opcode::kGuardFloat: case Opcode::kUnboxFloat:
        if (a->Is(Opcode::kBoxFloat)) return Now(a->input(0));
        if (n->Is(Opcode::kGuardFloat) && a->type.Is(kFloatBit)) Relax(n, Opcode::kUnboxFloat);
        return nullptr;
      case Opcode::kGuardNumber: return a->Is(Opcode::kBoxFloat) ? Now(a->input(0)) : nullptr;
      case Opcode::kGuardBool: case Opcode::kUnboxBool:
        if (a->Is(Opcode::kBoxBool)) return Now(a->input(0));
        if (n->Is(Opcode::kGuardBool) && a->type.Is(kBoolBit)) Relax(n, Opcode::kUnboxBool);
        return nullptr;
      // What was an object stays that object: programs can tell by `is`.
      case Opcode::kBoxInt: return a->Is(Opcode::kGuardInt) || a->Is(Opcode::kUnboxInt) ? Now(a->input(0)) : nullptr;
      case Opcode::kBoxFloat:
        return a->Is(Opcode::kGuardFloat) || a->Is(Opcode::kGuardNumber) || a->Is(Opcode::kUnboxFloat) ? Now(a->input(0)) : nullptr;
      case Opcode::kBoxBool: return a->Is(Opcode::kGuardBool) || a->Is(Opcode::kUnboxBool) ? Now(a->input(0)) : nullptr;
      // A class may change while foreign code runs, so what was known of its version is for value numbering to say.
      case Opcode::kGuardType: return n->type.version() == 0 && a->type.Is(n->type.bits()) ? a : nullptr;
      case Opcode::kGuardBound: return !a->type.IsBottom() && !a->type.MayBe(kNullBit) ? a : nullptr;
      case Opcode::kGuardReleasable: case Opcode::kGuardDeath: case Opcode::kGuardSimple: if (a->type.IsSimple() && !a->type.IsBottom()) Drop(n); return nullptr;
      case Opcode::kGuardTrue: if (a->Is(Opcode::kBool) && a->imm != 0) Drop(n); return nullptr;
      case Opcode::kGuardFalse: if (a->Is(Opcode::kBool) && a->imm == 0) Drop(n); return nullptr;
      case Opcode::kNot:
        if (a->Is(Opcode::kNot)) return Now(a->input(0));
        return a->Is(Opcode::kBool) ? Constant(n, Opcode::kBool, !a->imm) : nullptr;
      case Opcode::kTypeIs: return FoldTypeIs(n, a->type, static_cast<uint32_t>(n->imm));
      case Opcode::kGuardSame: return a == Now(n->input(1)) || SameConstant(a, Now(n->input(1))) ? Now(n->input(1)) : nullptr;
      case Opcode::kSame: return FoldSame(n, a, Now(n->input(1)));
      case Opcode::kTupleLength: return IsTuple(a) ? Constant(n, Opcode::kInt, static_cast<int64_t>(a->inputs.size())) : nullptr;
      case Opcode::kTupleGet: {
        Node* at = Now(n->input(1));
        return IsTuple(a) && at->Is(Opcode::kInt) ? Now(a->input(static_cast<int>(at->imm))) : nullptr;
      }
      case Opcode::kIntCompare: return FoldCompare(n, a, Now(n->input(1)));
      default: return n->inputs.size() == 2 && n->rep == Rep::kI64 ? FoldInt(n, a, Now(n->input(1))) : nullptr;
    }
  }

  static bool IsTuple(const Node* n) { return n->Is(Opcode::kNewTuple); }

  // The one object that a value is known to be.
  static const PyObject* ObjectOf(const Node* n) {
    if (n->Is(Opcode::kGuardSame)) n = n->input(1);
    return n->Is(Opcode::kObject) || n->Is(Opcode::kClassValue) ? n->object : nullptr;
  }

  Node* FoldTypeIs(Node* n, const Type& type, uint32_t bit) {
    uint32_t bits = bit == kIntBit ? kIntBit | kBigIntBit : bit;
    if (type.IsBottom() || (type.MayBe(bits) && !type.Is(bits))) return nullptr;
    return Constant(n, Opcode::kBool, type.Is(bits));
  }

  Node* FoldSame(Node* n, Node* a, Node* b) {
    const PyObject *x = ObjectOf(a), *y = ObjectOf(b);
    if (a == b) return Constant(n, Opcode::kBool, 1);
    return x == nullptr || y == nullptr ? nullptr : Constant(n, Opcode::kBool, x == y);
  }

  void Relax(Node* n, Opcode opcode) {
    n->opcode = opcode;
    n->state = nullptr;
    changed_ = true;
  }

  // A guard without result that always holds.
  void Drop(Node* n) {
    n->opcode = Opcode::kNull;
    n->rep = Rep::kBoxed;
    n->type = Type(kNullBit);
    n->inputs.clear();
    n->state = nullptr;
    changed_ = true;
  }

  Node* FoldCompare(Node* n, Node* a, Node* b) {
    auto known = [&](bool value) { return Constant(n, Opcode::kBool, value); };
    const Type &x = a->type, &y = b->type;
    if (!x.Is(kIntBit) || !y.Is(kIntBit)) return nullptr;
    switch (n->relation) {
      case Relation::kLt: return x.high() < y.low() ? known(true) : x.low() >= y.high() ? known(false) : nullptr;
      case Relation::kLe: return x.high() <= y.low() ? known(true) : x.low() > y.high() ? known(false) : nullptr;
      case Relation::kGt: return x.low() > y.high() ? known(true) : x.high() <= y.low() ? known(false) : nullptr;
      case Relation::kGe: return x.low() >= y.high() ? known(true) : x.high() < y.low() ? known(false) : nullptr;
      case Relation::kEq: case Relation::kNe: {
        bool ne = n->relation == Relation::kNe;
        if (x.high() < y.low() || y.high() < x.low()) return known(ne);
        return x.low() == x.high() && x == y ? known(!ne) : nullptr;
      }
    }
    return nullptr;
  }

  Node* FoldInt(Node* n, Node* a, Node* b) {
    bool constant = a->Is(Opcode::kInt) && b->Is(Opcode::kInt);
    int64_t r;
    switch (n->opcode) {
      case Opcode::kIntAdd: case Opcode::kIntAddWrap:
        if (constant && !__builtin_add_overflow(a->imm, b->imm, &r)) return Constant(n, Opcode::kInt, r);
        if (b->Is(Opcode::kInt) && b->imm == 0) return a;
        return a->Is(Opcode::kInt) && a->imm == 0 ? b : nullptr;
      case Opcode::kIntSub: case Opcode::kIntSubWrap:
        if (constant && !__builtin_sub_overflow(a->imm, b->imm, &r)) return Constant(n, Opcode::kInt, r);
        return b->Is(Opcode::kInt) && b->imm == 0 ? a : nullptr;
      case Opcode::kIntMul: case Opcode::kIntMulWrap:
        if (constant && !__builtin_mul_overflow(a->imm, b->imm, &r)) return Constant(n, Opcode::kInt, r);
        if (b->Is(Opcode::kInt) && b->imm == 1) return a;
        return a->Is(Opcode::kInt) && a->imm == 1 ? b : nullptr;
      case Opcode::kNormalizeIndex:
        if (constant && a->imm < 0 && a->imm + b->imm >= 0) return Constant(n, Opcode::kInt, a->imm + b->imm);
        return a->type.low() >= 0 && a->type.high() < b->type.low() ? a : nullptr;
      default: return nullptr;
    }
  }

  void FoldBranch(Block* b) {
    Node* end = b->end();
    if (!end->Is(Opcode::kBranch)) return;
    Node* condition = Now(end->input(0));
    if (condition->Is(Opcode::kNot)) {
      end->inputs[0] = Now(condition->input(0));
      std::swap(b->successors[0], b->successors[1]);
      changed_ = true;
      condition = end->inputs[0];
    }
    if (!condition->Is(Opcode::kBool)) return;
    Edge taken = std::move(b->successors[condition->imm != 0 ? 0 : 1]);
    b->successors.clear();
    b->successors.push_back(std::move(taken));
    end->opcode = Opcode::kJump;
    end->inputs.clear();
    changed_ = true;
  }

  // Optimistic would find more (cycles of parameters); one at a time is enough for what the lifter makes.
  void TrivialParams() {
    for (Block* b : graph_->blocks()) {
      if (b->predecessors.empty()) continue;
      std::vector<Node*> only(b->params.size(), nullptr);
      std::vector<uint8_t> several(b->params.size(), 0);
      for (Block* p : b->predecessors) {
        for (Edge& e : p->successors) {
          if (e.to != b) continue;
          for (size_t i = 0; i < e.args.size(); i++) {
            Node* v = Now(e.args[i]);
            if (v == b->params[i] || v == only[i]) continue;
            if (only[i] == nullptr || SameConstant(only[i], v)) only[i] = only[i] == nullptr ? v : only[i];
            else several[i] = 1;
          }
        }
      }
      for (size_t i = b->params.size(); i-- > 0;) {
        if (several[i] || only[i] == nullptr) continue;
        RemoveParam(b, i, only[i]);
      }
    }
  }

  static bool SameConstant(Node* a, Node* b) {
    return a->opcode == b->opcode && a->imm == b->imm && a->object == b->object &&
           (a->Is(Opcode::kInt) || a->Is(Opcode::kBool) || a->Is(Opcode::kFloat) || a->Is(Opcode::kObject) || a->Is(Opcode::kNull));
  }

  void RemoveParam(Block* b, size_t i, Node* value) {
    if (value->inputs.empty() && !value->Is(Opcode::kParam) && value->info().effect == Effect::kPure) {
      // A constant may stand in a block that does not dominate: every predecessor had one of its own.
      Node* copy = graph_->NewNode(value->opcode);
      copy->imm = value->imm;
      copy->object = value->object;
      copy->type = value->type;
      copy->block = graph_->entry();
      graph_->entry()->nodes.insert(graph_->entry()->nodes.begin(), copy);
      value = copy;
    }
    Substitute(b->params[i], value);
    b->params.erase(b->params.begin() + static_cast<std::ptrdiff_t>(i));
    for (Block* p : b->predecessors) {
      for (Edge& e : p->successors) {
        if (e.to == b && e.args.size() > b->params.size()) e.args.erase(e.args.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }

  Graph* graph_;
  std::vector<Node*> to_;
  bool changed_ = false;
};

// b: jump -> c, and nobody else comes to c: one block.
void MergeBlocks(Graph* graph) {
  for (Block* b : graph->blocks()) {
    while (b->successors.size() == 1 && b->successors[0].to->predecessors.size() == 1 && b->successors[0].to != b &&
           b->successors[0].to != graph->entry()) {
      Block* c = b->successors[0].to;
      if (!c->params.empty()) break;  // trivial, hence gone after the next round
      b->nodes.pop_back();
      for (Node* n : c->nodes) n->block = b;
      b->nodes.insert(b->nodes.end(), c->nodes.begin(), c->nodes.end());
      b->successors = std::move(c->successors);
      c->nodes.clear();
      c->successors.clear();
      c->predecessors.clear();
      for (Edge& e : b->successors) std::replace(e.to->predecessors.begin(), e.to->predecessors.end(), c, b);
    }
  }
  graph->Connect();
}

}  // namespace

void Simplify(Graph* graph) {
  graph->Connect();
  for (int round = 0; round < 50 && Simplifier(graph).Round(); round++) {
  }
  MergeBlocks(graph);
}

}  // namespace tierjit::tier2
