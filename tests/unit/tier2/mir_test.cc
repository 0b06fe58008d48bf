// The wrapper of MIR: what each kind of instruction computes, at every level and in MIR's interpreter.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <numeric>
#include <vector>

#include "runtime/cpython/python.h"
#include "runtime/deopt/recorded_call.h"
#include "tier2/mir/function.h"

namespace tierjit::mir {
namespace {

constexpr int kLevels[] = {0, 1, 2};
constexpr int64_t kMin = std::numeric_limits<int64_t>::min(), kMax = std::numeric_limits<int64_t>::max();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

const Signature kIntOfInt = {{Type::kI64}, {Type::kI64}};
const Signature kIntOfTwo = {{Type::kI64}, {Type::kI64, Type::kI64}};
const Signature kIntOfDoubles = {{Type::kI64}, {Type::kDouble, Type::kDouble}};
const Signature kDoubleOfTwo = {{Type::kDouble}, {Type::kDouble, Type::kDouble}};
using IntOfInt = int64_t(int64_t);
using IntOfTwo = int64_t(int64_t, int64_t);
using IntOfDoubles = int64_t(double, double);
using DoubleOfTwo = double(double, double);

int64_t Magnitude(int64_t value) { return value < 0 ? -value : value; }

CodeHandle Install(Function& f, int level) {
  absl::StatusOr<CodeImage> image = f.Generate(level);
  REQUIRE_MESSAGE(image.ok(), image.status().ToString());
  absl::StatusOr<CodeHandle> code = image->Install();
  REQUIRE_MESSAGE(code.ok(), code.status().ToString());
  return *std::move(code);
}

using Builder = std::function<void(Function&)>;

// Builds, generates and installs a function; its context ends before the code runs.
CodeHandle Compile(const Signature& signature, int level, const Builder& build) {
  Context context;
  Function f(context, "test", signature);
  build(f);
  return Install(f, level);
}

int64_t InterpretInt(const Signature& signature, const Builder& build, std::vector<Value> args) {
  Context context;
  Function f(context, "test", signature);
  build(f);
  absl::StatusOr<Value> result = f.Interpret(args);
  REQUIRE_MESSAGE(result.ok(), result.status().ToString());
  return result->i;
}

// A function of two integers gives the same at all levels and interpreted; returns that.
int64_t Agreed(const Builder& build, int64_t a, int64_t b) {
  const int64_t expected = InterpretInt(kIntOfTwo, build, {a, b});
  for (int level : kLevels) CHECK(Compile(kIntOfTwo, level, build).As<IntOfTwo>()(a, b) == expected);
  return expected;
}

int64_t Agreed(const Builder& build, double a, double b) {
  const int64_t expected = InterpretInt(kIntOfDoubles, build, {a, b});
  for (int level : kLevels) CHECK(Compile(kIntOfDoubles, level, build).As<IntOfDoubles>()(a, b) == expected);
  return expected;
}

absl::Status ErrorOf(const Signature& signature, const Builder& build) {
  Context context;
  Function f(context, "test", signature);
  build(f);
  absl::StatusOr<CodeImage> image = f.Generate(2);
  REQUIRE(!image.ok());
  CHECK(!f.Interpret({Value(int64_t{0})}).ok());
  return image.status();
}

// Sum of 0..n-1, with an overflow exit in the cold section.
void BuildSum(Function& f) {
  Reg i = f.NewInt("i"), total = f.NewInt("total");
  Label loop = f.NewLabel(), done = f.NewLabel(), overflow = f.NewLabel();
  f.Mov(i, 0);
  f.Mov(total, 0);
  f.Bind(loop);
  f.BGe(done, i, f.Parameter(0));
  f.AddChecked(overflow, total, total, i);
  f.Add(i, i, 1);
  f.Jmp(loop);
  {
    Function::ColdSection cold(f);
    f.Bind(overflow);
    f.Ret({-1});
  }
  f.Bind(done);
  f.Ret({total});
}

TEST_CASE("mir: a loop over integers") {
  CHECK(InterpretInt(kIntOfInt, BuildSum, {int64_t{100}}) == 4950);
  for (int level : kLevels) {
    CodeHandle code = Compile(kIntOfInt, level, BuildSum);
    CHECK(code.As<IntOfInt>()(100) == 4950);
    CHECK(code.As<IntOfInt>()(0) == 0);
    CHECK(code.size() > 0);
    CHECK(code.size() < 400);
  }
}

TEST_CASE("mir: one function is generated at several levels, and interpreted before and after") {
  Context context;
  Function f(context, "sum", kIntOfInt);
  BuildSum(f);
  CHECK(f.instruction_count() == 9);
  CHECK(f.Interpret({Value(int64_t{10})})->i == 45);
  CodeHandle quick = Install(f, 0), best = Install(f, 2), again = Install(f, 0);
  CHECK(f.Interpret({Value(int64_t{11})})->i == 55);
  for (const CodeHandle* code : {&quick, &best, &again}) CHECK(code->As<IntOfInt>()(11) == 55);
  CHECK(quick.size() == again.size());
}

TEST_CASE("mir: functions of one context are built one after the other") {
  Context context;
  Function first(context, "f", kIntOfInt);
  BuildSum(first);
  CodeHandle first_code = Install(first, 2);
  Function second(context, "f", kIntOfInt);
  second.Ret({second.CallC("f", first_code.As<IntOfInt>(), {second.Add(second.Parameter(0), 1)})});
  CHECK(Install(second, 2).As<IntOfInt>()(10) == 55);
}

TEST_CASE("mir: the text names registers and callees, and can be had at any time") {
  Context context;
  Function f(context, "shown", kIntOfInt);
  Reg x = f.NewInt("x");
  f.Mov(x, f.CallC("PyLong_FromLong", PyLong_FromLong, {f.Parameter(0)}));
  f.Store({Type::kU8, x, 8}, 1);
  f.Ret({x});
  const std::string text = f.Dump();
  CAPTURE(text);
  for (const char* part : {"shown_", "x_", "PyLong_FromLong_", "u8:8(x_", "ret"}) {
    CHECK(text.find(part) != std::string::npos);
  }
  REQUIRE(f.Generate(2).ok());
  CHECK(f.Dump().find("PyLong_FromLong_") != std::string::npos);
}

// --- Arithmetic ---

TEST_CASE("mir: integer operations") {
  struct Case {
    Op op;
    int64_t a, b, result;
  };
  const Case cases[] = {
      {Op::kAdd, kMax, 1, kMin},
      {Op::kSub, 5, 7, -2},
      {Op::kMul, -3, 7, -21},
      {Op::kDiv, -7, 2, -3},
      {Op::kMod, -7, 2, -1},
      {Op::kUDiv, -1, 2, kMax},
      {Op::kUMod, -1, 10, 5},
      {Op::kAnd, 12, 10, 8},
      {Op::kOr, 12, 10, 14},
      {Op::kXor, 12, 10, 6},
      {Op::kLsh, 1, 63, kMin},
      {Op::kRsh, kMin, 63, -1},
      {Op::kURsh, kMin, 63, 1},
      {Op::kEq, 3, 3, 1},
      {Op::kNe, 3, 3, 0},
      {Op::kLt, -1, 0, 1},
      {Op::kULt, -1, 0, 0},
      {Op::kLe, 1, 0, 0},
      {Op::kULe, 1, -1, 1},
      {Op::kGt, kMin, 0, 0},
      {Op::kUGt, kMin, 0, 1},
      {Op::kGe, 0, 0, 1},
      {Op::kUGe, 0, -1, 0},
  };
  for (const Case& one : cases) {
    CAPTURE(static_cast<int>(one.op));
    auto registers = [&](Function& f) {
      Reg result = f.NewInt();
      f.Emit(one.op, result, f.Parameter(0), f.Parameter(1));
      f.Ret({result});
    };
    auto constant = [&](Function& f) {
      Reg result = f.NewInt();
      f.Emit(one.op, result, f.Parameter(0), one.b);
      f.Ret({result});
    };
    CHECK(Agreed(registers, one.a, one.b) == one.result);
    CHECK(Agreed(constant, one.a, one.b) == one.result);
  }
}

TEST_CASE("mir: extensions, negation and 32-bit forms") {
  struct Case {
    Op op;
    int64_t a, result;
  };
  const Case cases[] = {{Op::kExt8, 0x1ff, -1},          {Op::kUExt8, 0x1ff, 255},
                        {Op::kExt16, 0x18000, -32768},   {Op::kUExt16, 0x18000, 32768},
                        {Op::kExt32, 0x1ffffffff, -1},   {Op::kUExt32, 0x1ffffffff, 0xffffffff},
                        {Op::kNeg, kMin, kMin},          {Op::kMov, 42, 42}};
  for (const Case& one : cases) {
    CAPTURE(static_cast<int>(one.op));
    auto build = [&](Function& f) {
      Reg result = f.NewInt();
      f.Emit(one.op, result, f.Parameter(0));
      f.Ret({result});
    };
    CHECK(Agreed(build, one.a, int64_t{0}) == one.result);
  }
  auto narrow = [](Function& f) { f.Ret({f.Ext32(f.AddS(f.Parameter(0), f.Parameter(1)))}); };
  CHECK(Agreed(narrow, int64_t{0x7fffffff}, int64_t{1}) == std::numeric_limits<int32_t>::min());
}

TEST_CASE("mir: overflow leaves by its branch, and only then") {
  struct Case {
    Op op;
    int64_t a, b;
    bool overflows;
  };
  const Case cases[] = {
      {Op::kAddChecked, kMax, 1, true},         {Op::kAddChecked, kMax, 0, false},
      {Op::kSubChecked, kMin, 1, true},         {Op::kSubChecked, -1, kMax, false},
      {Op::kMulChecked, int64_t{1} << 32, int64_t{1} << 31, true},
      {Op::kMulChecked, int64_t{1} << 31, int64_t{1} << 31, false},
      {Op::kMulChecked, kMin, -1, true},        {Op::kUAddChecked, -1, 1, true},
      {Op::kUAddChecked, kMax, kMax, false},    {Op::kUSubChecked, 0, 1, true},
      {Op::kUSubChecked, 1, 1, false},          {Op::kUMulChecked, -1, 2, true},
      {Op::kUMulChecked, kMax, 2, false},       {Op::kAddCheckedS, 0x7fffffff, 1, true},
      {Op::kAddCheckedS, 0x7fffffff, 0, false}, {Op::kMulCheckedS, 0x10000, 0x8000, true},
  };
  for (const Case& one : cases) {
    CAPTURE(static_cast<int>(one.op));
    CAPTURE(one.a);
    auto build = [&](Function& f) {
      Label overflow = f.NewLabel();
      Reg result = f.NewInt();
      f.Checked(one.op, overflow, result, f.Parameter(0), f.Parameter(1));
      f.Ret({f.Add(f.And(result, 0), 1)});
      Function::ColdSection cold(f);
      f.Bind(overflow);
      f.Ret({0});
    };
    CHECK(Agreed(build, one.a, one.b) == !one.overflows);
  }
}

TEST_CASE("mir: doubles") {
  auto arithmetic = [](Function& f) {
    Reg a = f.Parameter(0), b = f.Parameter(1);
    f.Ret({f.DSub(f.DMul(f.DAdd(a, b), 2.0), f.DDiv(f.DNeg(a), b))});
  };
  for (int level : kLevels) {
    CHECK(Compile(kDoubleOfTwo, level, arithmetic).As<DoubleOfTwo>()(3.0, 4.0) == 14.75);
  }
  auto to_int = [](Function& f) { f.Ret({f.D2I(f.Parameter(0))}); };
  CHECK(Agreed(to_int, -2.9, 0.0) == -2);
  CHECK(Agreed(to_int, 1e30, 0.0) == kMin);
  CHECK(Agreed(to_int, kNaN, 0.0) == kMin);
  auto both_ways = [](Function& f) { f.Ret({f.D2I(f.DMul(f.I2D(f.Parameter(0)), 0.5))}); };
  CHECK(Agreed(both_ways, int64_t{-9}, int64_t{0}) == -4);
  auto from_unsigned = [](Function& f) { f.Ret({f.DGt(f.UI2D(f.Parameter(0)), 9.2e18)}); };
  CHECK(Agreed(from_unsigned, kMin, int64_t{0}) == 1);
}

TEST_CASE("mir: comparisons of doubles, as values and as branches, with NaN on either side") {
  struct Case {
    Op compare, branch;
    bool (*expected)(double, double);
  };
  const Case cases[] = {
      {Op::kDEq, Op::kDBEq, [](double a, double b) { return a == b; }},
      {Op::kDNe, Op::kDBNe, [](double a, double b) { return a != b; }},
      {Op::kDLt, Op::kDBLt, [](double a, double b) { return a < b; }},
      {Op::kDLe, Op::kDBLe, [](double a, double b) { return a <= b; }},
      {Op::kDGt, Op::kDBGt, [](double a, double b) { return a > b; }},
      {Op::kDGe, Op::kDBGe, [](double a, double b) { return a >= b; }},
  };
  for (const Case& one : cases) {
    auto value = [&](Function& f) {
      Reg result = f.NewInt();
      f.Emit(one.compare, result, f.Parameter(0), f.Parameter(1));
      f.Ret({result});
    };
    auto branch = [&](Function& f) {
      Label yes = f.NewLabel();
      f.Branch(one.branch, yes, f.Parameter(0), f.Parameter(1));
      f.Ret({0});
      f.Bind(yes);
      f.Ret({1});
    };
    for (double a : {-1.0, 0.0, -0.0, 2.5, kNaN, HUGE_VAL}) {
      for (double b : {0.0, 2.5, kNaN}) {
        CAPTURE(static_cast<int>(one.compare));
        CAPTURE(a);
        CAPTURE(b);
        CHECK(Agreed(value, a, b) == one.expected(a, b));
        CHECK(Agreed(branch, a, b) == one.expected(a, b));
      }
    }
  }
}

// --- Memory, control flow, calls ---

TEST_CASE("mir: loads extend, stores truncate, every type and every part of an address") {
  struct Case {
    Type type;
    int64_t stored, loaded;
  };
  const Case cases[] = {{Type::kI8, 0x1fe, -2},       {Type::kU8, 0x1fe, 0xfe},
                        {Type::kI16, 0x1fffe, -2},    {Type::kU16, 0x1fffe, 0xfffe},
                        {Type::kI32, 0x1fffffffe, -2}, {Type::kU32, 0x1fffffffe, 0xfffffffe},
                        {Type::kI64, kMin, kMin},     {Type::kU64, -1, -1}};
  for (const Case& one : cases) {
    CAPTURE(static_cast<int>(one.type));
    int64_t words[8] = {};
    auto store = [&](Function& f) {
      f.Store({one.type, f.Parameter(0), 16, f.Parameter(1), 8}, one.stored);
      f.Ret({0});
    };
    auto load = [&](Function& f) { f.Ret({f.Load({one.type, f.Parameter(0), 16, f.Parameter(1), 8})}); };
    const int64_t address = reinterpret_cast<intptr_t>(words);
    Agreed(store, address, int64_t{3});
    CHECK(words[4] == 0);
    CHECK(memcmp(&words[5], &one.stored, 1) == 0);
    CHECK(words[6] == 0);
    CHECK(Agreed(load, address, int64_t{3}) == one.loaded);
  }
}

TEST_CASE("mir: doubles in memory, constant addresses, operations on memory, alias sets") {
  static double number = 1.5;
  static int64_t counter = 40;
  auto build = [](Function& f) {
    const Mem cell = Mem::At(Type::kI64, &counter).In(AliasSet::kUnit);
    f.Add(cell, cell, 1);
    f.Store(Mem::At(Type::kDouble, &number), f.DAdd(Mem::At(Type::kDouble, &number), 1.0));
    f.Ret({cell});
  };
  for (int level : kLevels) {
    counter = 40;
    number = 1.5;
    CHECK(Compile(kIntOfInt, level, build).As<IntOfInt>()(0) == 41);
    CHECK(number == 2.5);
  }
}

TEST_CASE("mir: a switch") {
  auto build = [](Function& f) {
    std::vector<Label> targets;
    for (int i = 0; i < 5; ++i) targets.push_back(f.NewLabel());
    targets.push_back(targets[1]);
    f.Switch(f.Parameter(0), targets);
    for (int i = 0; i < 5; ++i) {
      f.Bind(targets[i]);
      f.Ret({f.Add(f.Parameter(1), 10 * i)});
    }
  };
  for (int64_t i = 0; i < 5; ++i) CHECK(Agreed(build, i, int64_t{3}) == 10 * i + 3);
  CHECK(Agreed(build, int64_t{5}, int64_t{3}) == 13);
}

double ManyArguments(int8_t a, double b, uint16_t c, double d, int32_t e, double f, void* g, double h, bool i, double j, double k, double l,
                     double m) {
  const double pointer = static_cast<double>(reinterpret_cast<intptr_t>(g));
  return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * pointer + 8 * h + 9 * i + 10 * j + 11 * k + 12 * l + 13 * m;
}

TEST_CASE("mir: a call with many arguments of all types, passed narrow; with more than registers take it is refused") {
  auto build = [](Function& f) {
    // Upper bits that the callee must not see.
    Reg x = f.Add(f.Parameter(0), int64_t{1} << 40);
    f.Ret({f.CallC("ManyArguments", ManyArguments, {x, 2.0, x, 4.0, x, 6.0, 11, 8.0, 1, 10.0, 12.0, 14.0, 16.0})});
  };
  const double expected = ManyArguments(3, 2, 3, 4, 3, 6, reinterpret_cast<void*>(11), 8, true, 10, 12, 14, 16);
  for (int level : kLevels) {
    CHECK(Compile({{Type::kDouble}, {Type::kI64}}, level, build).As<double(int64_t)>()(3) == expected);
  }
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) {
           Reg x = f.Parameter(0);
           f.Ret({f.CallC("six", +[](int64_t a, int64_t, int64_t, int64_t, int64_t, int64_t) { return a; }, {x, x, x, x, x, x})});
         }).ok());
}

