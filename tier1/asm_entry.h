// What assembly that C calls and that runs compiled code begins and ends with: the callee-saved registers, with the stack aligned.
#ifndef TIERJIT_TIER1_ASM_ENTRY_H_
#define TIERJIT_TIER1_ASM_ENTRY_H_

#define TIERJIT_SAVE_REGISTERS \
  "  push %rbp\n"              \
  "  mov %rsp, %rbp\n"         \
  "  push %rbx\n"              \
  "  push %r12\n"              \
  "  push %r13\n"              \
  "  push %r14\n"              \
  "  push %r15\n"              \
  "  sub $8, %rsp\n"

#define TIERJIT_RESTORE_AND_RETURN \
  "  add $8, %rsp\n"              \
  "  pop %r15\n"                  \
  "  pop %r14\n"                  \
  "  pop %r13\n"                  \
  "  pop %r12\n"                  \
  "  pop %rbx\n"                  \
  "  pop %rbp\n"                  \
  "  ret\n"

#endif  // TIERJIT_TIER1_ASM_ENTRY_H_
