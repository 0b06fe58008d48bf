/* MIR's code generator. It would write code to pages of its own and patch it there; here the code is handed over with the
   list of what is to be patched, so that it can be installed later and elsewhere. */
#include "tier2/mir/redirect.h"

#if !defined(__x86_64__)
#error "TakeCode() knows MIR's x86-64 target only"
#endif

#include <mir-gen.h>
#include <mir.h>

struct gen_ctx;
static uint8_t* TakeCode(struct gen_ctx* gen_ctx, uint8_t* code, size_t size);

/* Each use stands where `gen_ctx` is a local variable. */
#define _MIR_publish_code(context, code, size) TakeCode(gen_ctx, code, size)
#define _MIR_update_code_arr(context, base, count, relocations) ((void)0)
#define _MIR_change_code(context, address, code, size) ((void)0)

#include <mir-gen.c>

/* Called once for a function, when the target has translated it and all its lists are complete. */
static uint8_t* TakeCode(struct gen_ctx* gen_ctx, uint8_t* code, size_t size) {
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
