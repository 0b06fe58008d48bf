// Memory for when there is no other. Optimised code that leaves must make the objects that the frame is to hold: the values exist nowhere
// else, so no MemoryError can be raised instead. What it cannot get is taken from blocks that were put by before.
//
//   PyObject* o = Surely([&] { return PyFloat_FromDouble(value); });
//
// Whoever takes from the reserve asks loops to leave at their next turn: then Tier 1 goes on, which raises when it gets no memory.
#ifndef TIERJIT_RUNTIME_DEOPT_RESERVE_H_
#define TIERJIT_RUNTIME_DEOPT_RESERVE_H_

#include "absl/functional/function_ref.h"
#include "runtime/cpython/python.h"

namespace tierjit {

// Puts by what is missing. False: not all of it could be had. [GIL]
bool FillReserve();
inline bool g_reserve_taken = false;  // something is missing [GIL]
inline void RefillReserve() {
  if (g_reserve_taken) [[unlikely]] FillReserve();
}
// Gives it back. [GIL]
void DrainReserve();

// Calls `make` once more, which gets blocks of the reserve where there is no memory. The process ends if it fails all the same. [GIL]
PyObject* MakeFromReserve(absl::FunctionRef<PyObject*()> make);

// What `make` returns, a new object. An exception that is set stays set. [GIL]
template <typename Make>
PyObject* Surely(Make make) {
  PyThreadState* ts = PyThreadState_Get();
  if (ts->current_exception != nullptr) [[unlikely]] {
    PyObject* raised = PyErr_GetRaisedException();
    PyObject* made = Surely(make);
    PyErr_SetRaisedException(raised);
    return made;
  }
  PyObject* made = make();
  if (made == nullptr) [[unlikely]] return MakeFromReserve(make);
  RefillReserve();
  return made;
}

// Memory for `bytes` bytes, of which a little is put by as well; PyObject_Free() frees it. [GIL]
void* AllocateSurely(size_t bytes);

// For containers of what an exit makes.
template <typename T>
struct SureAllocator {
  using value_type = T;
  SureAllocator() = default;
  template <typename U>
  SureAllocator(const SureAllocator<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(AllocateSurely(count * sizeof(T))); }
  void deallocate(T* block, size_t) { PyObject_Free(block); }
  bool operator==(const SureAllocator&) const { return true; }
};

// A name that facts about classes are found by, interned; a new reference. It must not fail: "not found" would be remembered. [GIL]
inline PyObject* Interned(const char* text) {
  return Surely([&] { return PyUnicode_InternFromString(text); });
}

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_RESERVE_H_
