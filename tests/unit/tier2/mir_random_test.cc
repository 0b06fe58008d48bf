// Random programs: MIR's interpreter and the code of every level agree; with calls, which it cannot run, the levels.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "tier2/mir/function.h"

namespace tierjit::mir {
namespace {

constexpr int kInts = 8, kDoubles = 6, kWords = 8;

// What a program works on and leaves behind.
struct Memory {
  std::array<int64_t, kWords> words;
  std::array<int32_t, kWords> halves;
  std::array<uint8_t, kWords> bytes;
  std::array<double, kWords> numbers;
  std::array<int64_t, kInts> final_ints;
  std::array<double, kDoubles> final_doubles;
};

class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed) {}
  uint32_t Below(uint32_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33) % bound;
  }

 private:
  uint64_t state_;
};

int64_t Mix(int64_t a, double b, int32_t c) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * 31 + (b > 0)) ^ c;
}
double Blend(double a, int64_t b, double c) { return a - c + static_cast<double>(b & 0xffff); }
void Disturb(Memory* memory, int64_t value) {
  memory->words[value & (kWords - 1)] ^= value;
  memory->numbers[(value >> 3) & (kWords - 1)] += 1.0;
}

// Builds int64_t program(Memory*): statements on registers and memory, in nested loops and branches.
class Program {
 public:
  Program(Function& f, uint32_t seed, bool calls) : f_(f), random_(seed), calls_(calls) {
    for (Reg& reg : ints_) f_.Mov(reg = f_.NewInt(), RandomInt());
    for (Reg& reg : doubles_) f_.DMov(reg = f_.NewDouble(), RandomDouble());
  }

  void Build() {
    Statements(3);
    for (int i = 0; i < kInts; ++i) f_.Store(Word(offsetof(Memory, final_ints), Type::kI64, i), ints_[i]);
    for (int i = 0; i < kDoubles; ++i) f_.Store(Word(offsetof(Memory, final_doubles), Type::kDouble, i), doubles_[i]);
    f_.Ret({ints_[0]});
    Function::ColdSection cold(f_);
    for (const Overflow& overflow : overflows_) {
      f_.Bind(overflow.exit);
      f_.Xor(ints_[0], ints_[0], overflow.mark);
      f_.Jmp(overflow.back);
    }
  }

 private:
  struct Overflow {
    Label exit, back;
    int64_t mark;
  };

  int64_t RandomInt() {
    static constexpr int64_t kValues[] = {0, 1, -1, 2, 7, 255, -256, 65536, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    return random_.Below(2) != 0 ? kValues[random_.Below(std::size(kValues))] : int64_t{random_.Below(1000)} - 500;
  }
  double RandomDouble() {
    static constexpr double kValues[] = {0.0, -0.0, 1.0, -1.5, 1e10, 3e-300, 1e300};
    return kValues[random_.Below(std::size(kValues))];
  }
  Reg Int() { return ints_[random_.Below(kInts)]; }
  Reg Double() { return doubles_[random_.Below(kDoubles)]; }
  Operand IntOperand() { return random_.Below(4) == 0 ? Operand(RandomInt()) : Operand(Int()); }
  Operand DoubleOperand() { return random_.Below(4) == 0 ? Operand(RandomDouble()) : Operand(Double()); }

  Mem Word(size_t array, Type type, int index) {
    static constexpr int kSizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 8};
    return {type, f_.Parameter(0), static_cast<int64_t>(array) + index * kSizes[static_cast<int>(type)]};
  }

  // An element of one of the arrays, by a constant or a computed index. `halves` is read and written in all widths.
  Mem Element() {
    struct Kind {
      size_t array;
      Type type;
      uint8_t size;
    };
    static constexpr Kind kKinds[] = {{offsetof(Memory, words), Type::kI64, 8},
                                      {offsetof(Memory, bytes), Type::kU8, 1},
                                      {offsetof(Memory, numbers), Type::kDouble, 8},
                                      {offsetof(Memory, halves), Type::kI32, 4},
                                      {offsetof(Memory, halves), Type::kU32, 4},
                                      {offsetof(Memory, halves), Type::kI16, 2},
                                      {offsetof(Memory, halves), Type::kU16, 2},
                                      {offsetof(Memory, halves), Type::kI8, 1},
                                      {offsetof(Memory, halves), Type::kU64, 8}};
    const Kind& kind = kKinds[random_.Below(std::size(kKinds))];
    const uint32_t count = kind.type == Type::kU64 ? kWords / 2 : kWords;
    if (random_.Below(2) != 0) return Word(kind.array, kind.type, static_cast<int>(random_.Below(count)));
    return {kind.type, f_.Parameter(0), static_cast<int64_t>(kind.array), f_.And(Int(), count - 1), kind.size};
  }

