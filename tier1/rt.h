// What generated code sees of the world: the runtime table (pinned in r13), unit headers, sites and cells.
// Included by the stencils too, so plain structs only.
#ifndef TIERJIT_TIER1_RT_H_
#define TIERJIT_TIER1_RT_H_

#include <cstdint>

#include "runtime/cpython/array_object.h"
#include "runtime/feedback/feedback.h"
#include "runtime/helpers/op.h"

namespace tierjit::tier1 {

// Bounded free list of dead objects of one exact type: an array, because popping does not touch the object.
// The blocks keep their type pointer; their memory is PyObject_Malloc's, so anybody may free them.
inline constexpr uint32_t kFreeListCapacity = 512;
struct FreeList {
  uint32_t count;
  uint32_t limit;  // kFreeListCapacity, or 0 while blocks must not be kept (tracers, debugging allocators)
  PyObject* items[kFreeListCapacity];
};

// Process-wide table. All fields [GIL].
struct Rt {
  PyTypeObject* long_type;
  PyTypeObject* float_type;
  PyTypeObject* function_type;
  PyTypeObject* list_type;
  PyTypeObject* tuple_type;
  PyTypeObject* dict_type;
  PyTypeObject* unicode_type;
  PyTypeObject* bytes_type;
  PyTypeObject* range_iter_type;
  PyTypeObject* list_iter_type;
  PyTypeObject* tuple_iter_type;
  PyTypeObject* cfunction_type;
  PyTypeObject* method_descr_type;
  PyTypeObject* type_type;
  PyTypeObject* array_type;  // array.array, once its layout is proved
  PyObject* small_int_zero;  // address of the int 0; the int v, -5 <= v <= 256, lies 32*v bytes behind it
  PyObject* true_object;
  PyObject* false_object;
  PyObject* none_object;
  PyObject* list_append;  // the method descriptor
  PyObject *generator_send, *coroutine_send;  // likewise
  PyObject *isinstance, *len, *next;  // the builtins, NULL if they could not be told for sure
  // Soft limit of the C stack of the thread that looked last: fine while rsp - low < span (unsigned).
  uintptr_t stack_low, stack_span;
  PyThreadState* const* running;  // where the lock's holder stands: a thread finds its state here without asking for thread-local data
  uintptr_t code_low, code_span;  // all compiled code lies in [code_low, code_low + code_span)
  PyTypeObject *generator_type, *coroutine_type;
  // NULL while nothing is known about the layout of the objects that asynchronous generators are driven by, or of the second one.
  PyTypeObject *async_generator_type, *wrapped_value_type;
  PyTypeObject* enumerate_type;  // likewise
  PyTypeObject *method_type, *range_type;
  PyObject** latin1_chars;  // the 256 one-character strings, in order
  uint64_t slow_calls, deopts, exceptions;
  uint64_t local_events;      // how often tools have changed the events of one code object
  uint32_t calls_until_look;  // of C functions, until what has no event of its own is looked at
  PyObject* not_implemented;
  struct Site* entering;  // whose method is about to be entered by its slow path
  FreeList ints, floats;
  FreeList range_iters, sequence_iters;  // of range; of list or tuple, known to nobody
};
extern "C" Rt tj_rt;

inline constexpr int64_t kSmallIntMin = -5, kSmallIntMax = 256;
inline constexpr int64_t kSmallIntSize = 32;

inline constexpr uint32_t kCallsBetweenLooks = 64;

// The interpreter charges every C-level evaluation with this many units of C recursion.
inline constexpr int kCStackUnits = 2;
// A unit's vectorcall entry is `mov r8, imm64 unit; jmp tj_vectorcall_entry`: where the address of the unit stands in it.
inline constexpr int kEntryUnitOffset = 2;
// From the SEND of `yield from` and `await` to where the frame stands meanwhile: SEND, its cache, YIELD_VALUE.
inline constexpr int kSendBytes = 3 * sizeof(_Py_CODEUNIT);
inline constexpr int kPrologueSize = 4;  // of a native entry: push rbp; mov rbp, rsp

// What all fresh frames of a unit have in common, in the order of _PyInterpreterFrame from `f_locals` on.
struct FreshFrame {
  PyObject* f_locals;
  PyFrameObject* frame_obj;
  _Py_CODEUNIT* instr_ptr;  // at the first instruction that can be traced
  int32_t stacktop;
  uint16_t return_offset;
  char owner;
};
static_assert(offsetof(_PyInterpreterFrame, localsplus) - offsetof(_PyInterpreterFrame, f_locals) == sizeof(FreshFrame) &&
              offsetof(_PyInterpreterFrame, frame_obj) - offsetof(_PyInterpreterFrame, f_locals) == offsetof(FreshFrame, frame_obj) &&
              offsetof(_PyInterpreterFrame, instr_ptr) - offsetof(_PyInterpreterFrame, f_locals) == offsetof(FreshFrame, instr_ptr) &&
              offsetof(_PyInterpreterFrame, stacktop) - offsetof(_PyInterpreterFrame, f_locals) == offsetof(FreshFrame, stacktop) &&
              offsetof(_PyInterpreterFrame, return_offset) - offsetof(_PyInterpreterFrame, f_locals) == offsetof(FreshFrame, return_offset) &&
              offsetof(_PyInterpreterFrame, owner) - offsetof(_PyInterpreterFrame, f_locals) == offsetof(FreshFrame, owner));

// Where an object dies when no load is pending, in 31 bits: a small operand.
struct PlainDeath {
  static constexpr int kUnitBits = 18, kDepthBits = 10;
  // What is left to be done behind it, when the function goes on in the interpreter.
  enum Rest : uint32_t {
    kNothing,
    kResult = 1u << 28,  // the accumulator is to be pushed
    kHalf = 1u << 29,    // the second half of STORE_FAST_STORE_FAST or STORE_FAST_LOAD_FAST
    kLast = 1u << 30,    // it does not go on: the function returns
  };
  static constexpr bool Fits(int unit, int depth) { return unit < 1 << kUnitBits && depth < 1 << kDepthBits; }
  static constexpr uint32_t Encode(int unit, int depth, uint32_t rest) {
    return static_cast<uint32_t>(unit) | static_cast<uint32_t>(depth) << kUnitBits | rest;
  }
  static constexpr int Unit(uint32_t death) { return static_cast<int>(death & ((1 << kUnitBits) - 1)); }  // of the instruction
  static constexpr int Depth(uint32_t death) { return static_cast<int>(death >> kUnitBits & ((1 << kDepthBits) - 1)); }  // of the stack behind it
};

// How a unit is left: go on at native address `resume`, or (NULL) the frame is gone and `value` is the call's result
// (NULL: exception set). Slow paths enter a method of an operand's class like that: `resume` is its entry, and `value` its frame's
// localsplus (branching ones: plus kEnter, to tell it from where to go on).
struct Departure {
  const void* resume;
  PyObject* value;
};

// First bytes of a unit's data block; addressed through H_UNIT.
struct UnitHeader {
  PyCodeObject* code;            // borrowed
  const void* native_entry;      // preserve_none entry: r12 = localsplus of a linked frame, r13 = &tj_rt, r15 = tstate
  vectorcallfunc vectorcall;
  uintptr_t expected_breaker;    // eval_breaker word (version, no event) under which the code may run natively
  FreshFrame fresh;
  int32_t frame_bytes;           // co_framesize in bytes
  int32_t argcount;              // positional arguments bound one to one; -1: every call goes through the binder
  int32_t nlocalsplus;
  bool profiled;                 // this is the profiled version
  PyObject *globals, *builtins;  // that the global cells belong to; NULL until somebody wants to enter
  // Counters for tier-up and statistics: entries and back-edges until somebody wants to know, counted down from what was given.
  int64_t entries_left, entries_given;
  int64_t edges_left, edges_given;
  // Code of the optimising tier that runs the function from behind its RESUME on. Its end: go on at `resume` with `value` in the
  // accumulator; or the function is done with `value` and its frame can go; both NULL: it could not be entered.
  Departure (*optimised)(PyObject** lp, PyThreadState* ts);
  int32_t entry_weight, loop_weight;  // bytecodes that an entry and a back-edge stand for
  // Generators and coroutines: by code unit, where a suspended frame whose instr_ptr stands there goes on, as distance from
  // native_entry; 0: nowhere. At a SEND: where it goes on when what was sent to has come back. NULL for all others.
  const int32_t* resume_points;
  void* owner;                   // the tier1::Unit

