// Variables in cells.
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

// Where an instruction takes it from, the slot holds a cell.
Node* Lifter::CellOf(int local) {
  if (frameless()) {
    Node* cell = state_.locals[static_cast<size_t>(local)].value;
    return cell->rep == Rep::kBoxed && !cell->Is(Opcode::kNull) ? cell : nullptr;
  }
  Node* cell = Emit(Opcode::kLoadLocal, {}, Type(kOtherBit));
  cell->index = local;
  return cell;
}

bool Lifter::Deref() {
  if (in().opcode != LOAD_DEREF && in().opcode != STORE_DEREF) return false;
  Node* cell = CellOf(in().oparg);
  if (cell == nullptr) return false;
  Node* value = Emit(Opcode::kCellGet, {cell}, Type::Any());
  if (in().opcode == LOAD_DEREF) {
    PushResult(EmitGuard(Opcode::kGuardBound, {value}, Type::Bound()));
    return true;
  }
  EmitGuard(Opcode::kGuardReleasable, {value});
  Emit(Opcode::kCellSet, {cell, Boxed(Top().node)});
  Drop(1);
  return true;
}

}  // namespace tierjit::tier2
