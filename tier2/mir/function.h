// Building, generating and interpreting MIR. The only way to MIR: nothing outside this folder sees its headers.
//
//   mir::Context context;
//   mir::Function f(context, "sum", {{Type::kI64}, {Type::kI64}});   // int64_t sum(int64_t n)
//   Reg i = f.NewInt("i"), total = f.NewInt("total");
//   Label loop = f.NewLabel(), done = f.NewLabel(), overflow = f.NewLabel();
//   f.Mov(i, 0);
//   f.Mov(total, 0);
//   f.Bind(loop);
//   f.BGe(done, i, f.Parameter(0));
//   f.AddChecked(overflow, total, total, i);
//   f.Add(i, i, 1);
//   f.Jmp(loop);
//   f.Bind(done);
//   f.Ret({total});
//   {
//     mir::Function::ColdSection cold(f);   // placed after everything that is hot
//     f.Bind(overflow);
//     f.Ret({-1});
//   }
//   absl::StatusOr<CodeImage> image = f.Generate(2);                 // any thread, no GIL
//   absl::StatusOr<CodeHandle> code = image->Install("sum");         // [GIL]
//   code->As<int64_t(int64_t)>()(10);
//
// What MIR does not do, and its callers must know:
//  - a call makes it forget all loads; doubles stay in registers across one (saving_call.h)
//  - it moves neither loads nor guards out of loops
//  - code has no frame pointer and no unwind tables: C++ exceptions must not pass through it, and a frame-pointer walk
//    shows its address but skips its caller's
#ifndef TIERJIT_TIER2_MIR_FUNCTION_H_
#define TIERJIT_TIER2_MIR_FUNCTION_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tier2/mir/code.h"
#include "tier2/mir/operand.h"

namespace tierjit::mir {

enum class Op : uint8_t {
#define MIR_UNARY(name, code, result) k##name,
#define MIR_BINARY(name, code, result) k##name,
#define MIR_BRANCH1(name, code) k##name,
#define MIR_BRANCH2(name, code) k##name,
#define MIR_CHECKED(name, code, branch) k##name,
#include "tier2/mir/opcodes.def"
};

// MIR's state of one compilation; throw it away afterwards. Any thread, without the GIL, but one thread at a time.
class Context {
 public:
  Context();
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Bytes of memory that MIR holds now.
  size_t memory_used() const;

  struct State;  // for the sources of this folder

 private:
  friend class Function;
  std::unique_ptr<State> state_;
};

// An argument or result of Interpret().
union Value {
  Value(int64_t value) : i(value) {}
  Value(double value) : d(value) {}
  int64_t i;
  double d;
};

// One function. A context has one unfinished function at a time; Generate() and Interpret() finish it.
//
// Emitting cannot fail: the first mistake (an operand of the wrong class, a label that is never bound, a section
// without an end, no memory) is kept, what follows is ignored, and Generate() or Interpret() returns it.
class Function {
 public:
  // `context` must outlive the function.
  Function(Context& context, absl::string_view name, const Signature& signature);
  ~Function();
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;

  // --- Registers and labels. Names are for dumps; a number is appended. ---

  Reg Parameter(size_t index) const;
  Reg NewInt(absl::string_view name = "i");
  Reg NewDouble(absl::string_view name = "d");
  Reg NewReg(RegClass reg_class) { return reg_class == RegClass::kDouble ? NewDouble() : NewInt(); }

  Label NewLabel();
  // Each label that is used is bound once.
  void Bind(Label label);