int64_t ClobberDoubles(double value) {
  asm volatile("xorps %%xmm2, %%xmm2; xorps %%xmm7, %%xmm7; xorps %%xmm10, %%xmm10; xorps %%xmm15, %%xmm15; xorps %%xmm4, %%xmm4" ::
                   : "xmm2", "xmm4", "xmm7", "xmm10", "xmm15");
  return static_cast<int64_t>(value);
}

TEST_CASE("mir: doubles live across calls, and across calls of generated code by generated code") {
  auto build = [](Function& f) {
    std::vector<Reg> values;
    for (int i = 0; i < 16; i++) {
      Reg d = f.NewDouble();
      f.I2D(d, f.Add(f.Parameter(0), i));
      values.push_back(d);
    }
    Reg called = f.CallC("ClobberDoubles", ClobberDoubles, {values[3]});
    Reg sum = f.NewDouble();
    f.I2D(sum, called);
    for (size_t i = 0; i < values.size(); i++) f.DAdd(sum, sum, f.DMul(values[i], static_cast<double>(i + 1)));
    f.Ret({sum});
  };
  double expected = 5 + 3;
  for (int i = 0; i < 16; i++) expected += (5 + i) * (i + 1);
  for (int level : kLevels) {
    CodeHandle inner = Compile({{Type::kDouble}, {Type::kI64}}, level, build);
    CHECK(inner.As<double(int64_t)>()(5) == expected);
    auto outer = [&](Function& f) {
      Reg kept = f.NewDouble(), result = f.NewDouble();
      f.I2D(kept, f.Parameter(0));
      Reg results[] = {result};
      Operand args[] = {f.Parameter(0)};
      f.Call({{Type::kDouble}, {Type::kI64}}, Callee{"inner", inner.address(), true}, results, args);
      f.Ret({f.DAdd(result, kept)});
    };
    CHECK(Compile({{Type::kDouble}, {Type::kI64}}, level, outer).As<double(int64_t)>()(5) == expected + 5);
  }
}