  void IntOperation() {
    static constexpr Op kWide[] = {Op::kAdd, Op::kSub, Op::kMul, Op::kAnd, Op::kOr,  Op::kXor, Op::kEq,  Op::kNe,
                                   Op::kLt,  Op::kULt, Op::kLe,  Op::kULe, Op::kGt,  Op::kUGt, Op::kGe,  Op::kUGe,
                                   Op::kEqS, Op::kNeS, Op::kLtS, Op::kULtS, Op::kLeS, Op::kGtS, Op::kGeS, Op::kUGeS};
    static constexpr Op kNarrow[] = {Op::kAddS, Op::kSubS, Op::kMulS, Op::kAndS, Op::kOrS, Op::kXorS};
    static constexpr Op kShifts[] = {Op::kLsh, Op::kRsh, Op::kURsh};
    static constexpr Op kNarrowShifts[] = {Op::kLshS, Op::kRshS, Op::kURshS};
    static constexpr Op kDivisions[] = {Op::kDiv, Op::kMod, Op::kUDiv, Op::kUMod};
    static constexpr Op kUnary[] = {Op::kMov, Op::kNeg, Op::kExt8, Op::kExt16, Op::kExt32, Op::kUExt8, Op::kUExt16,
                                    Op::kUExt32};
    Reg dst = Int();
    switch (random_.Below(7)) {
      case 0:
        f_.Emit(kUnary[random_.Below(std::size(kUnary))], dst, IntOperand());
        break;
      case 1:
        f_.Emit(kNarrow[random_.Below(std::size(kNarrow))], dst, IntOperand(), IntOperand());
        f_.Ext32(dst, dst);
        break;
      case 2:
        f_.Emit(kShifts[random_.Below(std::size(kShifts))], dst, IntOperand(), f_.And(Int(), 63));
        break;
      case 3:
        f_.Emit(kNarrowShifts[random_.Below(std::size(kNarrowShifts))], dst, IntOperand(), f_.And(Int(), 31));
        f_.Ext32(dst, dst);
        break;
      case 4:
        f_.Emit(kDivisions[random_.Below(std::size(kDivisions))], dst, IntOperand(), f_.Or(f_.And(Int(), 0xff), 1));
        break;
      default:
        f_.Emit(kWide[random_.Below(std::size(kWide))], dst, IntOperand(), IntOperand());
    }
  }

  void CheckedOperation() {
    static constexpr Op kOps[] = {Op::kAddChecked, Op::kSubChecked, Op::kMulChecked, Op::kUAddChecked,
                                  Op::kUSubChecked};
    Overflow overflow{f_.NewLabel(), f_.NewLabel(), RandomInt()};
    Reg result = f_.NewInt();
    f_.Checked(kOps[random_.Below(std::size(kOps))], overflow.exit, result, IntOperand(), IntOperand());
    f_.Mov(Int(), result);
    f_.Bind(overflow.back);
    overflows_.push_back(overflow);
  }

  void DoubleOperation() {
    static constexpr Op kBinary[] = {Op::kDAdd, Op::kDSub, Op::kDMul, Op::kDDiv};
    static constexpr Op kCompare[] = {Op::kDEq, Op::kDNe, Op::kDLt, Op::kDLe, Op::kDGt, Op::kDGe};
    switch (random_.Below(6)) {
      case 0:
        f_.I2D(Double(), IntOperand());
        break;
      case 1:
        f_.D2I(Int(), DoubleOperand());
        break;
      case 2:
        f_.Emit(kCompare[random_.Below(std::size(kCompare))], Int(), DoubleOperand(), DoubleOperand());
        break;
      case 3:
        f_.DNeg(Double(), DoubleOperand());
        break;
      default:
        f_.Emit(kBinary[random_.Below(std::size(kBinary))], Double(), DoubleOperand(), DoubleOperand());
    }
  }

  void MemoryOperation() {
    const Mem element = Element();
    const bool is_double = element.type == Type::kDouble;
    switch (random_.Below(5)) {
      case 0:
        is_double ? f_.DAdd(element, element, Double()) : f_.Add(element, element, IntOperand());
        break;
      case 1:
        is_double ? f_.DMul(Double(), element, Double()) : f_.LtS(Int(), Int(), element);
        break;
      case 2:
        f_.Move(is_double ? Double() : Int(), element);
        break;
      default:
        f_.Store(element, is_double ? DoubleOperand() : IntOperand());
    }
  }

  void Call() {
    switch (random_.Below(3)) {
      case 0:
        f_.CallC("Mix", Mix, Int(), {IntOperand(), DoubleOperand(), Int()});
        break;
      case 1:
        f_.CallC("Blend", Blend, Double(), {DoubleOperand(), IntOperand(), Double()});
        break;
      default:
        f_.CallC("Disturb", Disturb, {f_.Parameter(0), IntOperand()});
    }
  }

