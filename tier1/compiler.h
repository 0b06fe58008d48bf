// Tier 1: copy-and-patch baseline compiler.
#ifndef TIERJIT_TIER1_COMPILER_H_
#define TIERJIT_TIER1_COMPILER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/cpython/python.h"
#include "runtime/deopt/calls.h"
#include "runtime/feedback/feedback.h"

namespace tierjit::tier1 {

// The program waits for the profiled version, 0.4 to 0.7 us a code unit: two milliseconds at most. Longer code has none.
inline constexpr Py_ssize_t kMaxProfiledUnits = 3000;

struct UnitHeader;  // what native code reads; tier1/unit.h

struct UnitInfo {
  size_t code_bytes, hot_bytes, data_bytes;
  int bytecodes;            // instructions compiled
  int64_t compile_ns;
  int settled;              // times that Settle() has compiled it anew
  uint64_t entries, back_edges;       // counters so far
  uint64_t slow_calls;                // slow paths taken so far
};

// A LOAD_GLOBAL whose value stands in a watched cell.
struct GlobalUse {
  int32_t unit;
  PyObject** cell;
};

// A LOAD_ATTR of a module: the words that hold the module, as long as its attribute stays the same, and the attribute.
struct ModuleUse {
  int32_t unit;
  PyObject **module, **value;
};

// Compiled code of one code object. It keeps no strong reference to the code object or anything else; whoever owns it
// frees it after the code object's death only. [GIL]
class Unit {
 public:
  virtual ~Unit() = default;
  virtual vectorcallfunc vectorcall() const = 0;  // to be put into PyFunctionObject::vectorcall
  virtual PyCodeObject* code() const = 0;         // borrowed
  virtual UnitInfo info() const = 0;
  // Whether `function`, which has this unit's code, may be entered through it: code knows the globals of one module only, that of the
  // first function that asks. Nobody else's entry may lead here.
  virtual bool Serves(PyFunctionObject* function) = 0;
  // Text with one line an emission: bytecode offset, stencil name, address, size.
  virtual std::string Dump() const = 0;
  // Raw machine code, for a disassembler.
  virtual std::pair<const uint8_t*, size_t> machine_code() const = 0;
  // The profiled version, which notes what instructions make: its code for the instruction at code unit `unit`. Compiled on first use; NULL
  // when there is none. Execution comes in with the frame in canonical state, by a jump with the registers of compiled code.
  virtual const void* ProfiledAddress(int32_t unit) = 0;
  // The ordinary version's code for a jump target, with the same way in; NULL when `unit` is none.
  virtual const void* TargetAddress(int32_t unit) const = 0;
  // Compiles the ordinary version once more, by what the profiled version has seen: entries, loops and handlers lead there from now on.
  // False: nothing is known that would help, or it was done before.
  virtual bool Settle() = 0;
  // Of a generator or coroutine: whether it is resumed in the profiled version, when there is one, as often as that has back-edges left.
  virtual void ProfileResumptions(bool on) = 0;
  // Whether exceptions go to the profiled version's handlers, when there is one.
  virtual void ProfileHandlers(bool on) = 0;
  virtual const Feedback* feedback() const = 0;  // NULL before the first ProfiledAddress()
  // How many back-edges may pass before SetPromotion()'s hook is asked; `profiled`: in the profiled version.
  virtual void GiveEdges(int64_t count, bool profiled) = 0;
  // How many entries may pass before it is asked about the whole function.
  virtual void GiveEntries(int64_t count) = 0;
  // Code that runs the function from behind its RESUME on, for entries whose allowance is used up; see UnitHeader.
  virtual void SetOptimised(UnitExit (*optimised)(PyObject** lp, PyThreadState* ts)) = 0;
  virtual std::vector<GlobalUse> globals() const = 0;
  // Fills the cells of globals() that a change of the global has emptied. True if there were some.
  virtual bool RefreshGlobals() = 0;
  // The same, and those of instructions that only the profiled version has run.
  virtual void FillGlobals() = 0;
  virtual std::vector<ModuleUse> module_values() const = 0;
  // Where the code finds the eval breaker's expected value; kept true while the unit lives.
  virtual const uintptr_t* expected_breaker() const = 0;
  // Activations look at their next check whether they may go on, as tools may listen now. [GIL]
  virtual void RequireCheck() = 0;
};

// One-time set-up: thunks, tables. kUnavailable when no executable memory can be had. [GIL]
// `unit_of`: the unit that compiled frames of a code object run, NULL if there was never one.
absl::Status Initialise(vectorcallfunc default_vectorcall, Unit* (*unit_of)(PyCodeObject* code));
// Forgets what is known of classes: the next interpreter gives their versions to others. `alive`: this one can still release objects. [GIL]
void ForgetInterpreter(bool alive);

// Compiles `code`. kUnimplemented with a reason (starting with its stable code "TJ-nnn: ") when Tier 1 does not take it. [GIL]
absl::StatusOr<std::unique_ptr<Unit>> Compile(PyCodeObject* code);

// Whether Compile() would refuse at once, and why, from flags and opcodes only. Cheap. [GIL]
absl::Status CanCompile(PyCodeObject* code);

// Called at the entry of code through a loop that the interpreter runs. Runs native code from the loop header at code unit
// `header` of `frame` (the thread's current frame, canonical stack of `depth` entries, `stacktop` set) until the function is about to
// return or must leave; afterwards frame->instr_ptr and stacktop say where the interpreter goes on. Returns 0, or -1 with an exception
// set for the interpreter to raise at instr_ptr. [GIL]
int RunLoop(PyThreadState* ts, _PyInterpreterFrame* frame, Unit* unit, int32_t header);

// A back-edge or an entry of compiled code whose allowance is used up: the frame of `lp` stands in canonical state in front of code unit
// `target`.
struct HotLoop {
  Unit* unit;
  PyObject** lp;
  PyThreadState* ts;
  int32_t target;
  int depth;      // of the operand stack
  bool profiled;  // it ran in the profiled version
  bool entry;     // of the function
};
// `resume`: native code to go on at; else `value`: the function is done, or NULL: go on as before.
struct LoopOutcome {
  const void* resume;
  PyObject* value;
};
// `hook` is asked about hot loops and functions; it gives new edges, or entries. `entries`, `edges`: how many of a new unit there are
// before the first question. `forget` is told when a unit dies. NULL: nobody. [GIL]
void SetPromotion(LoopOutcome (*hook)(const HotLoop& loop), void (*forget)(Unit* unit), int64_t entries, int64_t edges);

// Where instances of `type` keep the value of an attribute, as long as the type has its version: `offset` from the object, 0: not known;
// `values`: offset of the inline values that it is one of, 0: it is a slot. [GIL]
struct AttributePlace {
  int64_t offset, values;
};
AttributePlace FindAttribute(PyTypeObject* type, PyObject* name, bool store);
// What instances have from the class under a name, as long as that has its version and they have nothing of their own: a function, or what
// is no descriptor; NULL: not known. Their inline values are at `values` (0: none) and know at most `keys` names; `dict`: they may have a
// dict instead, at the place of managed ones. [GIL]
struct ClassAttribute {
  PyObject* value;
  int64_t values, keys;
  bool dict;
};
ClassAttribute FindClassAttribute(PyTypeObject* type, PyObject* name);
// The function that does an operation for operands of these types, lowest first. `oparg` as in the bytecode; flags: see CallEnding. [GIL]
struct OperationMethod {
  PyFunctionObject* function;
  uint16_t flags;
  bool reflected;
};
// What `Class.name` is, as long as the class has its version: a value, or a function that takes the class first. NULL: not that plain. [GIL]
struct OfClass {
  PyObject* value;
  bool takes_class;
};
OfClass FindOfClass(PyTypeObject* type, PyObject* name);
OperationMethod FindOperationMethod(uint8_t opcode, int oparg, PyTypeObject* const* types);
// isinstance(instance of `type`, cls), as long as the type has its version; -1: not known. [GIL]
int IsInstanceOf(PyTypeObject* type, PyObject* cls);
// The getter of a property. [GIL]
PyFunctionObject* FindGetter(PyTypeObject* type, PyObject* name);

// How calls of a class make instances, as long as it has its version: by object.__new__, then by the function `init`, if there is one. [GIL]
struct Construction {
  bool known;
  PyFunctionObject* init;
};
Construction FindConstruction(PyTypeObject* type);

// What other compilers' code shares with Tier 1's.
struct SharedAddresses {
  uint32_t *int_count, *float_count;      // free blocks, rt.h
  PyObject **int_items, **float_items;
  uint32_t usable_span;                   // a block may be taken or given while count - 1 < usable_span, unsigned
  PyObject* small_int_zero;
  void (*dealloc)(PyObject* dead);        // keeps blocks
  const void* raise;                      // goes on with an exception that is set, from a canonical frame
  const void* finished;                   // ends a function whose frame is popped already
  // Element access without foreign code: see item_access.h.
  PyObject* (*get_item)(PyObject* container, PyObject* key);
  int64_t (*store_in_dict)(PyObject* dict, PyObject* key, PyObject* value);
  PyObject* (*contains)(PyObject* item, PyObject* container);
  PyObject* (*new_instance)(PyTypeObject* type);  // see instances.h
  PyObject* (*find_attribute)(PyObject* owner, PyObject* name);  // see attr_lookup.h
  PyObject* (*number_op)(PyObject* a, PyObject* b, int64_t oparg);  // of BINARY_OP, on exact numbers; nullptr: not quick, or it raises
  void (*refill_ints)();                  // where there is no free block
  void (*refill_floats)();
};
SharedAddresses GetSharedAddresses();
// How optimised code makes and runs frames.
FrameRunner GetFrameRunner();
// Generators and coroutines that C code drives run compiled from now on, or no longer. [GIL]
void HookGenerators();
void UnhookGenerators();

// `observer` is called before compiled code calls a Python function that has neither the interpreter's entry nor its unit's: it may
// compile it, so that the call enters it directly. NULL: nobody. [GIL]
void SetCallObserver(void (*observer)(PyFunctionObject* function));

// A vectorcall that runs the Python function `callable` in the interpreter. As there, the caller's references to the arguments move
// into the new frame when they lie on the stack of an interpreted caller. [GIL]
PyObject* CallInterpreted(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames);

// Whether others can tell a compiled function's entry from the interpreter's own: a frame evaluator (PEP 523), or tools with events that
// the interpreter places otherwise, or adds, when it does not inline a call. [GIL]
bool OthersWatchCalls(PyThreadState* ts);
// `observer` is called when compiled code finds that OthersWatchCalls(). NULL: nobody. [GIL]
void SetWatchObserver(void (*observer)());

// Whether tools get events from `code`; the tool that is the library's own does not count. [GIL]
bool OthersListen(const PyCodeObject* code);
// The tool id that is the library's own, -1: none. [GIL]
void SetOwnTool(int tool_id);

// Whether compiled code that makes functions gives them the entries of their units itself, without an event. Off at first. [GIL]
void EnterUnitsAtOnce(bool on);

// Private free lists of dead objects (free_lists.h). From Start on they are emptied at every full collection; Stop empties them, too.
// kResourceExhausted. [GIL]
absl::Status StartFreeLists();
void StopFreeLists();
// Gives all blocks back. Calls no foreign code; may be called in the middle of a collection. [GIL]
void FlushFreeLists();
// A reference tracer (tracemalloc) may have been set or removed: the lists stay empty while one is. [GIL]
void FollowTracer();

// To be called by the owner of the dict watcher for every event of a watched dict. [GIL]
void OnDictEvent(PyDict_WatchEvent event, PyObject* dict, PyObject* key, PyObject* new_value);

// Where compiled code leaves its fast paths most often: up to `limit` lines "visits function:line opcode", most visited first.
// The answer to "why is this slow". [GIL]
std::string SlowSites(int limit);

struct Counters {
  uint64_t native_bytecodes;       // estimate: bytecodes run in compiled code
  uint64_t interpreted_bytecodes;  // in functions that tierjit handles, after a deoptimisation
  uint64_t slow_calls, deopts, exceptions;
};
Counters GetCounters();

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_COMPILER_H_
