// Preloaded into a process: memory that libtierjit asks the C library for fails on demand. C++'s operator new is linked into that library, so its
// calls come from there. Python's own memory does not.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *block, size_t size);

static uintptr_t low, high;          // of the library's code; 0: nothing fails
static long until_failure, failures;  // calls that still succeed, and how many fail then; below 0: all
static long asked;

static int fails(const void *caller) {
  uintptr_t at = (uintptr_t)caller;
  if (at < low || at >= high) return 0;
  asked++;
  if (until_failure > 0) return until_failure--, 0;
  if (failures > 0) return failures--, 1;
  return failures < 0;
}

void *malloc(size_t size) { return low != 0 && fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }

void *realloc(void *block, size_t size) {
  return low != 0 && fails(__builtin_return_address(0)) ? NULL : __libc_realloc(block, size);
}

// From the next allocation on: `successes`, then `count` failures (below 0: for good). Where the library's code lies is told by the caller.
void begin_failing(uintptr_t from, uintptr_t to, long successes, long count) {
  until_failure = successes;
  failures = count;
  asked = 0;
  high = to;
  low = from;
}

// Nothing fails any more; how often the library has asked for memory meanwhile.
long end_failing(void) {
  low = 0;
  return asked;
}