int8_t NarrowResult(int64_t value) { return static_cast<int8_t>(value); }

struct Pair {
  int64_t value, tag;
};
Pair TwoResults(int64_t value) { return {value + 1, value + 2}; }

TEST_CASE("mir: narrow results are extended, two results come in two registers, no result is fine") {
  auto narrow = [](Function& f) { f.Ret({f.CallC("NarrowResult", NarrowResult, {f.Parameter(0)})}); };
  auto pair = [](Function& f) {
    Reg value = f.NewInt(), tag = f.NewInt();
    Reg results[] = {value, tag};
    Operand args[] = {f.Parameter(0)};
    f.Call({{Type::kI64, Type::kI64}, {Type::kI64}}, f.Mov(reinterpret_cast<void*>(TwoResults)), results, args);
    f.Ret({tag, value});
  };
  static int64_t seen;
  auto nothing = [](Function& f) {
    f.CallC("set", +[](int64_t value) { seen = value; }, {f.Parameter(0)});
    f.Ret({});
  };
  for (int level : kLevels) {
    CHECK(Compile(kIntOfInt, level, narrow).As<IntOfInt>()(0x180) == -128);
    Pair swapped = Compile({{Type::kI64, Type::kI64}, {Type::kI64}}, level, pair).As<Pair(int64_t)>()(10);
    CHECK(swapped.value == 12);
    CHECK(swapped.tag == 11);
    Compile({{}, {Type::kI64}}, level, nothing).As<void(int64_t)>()(level + 70);
    CHECK(seen == level + 70);
  }
}

