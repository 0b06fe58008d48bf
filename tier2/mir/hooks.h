/* What MIR's source calls instead of the C library while it is compiled into tier 2 (mir_source.c, mir_gen_source.c).
   Every call into MIR runs under a Context, so each of these knows whose memory is meant and where an error goes. */
#ifndef TIERJIT_TIER2_MIR_HOOKS_H_
#define TIERJIT_TIER2_MIR_HOOKS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void* TierjitMirMalloc(size_t size);
void* TierjitMirRealloc(void* block, size_t size);
void TierjitMirFree(void* block);

/* Both leave MIR, with an error in the context. */
__attribute__((noreturn)) void TierjitMirExit(int status);
__attribute__((noreturn)) void TierjitMirAssertFail(const char* expression, const char* file, unsigned line);

/* What the generator has made: the code, then the places in it that depend on its final address. The 64-bit word at a
   label's place holds an offset into the code; a call's place is a 6-byte call or jmp through a constant, `target`. */
void TierjitMirTakeCode(const uint8_t* code, size_t size);
void TierjitMirTakeLabel(size_t offset);
void TierjitMirTakeCall(size_t offset, uint64_t target);
/* Whether the cold section of the function that is generated begins at this label. */
int TierjitMirBeginsCold(int64_t label);
/* The call behind `offset` is to be recorded as `id`; then, one by one, where its values are. Registers have the machine's numbers, those
   for doubles 16 more; slots are told from the stack
   pointer on, or from the frame pointer on, which functions have that get arguments on the stack; constants by their bits. */
void TierjitMirBeginRecord(int id, size_t offset);
void TierjitMirRecordRegister(int number);
void TierjitMirRecordStack(int64_t offset);
void TierjitMirRecordFrame(int64_t offset);
void TierjitMirRecordConstant(int64_t bits);

#ifdef __cplusplus
}
#endif

#endif /* TIERJIT_TIER2_MIR_HOOKS_H_ */
