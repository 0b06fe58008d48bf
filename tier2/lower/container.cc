// Lists, tuples, iterators, attributes, cells, globals.
#include "runtime/cpython/array_object.h"
#include "runtime/cpython/enumerate_object.h"
#include "tier2/lower/lowerer.h"
#include "tier2/lower/runtime_calls.h"
#include "tier2/lower/sequence_calls.h"
#include "tier2/lower/text_calls.h"

namespace tierjit::tier2 {
namespace {

constexpr size_t kSize = offsetof(PyVarObject, ob_size);
static_assert(offsetof(PyDictObject, ma_used) == kSize && offsetof(PyASCIIObject, length) == kSize);
constexpr size_t kListItems = offsetof(PyListObject, ob_item);
constexpr size_t kTupleItems = offsetof(PyTupleObject, ob_item);

size_t IteratorOffset(const Node& access) {
  if (access.index == kEnumerateBit) return offsetof(EnumerateObject, index);
  if (access.index == kRangeIterBit) {
    return access.imm == kPosition    ? offsetof(_PyRangeIterObject, start)
           : access.imm == kRemaining ? offsetof(_PyRangeIterObject, len)
                                 : offsetof(_PyRangeIterObject, step);
  }
  return offsetof(_PyListIterObject, it_index);  // tuples' have the same layout
}

}  // namespace

void Lowerer::NewTuple(const Node& n) {
  using T = mir::Type;
  Reg tuple = RegOf(n);
  f_->CallC("tj2_new_tuple", tj2_new_tuple, tuple, {Operand(static_cast<int64_t>(n.inputs.size()))});
  for (size_t i = 0; i < n.inputs.size(); i++) f_->Store(Field(T::kI64, tuple, kTupleItems + i * sizeof(PyObject*)), ValueOf(n.inputs[i]));
}

// Inline values note the order in which they were set, as dicts have it.
void Lowerer::NoteFirstStore(const Node& n) {
  using T = mir::Type;
  Reg owner = IntReg(n.input(0));
  size_t values = static_cast<size_t>(n.index);
  int64_t which = (n.imm - n.index - static_cast<int64_t>(offsetof(PyDictValues, values))) / static_cast<int64_t>(sizeof(PyObject*));
  Label first = f_->NewLabel(), noted = f_->NewLabel();
  f_->BEq(first, Field(T::kI64, owner, static_cast<size_t>(n.imm)), 0);
  f_->Bind(noted);
  Later([=, this] {
    f_->Bind(first);
    Reg capacity = f_->Load(Field(T::kU8, owner, values + offsetof(PyDictValues, capacity)));
    Reg size = f_->Load(Field(T::kU8, owner, values + offsetof(PyDictValues, size)));
    Reg order = f_->Add(owner, f_->Mul(capacity, static_cast<int64_t>(sizeof(PyObject*))));
    f_->Store(Mem{.type = T::kU8, .base = order, .disp = static_cast<int64_t>(values + offsetof(PyDictValues, values)), .index = size, .scale = 1}, which);
    f_->Store(Field(T::kU8, owner, values + offsetof(PyDictValues, size)), f_->Add(size, 1));
    f_->Jmp(noted);
  });
}

bool Lowerer::Container(const Node& n) {
  using T = mir::Type;
  auto in = [&](int i) { return IntReg(n.input(i)); };
  switch (n.opcode) {
    case Opcode::kListLength: case Opcode::kTupleLength:
      f_->Mov(RegOf(n), Field(T::kI64, in(0), n.index == kSetBit ? offsetof(PySetObject, used) : kSize));
      return true;
    case Opcode::kListItems: f_->Mov(RegOf(n), Field(T::kI64, in(0), kListItems)); return true;
    case Opcode::kListGet: f_->Mov(RegOf(n), Element(T::kI64, n, 2)); return true;
    case Opcode::kTupleGet: f_->Mov(RegOf(n), Mem{.base = in(0), .disp = kTupleItems, .index = in(1), .scale = 8}); return true;
    case Opcode::kListSet: {
      StoreValue(Element(T::kI64, n, 3), n.input(2), false, ItemBefore(n));
      return true;
    }
    case Opcode::kNewTuple: NewTuple(n); return true;
    case Opcode::kKeysCount: {
      Reg keys = f_->Load(Field(T::kI64, TypeField(in(0)), offsetof(PyHeapTypeObject, ht_cached_keys)));
      f_->Mov(RegOf(n), Field(T::kI64, keys, offsetof(PyDictKeysObject, dk_nentries)));
      return true;
    }
    case Opcode::kClassValue: f_->Mov(RegOf(n), n.object); return true;
    case Opcode::kNormalizeIndex: {
      if (n.input(0)->type.Is(kIntBit) && n.input(0)->type.low() >= 0) {
        f_->UBGe(ExitFor(n), ValueOf(n.input(0)), ValueOf(n.input(1)));
        IsSame(n, n.input(0));
        return true;
      }
      Reg i = RegOf(n);
      Label outside = f_->NewLabel(), done = f_->NewLabel();
      f_->Mov(i, ValueOf(n.input(0)));
      f_->UBGe(outside, i, ValueOf(n.input(1)));
      f_->Bind(done);
      Later([=, this, &n] {
        f_->Bind(outside);
        f_->Add(i, i, ValueOf(n.input(1)));
        f_->UBLt(done, i, ValueOf(n.input(1)));
        f_->Jmp(ExitFor(n));
      });
      return true;
    }
    case Opcode::kRangeItem: IsSame(n, n.input(0)); return true;
    case Opcode::kMakeRange:
      f_->CallC("tj_new_range_iterator", tj_new_range_iterator, RegOf(n), {ValueOf(n.input(0)), ValueOf(n.input(1)), ValueOf(n.input(2))});
      return true;
    case Opcode::kMakeIter:
      Gather(n, 2);
      f_->CallC("tj2_make_iter", tj2_make_iter, RegOf(n),
                {n.imm, static_cast<int64_t>(n.inputs.size()) - 2, ValueOf(n.input(0)), ValueOf(n.input(1))});
      return true;
    case Opcode::kTextItem: f_->CallC("tj2_text_item", tj2_text_item, RegOf(n), {ValueOf(n.input(0)), ValueOf(n.input(1))}); return true;
    case Opcode::kIterField: f_->Mov(RegOf(n), Field(T::kI64, in(0), IteratorOffset(n))); return true;
    case Opcode::kSetIterField: f_->Store(Field(T::kI64, in(0), IteratorOffset(n)), ValueOf(n.input(1))); return true;
    case Opcode::kIterSequence: f_->Mov(RegOf(n), Field(T::kI64, in(0), n.index == kEnumerateBit ? offsetof(EnumerateObject, iterator) : offsetof(_PyListIterObject, it_seq))); return true;
    case Opcode::kInlineValid: f_->Mov(RegOf(n), Field(T::kU8, in(0), static_cast<size_t>(n.imm) + offsetof(PyDictValues, valid))); return true;
    case Opcode::kManagedDict: {
      constexpr int64_t kManagedDictOffset = -3 * static_cast<int64_t>(sizeof(PyObject*));
      f_->Mov(RegOf(n), Mem{.base = in(0), .disp = kManagedDictOffset});
      return true;
    }
    case Opcode::kAttrGet: f_->Mov(RegOf(n), Field(T::kI64, in(0), static_cast<size_t>(n.imm))); return true;
    case Opcode::kAttrSet: {
      if (n.index != 0) NoteFirstStore(n);
      StoreValue(Field(T::kI64, in(0), static_cast<size_t>(n.imm)), n.input(1), true);
      return true;
    }
    case Opcode::kCellGet: f_->Mov(RegOf(n), Field(T::kI64, in(0), offsetof(PyCellObject, ob_ref))); return true;
    case Opcode::kCellSet: StoreValue(Field(T::kI64, in(0), offsetof(PyCellObject, ob_ref)), n.input(1), true); return true;
    case Opcode::kGlobalGet: f_->Mov(RegOf(n), Mem::At(T::kI64, reinterpret_cast<const void*>(n.imm))); return true;
    default: return false;
  }
}

// The element at operand 1 of what begins at operand `items`.
mir::Mem Lowerer::Element(mir::Type type, const Node& n, int items) {
  constexpr uint8_t kSizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 8};
  uint8_t size = kSizes[static_cast<int>(type)];
  const Node* index = n.input(1);
  if (index->Is(Opcode::kInt)) return {.type = type, .base = IntReg(n.input(items)), .disp = index->imm * size};
  return {.type = type, .base = IntReg(n.input(items)), .index = IntReg(index), .scale = size};
}

