// Arithmetic, comparisons, truth and identity.
#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {

namespace {
constexpr int64_t kMostProducts = 4;  // powers by multiplication
}

Node* Lifter::IntOp(int oparg, Node* a, Node* b) {
  int64_t b_left = b->imm;
  auto guarded = [&](Opcode o) { return EmitGuard(o, {a, b}, Type::Int()); };
  auto pure = [&](Opcode o) { return Emit(o, {a, b}, Type::Int()); };
  auto divided = [&](Opcode o) {
    RaiseWhere(Opcode::kIntCompare, Relation::kEq, b, IntConstant(0));
    return guarded(o);
  };
  switch (oparg) {
    case NB_ADD: case NB_INPLACE_ADD: return guarded(Opcode::kIntAdd);
    case NB_SUBTRACT: case NB_INPLACE_SUBTRACT: return guarded(Opcode::kIntSub);
    case NB_MULTIPLY: case NB_INPLACE_MULTIPLY: return guarded(Opcode::kIntMul);
    case NB_FLOOR_DIVIDE: case NB_INPLACE_FLOOR_DIVIDE: return divided(Opcode::kIntFloorDiv);
    case NB_REMAINDER: case NB_INPLACE_REMAINDER: return divided(Opcode::kIntMod);
    case NB_LSHIFT: case NB_INPLACE_LSHIFT: return guarded(Opcode::kIntShl);
    case NB_RSHIFT: case NB_INPLACE_RSHIFT: return guarded(Opcode::kIntShr);
    case NB_AND: case NB_INPLACE_AND: return pure(Opcode::kIntAnd);
    case NB_OR: case NB_INPLACE_OR: return pure(Opcode::kIntOr);
    case NB_XOR: case NB_INPLACE_XOR: return pure(Opcode::kIntXor);
    case NB_TRUE_DIVIDE: case NB_INPLACE_TRUE_DIVIDE: {
      RaiseWhere(Opcode::kIntCompare, Relation::kEq, b, IntConstant(0));
      // The quotient of two exact doubles is correctly rounded, as CPython's is.
      Node* u = EmitGuard(Opcode::kIntToFloatExact, {a}, Type::Float());
      Node* v = EmitGuard(Opcode::kIntToFloatExact, {b}, Type::Float());
      return EmitGuard(Opcode::kFloatDiv, {u, v}, Type::Float());
    }
    case NB_POWER: case NB_INPLACE_POWER:
      if (!b->Is(Opcode::kInt) || b->imm < 2 || b->imm > kMostProducts) return nullptr;
      for (Node* r = a;;) {
        r = EmitGuard(Opcode::kIntMul, {r, a}, Type::Int());
        if (--b_left == 1) return r;
      }
    default: return nullptr;
  }
}

Node* Lifter::FloatOp(int oparg, Node* a, Node* b) {
  auto divided = [&](Opcode o) {
    RaiseWhere(Opcode::kFloatCompare, Relation::kEq, b, FloatConstant(0.0));
    return EmitGuard(o, {a, b}, Type::Float());
  };
  switch (oparg) {
    case NB_ADD: case NB_INPLACE_ADD: return Emit(Opcode::kFloatAdd, {a, b}, Type::Float());
    case NB_SUBTRACT: case NB_INPLACE_SUBTRACT: return Emit(Opcode::kFloatSub, {a, b}, Type::Float());
    case NB_MULTIPLY: case NB_INPLACE_MULTIPLY: return Emit(Opcode::kFloatMul, {a, b}, Type::Float());
    case NB_TRUE_DIVIDE: case NB_INPLACE_TRUE_DIVIDE: return divided(Opcode::kFloatDiv);
    case NB_POWER: case NB_INPLACE_POWER: return EmitGuard(Opcode::kFloatPow, {a, b}, Type::Float());
    case NB_FLOOR_DIVIDE: case NB_INPLACE_FLOOR_DIVIDE: return divided(Opcode::kFloatFloorDiv);
    case NB_REMAINDER: case NB_INPLACE_REMAINDER: return divided(Opcode::kFloatMod);
    default: return nullptr;
  }
}

