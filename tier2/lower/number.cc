// Ints and floats: arithmetic, comparisons, boxes.
#include <cmath>
#include <limits>

#include "tier2/lower/lowerer.h"
#include "tier2/lower/runtime_calls.h"

namespace tierjit::tier2 {
namespace {

constexpr int64_t kSmallIntSize = 32;
constexpr int64_t kExactDouble = int64_t{1} << 53;
constexpr size_t kDigit = offsetof(PyLongObject, long_value.ob_digit);
constexpr size_t kFloatValue = offsetof(PyFloatObject, ob_fval);

}  // namespace

bool Lowerer::Number(const Node& n) {
  switch (n.opcode) {
    case Opcode::kBoxInt: BoxInt(n); return true;
    case Opcode::kBoxFloat: BoxFloat(n); return true;
    case Opcode::kBoxBool: {
      Label done = f_->NewLabel();
      f_->Mov(RegOf(n), Py_True);
      f_->BT(done, ValueOf(n.input(0)));
      f_->Mov(RegOf(n), Py_False);
      f_->Bind(done);
      return true;
    }
    case Opcode::kUnboxInt: UnboxInt(n, false); return true;
    case Opcode::kGuardInt: UnboxInt(n, true); return true;
    case Opcode::kUnboxBool: UnboxBool(n, false); return true;
    case Opcode::kGuardBool: UnboxBool(n, true); return true;
    case Opcode::kGuardFloat: case Opcode::kGuardNumber: {
      Reg o = IntReg(n.input(0));
      f_->BNe(ExitFor(n), TypeField(o), &PyFloat_Type);
      f_->DMov(RegOf(n), Field(mir::Type::kDouble, o, kFloatValue));
      if (n.Is(Opcode::kGuardNumber)) f_->DBNe(ExitFor(n), RegOf(n), RegOf(n));
      return true;
    }
    case Opcode::kGuardToFloat: GuardToFloat(n); return true;
    case Opcode::kUnboxFloat: f_->DMov(RegOf(n), Field(mir::Type::kDouble, IntReg(n.input(0)), kFloatValue)); return true;
    case Opcode::kBoolToInt: f_->Mov(RegOf(n), ValueOf(n.input(0))); return true;
    case Opcode::kIntToFloat: f_->I2D(RegOf(n), ValueOf(n.input(0))); return true;
    case Opcode::kIntToFloatExact: {
      Reg shifted = f_->Add(ValueOf(n.input(0)), kExactDouble);
      f_->UBGt(ExitFor(n), shifted, 2 * kExactDouble);
      f_->I2D(RegOf(n), ValueOf(n.input(0)));
      return true;
    }
    case Opcode::kIntCompare: case Opcode::kFloatCompare: CompareTo(n); return true;
    case Opcode::kSame: f_->Eq(RegOf(n), ValueOf(n.input(0)), ValueOf(n.input(1))); return true;
    case Opcode::kTypeIs: TypeIs(n); return true;
    case Opcode::kSelect: {
      Label done = f_->NewLabel();
      f_->Move(RegOf(n), ValueOf(n.input(1)));
      f_->BT(done, ValueOf(n.input(0)));
      f_->Move(RegOf(n), ValueOf(n.input(2)));
      f_->Bind(done);
      return true;
    }
    case Opcode::kNot: f_->Eq(RegOf(n), ValueOf(n.input(0)), 0); return true;
    default: return IntArithmetic(n) || FloatArithmetic(n);
  }
}

void Lowerer::TypeIs(const Node& n) {
  Reg o = IntReg(n.input(0));
  Label done = f_->NewLabel();
  if (n.input(0)->type.MayBe(kNullBit) || n.input(0)->type.IsBottom()) {
    f_->Mov(RegOf(n), 0);
    f_->BEq(done, o, 0);
  }
  f_->Eq(RegOf(n), TypeField(o), BuiltinType(static_cast<uint32_t>(n.imm)));
  f_->Bind(done);
}

void Lowerer::CompareTo(const Node& n) {
  constexpr mir::Op kInts[] = {mir::Op::kLt, mir::Op::kLe, mir::Op::kEq, mir::Op::kNe, mir::Op::kGt, mir::Op::kGe};
  constexpr mir::Op kFloats[] = {mir::Op::kDLt, mir::Op::kDLe, mir::Op::kDEq, mir::Op::kDNe, mir::Op::kDGt, mir::Op::kDGe};
  f_->Emit((n.Is(Opcode::kIntCompare) ? kInts : kFloats)[static_cast<int>(n.relation)], RegOf(n), ValueOf(n.input(0)), ValueOf(n.input(1)));
}

bool Lowerer::IntArithmetic(const Node& n) {
  auto a = [&] { return ValueOf(n.input(0)); };
  auto b = [&] { return ValueOf(n.input(1)); };
  switch (n.opcode) {
    case Opcode::kIntAdd: f_->AddChecked(ExitFor(n), RegOf(n), a(), b()); return true;
    case Opcode::kIntSub: f_->SubChecked(ExitFor(n), RegOf(n), a(), b()); return true;
    case Opcode::kIntMul: f_->MulChecked(ExitFor(n), RegOf(n), a(), b()); return true;
    case Opcode::kIntMin: case Opcode::kIntMax: {
      Label done = f_->NewLabel();
      Reg x = IntReg(n.input(0)), y = IntReg(n.input(1));
      f_->Mov(RegOf(n), x);
      n.Is(Opcode::kIntMin) ? f_->BGe(done, y, x) : f_->BLe(done, y, x);
      f_->Mov(RegOf(n), y);
      f_->Bind(done);
      return true;
    }
    case Opcode::kIntAbs: {
      Label done = f_->NewLabel();
      Reg x = IntReg(n.input(0));
      f_->Mov(RegOf(n), x);
      f_->BGe(done, x, 0);
      f_->SubChecked(ExitFor(n), RegOf(n), 0, x);
      f_->Bind(done);
      return true;
    }
    case Opcode::kIntNeg: f_->SubChecked(ExitFor(n), RegOf(n), 0, a()); return true;
    case Opcode::kIntNegWrap: f_->Neg(RegOf(n), a()); return true;
    case Opcode::kIntInvert: f_->Xor(RegOf(n), a(), -1); return true;
    case Opcode::kIntAddWrap: f_->Add(RegOf(n), a(), b()); return true;
    case Opcode::kIntSubWrap: f_->Sub(RegOf(n), a(), b()); return true;
    case Opcode::kIntMulWrap: f_->Mul(RegOf(n), a(), b()); return true;
    case Opcode::kIntAnd: f_->And(RegOf(n), a(), b()); return true;
    case Opcode::kIntOr: f_->Or(RegOf(n), a(), b()); return true;
    case Opcode::kIntXor: f_->Xor(RegOf(n), a(), b()); return true;
    case Opcode::kIntShrArith: f_->Rsh(RegOf(n), a(), b()); return true;
    case Opcode::kIntDivTrunc: case Opcode::kIntModTrunc:
      if (DivideByConstant(n)) return true;
      n.Is(Opcode::kIntModTrunc) ? f_->Mod(RegOf(n), a(), b()) : f_->Div(RegOf(n), a(), b());
      return true;
    case Opcode::kIntFoldDown: case Opcode::kIntFoldUp: {
      // Without a branch, as it would go one way as often as the other.
      Reg x = n.Is(Opcode::kIntFoldDown) ? f_->Sub(a(), b()) : IntReg(n.input(0));
      Reg more = f_->And(f_->Rsh(x, 63), b());
      f_->Add(RegOf(n), x, more);
      return true;
    }
    case Opcode::kIntFloorDiv: case Opcode::kIntMod: FloorDivide(n, true); return true;
    case Opcode::kIntFloorDivPure: case Opcode::kIntModPure:
      if (!DivideByConstant(n)) FloorDivide(n, false);
      return true;
    case Opcode::kIntShl: case Opcode::kIntShlWrap: {
      // Checked by shifting back.
      f_->UBGt(ExitFor(n), b(), 62);
      Reg shifted = f_->Lsh(a(), b());
      Reg back = f_->Rsh(shifted, b());
      f_->BNe(ExitFor(n), back, a());
      f_->Mov(RegOf(n), shifted);
      return true;
    }
    case Opcode::kIntShr: {
      // Counts above 63 give the sign.
      Label done = f_->NewLabel();
      f_->BLt(ExitFor(n), b(), 0);
      Reg count = f_->NewInt("count");
      f_->Mov(count, b());
      f_->BLe(done, count, 63);
      f_->Mov(count, 63);
      f_->Bind(done);
      f_->Rsh(RegOf(n), a(), count);
      return true;
    }
    default: return false;
  }
}

// By multiplication where the dividend has 31 bits, which is tested unless it is known. For 0 <= a < 2**31, 2**(k - 31) >= m and
// M = 2**k / m + 1, rounded down, a / m is a * M >> k.
bool Lowerer::DivideByConstant(const Node& n) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  if (!n.input(1)->Is(Opcode::kInt)) return false;
  int64_t m = n.input(1)->imm;
  if (m < 2 || m >= kLimit) return false;
  bool mod = n.Is(Opcode::kIntModPure) || n.Is(Opcode::kIntModTrunc);
  const Type& t = n.input(0)->type;
  Reg a = IntReg(n.input(0));
  int bits = 64 - __builtin_clzll(static_cast<uint64_t>(m - 1));
  int k = 31 + bits;
  Label large = f_->NewLabel(), done = f_->NewLabel();
  bool fits = t.Is(kIntBit) && t.low() >= 0 && t.high() < kLimit;
  if (!fits) f_->UBGe(large, a, kLimit);
  Reg product = f_->Mul(a, static_cast<int64_t>((static_cast<__int128>(1) << k) / m + 1));
  Reg quotient = f_->URsh(product, k);
  if (mod) f_->Sub(RegOf(n), a, f_->Mul(quotient, m));
  else f_->Mov(RegOf(n), quotient);
  if (fits) return true;
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(large);
    FloorDivide(n, false);
    f_->Jmp(done);
  });
  return true;
}