  void If(int depth) {
    static constexpr Op kInt[] = {Op::kBEq, Op::kBNe, Op::kBLt,  Op::kBLe, Op::kBGt,
                                  Op::kBGe, Op::kUBLt, Op::kUBGe, Op::kBLtS};
    static constexpr Op kDouble[] = {Op::kDBEq, Op::kDBNe, Op::kDBLt, Op::kDBLe, Op::kDBGt, Op::kDBGe};
    Label otherwise = f_.NewLabel(), end = f_.NewLabel();
    if (random_.Below(2) != 0) {
      f_.Branch(kInt[random_.Below(std::size(kInt))], otherwise, IntOperand(), Int());
    } else {
      f_.Branch(kDouble[random_.Below(std::size(kDouble))], otherwise, DoubleOperand(), Double());
    }
    Statements(depth - 1);
    f_.Jmp(end);
    f_.Bind(otherwise);
    Statements(depth - 1);
    f_.Bind(end);
  }

  void Loop(int depth) {
    Reg counter = f_.NewInt("counter");
    Label loop = f_.NewLabel(), end = f_.NewLabel();
    f_.Mov(counter, 1 + random_.Below(5));
    f_.Bind(loop);
    Statements(depth - 1);
    f_.Sub(counter, counter, 1);
    if (random_.Below(2) != 0) {
      f_.BGt(loop, counter, 0);
    } else {
      f_.BLe(end, counter, 0);
      f_.Jmp(loop);
      f_.Bind(end);
    }
  }

  void Switch(int depth) {
    std::vector<Label> targets;
    for (int i = 0; i < 4; ++i) targets.push_back(f_.NewLabel());
    Label end = f_.NewLabel();
    f_.Switch(f_.And(Int(), 3), targets);
    for (Label target : targets) {
      f_.Bind(target);
      Statements(depth - 1);
      f_.Jmp(end);
    }
    f_.Bind(end);
  }

  void Statements(int depth) {
    const uint32_t count = 2 + random_.Below(6);
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t choice = random_.Below(depth > 0 ? 12 : 9);
      if (calls_ && random_.Below(6) == 0) Call();
      if (choice < 3) IntOperation();
      else if (choice < 4) CheckedOperation();
      else if (choice < 6) DoubleOperation();
      else if (choice < 9) MemoryOperation();
      else if (choice < 10) If(depth);
      else if (choice < 11) Loop(depth);
      else Switch(depth);
    }
  }

  Function& f_;
  Random random_;
  bool calls_;
  std::array<Reg, kInts> ints_;
  std::array<Reg, kDoubles> doubles_;
  std::vector<Overflow> overflows_;
};

bool Same(double a, double b) { return (std::isnan(a) && std::isnan(b)) || memcmp(&a, &b, sizeof a) == 0; }

// The sign of a NaN is nobody's promise.
bool Same(const Memory& a, const Memory& b) {
  for (int i = 0; i < kWords; ++i) {
    if (!Same(a.numbers[i], b.numbers[i])) return false;
  }
  for (int i = 0; i < kDoubles; ++i) {
    if (!Same(a.final_doubles[i], b.final_doubles[i])) return false;
  }
  return a.words == b.words && a.halves == b.halves && a.bytes == b.bytes && a.final_ints == b.final_ints;
}

struct Outcome {
  int64_t result = 0;
  Memory memory = {};
};

Outcome Run(Function& f, int level) {
  Outcome outcome;
  absl::StatusOr<CodeImage> image = f.Generate(level);
  CHECK_MESSAGE(image.ok(), image.status().ToString());
  if (!image.ok()) return outcome;
  absl::StatusOr<CodeHandle> code = image->Install();
  REQUIRE(code.ok());
  outcome.result = code->As<int64_t(Memory*)>()(&outcome.memory);
  return outcome;
}

Outcome Interpret(Function& f) {
  Outcome outcome;
  const int64_t address = reinterpret_cast<intptr_t>(&outcome.memory);
  absl::StatusOr<Value> result = f.Interpret({Value(address)});
  REQUIRE_MESSAGE(result.ok(), result.status().ToString());
  outcome.result = result->i;
  return outcome;
}

void CompareLevels(uint32_t seed, bool calls) {
  CAPTURE(seed);
  Context context;
  Function f(context, "random", {{Type::kI64}, {Type::kI64}});
  Program(f, seed, calls).Build();
  const Outcome expected = calls ? Run(f, 0) : Interpret(f);
  for (int level : {0, 1, 2}) {
    CAPTURE(level);
    const Outcome outcome = Run(f, level);
    CHECK(outcome.result == expected.result);
    CHECK(Same(outcome.memory, expected.memory));
  }
}

TEST_CASE("mir: random programs give the same at all levels and interpreted") {
  for (uint32_t seed = 1; seed <= 150; ++seed) CompareLevels(seed, false);
}

TEST_CASE("mir: random programs with calls give the same at all levels") {
  for (uint32_t seed = 1; seed <= 150; ++seed) CompareLevels(seed, true);
}

}  // namespace
}  // namespace tierjit::mir
