// Functions that make generators, coroutines or asynchronous generators.
#ifndef TIERJIT_RUNTIME_CPYTHON_SUSPENSION_H_
#define TIERJIT_RUNTIME_CPYTHON_SUSPENSION_H_

#include "runtime/cpython/python.h"

namespace tierjit {

inline constexpr int kSuspends = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR;

// Whether a call of `code` makes one of them. Thread-safe.
inline bool Suspends(const PyCodeObject* code) { return (code->co_flags & kSuspends) != 0; }

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_CPYTHON_SUSPENSION_H_
