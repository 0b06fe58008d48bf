// Stores of new numbers over old ones: the slot's number becomes the new one where it is, when the slot holds its only reference.
//
//   v9 = box_float v8; list_set v1 v2 v9 v3    =>   if the item is a float with one reference: its value = v8, else as it says
//
// Nobody can tell: who had the old object would hold a reference. A value that the unit still needs as an object is owned across the store.
#include <algorithm>

#include "tier2/lower/lowerer.h"
#include "tier2/passes/pass.h"

namespace tierjit::tier2 {
namespace {

const Node* StoredBox(const Node& n) {
  const Node* value = n.Is(Opcode::kListSet) ? n.input(2) : n.Is(Opcode::kAttrSet) || n.Is(Opcode::kCellSet) ? n.input(1) : nullptr;
  return value != nullptr && (value->Is(Opcode::kBoxFloat) || value->Is(Opcode::kBoxInt)) ? value : nullptr;
}

}  // namespace

// The box must be for the store alone: no exit between the two may have to release it.
void Lowerer::FindNumbersInPlace() {
  in_place_.assign(static_cast<size_t>(graph_.node_count()), 0);
  for (const Block* b : graph_.blocks()) {
    for (size_t at = 0; at < b->nodes.size(); at++) {
      const Node* box = StoredBox(*b->nodes[at]);
      if (box == nullptr || box->block != b || uses_[static_cast<size_t>(box->id)] != 1) continue;
      bool alone = true;
      for (size_t i = at; i-- > 0 && b->nodes[i] != box;) {
        auto owned = ownership_.at.find(b->nodes[i]);
        alone = alone && (owned == ownership_.at.end() || std::find(owned->second.begin(), owned->second.end(), box) == owned->second.end());
      }
      if (alone) in_place_[static_cast<size_t>(box->id)] = 1;
    }
  }
}

void Lowerer::StoreValue(const Mem& at, const Node* value, bool may_be_null, Reg old) {
  if (!old.valid()) old = f_->Load(at);
  if (in_place_[static_cast<size_t>(value->id)]) return StoreInPlace(at, *value, may_be_null, old);
  f_->Store(at, ValueOf(value));
  ReleaseOld(old, may_be_null);
}

// guard_releasable has looked at it.
Lowerer::Reg Lowerer::ItemBefore(const Node& store) {
  const std::vector<Node*>& nodes = store.block->nodes;
  auto at = std::find(nodes.begin(), nodes.end(), &store);
  while (at != nodes.begin()) {
    const Node& n = **--at;
    if (n.Is(Opcode::kListGet) && n.input(0) == store.input(0) && n.input(1) == store.input(1) && n.input(2) == store.input(3)) return RegOf(n);
    bool counts = n.info().effect == Effect::kRefcount;
    bool quiet = n.info().effect <= Effect::kGuards || n.info().effect == Effect::kAllocates || ReadsOf(n) != kNoRegion;
    if (IsRepeated(n.opcode) || !(counts || quiet)) return {};
  }
  return {};
}

void Lowerer::StoreInPlace(const Mem& at, const Node& box, bool may_be_null, Reg old) {
  using T = mir::Type;
  Label fresh = f_->NewLabel(), done = f_->NewLabel();
  bool is_float = box.Is(Opcode::kBoxFloat);
  if (may_be_null) f_->BEq(fresh, old, 0);
  f_->BNe(fresh, TypeField(old), is_float ? &PyFloat_Type : &PyLong_Type);
  f_->BNe(fresh, Field(T::kI32, old, offsetof(PyObject, ob_refcnt)), 1);
  if (is_float) {
    f_->Store(Field(T::kDouble, old, offsetof(PyFloatObject, ob_fval)), ValueOf(box.input(0)));
  } else {
    // One digit before and behind, and no int that is shared.
    f_->UBGe(fresh, Field(T::kI64, old, kIntTag), 2 << kIntTagShift);
    Reg v = IntReg(box.input(0));
    f_->UBLt(fresh, f_->Sub(v, kSmallIntMin), kSmallIntCount);
    f_->UBGe(fresh, f_->Add(v, kCompactLimit - 1), 2 * kCompactLimit - 1);
    WriteDigit(old, v);
  }
  f_->Bind(done);
  Later([=, this, &box] {
    f_->Bind(fresh);
    is_float ? BoxFloat(box) : BoxInt(box);
    f_->Store(at, RegOf(box));
    ReleaseOld(old, may_be_null);
    f_->Jmp(done);
  });
}

}  // namespace tierjit::tier2