  // --- Instructions. Without a destination, the result goes to a new register. ---

#define MIR_UNARY(name, code, result)                         \
  void name(Operand dst, Operand a) { Emit(Op::k##name, dst, a); } \
  [[nodiscard]] Reg name(Operand a) {                         \
    Reg dst = New##result();                                  \
    Emit(Op::k##name, dst, a);                                \
    return dst;                                               \
  }
#define MIR_BINARY(name, code, result)                                       \
  void name(Operand dst, Operand a, Operand b) { Emit(Op::k##name, dst, a, b); } \
  [[nodiscard]] Reg name(Operand a, Operand b) {                             \
    Reg dst = New##result();                                                 \
    Emit(Op::k##name, dst, a, b);                                            \
    return dst;                                                              \
  }
#define MIR_BRANCH1(name, code) \
  void name(Label target, Operand a) { Branch(Op::k##name, target, a); }
#define MIR_BRANCH2(name, code) \
  void name(Label target, Operand a, Operand b) { Branch(Op::k##name, target, a, b); }
#define MIR_CHECKED(name, code, branch)                                                  \
  void name(Label overflow, Reg dst, Operand a, Operand b) { Checked(Op::k##name, overflow, dst, a, b); } \
  [[nodiscard]] Reg name(Label overflow, Operand a, Operand b) {                         \
    Reg dst = NewInt();                                                                  \
    Checked(Op::k##name, overflow, dst, a, b);                                           \
    return dst;                                                                          \
  }
#include "tier2/mir/opcodes.def"

  // The same for an opcode that is known at run time only.
  void Emit(Op op, Operand dst, Operand a);
  void Emit(Op op, Operand dst, Operand a, Operand b);
  void Branch(Op op, Label target, Operand a);
  void Branch(Op op, Label target, Operand a, Operand b);
  void Checked(Op op, Label overflow, Reg dst, Operand a, Operand b);

  // Moves of either class.
  void Move(Reg dst, Operand value);
  [[nodiscard]] Reg Load(const Mem& from);
  void Store(const Mem& to, Operand value);

  void Jmp(Label target);
  // Goes to targets[index]; anything may happen when there is no such label.
  void Switch(Operand index, absl::Span<const Label> targets);
  void Ret(absl::Span<const Operand> results);
  void Ret(std::initializer_list<Operand> results) { Ret(absl::MakeConstSpan(results.begin(), results.size())); }

  // Calls `target`, an address (register, memory or immediate). `results` and `args` fit the signature: at most 5 integers, 8 doubles.
  void Call(const Signature& signature, Operand target, absl::Span<const Reg> results, absl::Span<const Operand> args);
  // The same for generated code, which takes any number of arguments: it leaves the doubles of its caller alone (saving_call.h).
  void CallGenerated(const Signature& signature, Operand target, absl::Span<const Reg> results, absl::Span<const Operand> args);
  void Call(const Signature& signature, Callee target, absl::Span<const Reg> results, absl::Span<const Operand> args);

  // Calls `target`, which takes no arguments but may ask where the values are meanwhile: CodeImage::records has that under `id`, by the order
  // of `values`. They need not be in registers, and cost no instruction. It leaves all double registers but those that C returns in alone.
  void CallRecorded(int id, absl::Span<const Reg> values, Callee target, absl::Span<const Reg> results);

  // Nothing but ints is in registers, here and in who calls this function: C is called without a detour. To be said before the first call.
  void HasNoDoubles();

  // Calls a C function: Reg sum = f.CallC("PyNumber_Add", PyNumber_Add, {a, b}).
  template <typename R, typename... Args>
  Reg CallC(const char* name, R (*function)(Args...), std::initializer_list<Operand> args) {
    Reg result;
    if constexpr (!std::is_void_v<R>) result = NewReg(ClassOf(TypeOf<R>()));
    CallC(name, function, result, args);
    return result;
  }
  template <typename R, typename... Args>
  void CallC(const char* name, R (*function)(Args...), Reg result, std::initializer_list<Operand> args) {
    Call(SignatureOf(function), Callee{name, reinterpret_cast<const void*>(function)},
         absl::MakeConstSpan(&result, std::is_void_v<R> ? 0 : 1), absl::MakeConstSpan(args.begin(), args.size()));
  }

  // While one lives, instructions go to the end of the function, behind all others. They do not nest.
  class ColdSection {
   public:
    explicit ColdSection(Function& function) : function_(function) { function_.cold_ = true; }
    ~ColdSection() { function_.cold_ = false; }
    ColdSection(const ColdSection&) = delete;
    ColdSection& operator=(const ColdSection&) = delete;

   private:
    Function& function_;
  };

  // --- What comes out ---

  // Instructions so far, labels not counted: what a budget of compile time is measured in.
  size_t instruction_count() const { return instruction_count_; }

  // MIR's text form.
  std::string Dump() const;

  // Machine code, at level 0 (quick), 1 (better registers, combined instructions) or 2 (SSA, values numbered, loops).
  absl::StatusOr<CodeImage> Generate(int optimize_level);

  // Runs the function in MIR's interpreter; for functions of one result that call nothing.
  absl::StatusOr<Value> Interpret(absl::Span<const Value> args);

 private:
  struct State;

  void CallItem(const Signature& signature, const Callee* callee, const Operand& target, absl::Span<const Reg> results,
                absl::Span<const Operand> args);

  std::unique_ptr<State> state_;
  size_t instruction_count_ = 0;
  bool cold_ = false;
};

}  // namespace tierjit::mir

#endif  // TIERJIT_TIER2_MIR_FUNCTION_H_