// Python rounds quotients down, and remainders have the divisor's sign.
void Lowerer::FloorDivide(const Node& n, bool checked) {
  bool mod = n.Is(Opcode::kIntMod) || n.Is(Opcode::kIntModPure) || n.Is(Opcode::kIntModTrunc);
  Reg a = IntReg(n.input(0)), b = IntReg(n.input(1));
  if (checked) {
    f_->BEq(ExitFor(n), b, 0);
    f_->BEq(ExitFor(n), b, -1);  // INT64_MIN // -1 traps; the interpreter does all of these
  }
  Reg m = f_->Mod(a, b);
  Label done = f_->NewLabel(), exact = f_->NewLabel();
  if (mod) {
    f_->Mov(RegOf(n), m);
    f_->BEq(done, m, 0);
    Reg signs = f_->Xor(m, b);
    f_->BGe(done, signs, 0);
    f_->Add(RegOf(n), m, b);
    f_->Bind(done);
    return;
  }
  Reg q = f_->Div(a, b);
  f_->Mov(RegOf(n), q);
  f_->BEq(exact, m, 0);
  Reg signs = f_->Xor(m, b);
  f_->BGe(exact, signs, 0);
  f_->Sub(RegOf(n), q, 1);
  f_->Bind(exact);
}

bool Lowerer::FloatArithmetic(const Node& n) {
  auto a = [&] { return ValueOf(n.input(0)); };
  auto b = [&] { return ValueOf(n.input(1)); };
  switch (n.opcode) {
    case Opcode::kFloatAdd: f_->DAdd(RegOf(n), a(), b()); return true;
    case Opcode::kFloatSub: f_->DSub(RegOf(n), a(), b()); return true;
    case Opcode::kFloatMul: f_->DMul(RegOf(n), a(), b()); return true;
    case Opcode::kFloatDiv:
      if (!n.input(1)->Is(Opcode::kFloat) || n.input(1)->imm << 1 == 0) f_->DBEq(ExitFor(n), b(), Double(0.0));
      f_->DDiv(RegOf(n), a(), b());
      return true;
    case Opcode::kFloatNeg: f_->DNeg(RegOf(n), a()); return true;
    case Opcode::kFloatAbs: FloatAbs(n); return true;
    case Opcode::kFloatSqrt: {
      // Of NaN and inf as well as of negative ones the interpreter takes care.
      Label usual = f_->NewLabel();
      f_->DBGe(usual, a(), Double(0.0));
      f_->Jmp(ExitFor(n));
      f_->Bind(usual);
      Reg results[] = {RegOf(n)};
      Operand args[] = {a()};
      f_->Call({{mir::Type::kDouble}, {mir::Type::kDouble}}, mir::Callee{"sqrt", reinterpret_cast<const void*>(tj2_sqrt), true}, results, args);
      return true;
    }
    case Opcode::kFloatMath: case Opcode::kFloatMath2: {
      const void* function = MathFunction(n.imm);
      Reg results[] = {RegOf(n)};
      std::vector<Operand> args;
      for (const Node* i : n.inputs) args.push_back(ValueOf(i));
      f_->Call({{mir::Type::kDouble}, std::vector<mir::Type>(args.size(), mir::Type::kDouble)}, mir::Callee{"math", function}, results, args);
      // Errors make no finite numbers.
      Label finite = f_->NewLabel();
      Reg nothing = f_->DSub(RegOf(n), RegOf(n));
      f_->DBEq(finite, nothing, Double(0.0));
      f_->Jmp(ExitFor(n));
      f_->Bind(finite);
      return true;
    }
    case Opcode::kFloatRound: f_->CallC("rint", static_cast<double (*)(double)>(std::nearbyint), RegOf(n), {a()}); return true;
    case Opcode::kFloatMin: case Opcode::kFloatMax: {
      Label second = f_->NewLabel(), done = f_->NewLabel();
      Reg x = DoubleReg(n.input(0)), y = DoubleReg(n.input(1));
      n.Is(Opcode::kFloatMin) ? f_->DBLt(second, y, x) : f_->DBGt(second, y, x);
      f_->DMov(RegOf(n), x);
      f_->Jmp(done);
      f_->Bind(second);
      f_->DMov(RegOf(n), y);
      f_->Bind(done);
      return true;
    }
    case Opcode::kFloatFloorDiv: case Opcode::kFloatMod: {
      f_->DBEq(ExitFor(n), b(), Double(0.0));
      n.Is(Opcode::kFloatMod) ? f_->CallC("mod", tj2_float_mod, RegOf(n), {a(), b()}) : f_->CallC("floordiv", tj2_float_floordiv, RegOf(n), {a(), b()});
      return true;
    }
    case Opcode::kFloatPow: {
      // A positive base; results that are not finite may have to raise OverflowError.
      Label usual = f_->NewLabel();
      f_->DBGt(usual, a(), Double(0.0));
      f_->Jmp(ExitFor(n));
      f_->Bind(usual);
      f_->CallC("pow", tj2_pow, RegOf(n), {a(), b()});
      Label finite = f_->NewLabel();
      f_->DBLe(finite, RegOf(n), Double(std::numeric_limits<double>::max()));
      f_->Jmp(ExitFor(n));
      f_->Bind(finite);
      return true;
    }
    case Opcode::kFloatToInt: {
      constexpr double kLimit = 9223372036854774784.0;  // the largest double below 2**63
      Label low = f_->NewLabel(), high = f_->NewLabel();
      f_->DBLe(low, a(), Double(kLimit));
      f_->Jmp(ExitFor(n));
      f_->Bind(low);
      f_->DBGe(high, a(), Double(-kLimit));
      f_->Jmp(ExitFor(n));
      f_->Bind(high);
      f_->D2I(RegOf(n), a());
      return true;
    }
    default: return false;
  }
}

