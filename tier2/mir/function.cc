#include "tier2/mir/function.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tier2/mir/context_state.h"
#include "tier2/mir/mir_extra.h"
#include "tier2/mir/saving_call.h"

namespace tierjit::mir {
namespace {

// --- Our vocabulary in MIR's ---

struct OpInfo {
  MIR_insn_code_t code;
  MIR_insn_code_t branch;  // of a checked operation
  int operands;            // destination or label included
};

constexpr OpInfo kOps[] = {
#define MIR_UNARY(name, code, result) {MIR_##code, MIR_INVALID_INSN, 2},
#define MIR_BINARY(name, code, result) {MIR_##code, MIR_INVALID_INSN, 3},
#define MIR_BRANCH1(name, code) {MIR_##code, MIR_INVALID_INSN, 2},
#define MIR_BRANCH2(name, code) {MIR_##code, MIR_INVALID_INSN, 3},
#define MIR_CHECKED(name, code, branch) {MIR_##code, MIR_##branch, 3},
#include "tier2/mir/opcodes.def"
};

const OpInfo& InfoOf(Op op) { return kOps[static_cast<size_t>(op)]; }

constexpr MIR_type_t kTypes[] = {MIR_T_I8,  MIR_T_U8,  MIR_T_I16, MIR_T_U16, MIR_T_I32,
                                 MIR_T_U32, MIR_T_I64, MIR_T_U64, MIR_T_D};
static_assert(static_cast<size_t>(Type::kDouble) + 1 == std::size(kTypes));

MIR_type_t ToMir(Type type) { return kTypes[static_cast<size_t>(type)]; }

using MirOperands = absl::InlinedVector<MIR_op_t, 8>;
using MirTypes = absl::InlinedVector<MIR_type_t, 2>;

MirTypes ToMir(const std::vector<Type>& types) {
  MirTypes result;
  for (Type type : types) result.push_back(ToMir(type));
  return result;
}

// MIR copies the names.
struct MirVariables {
  explicit MirVariables(const std::vector<Type>& types) {
    for (size_t i = 0; i < types.size(); ++i) names.push_back(absl::StrCat("a", i));
    for (size_t i = 0; i < types.size(); ++i) variables.push_back({ToMir(types[i]), names[i].c_str(), 0});
  }
  std::vector<std::string> names;
  std::vector<MIR_var_t> variables;
};

// What a prototype depends on, as a key.
std::string KeyOf(const Signature& signature) {
  std::string key;
  for (Type type : signature.results) key.push_back(static_cast<char>('a' + static_cast<int>(type)));
  key.push_back(':');
  for (Type type : signature.args) key.push_back(static_cast<char>('a' + static_cast<int>(type)));
  return key;
}

// Records begin in front of their call, both in the order of the code.
void FindReturns(CodeImage* image) {
  constexpr size_t kCallSize = 6;
  std::vector<size_t> calls;
  for (const CodeImage::CallSite& site : image->call_sites) calls.push_back(site.offset);
  std::sort(calls.begin(), calls.end());
  for (CodeImage::Record& r : image->records) r.offset = *std::lower_bound(calls.begin(), calls.end(), r.offset) + kCallSize;
}

bool EndsBlock(MIR_insn_code_t code) { return code == MIR_JMP || code == MIR_RET || code == MIR_SWITCH; }

}  // namespace

struct Function::State {
  explicit State(Context::State& in) : context(in) {}

  struct LabelState {
    MIR_insn_t insn;
    bool bound, used, cold;
  };
  // Where a section's last instruction leads to: code must not run off the end of one.
  enum class End { kEmpty, kOpen, kClosed };