namespace {
bool HasIntForm(int oparg) {
  int base = oparg >= NB_INPLACE_ADD ? oparg - NB_INPLACE_ADD : oparg;
  return base != NB_MATRIX_MULTIPLY;
}
uint32_t ResultsOf(int oparg, bool ints) {
  int base = oparg >= NB_INPLACE_ADD ? oparg - NB_INPLACE_ADD : oparg;
  return ints && base != NB_TRUE_DIVIDE ? kIntBit | kBigIntBit : kFloatBit;
}
bool HasFloatForm(int oparg) {
  int base = oparg >= NB_INPLACE_ADD ? oparg - NB_INPLACE_ADD : oparg;
  return base == NB_ADD || base == NB_SUBTRACT || base == NB_MULTIPLY || base == NB_TRUE_DIVIDE || base == NB_POWER ||
         base == NB_FLOOR_DIVIDE || base == NB_REMAINDER;
}
}  // namespace

Relation Lifter::ComparedFor() const {
  constexpr Relation kRelations[] = {Relation::kLt, Relation::kLe, Relation::kEq, Relation::kNe, Relation::kGt, Relation::kGe};
  return kRelations[in().oparg >> 5];
}

// A float and what was seen as a float and as an int: the int becomes a float, whatever it is.
bool Lifter::FloatWithEither(Node* a, Node* b) {
  if (!HasFloatForm(in().oparg)) return false;
  auto is_float = [&](Node* n) { return n->rep == Rep::kF64 || (n->rep == Rep::kBoxed && SeenAs(n, kFloatBit)); };
  auto is_either = [&](Node* n) { return n->rep == Rep::kBoxed && !IsNumber(n) && SeenAs(n, kIntBit | kFloatBit); };
  if (!(is_float(a) && is_either(b)) && !(is_either(a) && is_float(b))) return false;
  auto as_float = [&](Node* n) { return is_either(n) ? EmitGuard(Opcode::kGuardToFloat, {n}, Type::Float()) : AsFloat(n); };
  Node* x = as_float(a);
  Node* r = FloatOp(in().oparg, x, as_float(b));
  Drop(2);
  Push(r);
  return true;
}

bool Lifter::BinaryOp() {
  if (in().opcode != BINARY_OP) return false;
  Node *a = Top(2).node, *b = Top(1).node;
  if (FloatWithEither(a, b)) return true;
  if (!IsNumber(a) || !IsNumber(b)) return false;
  bool ints = IsInt(a) && IsInt(b);
  if (ints ? !HasIntForm(in().oparg) : !HasFloatForm(in().oparg)) return false;
  bool square = (in().oparg == NB_POWER || in().oparg == NB_INPLACE_POWER) && ints;
  if (square && !(b->Is(Opcode::kInt) && b->imm >= 2 && b->imm <= kMostProducts)) return false;
  // What came of it tells of operands that were not seen where they come from.
  if ((seen().bits & ~ResultsOf(in().oparg, ints)) != 0 && AnyNumbers()) return true;
  Node* x = ints ? AsInt(a) : AsFloat(a);
  Node* y = ints ? AsInt(b) : AsFloat(b);
  Node* r = ints ? IntOp(in().oparg, x, y) : FloatOp(in().oparg, x, y);
  Drop(2);
  Push(r);
  return true;
}

bool Lifter::CompareOp() {
  if (in().opcode != COMPARE_OP) return false;
  Node *a = Top(2).node, *b = Top(1).node;
  if (!IsNumber(a) || !IsNumber(b)) return false;
  Relation relation = ComparedFor();
  Node* r;
  if (IsInt(a) && IsInt(b)) {
    r = Compare(Opcode::kIntCompare, relation, AsInt(a), AsInt(b));
  } else {
    // An int compares exactly with a float, so it must be one that a double holds.
    auto exact = [&](Node* n) {
      return IsInt(n) ? EmitGuard(Opcode::kIntToFloatExact, {AsInt(n)}, Type::Float()) : AsFloat(n);
    };
    Node* x = exact(a);
    r = Compare(Opcode::kFloatCompare, relation, x, exact(b));
  }
  Drop(2);
  Push(r);
  return true;
}

