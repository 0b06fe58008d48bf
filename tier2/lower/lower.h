// IR -> MIR. The hot way by Layout(), cold parts (boxes without a free block, deaths, exits) behind it.
//
// A unit is a C function `UnitExit unit(PyObject** lp, PyThreadState* ts)` that runs on a real frame, linked and with its locals in
// place. It finishes the function (value), or leaves with the frame in canonical state (resume). Frameless units are called by others:
// see CallTarget in lift/lifter.h and runtime/deopt/calls.h.
#ifndef TIERJIT_TIER2_LOWER_LOWER_H_
#define TIERJIT_TIER2_LOWER_LOWER_H_

#include <list>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/deopt/exit.h"
#include "runtime/deopt/recorded_call.h"
#include "tier2/ir/node.h"
#include "tier2/lift/lifter.h"
#include "tier2/mir/function.h"
#include "tier2/passes/ownership.h"

namespace tierjit::tier2 {

// What code has to know of the process; addresses are valid as long as the library.
struct Environment {
  struct Blocks {            // free blocks of one type, see tier1/rt.h
    uint32_t* count;
    PyObject** items;
  };
  Blocks ints, floats;
  uint32_t usable_span;      // a block may be taken or given while count - 1 < usable_span (unsigned)
  PyObject* small_int_zero;  // the int v, -5 <= v <= 256, lies 32 * v bytes behind it
  void (*dealloc)(PyObject* dead);  // keeps numbers' blocks
  const void* raise;         // where a unit goes on with an exception set and the frame in canonical state
  const void* finished;      // ends a function whose frame is popped already
  // Element access without foreign code; NULL or 0: not done, nothing has happened.
  PyObject* (*get_item)(PyObject* container, PyObject* key);           // a new reference
  int64_t (*store_in_dict)(PyObject* dict, PyObject* key, PyObject* value);
  PyObject* (*contains)(PyObject* item, PyObject* container);          // True or False
  PyObject* (*new_instance)(PyTypeObject* type);
  PyObject* (*find_attribute)(PyObject* owner, PyObject* name);        // a new reference
  PyObject* (*number_op)(PyObject* a, PyObject* b, int64_t oparg);  // of exact numbers; nullptr: not quick, or it raises
  void (*refill_ints)();     // where there is no free block
  void (*refill_floats)();
  const uintptr_t* expected_breaker;  // of the code object: ts->eval_breaker differs when somebody wants something
  // For tests: a place where the code is made to leave at random, or nullptr. Empty: code leaves only when it has to.
  std::function<ExitPoint*(const char* operation, int32_t origin, ExitPoint::Kind kind)> new_exit_point;
};

// Code with what its exits need; both live and die together.
struct Lowered {
  mir::CodeImage image;
  std::list<double> constants;  // the code refers to them by address
  std::vector<std::unique_ptr<ExitDescriptor>> exits;
  struct Recorded {  // a call of tj_recorded_call()
    ExitDescriptor* exit;
    RecordedAction action;
    size_t returns_to;  // offset in the code
    std::vector<ValuePlace> places;
  };
  std::vector<Recorded> recorded;
  size_t mir_instructions = 0;
  bool quick = false;        // above effort.full
  std::string mir_text;      // when asked for
};

// How many MIR instructions may be optimised as well as MIR can, and how many at all: those between are translated quickly.
struct Effort {
  size_t full = 0, quick = 0;
};

// kOutOfRange above effort.quick; errors of MIR as they are. Any thread, without the GIL: it reads no object.
absl::StatusOr<Lowered> Lower(const Graph& graph, const Ownership& ownership, const Snapshot& snapshot, const Environment& environment,
                              const Effort& effort, bool keep_text);

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_LOWER_LOWER_H_
