// Sums that only the next turn and exits want: they are made where they are wanted, from what they are the sum of.
//
//   b1(v1): ... v2 = int_add_wrap v1 1; guard !s0 (v2); jump b1(v2)    =>   b1(v1): ... guard; v1 += 1; jump b1, and s0's exit makes v1 + 1
//
// So the position of a loop and the one behind it need one register, not two.
#include "tier2/lower/lowerer.h"

namespace tierjit::tier2 {

// What is added is as good as constant: else it would have to live for longer.
void Lowerer::FindLate() {
  late_.assign(static_cast<size_t>(graph_.node_count()), 0);
  std::vector<uint8_t> wanted(static_cast<size_t>(graph_.node_count()), 0);
  for (const Block* b : graph_.blocks()) {
    for (const Node* n : b->nodes) {
      for (const Node* i : n->inputs) wanted[static_cast<size_t>(i->id)] = 1;
    }
  }
  for (const Block* b : graph_.blocks()) {
    for (const Node* n : b->nodes) {
      if (!n->Is(Opcode::kIntAddWrap) && !n->Is(Opcode::kIntSubWrap)) continue;
      const Node *sum = n->input(0), *step = n->input(1);
      bool fixed = step->Is(Opcode::kInt) || (!IsConstant(*step) && DepthOf(step->block) < DepthOf(b));
      if (wanted[static_cast<size_t>(n->id)] || !fixed || IsConstant(*sum) || IsLate(*sum) || IsLate(*step)) continue;
      late_[static_cast<size_t>(n->id)] = 1;
    }
  }
}

void Lowerer::MakeLate(const Node& n, Reg into, Operand sum, Operand step) {
  n.Is(Opcode::kIntAddWrap) ? f_->Add(into, sum, step) : f_->Sub(into, sum, step);
}

// The register of a value, made now if it is late.
Lowerer::Reg Lowerer::CurrentReg(const Node& n) {
  if (!IsLate(n)) return RegOf(n);
  Reg r = f_->NewInt("late");
  MakeLate(n, r, ValueOf(n.input(0)), ValueOf(n.input(1)));
  return r;
}

}  // namespace tierjit::tier2