TEST_CASE("mir: values live across calls, in more registers than there are") {
  auto build = [](Function& f) {
    std::vector<Reg> ints, doubles;
    for (int i = 0; i < 20; ++i) {
      ints.push_back(f.Add(f.Parameter(0), i));
      doubles.push_back(f.I2D(ints.back()));
    }
    Reg total = f.CallC("Magnitude", Magnitude, {f.Parameter(0)});
    Reg sum = f.NewDouble();
    f.DMov(sum, 0.0);
    for (int i = 0; i < 20; ++i) {
      f.Add(total, total, ints[i]);
      f.DAdd(sum, sum, doubles[i]);
    }
    f.Ret({f.Add(total, f.D2I(sum))});
  };
  for (int level : kLevels) CHECK(Compile(kIntOfInt, level, build).As<IntOfInt>()(-100) == 100 + 2 * (-2000 + 190));
}

// --- Errors, memory, threads ---

TEST_CASE("mir: mistakes become a status, whatever comes after them") {
  CHECK(ErrorOf(kIntOfInt, [](Function& f) {
          f.Add(f.NewInt(), 1.0, 2);
          f.Ret({0});
        }).message().find("add") != absl::string_view::npos);
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) {
           f.Mov(Reg{1000, RegClass::kInt}, 1);
           f.Ret({0});
         }).ok());
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) { f.Ret({1.0}); }).ok());
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) { f.Ret({1, 2}); }).ok());
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) { f.Add(f.NewInt(), 1, 2); }).ok());
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) { f.Jmp(f.NewLabel()); }).ok());
  CHECK(!ErrorOf(kIntOfInt, [](Function&) {}).ok());
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) {
           Label label = f.NewLabel();
           f.Bind(label);
           f.Bind(label);
           f.Ret({0});
         }).ok());
  CHECK(!ErrorOf(kIntOfInt, [](Function& f) {
           f.Call({{Type::kI64}, {}}, reinterpret_cast<void*>(Magnitude), {}, {});
           f.Ret({0});
         }).ok());
}