namespace {

mir::Type ElementType(int64_t type_code) {
  using T = mir::Type;
  switch (type_code) {
    case 'b': return T::kI8;
    case 'B': return T::kU8;
    case 'h': return T::kI16;
    case 'H': return T::kU16;
    case 'i': return T::kI32;
    case 'I': return T::kU32;
    case 'd': return T::kDouble;
    default: return T::kI64;
  }
}

}  // namespace

bool Lowerer::Array(const Node& n) {
  using T = mir::Type;
  switch (n.opcode) {
    case Opcode::kGuardArray: {
      Reg o = IntReg(n.input(0));
      f_->BNe(ExitFor(n), TypeField(o), ArrayType());
      Reg descriptor = f_->Load(Field(T::kI64, o, offsetof(ArrayObject, descriptor)));
      f_->BNe(ExitFor(n), Field(T::kU8, descriptor, 0), n.imm);
      IsSame(n, n.input(0));
      return true;
    }
    case Opcode::kArrayItems: {
      Reg o = IntReg(n.input(0));
      if (n.index == kBytesBit) f_->Add(RegOf(n), o, static_cast<int64_t>(offsetof(PyBytesObject, ob_sval)));
      else f_->Mov(RegOf(n), Field(T::kI64, o, n.index == kByteArrayBit ? offsetof(PyByteArrayObject, ob_start) : offsetof(ArrayObject, items)));
      return true;
    }
    case Opcode::kArrayGet: f_->Move(RegOf(n), Element(ElementType(n.imm), n, 2)); return true;
    case Opcode::kArraySet: f_->Store(Element(ElementType(n.imm), n, 3), ValueOf(n.input(2))); return true;
    default: return false;
  }
}

}  // namespace tierjit::tier2
