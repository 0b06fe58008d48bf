/* Included before MIR's source: its memory is the context's, its exit() an error, its asserts are errors too. */
#ifndef TIERJIT_TIER2_MIR_REDIRECT_H_
#define TIERJIT_TIER2_MIR_REDIRECT_H_

/* A false assertion ends one compilation, not the process, so they stay in. */
#undef NDEBUG

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "tier2/mir/hooks.h"

#define malloc TierjitMirMalloc
#define realloc TierjitMirRealloc
#define free TierjitMirFree
#define __assert_fail(expression, file, line, function) TierjitMirAssertFail(expression, file, line)
#define exit TierjitMirExit

#endif /* TIERJIT_TIER2_MIR_REDIRECT_H_ */
