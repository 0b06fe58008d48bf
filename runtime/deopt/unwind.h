// Native exception unwinding within one frame: what the interpreter does between an error and the handler.
#ifndef TIERJIT_RUNTIME_DEOPT_UNWIND_H_
#define TIERJIT_RUNTIME_DEOPT_UNWIND_H_

#include <cstdint>
#include <vector>

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

// One entry of a code object's exception table.
struct Handler {
  ExceptionRange range;
  const void* address;  // native code, NULL while nobody has asked for it
};

// The exception table of a code object, read once. [GIL]
class HandlerTable {
 public:
  explicit HandlerTable(PyCodeObject* code);

  // What protects code unit `unit`; NULL: nothing. As FindHandler() has it.
  Handler* Find(int32_t unit) {
    Handler* first = handlers_.data();
    for (size_t count = handlers_.size(); count > 0;) {
      size_t half = count / 2;
      if (first[half].range.start > unit) {
        count = half;
      } else if (unit < first[half].range.end) {
        return first + half;
      } else {
        first += half + 1;
        count -= half + 1;
      }
    }
    return nullptr;
  }
  void ForgetAddresses() {
    for (Handler& handler : handlers_) handler.address = nullptr;
  }

 private:
  std::vector<Handler> handlers_;
};

struct CaughtException {
  Handler* handler;  // NULL: there is none
  PyObject** sp;     // as above
  Handler untabled;  // without a table: what `handler` is
};
// The same by `table`, that of the frame's code; NULL: there was no memory to make it.
void UnwindToHandler(PyThreadState* ts, _PyInterpreterFrame* frame, HandlerTable* table, CaughtException* caught);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_UNWIND_H_