  Context::State& context;
  Signature signature;
  MIR_module_t module = nullptr;
  MIR_item_t item = nullptr;
  MIR_insn_t hot_end = nullptr;  // a label; what is hot is inserted before it, what is cold appended
  End ends[2] = {End::kEmpty, End::kEmpty};
  std::vector<LabelState> labels;
  std::unordered_map<std::string, MIR_item_t> prototypes;
  std::unordered_map<const void*, MIR_item_t> imports;
  std::array<MIR_alias_t, 5> aliases = {};
  Constants constants;
  std::vector<Reg> result_regs;
  Label end;  // where all returns go
  uint32_t registers = 0;
  bool calls = false;
  bool has_no_doubles = false;
  bool finished = false;

  void Open(const std::string& name, const Signature& taken);
  Reg NewReg(RegClass reg_class, absl::string_view name);
  MIR_alias_t Alias(AliasSet set);
  MIR_op_t ToMir(const Operand& operand);
  MIR_op_t ToMir(Label label);
  void Append(bool cold, MIR_insn_code_t code, absl::Span<MIR_op_t> operands);
  void Insert(bool cold, MIR_insn_t insn);
  MIR_item_t Prototype(const Signature& called);
  MIR_item_t Import(Callee callee, const void* entry);  // `entry`: where the call itself goes
  void AppendReturn();
  void CheckLabels();
  void MoveConstants();
  int64_t FirstColdLabel() const;
  bool Finish();
};

void Function::State::Open(const std::string& name, const Signature& taken) {
  signature = taken;
  MirTypes results = mir::ToMir(taken.results);
  MirVariables arguments(taken.args);
  const std::string unique = absl::StrCat(name, "_", context.functions++);
  const std::string module_name = absl::StrCat("m_", unique);
  context.Run([&] {
    module = MIR_new_module(context.mir, module_name.c_str());
    item = MIR_new_func_arr(context.mir, unique.c_str(), results.size(), results.data(), arguments.variables.size(),
                            arguments.variables.data());
    hot_end = MIR_new_label(context.mir);
    MIR_append_insn(context.mir, item, hot_end);
  });
}

Reg Function::State::NewReg(RegClass reg_class, absl::string_view name) {
  const std::string unique = absl::StrCat(name, "_", registers++);
  const MIR_type_t type = reg_class == RegClass::kDouble ? MIR_T_D : MIR_T_I64;
  Reg reg{0, reg_class};
  context.Run([&] { reg.number = MIR_new_func_reg(context.mir, item->u.func, type, unique.c_str()); });
  return reg;
}

MIR_alias_t Function::State::Alias(AliasSet set) {
  static constexpr const char* kNames[] = {"", "frame", "object", "stack", "unit"};
  const size_t index = static_cast<size_t>(set);
  if (set != AliasSet::kAnything && aliases[index] == 0) aliases[index] = MIR_alias(context.mir, kNames[index]);
  return aliases[index];
}

// Runs inside of the trap.
MIR_op_t Function::State::ToMir(const Operand& operand) {
  switch (operand.kind()) {
    case Operand::Kind::kReg:
      return MIR_new_reg_op(context.mir, operand.reg().number);
    case Operand::Kind::kInt:
      return MIR_new_int_op(context.mir, operand.int_value());
    case Operand::Kind::kDouble:
      return MIR_new_double_op(context.mir, operand.double_value());
    case Operand::Kind::kMem:
      break;
  }
  const Mem& mem = operand.mem();
  return MIR_new_alias_mem_op(context.mir, mir::ToMir(mem.type), mem.disp, mem.base.number, mem.index.number, mem.scale,
                              Alias(mem.alias), mem.changes ? MIR_alias(context.mir, "changes") : 0);
}

MIR_op_t Function::State::ToMir(Label label) {
  labels[label.number].used = true;
  return MIR_new_label_op(context.mir, labels[label.number].insn);
}

void Function::State::Insert(bool cold, MIR_insn_t insn) {
  if (cold) {
    MIR_append_insn(context.mir, item, insn);
  } else {
    MIR_insert_insn_before(context.mir, item, hot_end, insn);
  }
}

void Function::State::Append(bool cold, MIR_insn_code_t code, absl::Span<MIR_op_t> operands) {
  Insert(cold, MIR_new_insn_arr(context.mir, code, operands.size(), operands.data()));
  ends[cold] = EndsBlock(code) ? End::kClosed : End::kOpen;
}

MIR_item_t Function::State::Prototype(const Signature& called) {
  MIR_item_t& prototype = prototypes[KeyOf(called)];
  if (prototype != nullptr) return prototype;
  MirTypes results = mir::ToMir(called.results);
  MirVariables arguments(called.args);
  const std::string name = absl::StrCat("p", prototypes.size());
  context.Run([&] {
    prototype = MIR_new_proto_arr(context.mir, name.c_str(), results.size(), results.data(), arguments.variables.size(),
                                  arguments.variables.data());
  });
  return prototype;
}

MIR_item_t Function::State::Import(Callee callee, const void* entry) {
  MIR_item_t& import = imports[callee.address];
  if (import != nullptr) return import;
  // A name belongs to the whole context, where another function may have it already with another address.
  const std::string name = absl::StrCat(callee.name, "_", context.imports++);
  context.Run([&] {
    import = MIR_new_import(context.mir, name.c_str());
    MIR_load_external(context.mir, name.c_str(), const_cast<void*>(entry));
  });
  return import;
}

void Function::State::CheckLabels() {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].used && !labels[i].bound) {
      context.Fail(absl::FailedPreconditionError(absl::StrCat("MIR: label ", i, " is used but not bound")));
    }
  }
}