bool Lifter::UnaryOp() {
  Node* a = in().opcode == UNARY_NEGATIVE || in().opcode == UNARY_INVERT || in().opcode == UNARY_NOT ? Top().node : nullptr;
  if (a == nullptr) return false;
  Node* r = nullptr;
  if (in().opcode == UNARY_NOT) {
    if (Node* b = AsBool(a)) r = Emit(Opcode::kNot, {b}, Type::Bool());
  } else if (a->rep == Rep::kF64 || SeenAs(a, kFloatBit)) {
    if (in().opcode == UNARY_NEGATIVE) r = Emit(Opcode::kFloatNeg, {AsFloat(a)}, Type::Float());
  } else if (Node* i = AsInt(a)) {
    r = in().opcode == UNARY_NEGATIVE ? EmitGuard(Opcode::kIntNeg, {i}, Type::Int()) : Emit(Opcode::kIntInvert, {i}, Type::Int());
  }
  if (r == nullptr) return false;
  Drop(1);
  Push(r);
  return true;
}

Node* Lifter::AsTruth(Node* a) {
  Node* r = AsBool(a);
  if (r == nullptr && (a->rep == Rep::kF64 || SeenAs(a, kFloatBit))) {
    r = Compare(Opcode::kFloatCompare, Relation::kNe, AsFloat(a), FloatConstant(0.0));
  } else if (r == nullptr) {
    Node* i = AsInt(a);
    if (i == nullptr) i = LengthOf(a);
    if (i != nullptr) r = Compare(Opcode::kIntCompare, Relation::kNe, i, IntConstant(0));
  }
  return r;
}

bool Lifter::Truth() {
  if (in().opcode != TO_BOOL) return false;
  Node* r = AsTruth(Top().node);
  if (r == nullptr) return false;
  Drop(1);
  Push(r);
  return true;
}

bool Lifter::Identity() {
  if (in().opcode != IS_OP) return false;
  Node *a = Top(2).node, *b = Top(1).node;
  if (a->rep == Rep::kI64 || a->rep == Rep::kF64 || b->rep == Rep::kI64 || b->rep == Rep::kF64) return false;
  GuardDeath(a, 2);
  GuardDeath(b, 2);
  Node* x = Boxed(a);
  Node* r = Emit(Opcode::kSame, {x, Boxed(b)}, Type::Bool());
  if (in().oparg == 1) r = Emit(Opcode::kNot, {r}, Type::Bool());
  Drop(2);
  Push(r);
  return true;
}

// Numbers of several kinds, one by one.
bool Lifter::AnyNumbers() {
  constexpr uint32_t kNumbers = kIntBit | kBigIntBit | kFloatBit | kBoolBit;
  bool compares = in().opcode == COMPARE_OP;
  if (!compares && in().opcode != BINARY_OP) return false;
  if (in().opcode == BINARY_OP && !HasIntForm(in().oparg)) return false;
  Node *a = Top(2).node, *b = Top(1).node;
  // What has failed before was perhaps this.
  if (snapshot_.generic.contains(in().offset)) return false;
  // None is seen where it is tested for before.
  auto numbers = [&](Node* n) { return n->rep != Rep::kBoxed || (SeenAs(n, kNumbers | kNoneBit) && (Known(n) & kNumbers) != 0); };
  if (!numbers(a) || !numbers(b)) return false;
  Node* x = Boxed(a);
  Node* r = EmitGuard(compares ? Opcode::kCompareNumbers : Opcode::kNumberOp, {x, Boxed(b)}, compares ? Type::Bool() : Type(kNumbers));
  r->imm = compares ? in().oparg >> 5 : in().oparg;
  Drop(2);
  PushResult(r);
  return true;
}

}  // namespace tierjit::tier2
