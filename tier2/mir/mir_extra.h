/* Entries into MIR's source that its own headers do not offer. */
#ifndef TIERJIT_TIER2_MIR_MIR_EXTRA_H_
#define TIERJIT_TIER2_MIR_MIR_EXTRA_H_

#include <mir.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A function that MIR has interpreted can be generated only after this. */
void TierjitMirForgetInterpretation(MIR_item_t function);

#ifdef __cplusplus
}
#endif

#endif /* TIERJIT_TIER2_MIR_MIR_EXTRA_H_ */
