// How far an awaitable has come.
#ifndef TIERJIT_RUNTIME_HELPERS_ASYNC_H_
#define TIERJIT_RUNTIME_HELPERS_ASYNC_H_

#include "runtime/cpython/python.h"

namespace tierjit {

enum class AwaitStep { kDeclined, kYielded, kReturned, kRaised };

// Resumes what an asynchronous generator's __anext__() or asend() has returned. kDeclined: nothing has happened. `*result`, a new reference,
// with kYielded and kReturned only; an exception is set with kRaised.
using AsendStep = AwaitStep (*)(PyObject* awaitable, PyObject* sent, PyObject** result);

// How SEND resumes these; NULL: as any other awaitable. [GIL]
void SetAsendStep(AsendStep step);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_ASYNC_H_