TEST_CASE("mir: a function that was given up spoils its context only") {
  Context context;
  { Function f(context, "unfinished", kIntOfInt); }
  Function f(context, "test", kIntOfInt);
  BuildSum(f);
  CHECK(f.Generate(2).status().code() == absl::StatusCode::kCancelled);
  CHECK(Compile(kIntOfInt, 2, BuildSum).As<IntOfInt>()(3) == 3);
}

TEST_CASE("mir: what calls is not interpreted") {
  Context context;
  Function f(context, "test", kIntOfInt);
  f.Ret({f.CallC("Magnitude", Magnitude, {f.Parameter(0)})});
  CHECK(f.Interpret({Value(int64_t{1})}).status().code() == absl::StatusCode::kInvalidArgument);
  CHECK(Install(f, 1).As<IntOfInt>()(-3) == 3);
}

TEST_CASE("mir: code is freed with its handle") {
  const ArenaStats before = Arena::Get().stats();
  {
    CodeHandle code = Compile(kIntOfInt, 2, BuildSum);
    CHECK(Arena::Get().stats().blocks == before.blocks + 1);
    CodeHandle moved = std::move(code);
    CHECK(code.address() == nullptr);
    CHECK(moved.As<IntOfInt>()(4) == 6);
    code = std::move(moved);
    CHECK(Arena::Get().stats().blocks == before.blocks + 1);
  }
  CHECK(Arena::Get().stats().blocks == before.blocks);
  CHECK(Arena::Get().stats().code_bytes_used == before.code_bytes_used);
}

