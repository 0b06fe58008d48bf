// Asynchronous generators resumed through the awaitables of their __anext__() and asend().
#ifndef TIERJIT_TIER1_ASYNC_GENERATOR_PATH_H_
#define TIERJIT_TIER1_ASYNC_GENERATOR_PATH_H_

namespace tierjit::tier1 {

// Makes C code, Python code that calls send() or __next__(), and compiled `await` resume compiled code. No effect where somebody else has
// changed the type. [GIL]
void HookAsyncGenerators();
void UnhookAsyncGenerators();

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_ASYNC_GENERATOR_PATH_H_