  uint64_t entries() const { return static_cast<uint64_t>(entries_given - entries_left); }
  uint64_t back_edges() const { return static_cast<uint64_t>(edges_given - edges_left); }
  void GiveEntries(int64_t count) {
    entries_given += count - entries_left;
    entries_left = count;
  }
  void GiveEdges(int64_t count) {
    edges_given += count - edges_left;
    edges_left = count;
  }
};

// What an operand is and where it lies, at a point of the static stack.
enum class Kind : uint8_t {
  kMem,    // owned reference in its canonical slot (the canonical state)
  kLocal,  // load not made yet: borrowed from local `value` (index into localsplus)
  kConst,  // load not made yet: object `value`
  kNull,   // NULL, nothing stored yet
  kAcc,    // owned reference in the accumulator (r14)
};

struct Pending {  // one stack entry that is not canonical
  uint16_t slot;  // index above nlocalsplus
  Kind kind;
  uint64_t value;
};

inline constexpr uint8_t kCanonicalOperand = 0xff;

struct Site;
// Tries to do the operation without foreign code. Operands are borrowed. New reference, or NULL (no exception) to decline.
using QuickPath = PyObject* (*)(PyThreadState* ts, PyObject* a, PyObject* b, Site* site);
// Fills the site's cell after (or before) the operation has been seen; operands are borrowed.
using CacheFill = void (*)(PyThreadState* ts, PyObject* a, PyObject* b, Site* site);

enum SiteFlags : uint8_t {
  kResultInAcc = 1,    // the instruction's top result is handed over in the accumulator
  kTestResult = 4,     // fused with a conditional jump: pop the result and branch on it
  kJumpIfTrue = 8,     // sense of that jump
  kNullAbove = 16,     // a NULL that the translator pushes itself belongs above the result (LOAD_GLOBAL)
};

// Operations that a class may implement by a method of its own.
enum class Special : uint8_t {
  kNone, kBinary, kCompare, kContains, kTruth, kNegative, kInvert, kSubscript, kStoreSubscript, kAttribute, kCall, kEnter, kExit,
  kAsyncEnter, kAsyncExit, kIter, kNext, kAwait, kAnext,
};

// One per place that can leave the fast path.
struct Site {
  OpHandler handler;
  QuickPath quick;
  CacheFill fill;
  void* cell;
  UnitHeader* unit;
  int32_t oparg;
  int32_t instr;        // code unit of the instruction, where the interpreter may begin it
  int32_t next;         // code unit of the following instruction (of the fused jump when fused)
  int32_t resume_taken; // fused or branching: code unit where the interpreter goes on when the branch is taken / ...
  int32_t resume_next;  // ... and when it is not
  int32_t operands;     // offset of the first operand's slot from localsplus, bytes
  uint16_t depth;       // stack depth before the instruction
  uint16_t popped;      // operands
  uint8_t flags;
  Special special;      // what a method of the operands' class may do instead of the handler
  uint8_t pending_count;  // entries of `pending`: operands included, lowest first
  uint8_t prefixes;       // EXTENDED_ARGs of the instruction: a frame that runs it stands behind them
  uint16_t misses;
  uint32_t visits;      // how often the slow path was taken here
  uint8_t operand[4];   // index into `pending` of the first operands, kCanonicalOperand for those that lie in their slots
  Pending* pending;
  const void* next_address;   // branching sites: native code of the two ways
  const void* taken_address;
};

inline constexpr uintptr_t kEnter = 1;
// What helpers return that may do an operation (an object), decline it (NULL) or do it and leave the unit (this).
inline constexpr uintptr_t kLeft = 1;

// Of helpers that store something.
struct StoreResult {
  PyObject* old;  // what was there before, a new reference, or NULL
  int done;       // 0: nothing has happened
};

// Inline caches, one struct a family. Each form of a chain has a version field of its own, so at most one of them can hit.
// 0 is the version of types that have none at the moment, so a field that must not match holds kNoVersion.
inline constexpr uint32_t kNoVersion = 0xffffffffu;
// What the type of a module or class is told by: its class may be changed like that of other objects, and nobody is told.
inline uint32_t KindOf(PyObject* owner) { return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(Py_TYPE(owner))); }

