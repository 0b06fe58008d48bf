// How far an awaitable has come.
#ifndef TIERJIT_RUNTIME_HELPERS_ASYNC_H_
#define TIERJIT_RUNTIME_HELPERS_ASYNC_H_

#include "runtime/cpython/python.h"

namespace tierjit {

enum class AwaitStep { kDeclined, kYielded, kReturned, kRaised };

// Resumes what an asynchronous generator's __anext__() or asend() has returned. kDeclined: nothing has happened. `*result`, a new reference,
// with kYielded and kReturned only; an exception is set with kRaised.
using AsendStep = AwaitStep (*)(PyObject* awaitable, PyObject* sent, PyObject** result);

// New reference to what `await next` drives, where `next` is what an `__anext__` has returned, or NULL with an exception set. `next` is consumed.
PyObject* TakeAnextAwaitable(PyObject* next);
// A coroutine, or a generator that is made one by a decorator.
bool IsCoroutine(PyObject* object);

// An asynchronous generator has handed out *result to the SEND that `frame` stands at. The interpreter would learn of it by a StopIteration,
// of which tools are told, if there are any. kReturned or kRaised.
AwaitStep TellOfReturn(PyThreadState* ts, _PyInterpreterFrame* frame, PyObject** result);

// How SEND resumes these; NULL: as any other awaitable. [GIL]
void SetAsendStep(AsendStep step);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_ASYNC_H_