// By signs, as there is no way to the bits but through memory. NaN may have one, too.
void Lowerer::FloatAbs(const Node& n) {
  Reg x = DoubleReg(n.input(0));
  Label done = f_->NewLabel(), nan = f_->NewLabel();
  f_->DMov(RegOf(n), x);
  f_->DBGt(done, x, Double(0.0));
  f_->DBNe(nan, x, x);
  Reg zero = f_->NewDouble("zero");
  f_->DMov(zero, Double(0.0));
  f_->DSub(RegOf(n), zero, x);
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(nan);
    f_->CallC("fabs", static_cast<double (*)(double)>(std::fabs), RegOf(n), {x});
    f_->Jmp(done);
  });
}

void Lowerer::UnboxInt(const Node& n, bool guarded) {
  Reg o = IntReg(n.input(0));
  if (guarded) f_->BNe(ExitFor(n), TypeField(o), &PyLong_Type);
  Label large = f_->NewLabel(), done = f_->NewLabel();
  Reg result = RegOf(n);
  Reg tag = f_->Load(Field(mir::Type::kI64, o, kIntTag));
  f_->UBGe(large, tag, 2 << kIntTagShift);
  // (1 - sign) * digit: the sign bits are 0, 1 (zero) or 2 (negative).
  Reg sign = f_->And(tag, 3);
  Reg factor = f_->Sub(1, sign);
  Reg digit = f_->Load(Field(mir::Type::kU32, o, kDigit));
  f_->Mul(result, factor, digit);
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(large);
    Reg value = f_->NewInt("value"), fits = f_->NewInt("fits");
    Reg results[] = {value, fits};
    Operand args[] = {o};
    f_->Call({{mir::Type::kI64, mir::Type::kI64}, {mir::Type::kI64}}, mir::Callee{"tj2_int_value", reinterpret_cast<const void*>(tj2_int_value)},
             results, args);
    if (guarded) f_->BF(ExitFor(n), fits);
    f_->Mov(result, value);
    f_->Jmp(done);
  });
}

