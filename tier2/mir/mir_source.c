/* MIR itself: representation, simplification, interpreter. */
#include "tier2/mir/redirect.h"

/* MIR keeps thunks and interpreter stubs on pages of its own. Nothing of ours jumps to them, so these are memory like
   any other and never become executable. */
#define mmap(address, size, protection, flags, fd, offset) TierjitMirMalloc(size)
#define munmap(address, size) TierjitMirFree(address)
#define mprotect(address, size, protection) 0

#include <mir.c>

#include "tier2/mir/mir_extra.h"

void TierjitMirForgetInterpretation(MIR_item_t function) { finish_func_interpretation(function); }
