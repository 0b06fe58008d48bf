// Asynchronous generators resumed through the awaitables of their __anext__() and asend().
#ifndef TIERJIT_TIER1_ASYNC_GENERATOR_PATH_H_
#define TIERJIT_TIER1_ASYNC_GENERATOR_PATH_H_

#include "runtime/helpers/async.h"

namespace tierjit::tier1 {

// Makes C code, Python code that calls send() or __next__(), and compiled `await` resume compiled code. No effect where somebody else has
// changed the type. [GIL]
void HookAsyncGenerators();
void UnhookAsyncGenerators();

// `async for` has resumed an asynchronous generator by itself; *result has come of it, NULL for an exception. *receiver, on the stack, stands
// for the awaitable of its __anext__(); when the generator waits for something, that awaitable is made and takes its place. What becomes of
// *result is as with AsendStep.
AwaitStep AfterAnext(PyObject** receiver, PyObject** result);

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ASYNC_GENERATOR_PATH_H_