void Lowerer::GuardToFloat(const Node& n) {
  Reg o = IntReg(n.input(0)), type = TypeField(o), result = RegOf(n);
  Label integer = f_->NewLabel(), done = f_->NewLabel();
  f_->BNe(integer, type, &PyFloat_Type);
  f_->DMov(result, Field(mir::Type::kDouble, o, kFloatValue));
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(integer);
    f_->BNe(ExitFor(n), type, &PyLong_Type);
    Reg value = f_->NewInt("value"), fits = f_->NewInt("fits");
    Reg results[] = {value, fits};
    Operand args[] = {o};
    f_->Call({{mir::Type::kI64, mir::Type::kI64}, {mir::Type::kI64}}, mir::Callee{"tj2_int_value", reinterpret_cast<const void*>(tj2_int_value)},
             results, args);
    f_->BF(ExitFor(n), fits);
    f_->I2D(result, value);
    f_->Jmp(done);
  });
}

void Lowerer::UnboxBool(const Node& n, bool guarded) {
  Reg o = IntReg(n.input(0));
  Label done = f_->NewLabel();
  f_->Eq(RegOf(n), o, Py_True);
  if (guarded) {
    f_->BT(done, RegOf(n));
    f_->BNe(ExitFor(n), o, Py_False);
  }
  f_->Bind(done);
}

