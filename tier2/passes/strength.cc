#include "tier2/passes/strength.h"

#include <utility>

namespace tierjit::tier2 {
namespace {

bool Fits(__int128 low, __int128 high) { return low >= INT64_MIN && high <= INT64_MAX; }

bool AddFits(const Type& a, const Type& b) {
  return Fits(static_cast<__int128>(a.low()) + b.low(), static_cast<__int128>(a.high()) + b.high());
}
bool SubFits(const Type& a, const Type& b) {
  return Fits(static_cast<__int128>(a.low()) - b.high(), static_cast<__int128>(a.high()) - b.low());
}
bool MulFits(const Type& a, const Type& b) {
  for (int64_t x : {a.low(), a.high()}) {
    for (int64_t y : {b.low(), b.high()}) {
      __int128 p = static_cast<__int128>(x) * y;
      if (!Fits(p, p)) return false;
    }
  }
  return true;
}

bool IsPowerOfTwo(int64_t v) { return v > 0 && (v & (v - 1)) == 0; }

void Become(Node* n, Opcode opcode) {
  n->opcode = opcode;
  n->state = nullptr;
}

Node* ConstantBefore(Graph* graph, Node* at, int64_t value) {
  Node* c = graph->NewNode(Opcode::kInt);
  c->imm = value;
  c->type = Type::IntRange(value, value);
  return graph->InsertBefore(at, c);
}

bool IsBelow(const Type& t, int64_t m) { return t.Is(kIntBit) && t.low() >= 0 && t.high() < m; }

// (t + x) % m where 0 <= t < m: t + x % m, less m if that is too much. The remainder is not waited for by the next turn, nor does the sum
// overflow. The same for t - x.
bool FoldRemainder(Graph* graph, Node* n) {
  constexpr int64_t kMostModulus = int64_t{1} << 61;
  Node *sum = n->input(0), *m = n->input(1);
  bool add = sum->Is(Opcode::kIntAdd) || sum->Is(Opcode::kIntAddWrap), sub = sum->Is(Opcode::kIntSub) || sum->Is(Opcode::kIntSubWrap);
  if ((!add && !sub) || !m->Is(Opcode::kInt) || m->imm < 2 || m->imm > kMostModulus) return false;
  Node *t = sum->input(0), *x = sum->input(1);
  if (add && !IsBelow(t->type, m->imm)) std::swap(t, x);
  if (!IsBelow(t->type, m->imm)) return false;
  if (!IsBelow(x->type, m->imm)) {
    Node* rest = graph->NewNode(Opcode::kIntModPure, {x, m});
    rest->type = Type::IntRange(0, m->imm - 1);
    x = graph->InsertBefore(n, rest);
  }
  Node* both = graph->NewNode(add ? Opcode::kIntAddWrap : Opcode::kIntSubWrap, {t, x});
  both->type = add ? Type::IntRange(0, 2 * m->imm - 2) : Type::IntRange(1 - m->imm, m->imm - 1);
  n->inputs[0] = graph->InsertBefore(n, both);
  n->opcode = add ? Opcode::kIntFoldDown : Opcode::kIntFoldUp;
  n->state = nullptr;
  return true;
}

// Python's // and %: the sign follows the divisor.
void Divide(Graph* graph, Node* n) {
  Node *a = n->input(0), *b = n->input(1);
  bool mod = n->Is(Opcode::kIntMod);
  if (b->Is(Opcode::kInt) && IsPowerOfTwo(b->imm)) {
    int64_t value = mod ? b->imm - 1 : __builtin_ctzll(static_cast<uint64_t>(b->imm));
    n->inputs[1] = ConstantBefore(graph, n, value);
    return Become(n, mod ? Opcode::kIntAnd : Opcode::kIntShrArith);
  }
  if (mod && FoldRemainder(graph, n)) return;
  if (!b->type.Is(kIntBit)) return;
  if (a->type.Is(kIntBit) && a->type.low() >= 0 && b->type.low() > 0) {
    return Become(n, mod ? Opcode::kIntModTrunc : Opcode::kIntDivTrunc);
  }
  if (b->type.low() > 0 || b->type.high() < -1) Become(n, mod ? Opcode::kIntModPure : Opcode::kIntFloorDivPure);
}

// The same number as x + x, whatever x is, and a sum is never later than a product.
void Double(Node* n) {
  constexpr double kTwo = 2.0;
  for (int i : {0, 1}) {
    const Node* factor = n->input(i);
    if (!factor->Is(Opcode::kFloat) || __builtin_memcmp(&factor->imm, &kTwo, sizeof kTwo) != 0) continue;
    n->inputs[static_cast<size_t>(i)] = n->input(1 - i);
    return Become(n, Opcode::kFloatAdd);
  }
}

void Reduce(Graph* graph, Node* n) {
  if (n->Is(Opcode::kFloatMul)) return Double(n);
  // Its type is known now; where the range began and ends need not live for it.
  if (n->Is(Opcode::kRangeItem)) n->inputs.resize(1);
  if (n->inputs.size() == 2 && n->rep == Rep::kI64 && n->input(0)->type.Is(kIntBit) && n->input(1)->type.Is(kIntBit)) {
    const Type &a = n->input(0)->type, &b = n->input(1)->type;
    switch (n->opcode) {
      case Opcode::kIntAdd: if (AddFits(a, b)) Become(n, Opcode::kIntAddWrap); return;
      case Opcode::kIntSub: if (SubFits(a, b)) Become(n, Opcode::kIntSubWrap); return;
      case Opcode::kIntMul: if (MulFits(a, b)) Become(n, Opcode::kIntMulWrap); return;
      case Opcode::kIntShr: if (b.low() >= 0 && b.high() <= 63) Become(n, Opcode::kIntShrArith); return;
      default: break;
    }
  }
  if (n->Is(Opcode::kIntFloorDiv) || n->Is(Opcode::kIntMod)) Divide(graph, n);
  if (n->Is(Opcode::kIntNeg) && n->input(0)->type.Is(kIntBit) && n->input(0)->type.low() > INT64_MIN) Become(n, Opcode::kIntNegWrap);
}

}  // namespace

void ReduceStrength(Graph* graph) {
  for (Block* b : graph->blocks()) {
    std::vector<Node*> nodes = b->nodes;
    for (Node* n : nodes) Reduce(graph, n);
  }
}

}  // namespace tierjit::tier2