TEST_CASE("mir: one image is installed more than once, and a full arena is a status") {
  Context context;
  Function f(context, "test", kIntOfTwo);
  std::vector<Label> targets = {f.NewLabel(), f.NewLabel()};
  f.Switch(f.Parameter(0), targets);
  f.Bind(targets[0]);
  f.Ret({f.CallC("Magnitude", Magnitude, {f.Parameter(1)})});
  f.Bind(targets[1]);
  f.Ret({f.Parameter(1)});
  absl::StatusOr<CodeImage> image = f.Generate(2);
  REQUIRE(image.ok());
  absl::StatusOr<CodeHandle> one = image->Install(), two = image->Install();
  CHECK(one->address() != two->address());
  for (const CodeHandle* code : {&*one, &*two}) {
    CHECK(code->As<IntOfTwo>()(0, -5) == 5);
    CHECK(code->As<IntOfTwo>()(1, -5) == -5);
  }
  Arena::Get().SetMaxCodeBytes(0);
  CHECK(image->Install().status().code() == absl::StatusCode::kResourceExhausted);
  Arena::Get().SetMaxCodeBytes(64 << 20);
}

TEST_CASE("mir: where values are at a recorded call: in registers, on the stack, constants; they live on behind it") {
  constexpr int kCount = 40;
  for (int level : kLevels) {
    Context context;
    Function f(context, "test", {{Type::kI64}, {Type::kI64, Type::kDouble}});
    std::vector<Reg> values = {f.Parameter(0)};
    for (int64_t i = 1; i <= kCount; ++i) {
      values.push_back(i % 2 == 0 ? f.Mul(f.Parameter(0), i) : f.DMul(f.Parameter(1), static_cast<double>(i)));
    }
    values.push_back(f.NewInt("constant"));
    f.Mov(values.back(), 77);
    f.CallRecorded(5, values, Callee{"tj_recorded_call", reinterpret_cast<const void*>(tj_recorded_call)}, {});
    Reg sum = f.NewInt("sum");
    f.Mov(sum, 0);
    for (Reg value : values) f.Add(sum, sum, value.reg_class == RegClass::kDouble ? f.D2I(value) : value);
    f.Ret({sum});
    absl::StatusOr<CodeImage> image = f.Generate(level);
    REQUIRE_MESSAGE(image.ok(), image.status().ToString());
    REQUIRE(image->records.size() == 1);
    CHECK(image->records[0].id == 5);
    CodeHandle code = *image->Install();
    ExitDescriptor nothing{};
    RecordedCall call(code.address() + image->records[0].offset, RecordedAction::kSync, &nothing, image->records[0].places);
    int64_t expected = 3 + 77;
    for (int64_t i = 1; i <= kCount; ++i) expected += 3 * i;
    CHECK(code.As<int64_t(int64_t, double)>()(3, 3.0) == expected);
    for (int64_t i = 1; i <= kCount; ++i) {
      double d;
      memcpy(&d, &tj_exit_values[i - 1], sizeof d);
      if (i % 2 == 0) CHECK(tj_exit_values[i - 1] == 3 * i);
      else CHECK(d == 3.0 * static_cast<double>(i));
    }
    CHECK(tj_exit_values[kCount] == 77);
  }
}