struct AttrCell {
  uint32_t values_version;  // type version: the value lies in the inline values
  uint32_t plain_version;   // type version: the value lies in the object itself (slots); methods: instances have no dict
  uint32_t class_version;   // version of the class `owner` itself
  uint32_t keys_entries;    // methods: dk_nentries of the shared keys when the name was not among them; with `owner`: KindOf() it
  int32_t offset;           // of the value from the object, bytes
  int32_t values_offset;    // of the inline values header from the object, bytes
  PyTypeObject* type;       // that the instance form was filled for, to find it again after its version has changed
  PyObject* owner;          // module (its dict is watched) or class
  PyObject* value;          // method or attribute of `owner`; borrowed, guarded by the version or the watcher
};

// Further classes seen at an attribute site. `value`: the method, for the method form.
struct PolyEntry {
  uint32_t version;
  uint32_t keys_entries;
  int32_t offset, values_offset;
  PyObject* value;
  PyTypeObject* type;
};
inline constexpr int kPolyEntries = 3;
struct PolyCell {
  AttrCell first;
  uint32_t dict_version;  // type version: the value lies in the instance's dict, as entry `hint` of its keys
  uint32_t hint;
  PolyEntry more[kPolyEntries];
  uint32_t next;          // entry to be replaced next
};

struct TruthCell {
  uint32_t version;  // of a class whose instances are always true
};

// The class that a call site constructs instances of.
struct ClassCell {
  uint32_t version;         // of the class; its metaclass is `type`, its instances are made by object.__new__
  PyFunctionObject* init;   // its `__init__`; borrowed, the version proves it
};

// The getter of a property.
struct GetterCell {
  uint32_t version;            // of the class
  PyFunctionObject* function;  // borrowed, the version proves it
};

struct GlobalCell {
  PyObject* value;  // borrowed from the watched dict; NULL when not known
  int64_t index;    // of the entry in the keys of the unit's globals: the way to names that change often
};

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_RT_H_
