// Small words that handlers share: reading the code object, stores into the frame, releasing inputs. [GIL]
#ifndef TIERJIT_RUNTIME_HELPERS_FRAME_ACCESS_H_
#define TIERJIT_RUNTIME_HELPERS_FRAME_ACCESS_H_

#include "runtime/helpers/op.h"

namespace tierjit {

// Borrowed entry of co_names.
inline PyObject* NameAt(const _PyInterpreterFrame* frame, int index) {
  return PyTuple_GET_ITEM(CodeOf(frame)->co_names, index);
}

// Borrowed name of the local, cell or free variable in slot `index`.
inline PyObject* LocalNameAt(const _PyInterpreterFrame* frame, int index) {
  return PyTuple_GET_ITEM(CodeOf(frame)->co_localsplusnames, index);
}

// Puts `value` (owned, may be NULL) into a slot of the frame. The old value goes last: its finaliser must already
// see the new one.
inline void SetSlot(PyObject** slot, PyObject* value) {
  PyObject* old = *slot;
  *slot = value;
  Py_XDECREF(old);
}
inline void SetLocal(_PyInterpreterFrame* frame, int index, PyObject* value) {
  SetSlot(&frame->localsplus[index], value);
}

// Releases `count` values from `first` upward, the order in which the interpreter drops an instruction's inputs.
inline void ReleaseAll(PyObject** first, int count) {
  for (int i = 0; i < count; ++i) Py_DECREF(first[i]);
}

// Ends an instruction whose result (owned, NULL after an error) takes the place of everything from `slot` upward.
inline PyObject** PushResult(_PyInterpreterFrame* frame, PyObject** slot, PyObject* result) {
  if (result == nullptr) return OpError(frame, slot);
  *slot = result;
  return slot + 1;
}

// An interned string made on first use. The header's _Py_ID() would bake in an address inside _PyRuntime, whose layout
// differs between patch releases.
class InternedName {
 public:
  constexpr explicit InternedName(const char* text) : text_(text) {}
  // Borrowed (immortal for the process); NULL with MemoryError set.
  PyObject* Get() {
    if (object_ == nullptr) object_ = PyUnicode_InternFromString(text_);
    return object_;
  }

 private:
  const char* text_;
  PyObject* object_ = nullptr;
};

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_HELPERS_FRAME_ACCESS_H_