// MIR has put doubles into data items, in the context's memory, and code that outlives it refers to them there.
void Function::State::MoveConstants() {
  std::vector<MIR_item_t> items;
  for (MIR_item_t i = DLIST_HEAD(MIR_item_t, module->items); i != nullptr; i = DLIST_NEXT(MIR_item_t, i)) {
    if (i->item_type == MIR_data_item) items.push_back(i);
  }
  auto moved = std::make_shared<std::vector<MIR_data>>(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    MIR_data& data = (*moved)[i];
    memcpy(&data, items[i]->u.data, sizeof data);
    items[i]->u.data = &data;
    items[i]->addr = data.u.els;
  }
  constants = std::move(moved);
}

// By number: the generator works on copies. Labels that nothing leads to are gone. -1: there is none.
int64_t Function::State::FirstColdLabel() const {
  std::unordered_set<MIR_insn_t> cold;
  for (const LabelState& label : labels) {
    if (label.cold && label.used) cold.insert(label.insn);
  }
  for (MIR_insn_t insn = DLIST_HEAD(MIR_insn_t, item->u.func->insns); insn != nullptr; insn = DLIST_NEXT(MIR_insn_t, insn)) {
    if (insn->code == MIR_LABEL && cold.contains(insn)) return insn->ops[0].u.i;
  }
  return -1;
}

// Closes the function and makes it ready for the generator and the interpreter.
bool Function::State::Finish() {
  if (finished || !context.status.ok()) return context.status.ok();
  finished = true;
  context.unfinished = nullptr;
  if (!result_regs.empty()) AppendReturn();
  CheckLabels();
  if (ends[0] != End::kClosed || ends[1] == End::kOpen) {
    context.Fail(absl::FailedPreconditionError("MIR: code runs off the end of a section"));
  }
  const bool linked = context.Run([this] {
    MIR_finish_func(context.mir);
    MIR_finish_module(context.mir);
    MIR_load_module(context.mir, module);
    MIR_link(context.mir, [](MIR_context_t, MIR_item_t) {}, nullptr, nullptr);
  });
  if (linked) MoveConstants();
  return linked;
}

Function::Function(Context& context, absl::string_view name, const Signature& signature)
    : state_(std::make_unique<State>(*context.state_)) {
  Context::State& in = state_->context;
  if (in.unfinished != nullptr) in.Fail(absl::FailedPreconditionError("MIR: the last function is not finished"));
  in.unfinished = this;
  state_->Open(std::string(name), signature);
}

