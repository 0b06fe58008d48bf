#include "runtime/deopt/recorded_call.h"

#include <cstring>
#include <unordered_map>
#include <utility>

#include "runtime/deopt/calls.h"

// The registers by their numbers, 16 integers and the low halves of 16 doubles, make one array; the stack pointer's place stays empty.
asm(R"(
  .text
  .p2align 4
  .globl tj_recorded_call
  .hidden tj_recorded_call
  .type tj_recorded_call, @function
tj_recorded_call:
  .cfi_startproc
  sub $264, %rsp
  .cfi_adjust_cfa_offset 264
  mov %rax, (%rsp)
  mov %rcx, 8(%rsp)
  mov %rdx, 16(%rsp)
  mov %rbx, 24(%rsp)
  mov %rbp, 40(%rsp)
  mov %rsi, 48(%rsp)
  mov %rdi, 56(%rsp)
  mov %r8, 64(%rsp)
  mov %r9, 72(%rsp)
  mov %r10, 80(%rsp)
  mov %r11, 88(%rsp)
  mov %r12, 96(%rsp)
  mov %r13, 104(%rsp)
  mov %r14, 112(%rsp)
  mov %r15, 120(%rsp)
  movsd %xmm0, 128(%rsp)
  movsd %xmm1, 136(%rsp)
  movsd %xmm2, 144(%rsp)
  movsd %xmm3, 152(%rsp)
  movsd %xmm4, 160(%rsp)
  movsd %xmm5, 168(%rsp)
  movsd %xmm6, 176(%rsp)
  movsd %xmm7, 184(%rsp)
  movsd %xmm8, 192(%rsp)
  movsd %xmm9, 200(%rsp)
  movsd %xmm10, 208(%rsp)
  movsd %xmm11, 216(%rsp)
  movsd %xmm12, 224(%rsp)
  movsd %xmm13, 232(%rsp)
  movsd %xmm14, 240(%rsp)
  movsd %xmm15, 248(%rsp)
  mov 264(%rsp), %rdi
  mov %rsp, %rsi
  lea 272(%rsp), %rdx
  call tj_run_recorded_call
  movsd 144(%rsp), %xmm2
  movsd 152(%rsp), %xmm3
  movsd 160(%rsp), %xmm4
  movsd 168(%rsp), %xmm5
  movsd 176(%rsp), %xmm6
  movsd 184(%rsp), %xmm7
  movsd 192(%rsp), %xmm8
  movsd 200(%rsp), %xmm9
  movsd 208(%rsp), %xmm10
  movsd 216(%rsp), %xmm11
  movsd 224(%rsp), %xmm12
  movsd 232(%rsp), %xmm13
  movsd 240(%rsp), %xmm14
  movsd 248(%rsp), %xmm15
  add $264, %rsp
  .cfi_adjust_cfa_offset -264
  ret
  .cfi_endproc
)");

namespace tierjit {
namespace {

// Not abseil's table: an insertion that gets no memory leaves that broken.
using Calls = std::unordered_map<const void*, const RecordedCall*>;

Calls& AllCalls() {
  static auto* calls = new Calls;
  return *calls;
}

constexpr int kFramePointer = 5;  // rbp

int64_t ValueAt(const ValuePlace& place, const int64_t* registers, const char* stack) {
  if (place.kind == ValuePlace::Kind::kConstant) return place.value;
  if (place.kind == ValuePlace::Kind::kRegister) return registers[place.value];
  const char* from = place.kind == ValuePlace::Kind::kFrame ? reinterpret_cast<const char*>(registers[kFramePointer]) : stack;
  int64_t value;
  std::memcpy(&value, from + place.value, sizeof value);
  return value;
}

}  // namespace

RecordedCall::RecordedCall(const void* returns_to, RecordedAction action, ExitDescriptor* exit, std::vector<ValuePlace> places)
    : returns_to_(returns_to), action_(action), exit_(exit), places_(std::move(places)) {
  AllCalls()[returns_to_] = this;
}

RecordedCall::~RecordedCall() { AllCalls().erase(returns_to_); }

UnitExit RecordedCall::Run(const int64_t* registers, const char* stack) const {
  int64_t base = ValueAt(places_[0], registers, stack);
  for (size_t i = 1; i < places_.size(); i++) tj_exit_values[i - 1] = ValueAt(places_[i], registers, stack);
  PyObject** lp = reinterpret_cast<PyObject**>(base);
  // The thread is the one whose code this is.
  PyThreadState* ts = PyThreadState_Get();
  switch (action_) {
    case RecordedAction::kExit: return tj_exit(lp, ts, exit_);
    case RecordedAction::kExitFrameless: tj_exit_frameless(ts, reinterpret_cast<int64_t*>(base), exit_); break;
    case RecordedAction::kMaterialise: tj_materialise(lp, exit_); break;
    case RecordedAction::kSync: tj_sync_locals(lp, exit_); break;
    case RecordedAction::kLocalsHold: return {reinterpret_cast<const void*>(tj_locals_hold(lp, exit_)), nullptr};
  }
  return {nullptr, nullptr};
}

extern "C" [[gnu::visibility("hidden")]] UnitExit tj_run_recorded_call(const void* returns_to, const int64_t* registers, const char* stack);

UnitExit tj_run_recorded_call(const void* returns_to, const int64_t* registers, const char* stack) {
  return AllCalls().find(returns_to)->second->Run(registers, stack);
}

}  // namespace tierjit
