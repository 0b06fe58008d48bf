// Stores of new numbers over old ones: the slot's number becomes the new one where it is, when the slot holds its only reference.
//
//   v9 = box_float v8; list_set v1 v2 v9 v3    =>   if the item is a float with one reference: its value = v8, else as it says
//
// Nobody can tell: who had the old object would hold a reference. A value that the unit still needs as an object is owned across the store.
#include <algorithm>

#include "tier2/lower/lowerer.h"

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

void Lowerer::StoreValue(const Mem& at, const Node* value, bool may_be_null) {
  if (in_place_[static_cast<size_t>(value->id)]) return StoreInPlace(at, *value, may_be_null);
  Reg old = f_->Load(at);
  f_->Store(at, ValueOf(value));
  ReleaseOld(old);
}

void Lowerer::StoreInPlace(const Mem& at, const Node& box, bool may_be_null) {
  using T = mir::Type;
  Label fresh = f_->NewLabel(), done = f_->NewLabel();
  bool is_float = box.Is(Opcode::kBoxFloat);
  Reg old = f_->Load(at);
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
    ReleaseOld(old);
    f_->Jmp(done);
  });
}

}  // namespace tierjit::tier2
