// Leaving optimised code: what an exit knows, and how the frame becomes what the interpreter expects.
//
// The code calls tj_recorded_call() (recorded_call.h), which puts the raw values that the frame state names into `tj_exit_values` and goes on
// in tj_exit() with the exit's descriptor.
#ifndef TIERJIT_RUNTIME_DEOPT_EXIT_H_
#define TIERJIT_RUNTIME_DEOPT_EXIT_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "runtime/cpython/python.h"
#include "runtime/deopt/call_ending.h"
#include "runtime/deopt/reserve.h"

namespace tierjit {

// How a unit is left: go on at native address `resume`, or (NULL) the frame is done with and `value` is the call's result
// (NULL: exception set).
struct UnitExit {
  const void* resume;
  PyObject* value;
};

inline constexpr int kMaxExitValues = 512;

// Why code is left.
enum class ExitKind : uint8_t {
  kSpeculation,  // what feedback promised does not hold
  kUnlifted,     // the code goes no further: never seen to run, or not for this tier
  kDeath,        // what an instruction lets go dies, and that may be noticed
  kInterruption, // somebody wants to be heard; execution comes back
};

// A frame that waits for a call, or that an exit from an inlined call makes.
struct ExitFrame {
  PyFunctionObject* function;  // NULL: the frame is there
  PyCodeObject* code;
  int32_t instruction;         // code unit where it stands: of its call, or where the exit goes on
  int32_t depth;               // of the operand stack
  int32_t next;                // behind the call
  CallEnding ending;
  const void* address;         // native code for that
  void* unit;                  // the tier1::Unit that it belongs to
};

struct ExitDescriptor {
  // kRange: an iterator of a range, to be made; its step. kTuple: one to be made; index in `tuples`. kIterator: an iterator of other things, to
  // be made; nothing yet
  enum class Rep : uint8_t { kBoxed, kInt, kFloat, kBool, kRange, kTuple, kIterator };
  enum class Where : uint8_t {
    kLocal,              // slot `index` of localsplus
    kStack,              // entry `index` of the operand stack
    kIteratorSource,     // a sequence for the iterator that is to be made as stack entry `index`: those come first
    kIteratorPosition,   // field of the iterator that is stack entry `index`
    kIteratorRemaining,
    kNowhere,            // an owned reference that the frame does not need
  };
  struct Item {
    Where where;
    Rep rep;
    bool owned;          // boxed: the unit's reference moves; else one is added
    bool shared;         // a number that other locals or stack entries are, too
    int16_t index;
    int16_t value;       // in tj_exit_values; -1: `constant`
    int16_t bound;       // in tj_exit_values: 0 there leaves the slot as it is; -1: never. Of positions: what kind of iterator is made, -1: none
    int16_t frame;       // index in `frames`
    int64_t constant;    // raw, or an object
  };
  std::vector<Item> items;
  std::vector<std::vector<Item>> tuples;  // items of tuples that exist in no other way
  bool shares;           // some of them are `shared`
  ExitKind kind;
  std::vector<ExitFrame> frames;  // outermost first; none: the unit's own, which is there
  // Of a call of optimised code (see calls.h): its function, and the number of values that wait.
  PyFunctionObject* callee;
  int32_t waiting;
  bool outermost;        // the first of the frames is there, and no other call waits for the unit
  int32_t resume;        // code unit where execution goes on
  int32_t origin;        // of the instruction whose speculation has failed; below 0: of none
  int32_t depth;         // of the operand stack of the innermost frame
  int32_t nlocalsplus;
  const void* address;   // native code for `resume`
  uint64_t count;        // how often it was taken [GIL]
  void* owner;           // for the one who resolves it
};

// A place where code can be left, in code that is made to leave at random although nothing is wrong (for tests). The code counts
// `visits_left` down and calls tj_fail_here() at 0.
struct ExitPoint {
  int64_t visits_left;
  int64_t first_visits;  // what `visits_left` began with
  uint64_t failures;     // how often the code was made to leave here [GIL]
  uint64_t random;       // state of the generator
  const char* operation;
  int32_t origin;        // code unit
  enum class Kind : uint8_t {
    kGuard,              // leaves when something does not hold
    kEnd,                // always leaves: visits are only counted
    kDetour,             // goes a slow way within the code
  } kind;
  bool reached() const { return failures != 0 || visits_left != first_visits; }
  bool taken() const { return failures != 0 || (kind == Kind::kEnd && reached()); }
};

// A point in a program of random numbers that `seed` begins.
ExitPoint MakeExitPoint(uint64_t seed, const char* operation, int32_t origin, ExitPoint::Kind kind);
// Notes the failure, which counts for nothing else, and says when the next one comes. [GIL]
extern "C" void tj_fail_here(ExitPoint* point);

extern "C" int64_t tj_exit_values[kMaxExitValues];  // [GIL]

// Brings the frame of `lp` into canonical state. [GIL]
extern "C" void tj_materialise(PyObject** lp, const ExitDescriptor* exit);
// tj_materialise(), and where execution goes on.
extern "C" UnitExit tj_exit(PyObject** lp, PyThreadState* ts, ExitDescriptor* exit);
// Virtual locals into their slots, before foreign code runs: items of kind kLocal only. [GIL]
extern "C" void tj_sync_locals(PyObject** lp, const ExitDescriptor* exit);
// Whether the slots still hold what tj_sync_locals() has put there: who holds the frame may have changed them. [GIL]
extern "C" int64_t tj_locals_hold(PyObject** lp, const ExitDescriptor* exit);

// An exception is set, and the frame's stack ends with what the faulting operation has left of its operands. The handler keeps `kept`
// entries; those from there up to `below` are the unit's, which lets them go. Whether it may take the exception to the handler itself:
// nobody wants to be told, and nobody notices what dies. [GIL]
extern "C" int64_t tj_may_catch(PyThreadState* ts, uintptr_t expected_breaker, int64_t kept, int64_t below);
// Then this does. [GIL]
extern "C" void tj_catch(PyThreadState* ts, int64_t kept, int64_t below);

// The values of one exit as objects: a number is one object, however often the frames name it, and stays the object that a slot holds already.
class ExitObjects {
 public:
  ExitObjects(const ExitDescriptor& exit, const int64_t* values) : exit_(exit), values_(values) {}
  int64_t Raw(const ExitDescriptor::Item& item) const { return item.value >= 0 ? values_[item.value] : item.constant; }
  bool IsThere(const ExitDescriptor::Item& item) const { return item.bound < 0 || values_[item.bound] != 0; }
  // For each local whose slot is there, before anything is made, where the exit `shares`.
  void Keep(const ExitDescriptor::Item& item, PyObject* held);
  // A new reference, or the unit's own.
  PyObject* Make(const ExitDescriptor::Item& item);
  // The local's value into its slot; what that held, or nullptr. `in_place`: a number that only the slot knows may become another one; who
  // has borrowed it has a reference by now.
  PyObject* StoreLocal(const ExitDescriptor::Item& item, PyObject** slot, bool in_place);

