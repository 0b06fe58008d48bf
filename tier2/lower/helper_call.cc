// Operations by C functions: see ir/helper_calls.def.
#include "tier2/ir/helper.h"
#include "tier2/lower/lowerer.h"
#include "tier2/lower/runtime_calls.h"
#include "tier2/lower/sequence_calls.h"
#include "tier2/lower/text_calls.h"

namespace tierjit::tier2 {
namespace {

struct Function {
  const char* name;
  const void* address;
};
#define FUNCTION(f) {#f, reinterpret_cast<const void*>(f)}

Function FunctionFor(Opcode opcode, const Environment& env) {
  switch (opcode) {
    case Opcode::kGetItem: return {"get_item", reinterpret_cast<const void*>(env.get_item)};
    case Opcode::kSetItem: return {"store_in_dict", reinterpret_cast<const void*>(env.store_in_dict)};
    case Opcode::kContains: return {"contains", reinterpret_cast<const void*>(env.contains)};
    case Opcode::kNumberOp: return FUNCTION(tj2_number_op);
    case Opcode::kCompareNumbers: return FUNCTION(tj2_compare_numbers);
    case Opcode::kFindAttribute: return {"find_attribute", reinterpret_cast<const void*>(env.find_attribute)};
    case Opcode::kNewInstance: return {"new_instance", reinterpret_cast<const void*>(env.new_instance)};
    case Opcode::kDeleteItem: return FUNCTION(tj2_delete_item);
    case Opcode::kDictGet: return FUNCTION(tj2_dict_get);
    case Opcode::kSetAdd: return FUNCTION(tj2_set_add);
    case Opcode::kGetSlice: return FUNCTION(tj2_get_slice);
    case Opcode::kSetSlice: return FUNCTION(tj2_set_slice);
    case Opcode::kCopySlice: return FUNCTION(tj2_copy_slice);
    case Opcode::kConcat: return FUNCTION(tj2_concat);
    case Opcode::kRepeat: return FUNCTION(tj2_repeat);
    case Opcode::kFormatSimple: return FUNCTION(tj2_format_simple);
    case Opcode::kFormatWith: return FUNCTION(tj2_format_with);
    case Opcode::kJoinText: return FUNCTION(tj2_join_text);
    case Opcode::kListReserve: return FUNCTION(tj2_list_reserve);
    case Opcode::kListPop: return FUNCTION(tj2_list_pop);
    case Opcode::kListInsert: return FUNCTION(tj2_list_insert);
    case Opcode::kListExtend: return FUNCTION(tj2_list_extend);
    case Opcode::kListDelete: return FUNCTION(tj2_list_delete);
    case Opcode::kListFrom: return FUNCTION(tj2_list_from);
    case Opcode::kListReverse: return FUNCTION(tj2_list_reverse);
    case Opcode::kListClear: return FUNCTION(tj2_list_clear);
    default: return FUNCTION(tj2_call_c);
  }
}

}  // namespace

void Lowerer::Gather(const Node& n, size_t first) {
  for (size_t i = first; i < n.inputs.size(); i++) {
    f_->Store(mir::Mem::At(mir::Type::kI64, &tj2_gathered[i - first]), ValueOf(n.inputs[i]));
  }
}

bool Lowerer::HelperCall(const Node& n) {
  using T = mir::Type;
  switch (n.opcode) {
    case Opcode::kMakeList:
      Gather(n, 0);
      f_->CallC("tj2_make_list", tj2_make_list, RegOf(n), {static_cast<int64_t>(n.inputs.size())});
      return true;
    case Opcode::kMakeEmpty:
      n.imm == kDictBit ? f_->CallC("tj2_make_empty_dict", tj2_make_empty_dict, RegOf(n), {})
                        : f_->CallC("tj2_make_empty_set", tj2_make_empty_set, RegOf(n), {});
      return true;
    case Opcode::kSameText: f_->CallC("tj2_same_text", tj2_same_text, RegOf(n), {ValueOf(n.input(0)), ValueOf(n.input(1))}); return true;
    case Opcode::kOrderOfText:
      f_->CallC("tj2_order_of_text", tj2_order_of_text, RegOf(n), {ValueOf(n.input(0)), ValueOf(n.input(1))});
      return true;
    case Opcode::kListPush: ListPush(n); return true;
    case Opcode::kListReserve: ListReserve(n); return true;
    default: break;
  }
  if (MemoryOf(n.opcode) == HelperMemory::kNotAHelper) return false;
  Function function = FunctionFor(n.opcode, env_);
  std::vector<Operand> args;
  if (n.Is(Opcode::kCallC)) {
    Gather(n, 1);
    args = {n.imm, ValueOf(n.input(0)), static_cast<int64_t>(n.inputs.size()) - 1, static_cast<int64_t>(n.index)};
  } else if (n.Is(Opcode::kJoinText)) {
    Gather(n, 0);
    args = {static_cast<int64_t>(n.inputs.size())};
  } else {
    size_t direct = n.Is(Opcode::kCopySlice) ? 4 : n.inputs.size();
    Gather(n, direct);
    for (const Node* i : absl::MakeSpan(n.inputs).first(direct)) args.push_back(ValueOf(i));
    if (n.Is(Opcode::kNumberOp) || n.Is(Opcode::kCompareNumbers) || n.Is(Opcode::kFindAttribute)) args.push_back(n.imm);
    if (n.Is(Opcode::kNumberOp)) args.push_back(reinterpret_cast<const void*>(env_.number_op));
  }
  Reg result = n.rep == Rep::kNone ? f_->NewInt("done") : RegOf(n);
  f_->Call({{T::kI64}, std::vector<T>(args.size(), T::kI64)}, mir::Callee{function.name, function.address}, {&result, 1}, args);
  f_->BEq(ExitFor(n), result, 0);
  if (n.Is(Opcode::kContains) || n.Is(Opcode::kCompareNumbers)) f_->Eq(RegOf(n), result, Py_True);
  return true;
}

// There is room unless the list has to grow.
void Lowerer::ListReserve(const Node& n) {
  using T = mir::Type;
  Reg list = IntReg(n.input(0));
  Label grow = f_->NewLabel(), done = f_->NewLabel();
  Reg size = f_->Load(Field(T::kI64, list, offsetof(PyVarObject, ob_size)));
  f_->BGe(grow, size, Field(T::kI64, list, offsetof(PyListObject, allocated)));
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(grow);
    Reg grown = f_->CallC("tj2_list_reserve", tj2_list_reserve, {list});
    f_->BT(done, grown);
    f_->Jmp(ExitFor(n));
  });
}

void Lowerer::ListPush(const Node& n) {
  using T = mir::Type;
  Reg list = IntReg(n.input(0));
  Mem length = Field(T::kI64, list, offsetof(PyVarObject, ob_size));
  Reg size = f_->Load(length);
  Reg items = f_->Load(Field(T::kI64, list, offsetof(PyListObject, ob_item)));
  f_->Store(Mem{.base = items, .index = size, .scale = 8}, ValueOf(n.input(1)));
  f_->Store(length, f_->Add(size, 1));
}

}  // namespace tierjit::tier2
