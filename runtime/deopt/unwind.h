// Native exception unwinding within one frame: what the interpreter does between an error and the handler.
#ifndef TIERJIT_RUNTIME_DEOPT_UNWIND_H_
#define TIERJIT_RUNTIME_DEOPT_UNWIND_H_

#include <array>
#include <cstdint>

#include "runtime/bytecode/decoder.h"
#include "runtime/cpython/python.h"

namespace tierjit {

// An exception is set and `frame`, the thread's current frame, is to deal with it. [GIL]
//   frame         `instr_ptr` at the faulting instruction, `stacktop` its stack depth (index into localsplus), as
//                 OpError() and OpReraise() leave them; OpLeave::without_traceback is honoured and reset
//   handler_unit  code unit of the handler's first instruction
//   sp            first free slot of the handler's stack: the stack of the protected block, the faulting unit if the
//                 handler wants it, and the exception, which is no longer set
// Returns true when there is a handler; `stacktop` is -1 then. Otherwise the stack is released, `stacktop` is
// nlocalsplus, the outputs are untouched and the exception is still set; the frame is ready to be unlinked and cleared.
// Adds the traceback entry and tells monitoring tools what the interpreter would tell them; may run Python code.
bool UnwindToHandler(PyThreadState* ts, _PyInterpreterFrame* frame, int32_t* handler_unit, PyObject*** sp);

// A code unit that has raised, and what catches it.
struct RaiseSite {
  int32_t unit = -1;
  bool caught = false;
  ExceptionRange range = {};
  const void* address = nullptr;  // native code of the handler, once somebody has asked for it
};

// What a code object's exception table says on the units that raised last: most raise again. [GIL]
class RaiseSites {
 public:
  RaiseSite* At(PyCodeObject* code, int32_t unit) {
    RaiseSite* site = &sites_[static_cast<uint32_t>(unit) % kCount];
    if (site->unit != unit) [[unlikely]] {
      site->unit = unit;
      site->caught = FindHandler(code, unit, &site->range);
      site->address = nullptr;
    }
    return site;
  }
  void ForgetAddresses() {
    for (RaiseSite& site : sites_) site.address = nullptr;
  }

 private:
  static constexpr uint32_t kCount = 8;
  std::array<RaiseSite, kCount> sites_;
};

struct CaughtException {
  RaiseSite* site;  // where it was caught, NULL if nowhere; may be of another unit by now, if foreign code has run
  int32_t handler;  // as above
  PyObject** sp;
};
// Native code of the handler; `look_up` tells it when the site does not know.
template <class LookUp>
inline const void* AddressOfHandler(const CaughtException& caught, LookUp look_up) {
  if (caught.site->range.target != caught.handler) return look_up();
  if (caught.site->address == nullptr) caught.site->address = look_up();
  return caught.site->address;
}

// The same with the help of `sites`, those of the frame's code.
CaughtException UnwindToHandler(PyThreadState* ts, _PyInterpreterFrame* frame, RaiseSites* sites);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_UNWIND_H_