 private:
  PyObject* Known(const ExitDescriptor::Item& item) const;
  PyObject* New(const ExitDescriptor::Item& item);
  PyObject* Tuple(size_t index);

  const ExitDescriptor& exit_;
  const int64_t* values_;
  absl::InlinedVector<PyObject*, 4, SureAllocator<PyObject*>> tuples_;  // borrowed, by index, when they are made
  using Number = std::pair<int16_t, PyObject*>;
  absl::InlinedVector<Number, 16, SureAllocator<Number>> numbers_;  // borrowed from where they stand, by value
};
// A source, or a field of the iterator in the stack entry.
void StoreIteratorField(PyObject** entry, const ExitDescriptor::Item& item, ExitObjects* objects);
// The iterator over `sources` (a list, which is released) that stands at `position`. 0: of one sequence; 1: reversed(), whose position goes
// down; 2: enumerate(), which has counted to 0; 3: zip(). Never NULL (reserve.h). [GIL]
PyObject* FreshIterator(int kind, PyObject* sources, int64_t position);
// Counts the exit unless it was made to fail; where execution goes on.
const void* ResolveExit(PyThreadState* ts, ExitDescriptor* exit, bool made_to_fail = false);
// Whether the exit that has just been taken was made to fail. To be asked before anything else can run.
bool TakeMadeToFail();

// A new iterator over ints, never NULL (reserve.h). [GIL]
extern "C" PyObject* tj_new_range_iterator(int64_t next, int64_t remaining, int64_t step);

// Finds native code for exits; registered once at start. [GIL]
using ExitResolver = const void* (*)(PyThreadState* ts, _PyInterpreterFrame* frame, ExitDescriptor* exit);
void SetExitResolver(ExitResolver resolver);

}  // namespace tierjit

#endif  // TIERJIT_RUNTIME_DEOPT_EXIT_H_
