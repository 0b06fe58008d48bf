// Generators and coroutines: making them, suspension and resumption, delegation.
#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "tier1/slow_path.h"
#include "tier1/translator.h"

namespace tierjit::tier1 {

// What follows the making of a generator and every yield is reached by resumption only.
bool Translator::IsResumePoint(int index) const {
  if (index == 0 || mode_.loop) return false;
  uint8_t before = decoded_.instructions()[index - 1].opcode;
  return before == RETURN_GENERATOR || before == YIELD_VALUE;
}

void Translator::EnterResumePoint(int32_t unit) {
  out_->resume_points.push_back({unit, static_cast<int32_t>(out_->emissions.size())});
  Emit(Stencils().enter).entered = true;
}

uint64_t Translator::AddressOfUnit(int32_t unit) const { return reinterpret_cast<uint64_t>(_PyCode_CODE(code_) + unit); }

// The new generator is the call's result; its own first resumption finds None on the stack.
void Translator::ReturnGenerator(const Instruction& in) {
  SpillAll();
  Reach(in.next, 1);
  Emit(Stencils().make_generator).p = AddressOfUnit(in.next);
}

void Translator::Yield(const Instruction& in) {
  if (mode_.loop) return EmitLeave(in);
  SpillBelow(1);
  ToAccumulator();
  Reach(in.next, depth());  // what is sent takes the value's place
  Drop(1);
  Emission& e = Emit(in.oparg == 0 ? Stencils().yield_R : Stencils().yield_from_R);
  e.p = AddressOfUnit(in.next);
  e.a = static_cast<uint32_t>(nlocalsplus_ + depth());
}

// What the interpreter's compiler makes of `yield from` and `await`: SEND, YIELD_VALUE 1, RESUME, JUMP_BACKWARD_NO_INTERRUPT to the SEND.
bool Translator::IsDelegation(int index) const {
  const std::vector<Instruction>& all = decoded_.instructions();
  if (mode_.loop || index + 3 >= static_cast<int>(all.size()) || nlocalsplus_ + code_->co_stacksize > UINT16_MAX) return false;
  const Instruction *send = &all[static_cast<size_t>(index)], *yield = send + 1, *resume = send + 2, *jump = send + 3;
  bool opcodes = yield->opcode == YIELD_VALUE && resume->opcode == RESUME && jump->opcode == JUMP_BACKWARD_NO_INTERRUPT;
  return opcodes && yield->oparg == 1 && (resume->offset - send->offset) * static_cast<int>(sizeof(_Py_CODEUNIT)) == kSendBytes &&
         jump->target == send->offset;
}

// GET_ANEXT, LOAD_CONST, SEND: an asynchronous generator stands for the awaitable of its __anext__() meanwhile. `index` is that of the SEND.
bool Translator::IsAnextOf(int index) const {
  const std::vector<Instruction>& all = decoded_.instructions();
  if (index < 2 || index >= static_cast<int>(all.size())) return false;
  const Instruction* send = &all[static_cast<size_t>(index)];
  return send->opcode == SEND && send[-1].opcode == LOAD_CONST && send[-2].opcode == GET_ANEXT;
}

void Translator::GetAnext(const Instruction& in) {
  if (IsAnextOf(current_ + 2)) return AskOperand(in, {Stencils().get_anext, Stencils().cold_anext});
  EmitHandler(in, DecisionFor(in.opcode).handler, 1, 2);
}

void Translator::Send(const Instruction& in) {
  const StencilIndex& s = Stencils();
  SpillAll();
  if (IsDelegation(current_)) out_->resume_points.push_back({in.offset, static_cast<int32_t>(out_->emissions.size())});
  bool anext = IsAnextOf(current_);
  Emission& e = Emit(anext ? s.send_anext : s.send);
  e.after_call = anext ? s.after_send_anext : s.after_send;
  e.a = SlotOffset(depth() - 2);
  e.b = SlotOffset(depth() - 1);
  e.p = AddressOfUnit(in.op);
  e.target = in.target;
  SlowBranch(e, DecisionFor(SEND).handler, 2, kResultInAcc, in);
  Reach(in.target, depth());
  Drop(1);
  PushAccumulator();
}

void Translator::EndSend(const Instruction& in) {
  SpillBelow(1);
  ToAccumulator();
  Drop(2);
  Emission& e = Emit(Stencils().end_send);
  e.a = SlotOffset(depth());
  AddDispose(e, kResultInAcc);
  PushAccumulator();
}

}  // namespace tierjit::tier1