TEST_CASE("mir: where values are at a recorded call of a function that gets arguments on the stack") {
  constexpr size_t kArguments = 9, kMore = 20;
  using IntOfNine = int64_t(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
  for (int level : kLevels) {
    Context context;
    Function f(context, "test", {{Type::kI64}, std::vector<Type>(kArguments, Type::kI64)});
    std::vector<Reg> values;
    for (size_t i = 0; i < kArguments; ++i) values.push_back(f.Parameter(i));
    for (size_t i = 0; i < kMore; ++i) values.push_back(f.Mul(f.Parameter(i % kArguments), static_cast<int64_t>(i) + 2));
    f.CallRecorded(0, values, Callee{"tj_recorded_call", reinterpret_cast<const void*>(tj_recorded_call)}, {});
    Reg sum = f.NewInt("sum");
    f.Mov(sum, 0);
    for (Reg value : values) f.Add(sum, sum, value);
    f.Ret({sum});
    absl::StatusOr<CodeImage> image = f.Generate(level);
    REQUIRE_MESSAGE(image.ok(), image.status().ToString());
    CodeHandle code = *image->Install();
    ExitDescriptor nothing{};
    RecordedCall call(code.address() + image->records[0].offset, RecordedAction::kSync, &nothing, image->records[0].places);
    std::vector<int64_t> expected;
    for (size_t i = 0; i < kArguments; ++i) expected.push_back(static_cast<int64_t>(10 * i + 1));
    for (size_t i = 0; i < kMore; ++i) expected.push_back(expected[i % kArguments] * static_cast<int64_t>(i + 2));
    CHECK(code.As<IntOfNine>()(1, 11, 21, 31, 41, 51, 61, 71, 81) == std::accumulate(expected.begin(), expected.end(), int64_t{0}));
    for (size_t i = 1; i < expected.size(); ++i) CHECK(tj_exit_values[i - 1] == expected[i]);
  }
}

TEST_CASE("mir: a recorded call in a cold part of a loop stays there") {
  CodeHandle code;
  std::vector<CodeImage::Record> records;
  {
    Context context;
    Function f(context, "test", kIntOfTwo);
    Reg i = f.NewInt("i");
    Label loop = f.NewLabel(), rare = f.NewLabel(), on = f.NewLabel();
    f.Mov(i, 0);
    f.Bind(loop);
    f.BEq(rare, i, 3);
    f.Bind(on);
    f.Add(i, i, 1);
    f.BLt(loop, i, f.Parameter(0));
    f.Ret({i});
    {
      Function::ColdSection cold(f);
      f.Bind(rare);
      f.CallRecorded(0, {f.Parameter(0), f.Parameter(1)}, Callee{"tj_recorded_call", reinterpret_cast<const void*>(tj_recorded_call)}, {});
      f.Jmp(on);
    }
    absl::StatusOr<CodeImage> image = f.Generate(2);
    REQUIRE_MESSAGE(image.ok(), image.status().ToString());
    records = image->records;
    code = *image->Install();
  }
  REQUIRE(records.size() == 1);
  ExitDescriptor nothing{};
  RecordedCall call(code.address() + records[0].offset, RecordedAction::kSync, &nothing, records[0].places);
  CHECK(code.As<IntOfTwo>()(10, 123) == 10);
  CHECK(tj_exit_values[0] == 123);
}

TEST_CASE("mir: what changes by itself is read each time") {
  static std::atomic<int64_t> word;
  constexpr int64_t kLongTime = int64_t{1} << 33;
  for (int level : kLevels) {
    word = 0;
    CodeHandle code = Compile(kIntOfInt, level, [](Function& f) {
      Mem changes = Mem::At(Type::kI64, &word);
      changes.changes = true;
      Reg before = f.Load(changes), i = f.NewInt("i");
      Label loop = f.NewLabel(), done = f.NewLabel();
      f.Mov(i, 0);
      f.Bind(loop);
      f.Add(i, i, 1);
      f.BNe(done, changes, before);
      f.BLt(loop, i, f.Parameter(0));
      f.Bind(done);
      f.Ret({i});
    });
    std::thread other([] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      word = 1;
    });
    CHECK(code.As<IntOfInt>()(kLongTime) < kLongTime);
    other.join();
  }
}

TEST_CASE("mir: threads generate at the same time, without the GIL") {
  constexpr int kThreads = 4, kRounds = 10;
  std::vector<std::vector<CodeImage>> images(kThreads);
  std::vector<std::thread> threads;
  PyThreadState* state = PyEval_SaveThread();
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &images] {
      for (int round = 0; round < kRounds; ++round) {
        Context context;
        Function f(context, "test", kIntOfInt);
        if (round % 3 == 2) f.Jmp(f.NewLabel());  // an error now and then
        BuildSum(f);
        absl::StatusOr<CodeImage> image = f.Generate(t % 3);
        if (image.ok()) images[t].push_back(*std::move(image));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  PyEval_RestoreThread(state);
  for (const auto& of_thread : images) {
    CHECK(of_thread.size() == 7);
    for (const CodeImage& image : of_thread) CHECK(image.Install()->As<IntOfInt>()(100) == 4950);
  }
}

}  // namespace
}  // namespace tierjit::mir
