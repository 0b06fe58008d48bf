#include "tier2/passes/strength.h"

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

// Python's // and %: the sign follows the divisor.
void Divide(Graph* graph, Node* n) {
  Node *a = n->input(0), *b = n->input(1);
  bool mod = n->Is(Opcode::kIntMod);
  if (b->Is(Opcode::kInt) && IsPowerOfTwo(b->imm)) {
    int64_t value = mod ? b->imm - 1 : __builtin_ctzll(static_cast<uint64_t>(b->imm));
    n->inputs[1] = ConstantBefore(graph, n, value);
    return Become(n, mod ? Opcode::kIntAnd : Opcode::kIntShrArith);
  }
  if (!b->type.Is(kIntBit)) return;
  if (a->type.Is(kIntBit) && a->type.low() >= 0 && b->type.low() > 0) {
    return Become(n, mod ? Opcode::kIntModTrunc : Opcode::kIntDivTrunc);
  }
  if (b->type.low() > 0 || b->type.high() < -1) Become(n, mod ? Opcode::kIntModPure : Opcode::kIntFloorDivPure);
}

void Reduce(Graph* graph, Node* n) {
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
