// Locals, constants and the shape of the stack.
#include "tier2/lift/lifter.h"
#include "tier2/passes/ownership.h"

namespace tierjit::tier2 {

Node* Lifter::LoadLocal(int local) {
  size_t i = static_cast<size_t>(local);
  if (virtual_[i] != 0 || frameless()) {
    Local& l = state_.locals[i];
    if (l.bound != nullptr) EmitGuard(Opcode::kGuardTrue, {l.bound});
    l.bound = nullptr;
    return l.value;
  }
  Node* n = Emit(Opcode::kLoadLocal, {}, Type::Bound());
  n->index = local;
  // A load of a local without a value raises, so that is nothing to expect.
  if (i < snapshot_.local_bits.size()) Expect(n, snapshot_.local_bits[i] & ~kNullBit);
  Expect(n, stored_bits_[i] & ~kNullBit);
  constexpr uint32_t kDetailed = kInstanceBit | kArrayBit;
  if (i < snapshot_.local_bits.size() && (snapshot_.local_bits[i] & kDetailed) != 0) ExpectDetail(n, snapshot_.local_details[i]);
  if ((stored_bits_[i] & kDetailed) != 0) ExpectDetail(n, stored_details_[i]);
  return n;
}

int StoredLocals(const Instruction& in, int locals[2]) {
  switch (in.opcode) {
    case STORE_FAST: locals[0] = in.oparg; return 1;
    case STORE_FAST_LOAD_FAST: locals[0] = in.oparg >> 4; return 1;
    case STORE_FAST_STORE_FAST: locals[0] = in.oparg >> 4, locals[1] = in.oparg & 15; return 2;
    default: return 0;
  }
}

bool IsNumberKind(uint32_t bits) { return bits == kIntBit || bits == kFloatBit || bits == kBoolBit; }
Rep RepOfKind(uint32_t bits) { return bits == kIntBit ? Rep::kI64 : bits == kFloatBit ? Rep::kF64 : Rep::kI1; }

Node* Lifter::NumberOf(Node* value, uint32_t kind) {
  Opcode guard = kind == kIntBit ? Opcode::kGuardInt : kind == kFloatBit ? Opcode::kGuardNumber : Opcode::kGuardBool;
  return EmitGuardForValue(guard, value, Type(kind));
}

// The value as the local takes it. Whatever may leave comes here, before any effect of the instruction.
Node* Lifter::PrepareStore(int local, Node* value) {
  size_t i = static_cast<size_t>(local);
  if (virtual_[i] != 0) {
    if (IsUnbound(value)) return PrepareUnbinding(local, value);
    if (value->rep == Rep::kBoxed) value = NumberOf(value, virtual_[i]);
    return value->rep == RepOfKind(virtual_[i]) ? value : nullptr;
  }
  if (frameless()) {
    GuardOverwritten(local);
    if (value->rep == Rep::kBoxed && ExpectedOf(value) == 0) ExpectSeen(value, {nullptr, stored_bits_[i] & ~kNullBit, stored_details_[i]});
    return Boxed(value);
  }
  GuardSlot(local);
  return Boxed(value);
}

// What the slot holds can be let go without anybody's notice.
void Lifter::GuardSlot(int local) {
  Node* old = Emit(Opcode::kLoadLocal, {}, Type::Any());
  old->index = local;
  EmitGuard(Opcode::kGuardReleasable, {old});
}

void Lifter::CommitStore(int local, Node* value) {
  size_t i = static_cast<size_t>(local);
  if (virtual_[i] != 0 && IsUnbound(value)) return Unbind(local, value);
  if (virtual_[i] != 0 || frameless()) {
    state_.locals[i] = {value, nullptr};
    return;
  }
  FillSlot(local, value);
}

// What a comprehension has put away of a variable that had no value.
bool Lifter::IsUnbound(Node* value) const { return value->rep == Rep::kBoxed && Known(value) == kNullBit; }

Node* Lifter::PrepareUnbinding(int local, Node* value) {
  if (!value->Is(Opcode::kNull)) EmitGuard(Opcode::kGuardSame, {value, Emit(Opcode::kNull, {}, Type(kNullBit))}, Type(kNullBit));
  if (!frameless()) GuardSlot(local);
  return Emit(Opcode::kNull, {}, Type(kNullBit));
}

// Frame states do not name a virtual local without a value: its slot shows that, whatever handlers and exits have seen there.
void Lifter::Unbind(int local, Node* null) {
  if (!frameless()) FillSlot(local, null);
  state_.locals[static_cast<size_t>(local)] = Unbound(virtual_[static_cast<size_t>(local)]);
}

Lifter::Local Lifter::Unbound(uint32_t kind) {
  Node* any = kind == kIntBit ? IntConstant(0) : kind == kFloatBit ? FloatConstant(0) : BoolConstant(false);
  return {any, BoolConstant(false)};
}

// The variable of a comprehension that begins. As a rule it has no value, or has one for certain.
bool Lifter::LoadAndClear(int local) {
  size_t i = static_cast<size_t>(local);
  Local& l = state_.locals[i];
  if (virtual_[i] == 0) {
    if (!frameless()) return false;
    Push(l.value);
    l = {Emit(Opcode::kNull, {}, Type(kNullBit)), nullptr};
    return true;
  }
  bool unbound = l.bound != nullptr && ((stored_bits_[i] & kNullBit) != 0 || (EntryBits(i) & ~kNullBit) == 0);
  if (l.bound != nullptr) EmitGuard(unbound ? Opcode::kGuardFalse : Opcode::kGuardTrue, {l.bound});
  Node* null = Emit(Opcode::kNull, {}, Type(kNullBit));
  if (!unbound) {
    Node* value = Boxed(l.value);
    Unbind(local, PrepareUnbinding(local, null));
    Push(value);
    return true;
  }
  if (!frameless()) {
    Node* slot = Emit(Opcode::kLoadLocal, {}, Type::Any());
    slot->index = local;
    EmitGuard(Opcode::kGuardSame, {slot, null}, Type(kNullBit));
  }
  l = Unbound(virtual_[i]);
  Push(null);
  return true;
}

bool Lifter::StoreLocal(int local, Node* value) {
  Node* prepared = PrepareStore(local, value);
  if (prepared == nullptr) return false;
  CommitStore(local, prepared);
  return true;
}

// Whether what the local's slot holds may be an object whose death is more than its own affair. Without a frame there is a guard for that.
bool Lifter::OldMayDie(int local) {
  size_t i = static_cast<size_t>(local);
  if (virtual_[i] != 0 || frameless()) return false;
  if (snapshot_.generic.contains(in().offset)) return true;
  // Where items of containers are stored, the last one was such an item, too, and is held there.
  if (Borrows(Ownership::RootOf(Top().node)->opcode)) return false;
  uint32_t seen = stored_bits_[i] | (i < snapshot_.local_bits.size() ? snapshot_.local_bits[i] : 0);
  return (seen & ~kSimpleBits) != 0;
}

// In front of the store everything is as before; if somebody wants to be heard when the old object has died, execution goes on behind it.
bool Lifter::StoreOverComplex() {
  Node* value = Boxed(Top().node);
  Top().node = value;
  here_ = nullptr;
  Node* store = Emit(Opcode::kStoreLocal, {value});
  store->index = in().oparg;
  store->imm = in().next;
  store->state = Here();
  Drop(1);
  return true;
}

bool Lifter::LoadStore() {
  int oparg = in().oparg;
  switch (in().opcode) {
    case LOAD_FAST: Push(LoadLocal(oparg)); return true;
    case LOAD_FAST_LOAD_FAST: {
      // Both may leave, so nothing is pushed before.
      Node *first = LoadLocal(oparg >> 4), *second = LoadLocal(oparg & 15);
      Push(first);
      Push(second);
      return true;
    }
    case LOAD_FAST_CHECK: {
      Node* value = LoadLocal(oparg);
      if (value->rep == Rep::kBoxed) {
        value->type = Type::Any();
        value = EmitGuard(Opcode::kGuardBound, {value}, Type::Bound());
      }
      Push(value);
      return true;
    }
    case STORE_FAST:
      if (!frameless() && OldMayDie(oparg)) return StoreOverComplex();
      if (!StoreLocal(oparg, Top().node)) return false;
      Drop(1);
      return true;
    case STORE_FAST_LOAD_FAST: {
      // The load may leave, so it comes first.
      bool same = oparg >> 4 == (oparg & 15);
      if (same && IsUnbound(Top().node)) return false;
      Node* loaded = same ? nullptr : LoadLocal(oparg & 15);
      if (!StoreLocal(oparg >> 4, Top().node)) return false;
      Drop(1);
      Push(same ? LoadLocal(oparg & 15) : loaded);
      return true;
    }
    case STORE_FAST_STORE_FAST: {
      if (oparg >> 4 == (oparg & 15)) return false;
      Node* first = PrepareStore(oparg >> 4, Top(1).node);
      Node* second = first == nullptr ? nullptr : PrepareStore(oparg & 15, Top(2).node);
      if (second == nullptr) return false;
      CommitStore(oparg >> 4, first);
      CommitStore(oparg & 15, second);
      Drop(2);
      return true;
    }
    case LOAD_FAST_AND_CLEAR: return LoadAndClear(oparg);
    case LOAD_CONST: Push(Constant(PyTuple_GET_ITEM(snapshot_.code->co_consts, oparg))); return true;
    case PUSH_NULL: Push(Emit(Opcode::kNull, {}, Type(kNullBit))); return true;
    case COPY:
      if (Top(oparg).position != nullptr) CloseIterator(&Top(oparg));
      Push(Top(oparg).node);
      return true;
    case SWAP: std::swap(Top(), Top(oparg)); return true;
    case POP_TOP:
      GuardDeath(Top().node, 1);
      Drop(1);
      return true;
    default: return false;
  }
}

}  // namespace tierjit::tier2
