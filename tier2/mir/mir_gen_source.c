/* MIR's code generator. It would write code to pages of its own and patch it there; here the code is handed over with
   the list of what is to be patched, so that it can be installed later and elsewhere. */
#include "tier2/mir/redirect.h"

#if !defined(__x86_64__)
#error "TakeCode() knows MIR's x86-64 target only"
#endif

#include <mir-gen.h>
#include <mir.h>

struct gen_ctx;
struct MIR_insn;
static uint8_t* TakeCode(struct gen_ctx* gen_ctx, uint8_t* code, size_t size);
static void TakeUse(struct gen_ctx* gen_ctx, struct MIR_insn* use, size_t offset);

/* Each use stands where `gen_ctx` is a local variable. */
#define _MIR_publish_code(context, code, size) TakeCode(gen_ctx, code, size)
#define _MIR_update_code_arr(context, base, count, relocations) ((void)0)
#define _MIR_change_code(context, address, code, size) ((void)0)

#include <mir-gen.c>

/* Moves and extensions: mov, movsd, movsx and movzx. */
static int KeepsFlags(MIR_insn_t insn) {
  return insn->code == MIR_MOV || insn->code == MIR_DMOV || insn->code == MIR_USE ||
         (insn->code >= MIR_EXT8 && insn->code <= MIR_UEXT32);
}

/* The machine has one set of flags: only what keeps them may have come between an overflow operation and its branch. A
   defect of an optimisation that breaks this would be a wrong result, so it is looked for each time. */
static void CheckOverflowBranches(struct gen_ctx* gen_ctx) {
  MIR_insn_t before, insn = DLIST_HEAD(MIR_insn_t, curr_func_item->u.func->insns);
  for (; insn != NULL; insn = DLIST_NEXT(MIR_insn_t, insn)) {
    if (insn->code != MIR_BO && insn->code != MIR_UBO && insn->code != MIR_BNO && insn->code != MIR_UBNO) continue;
    before = DLIST_PREV(MIR_insn_t, insn);
    while (before != NULL && KeepsFlags(before)) before = DLIST_PREV(MIR_insn_t, before);
    assert(before != NULL && MIR_overflow_insn_code_p(before->code));
  }
}

/* `use` without operands only keeps a block from being empty. */
static void TakeUse(struct gen_ctx* gen_ctx, MIR_insn_t use, size_t offset) {
  if (use->nops == 0 || use->ops[0].mode != MIR_OP_INT) return;
  MIR_insn_t call = DLIST_NEXT(MIR_insn_t, use);
  while (call != NULL && KeepsFlags(call)) call = DLIST_NEXT(MIR_insn_t, call); /* what saves registers */
  assert(call != NULL && MIR_call_code_p(call->code));
  TierjitMirBeginRecord((int)use->ops[0].u.i, offset);
  for (size_t i = 1; i < use->nops; i++) {
    const MIR_op_t* op = &use->ops[i];
    if (op->mode == MIR_OP_VAR) {
      assert(op->u.var <= MAX_HARD_REG);
      TierjitMirRecordRegister((int)op->u.var);
    } else if (op->mode == MIR_OP_VAR_MEM) {
      assert(op->u.var_mem.base == target_get_stack_slot_base_reg(gen_ctx) && op->u.var_mem.index == MIR_NON_VAR);
      if (op->u.var_mem.base == SP_HARD_REG) TierjitMirRecordStack(op->u.var_mem.disp);
      else TierjitMirRecordFrame(op->u.var_mem.disp);
    } else {
      assert(op->mode == MIR_OP_INT || op->mode == MIR_OP_UINT || op->mode == MIR_OP_DOUBLE);
      TierjitMirRecordConstant(op->u.i);
    }
  }
}

/* Called once for a function, when the target has translated it and all its lists are complete. */
static uint8_t* TakeCode(struct gen_ctx* gen_ctx, uint8_t* code, size_t size) {
  CheckOverflowBranches(gen_ctx);
  TierjitMirTakeCode(code, size);
  for (size_t i = 0; i < VARR_LENGTH(uint64_t, abs_address_locs); i++) {
    TierjitMirTakeLabel(VARR_GET(uint64_t, abs_address_locs, i));
  }
  for (size_t i = 0; i < VARR_LENGTH(const_ref_t, const_refs); i++) {
    const const_ref_t reference = VARR_GET(const_ref_t, const_refs, i);
    /* `pc` is where the displacement stands, behind two bytes of opcode. */
    if (reference.call_p) TierjitMirTakeCall(reference.pc - 2, VARR_GET(uint64_t, const_pool, reference.const_num));
  }
  return code;
}
