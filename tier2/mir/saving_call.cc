#include "tier2/mir/saving_call.h"

// The low halves are all that is ever in use. 104 bytes keep the stack aligned.
asm(R"(
  .text
  .p2align 4
tj_mir_saving_call:
  .cfi_startproc
  sub $104, %rsp
  .cfi_adjust_cfa_offset 104
  movsd %xmm2, (%rsp)
  movsd %xmm3, 8(%rsp)
  movsd %xmm4, 16(%rsp)
  movsd %xmm5, 24(%rsp)
  movsd %xmm6, 32(%rsp)
  movsd %xmm7, 40(%rsp)
  movsd %xmm10, 48(%rsp)
  movsd %xmm11, 56(%rsp)
  movsd %xmm12, 64(%rsp)
  movsd %xmm13, 72(%rsp)
  movsd %xmm14, 80(%rsp)
  movsd %xmm15, 88(%rsp)
  call *%rax
  movsd (%rsp), %xmm2
  movsd 8(%rsp), %xmm3
  movsd 16(%rsp), %xmm4
  movsd 24(%rsp), %xmm5
  movsd 32(%rsp), %xmm6
  movsd 40(%rsp), %xmm7
  movsd 48(%rsp), %xmm10
  movsd 56(%rsp), %xmm11
  movsd 64(%rsp), %xmm12
  movsd 72(%rsp), %xmm13
  movsd 80(%rsp), %xmm14
  movsd 88(%rsp), %xmm15
  add $104, %rsp
  .cfi_adjust_cfa_offset -104
  ret
  .cfi_endproc

  .macro tj_saving_call number, register
  .p2align 4
  .globl tj_mir_saving_call_\number
  .hidden tj_mir_saving_call_\number
  .type tj_mir_saving_call_\number, @function
tj_mir_saving_call_\number:
  mov %\register, %rax
  jmp tj_mir_saving_call
  .endm
  tj_saving_call 0, rdi
  tj_saving_call 1, rsi
  tj_saving_call 2, rdx
  tj_saving_call 3, rcx
  tj_saving_call 4, r8
  tj_saving_call 5, r9
)");

extern "C" {
[[gnu::visibility("hidden")]] void tj_mir_saving_call_0();
[[gnu::visibility("hidden")]] void tj_mir_saving_call_1();
[[gnu::visibility("hidden")]] void tj_mir_saving_call_2();
[[gnu::visibility("hidden")]] void tj_mir_saving_call_3();
[[gnu::visibility("hidden")]] void tj_mir_saving_call_4();
[[gnu::visibility("hidden")]] void tj_mir_saving_call_5();
}

namespace tierjit::mir {

const void* SavingCall(size_t int_arguments) {
  static void (*const kThunks[kMaxIntArguments + 1])() = {tj_mir_saving_call_0, tj_mir_saving_call_1, tj_mir_saving_call_2,
                                                          tj_mir_saving_call_3, tj_mir_saving_call_4, tj_mir_saving_call_5};
  return reinterpret_cast<const void*>(kThunks[int_arguments]);
}

}  // namespace tierjit::mir