Function::~Function() {
  // A function that was given up: MIR must not wait for its end. (There may be no memory: a status without text takes none.)
  if (state_->context.unfinished == this) state_->context.Fail(absl::CancelledError(""));
}

// --- Registers and labels ---

Reg Function::Parameter(size_t index) const {
  return {static_cast<uint32_t>(index + 1), ClassOf(state_->signature.args.at(index))};
}

Reg Function::NewInt(absl::string_view name) { return state_->NewReg(RegClass::kInt, name); }

Reg Function::NewDouble(absl::string_view name) { return state_->NewReg(RegClass::kDouble, name); }

Label Function::NewLabel() {
  MIR_insn_t insn = nullptr;
  state_->context.Run([&] { insn = MIR_new_label(state_->context.mir); });
  state_->labels.push_back({insn, false, false, false});
  return {static_cast<uint32_t>(state_->labels.size() - 1)};
}

void Function::Bind(Label label) {
  State::LabelState& bound = state_->labels[label.number];
  if (bound.bound) state_->context.Fail(absl::FailedPreconditionError("MIR: a label is bound twice"));
  bound.bound = true;
  bound.cold = cold_;
  state_->ends[cold_] = State::End::kOpen;
  state_->context.Run([&] { state_->Insert(cold_, bound.insn); });
}

// --- Instructions ---

void Function::Emit(Op op, Operand dst, Operand a) {
  ++instruction_count_;
  state_->context.Run([&] {
    MIR_op_t operands[] = {state_->ToMir(dst), state_->ToMir(a)};
    state_->Append(cold_, InfoOf(op).code, absl::MakeSpan(operands));
  });
}

void Function::Emit(Op op, Operand dst, Operand a, Operand b) {
  ++instruction_count_;
  state_->context.Run([&] {
    MIR_op_t operands[] = {state_->ToMir(dst), state_->ToMir(a), state_->ToMir(b)};
    state_->Append(cold_, InfoOf(op).code, absl::MakeSpan(operands));
  });
}

void Function::Branch(Op op, Label target, Operand a) {
  ++instruction_count_;
  state_->context.Run([&] {
    MIR_op_t operands[] = {state_->ToMir(target), state_->ToMir(a)};
    state_->Append(cold_, InfoOf(op).code, absl::MakeSpan(operands));
  });
}

void Function::Branch(Op op, Label target, Operand a, Operand b) {
  ++instruction_count_;
  state_->context.Run([&] {
    MIR_op_t operands[] = {state_->ToMir(target), state_->ToMir(a), state_->ToMir(b)};
    state_->Append(cold_, InfoOf(op).code, absl::MakeSpan(operands));
  });
}

void Function::Checked(Op op, Label overflow, Reg dst, Operand a, Operand b) {
  instruction_count_ += 2;
  state_->context.Run([&] {
    MIR_op_t operands[] = {state_->ToMir(dst), state_->ToMir(a), state_->ToMir(b)};
    state_->Append(cold_, InfoOf(op).code, absl::MakeSpan(operands));
    MIR_op_t target = state_->ToMir(overflow);
    state_->Append(cold_, InfoOf(op).branch, absl::MakeSpan(&target, 1));
  });
}

void Function::Move(Reg dst, Operand value) {
  Emit(dst.reg_class == RegClass::kDouble ? Op::kDMov : Op::kMov, dst, value);
}

Reg Function::Load(const Mem& from) {
  Reg result = NewReg(ClassOf(from.type));
  Move(result, from);
  return result;
}

void Function::Store(const Mem& to, Operand value) {
  Emit(to.type == Type::kDouble ? Op::kDMov : Op::kMov, to, value);
}

void Function::Jmp(Label target) {
  ++instruction_count_;
  state_->context.Run([&] {
    MIR_op_t operand = state_->ToMir(target);
    state_->Append(cold_, MIR_JMP, absl::MakeSpan(&operand, 1));
  });
}