// A value of one digit, with its sign.
void Lowerer::WriteDigit(Reg o, Reg v) {
  Reg negative = f_->Rsh(v, 63);
  Reg sign = f_->And(negative, 2);
  Reg tag = f_->Or(sign, 1 << kIntTagShift);
  f_->Store(Field(mir::Type::kI64, o, kIntTag), tag);
  Reg flipped = f_->Xor(v, negative);
  Reg magnitude = f_->Sub(flipped, negative);
  f_->Store(Field(mir::Type::kU32, o, kDigit), magnitude);
}

// Small ints are shared; others come from the free blocks, which keep their type.
void Lowerer::BoxInt(const Node& n) {
  Reg v = IntReg(n.input(0));
  Reg o = RegOf(n);
  Label fresh = f_->NewLabel(), slow = f_->NewLabel(), done = f_->NewLabel();
  const Type& t = n.input(0)->type;
  constexpr int64_t kSmallIntMax = kSmallIntMin + kSmallIntCount - 1;
  bool never_small = t.Is(kIntBit) && (t.low() > kSmallIntMax || t.high() < kSmallIntMin);
  if (t.Is(kIntBit) && t.low() >= kSmallIntMin && t.high() <= kSmallIntMax) {
    Reg offset = f_->Mul(v, kSmallIntSize);
    f_->Add(o, offset, env_.small_int_zero);
    return;
  }
  if (!never_small) {
    Reg biased = f_->Sub(v, kSmallIntMin);
    f_->UBGe(fresh, biased, kSmallIntCount);
    Reg offset = f_->Mul(v, kSmallIntSize);
    f_->Add(o, offset, env_.small_int_zero);
    f_->Jmp(done);
    f_->Bind(fresh);
  }
  Reg shifted = f_->Add(v, kCompactLimit - 1);
  f_->UBGe(slow, shifted, 2 * kCompactLimit - 1);
  MayFail("box_int", -1, slow, ExitPoint::Kind::kDetour);
  Reg count = f_->Load(Mem::At(mir::Type::kU32, env_.ints.count));
  Reg left = f_->Sub(count, 1);
  f_->UBGe(slow, left, env_.usable_span);
  Reg items = f_->NewInt("items");
  f_->Mov(items, env_.ints.items);
  f_->Mov(o, Mem{.base = items, .index = left, .scale = 8});
  f_->Store(Mem::At(mir::Type::kU32, env_.ints.count), left);
  f_->Store(Field(mir::Type::kI64, o, offsetof(PyObject, ob_refcnt)), 1);
  WriteDigit(o, v);
  f_->Bind(done);
  Later([=, this] {
    f_->Bind(slow);
    f_->CallC("tj2_box_int", tj2_box_int, o, {v, reinterpret_cast<const void*>(env_.refill_ints)});
    f_->Jmp(done);
  });
}