void Function::Switch(Operand index, absl::Span<const Label> targets) {
  ++instruction_count_;
  MirOperands operands;
  operands.reserve(1 + targets.size());
  state_->context.Run([&] {
    operands.push_back(state_->ToMir(index));
    for (Label target : targets) operands.push_back(state_->ToMir(target));
    state_->Append(cold_, MIR_SWITCH, absl::MakeSpan(operands));
  });
}

void Function::Ret(absl::Span<const Operand> results) {
  if (results.size() != state_->signature.results.size()) {
    state_->context.Fail(absl::InvalidArgumentError("MIR: a return does not fit the signature"));
  }
  ++instruction_count_;
  if (state_->signature.results.size() < 2) {
    MirOperands operands;
    return static_cast<void>(state_->context.Run([&] {
      for (const Operand& result : results) operands.push_back(state_->ToMir(result));
      state_->Append(cold_, MIR_RET, absl::MakeSpan(operands));
    }));
  }
  const size_t count = instruction_count_;
  if (state_->result_regs.empty()) {
    for (Type type : state_->signature.results) state_->result_regs.push_back(NewReg(ClassOf(type)));
    state_->end = NewLabel();
  }
  for (size_t i = 0; i < std::min(results.size(), state_->result_regs.size()); ++i) Move(state_->result_regs[i], results[i]);
  Jmp(state_->end);
  instruction_count_ = count;
}

// Of two results: MIR makes one return of many, and moves the results of each one by one into the registers of the last: wrong when one of
// those is the source of a later move. Here nothing else uses them.
void Function::State::AppendReturn() {
  context.Run([&] {
    MirOperands operands;
    for (Reg reg : result_regs) operands.push_back(ToMir(Operand(reg)));
    MIR_append_insn(context.mir, item, labels[end.number].insn);
    labels[end.number].bound = true;
    Append(true, MIR_RET, absl::MakeSpan(operands));
  });
}

void Function::HasNoDoubles() { state_->has_no_doubles = true; }

void Function::Call(const Signature& signature, Operand target, absl::Span<const Reg> results,
                    absl::Span<const Operand> args) {
  CallItem(signature, nullptr, target, results, args);
}

void Function::Call(const Signature& signature, Callee target, absl::Span<const Reg> results,
                    absl::Span<const Operand> args) {
  CallItem(signature, &target, 0, results, args);
}

void Function::CallGenerated(const Signature& signature, Operand target, absl::Span<const Reg> results,
                             absl::Span<const Operand> args) {
  ++instruction_count_;
  state_->calls = true;
  if (results.size() != signature.results.size() || args.size() != signature.args.size()) {
    state_->context.Fail(absl::InvalidArgumentError("MIR: a call does not fit its signature"));
  }
  MIR_item_t prototype = state_->Prototype(signature);
  MirOperands operands;
  operands.reserve(2 + results.size() + args.size());
  state_->context.Run([&] {
    operands.push_back(MIR_new_ref_op(state_->context.mir, prototype));
    operands.push_back(state_->ToMir(target));
    for (Reg result : results) operands.push_back(state_->ToMir(result));
    for (const Operand& argument : args) operands.push_back(state_->ToMir(argument));
    state_->Append(cold_, MIR_CALL, absl::MakeSpan(operands));
  });
}

void Function::CallRecorded(int id, absl::Span<const Reg> values, Callee target, absl::Span<const Reg> results) {
  MirOperands operands;
  operands.reserve(1 + values.size());
  state_->context.Run([&] {
    operands.push_back(MIR_new_int_op(state_->context.mir, id));
    for (Reg value : values) operands.push_back(state_->ToMir(Operand(value)));
    state_->Append(cold_, MIR_USE, absl::MakeSpan(operands));
  });
  Signature signature;
  for (Reg result : results) signature.results.push_back(result.reg_class == RegClass::kDouble ? Type::kDouble : Type::kI64);
  target.saves = true;
  Call(signature, target, results, {});
}

void Function::CallItem(const Signature& signature, const Callee* callee, const Operand& target,
                        absl::Span<const Reg> results, absl::Span<const Operand> args) {
  ++instruction_count_;
  state_->calls = true;
  if (results.size() != signature.results.size() || args.size() != signature.args.size()) {
    state_->context.Fail(absl::InvalidArgumentError("MIR: a call does not fit its signature"));
  }
  const bool saved = callee == nullptr || !(callee->saves || state_->has_no_doubles);
  Signature called = signature;
  size_t ints = 0, doubles = 0;
  for (Type type : signature.args) ++(ClassOf(type) == RegClass::kInt ? ints : doubles);
  if (ints > kMaxIntArguments || doubles > kMaxDoubleArguments) {
    state_->context.Fail(absl::InvalidArgumentError("MIR: a call has more arguments than registers take"));
    return;
  }
  if (saved) called.args.push_back(Type::kI64);
  MIR_item_t prototype = state_->Prototype(called);
  const void* entry = saved ? SavingCall(ints) : callee->address;
  MIR_item_t import = state_->Import(callee != nullptr ? *callee : Callee{"saving_call", entry}, entry);
  MirOperands operands;
  operands.reserve(3 + results.size() + args.size());
  state_->context.Run([&] {
    operands.push_back(MIR_new_ref_op(state_->context.mir, prototype));
    operands.push_back(MIR_new_ref_op(state_->context.mir, import));
    for (Reg result : results) operands.push_back(state_->ToMir(result));
    for (const Operand& argument : args) operands.push_back(state_->ToMir(argument));
    if (saved) operands.push_back(callee != nullptr ? state_->ToMir(Operand(callee->address)) : state_->ToMir(target));
    state_->Append(cold_, MIR_CALL, absl::MakeSpan(operands));
  });
}

// --- What comes out ---

std::string Function::Dump() const {
  char* text = nullptr;
  size_t size = 0;
  FILE* file = open_memstream(&text, &size);
  if (file == nullptr) return "";
  if (state_->module != nullptr) {
    state_->context.Run([&] { MIR_output_module(state_->context.mir, file, state_->module); });
  }
  fclose(file);
  std::string result(text, size);
  free(text);
  return result;
}

absl::StatusOr<CodeImage> Function::Generate(int optimize_level) {
  Context::State& context = state_->context;
  if (!state_->Finish()) return context.status;
  CodeImage image;
  image.constants = state_->constants;
  context.image = &image;
  context.first_cold_label = state_->FirstColdLabel();
  context.Run([&] {
    TierjitMirForgetInterpretation(state_->item);
    state_->item->u.func->machine_code = nullptr;  // MIR would not generate a second time
    // A generator that has worked at level 0 or 1 lacks tables for level 2, hence a fresh one each time.
    MIR_gen_init(context.mir);
    MIR_gen_set_optimize_level(context.mir, static_cast<unsigned>(optimize_level));
    MIR_gen(context.mir, state_->item);
    MIR_gen_finish(context.mir);
  });
  context.image = nullptr;
  if (!context.status.ok()) return context.status;
  FindReturns(&image);
  return image;
}

absl::StatusOr<Value> Function::Interpret(absl::Span<const Value> args) {
  Context::State& context = state_->context;
  if (!state_->Finish()) return context.status;
  if (state_->calls || state_->signature.results.size() != 1 || args.size() != state_->signature.args.size()) {
    return absl::InvalidArgumentError("MIR: only functions of one result that call nothing are interpreted");
  }
  std::vector<MIR_val_t> values(args.size());
  for (size_t i = 0; i < args.size(); ++i) values[i].i = args[i].i;
  MIR_val_t result = {};
  context.Run([&] { MIR_interp_arr(context.mir, state_->item, &result, values.size(), values.data()); });
  if (!context.status.ok()) return context.status;
  return Value(result.i);
}

}  // namespace tierjit::mir