void Lowerer::BoxFloat(const Node& n) {
  Reg o = RegOf(n);
  Reg v = f_->NewDouble("d");
  f_->DMov(v, ValueOf(n.input(0)));
  Label slow = f_->NewLabel(), done = f_->NewLabel();
  MayFail("box_float", -1, slow, ExitPoint::Kind::kDetour);
  Reg count = f_->Load(Mem::At(mir::Type::kU32, env_.floats.count));
  Reg left = f_->Sub(count, 1);
  f_->UBGe(slow, left, env_.usable_span);
  Reg items = f_->NewInt("items");
  f_->Mov(items, env_.floats.items);
  f_->Mov(o, Mem{.base = items, .index = left, .scale = 8});
  f_->Store(Mem::At(mir::Type::kU32, env_.floats.count), left);
  f_->Store(Field(mir::Type::kI64, o, offsetof(PyObject, ob_refcnt)), 1);
  f_->Store(Field(mir::Type::kDouble, o, kFloatValue), v);
  f_->Bind(done);
  Later([=, this] {
    f_->Bind(slow);
    f_->CallC("tj2_box_float", tj2_box_float, o, {v, reinterpret_cast<const void*>(env_.refill_floats)});
    f_->Jmp(done);
  });
}

}  // namespace tierjit::tier2
