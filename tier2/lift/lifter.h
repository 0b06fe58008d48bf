// Bytecode and feedback -> IR. One node or a few for what feedback supports, `generic` for everything else, so that every function which
// Tier 1 compiles can be lifted.
//
//     LOAD_FAST s; LOAD_FAST i; BINARY_OP +; STORE_FAST s    (ints seen)      v9 = int_add v4 v7 !s3
//
// Locals that only ever held ints (floats, bools) are *virtual*: they live in registers, as i64 (f64, i1), and frame states say where.
// All others stay in their slots of the frame.
// So do those, while an innermost loop runs, that it stores one kind of number to, whatever they were before (loop_versions.cc).
//
// A *frameless* unit has no frame: all its locals are values, boxed ones too. It is called by optimised code with its arguments in
// registers, and frames are made, for it and for those that wait for it, when it is left. Inlined calls are lifted like that into the
// unit of their caller. What only a handler can do has no place there.
#ifndef TIERJIT_TIER2_LIFT_LIFTER_H_
#define TIERJIT_TIER2_LIFT_LIFTER_H_

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/bytecode/loop_nest.h"
#include "runtime/feedback/feedback.h"
#include "tier2/ir/node.h"

namespace tierjit::tier2 {

// How optimised code of a function is called: the code at `code` takes the thread state, where the values of waiting frames go, how many
// frames more there may be, and the arguments; it gives 0 and the result, or 1 when the frames were made. Never dies.
struct CallTarget {
  const void* code = nullptr;
  std::vector<Rep> args;
  Rep result = Rep::kBoxed;
};

struct Snapshot;

// A Python function that may be called.
struct Callee {
  PyFunctionObject* function = nullptr;
  PyCodeObject* code = nullptr;           // with positional parameters only
  const void* alive = nullptr;            // a word that holds `code` as long as that lives
  const uintptr_t* expected_breaker = nullptr;
  const Snapshot* body = nullptr;         // when it may be inlined
  const CallTarget* target = nullptr;     // when there is optimised code for it
};
class CalleeFinder {
 public:
  // What is known of the function, as called with an instance of the class of that version first (0: of any); nullptr: it has to be called the
  // ordinary way. [GIL]
  virtual const Callee* Find(PyObject* function, uint32_t self_version) = 0;

 protected:
  ~CalleeFinder() = default;
};

// All that is known when a unit is made. Objects are borrowed: whoever makes it keeps the code object and what it names alive.
struct Snapshot {
  PyCodeObject* code = nullptr;
  const DecodedCode* decoded = nullptr;
  const Feedback* feedback = nullptr;
  int32_t entry = 0;                      // code unit where execution enters: 0, or a loop header
  // An inner loop is compiled by itself: behind it Tier 1 goes on, until the loop around it is hot. Then all of it is one unit, entered at
  // its header, and no loop of it at another place. Else the whole code.
  LoopNest::Extent extent;
  std::vector<uint32_t> local_bits;       // TypeBits of the locals at the way in, by slot
  std::vector<uint32_t> local_details;    // DetailOf() them
  std::vector<uint32_t> stack_bits;       // of the operand stack there
  std::set<int32_t> generic;              // instructions whose speculation has failed before
  // A watched cell of a global: where its value stands and what it is now.
  struct Global {
    PyObject** cell;
    PyObject* value;
  };
  std::map<int32_t, Global> globals;      // by code unit of the LOAD_GLOBAL
  bool any_locals = false;                // others than now were seen at the way in
  bool frameless = false;                 // `local_bits` are of the arguments then
  std::vector<Rep> args;                  // frameless: how they come
  CalleeFinder* callees = nullptr;
  const uintptr_t* expected_breaker = nullptr;
  struct ModuleValue {                    // words that hold the module, while the attribute is right, and the attribute
    PyObject **module_cell, **value_cell;
    PyObject *module, *value;
  };
  std::map<int32_t, int64_t> local_values;       // ints of locals at the way in, by slot
  std::map<int32_t, PyObject*> local_functions;  // builtin functions in locals at the way in, by slot
  std::map<int32_t, ModuleValue> module_values;  // by code unit of the LOAD_ATTR
  // Where instances of a class keep the value of an attribute; offset 0: nobody knows.
  struct Place {
    int64_t offset = 0;                   // from the object
    int64_t values = 0;                   // of its inline values; 0: the attribute is a slot
  };
  Place (*find_attribute)(PyTypeObject* type, PyObject* name, bool store) = nullptr;
  // What instances of a class have from it, see FindClassAttribute(), FindOperationMethod() and FindGetter() of Tier 1.
  struct FromClass {
    PyObject* value = nullptr;
    int64_t values = 0, keys = 0;
    bool dict = false;
  };
  FromClass (*find_class_attribute)(PyTypeObject* type, PyObject* name) = nullptr;
  struct OperationMethod {
    PyObject* function = nullptr;
    uint16_t flags = 0;
    bool reflected = false;
  };
  OperationMethod (*find_operation)(uint8_t opcode, int oparg, PyTypeObject* const* types) = nullptr;
  PyObject* (*find_getter)(PyTypeObject* type, PyObject* name) = nullptr;
  int (*is_instance)(PyTypeObject* type, PyObject* cls) = nullptr;  // -1: not known
  struct OfClass {                        // `Class.name`
    PyObject* value = nullptr;
    bool takes_class = false;             // a function, whose first argument is the class
  };
  OfClass (*find_of_class)(PyTypeObject* type, PyObject* name) = nullptr;
  // How a call of a class makes an instance: by object.__new__, and the function `init`, if there is one.
  struct Construction {
    bool known = false;
    PyObject* init = nullptr;
  };
  Construction (*find_construction)(PyTypeObject* type) = nullptr;
};

// kResourceExhausted when the graph grows beyond `max_nodes`. [GIL: reads the code object's constants]
absl::StatusOr<std::unique_ptr<Graph>> Lift(const Snapshot& snapshot, int max_nodes);

// The way from a frame into frameless code: takes the arguments from the frame, which stands behind RESUME at code unit `entry`, and
// boxes the result.
std::unique_ptr<Graph> LiftEntry(const Callee& callee, int32_t entry);

// An entry of the static operand stack. An iterator of range, list or tuple whose fields live in registers has `position`.
struct StackEntry {
  Node* node = nullptr;
  Node* position = nullptr;
  Node* remaining = nullptr;   // range; enumerate: its count
  Node* step = nullptr;        // range only
  Node *start = nullptr, *stop = nullptr;  // a range that is not made
  bool fresh() const { return node != nullptr && (node->Is(Opcode::kFreshRange) || node->Is(Opcode::kFreshIter)); }
};

// Only positional parameters and plain locals: the function can be compiled without a frame.
bool MayGoWithoutFrame(const PyCodeObject* code);

// Locals that an instruction stores to: how many, two at most.
int StoredLocals(const Instruction& in, int locals[2]);

// Of one bit of TypeBits, that virtual locals have: int, float or bool.
bool IsNumberKind(uint32_t bits);
Rep RepOfKind(uint32_t bit);

// Execution never goes on behind the instruction.
bool NeverGoesOn(const Instruction& in);

class Lifter {
 public:
  using CodeSet = std::set<const PyCodeObject*>;
  // `barred`: code that is not inlined; grows by what should not have been.
  Lifter(const Snapshot& snapshot, int max_nodes, CodeSet* barred);
  // `caller` has come to a call of `callee`, whose operands it has popped; `during` is its state meanwhile.
  Lifter(Lifter* caller, const Callee& callee, FrameState* during, const CallEnding& ending);
  absl::StatusOr<std::unique_ptr<Graph>> Run();
  // Whether foreign code runs while an iterator is only thought of; that all of them are made.
  bool shows_iterators() const { return shows_iterators_; }
  void MakeIterators() { makes_iterators_ = true; }

 private:
  using Local = FrameState::Local;
  struct State {
    std::vector<Local> locals;
    std::vector<StackEntry> stack;
  };
  struct BlockInfo {
    Block* block = nullptr;
    State state;           // its parameters
  };
  // Where a block is lifted to, in the order of lifting: code of a loop with two versions comes by its header, the general version first.
  struct Place {
    int32_t loop = 0;      // code unit of the loop's header; of other code: `unit`
    bool typed = false;    // in the version with more virtual locals
    int32_t unit = 0;
    auto operator<=>(const Place&) const = default;
  };

  // Driver (lifter.cc) and merges (merge.cc).
  void ChooseVirtualLocals();
  uint32_t EntryBits(size_t local) const;
  void WalkFromEntry(absl::FunctionRef<bool(const Instruction&)> visit) const;  // false: not on behind the instruction
  bool ReadBeforeStored(int local) const;
  bool LeavesToHandlers(int32_t unit) const;
  bool IsLeftToHandler(const Instruction& in) const;
  void NoteLateOnes();
  absl::Status CheckSuspension() const;       // not for code that suspends
  void FindLeaders();
  int LoopDepth(int32_t unit) const;
  void NoteDepths();
  void Enter();
  void EnterWith(absl::Span<Node* const> args);  // frameless
  void LiftBlocks();
  void LiftBlock(const Place& place);
  bool NeverSeen() const;
  bool LiftInstruction();                     // false: the block has ended
  void JumpTo(int32_t unit);                  // ends the block
  void BranchTo(Node* condition, int32_t if_true, int32_t if_false);
  void JumpToPlace(const Place& place);
  BlockInfo& InfoAt(const Place& place);
  void MakeParams(BlockInfo* info, bool iterates);
  Node* Adapt(Node* value, const Node* param);
  void AdaptLocal(const Local& param, Local* from);
  void AdaptEntry(const StackEntry& param, StackEntry* from);
  void OpenIterator(StackEntry* entry);       // its fields into registers
  void OpenEnumerate(StackEntry* entry);
  Node* InnerIterator(Node* enumerate);
  bool PairBehind(const Instruction& loop, uint32_t* item) const;
  void CloseIterator(StackEntry* entry);
  void LeaveHere();                           // ends the block: the interpreter's view goes on in Tier 1

  // Loops with two versions (loop_versions.cc).
  void ChooseVersions();
  bool MayHaveVersions(const LoopNest::Extent& loop) const;
  std::vector<uint32_t> StoredIn(const LoopNest::Extent& loop) const;  // by local: virtual ones there; empty: no other than elsewhere
  Place PlaceOf(int32_t unit) const;          // in this version, if that has the unit
  bool IsVersion(size_t local) const;         // virtual in this version of a loop only
  void EnterVersion(int32_t header);
  void LeaveVersion();
  Node* ValueForTest(size_t local);
  // Building (values.cc).
  Node* Emit(Opcode opcode, absl::Span<Node* const> inputs = {}, Type type = Type());
  Node* EmitGuard(Opcode opcode, absl::Span<Node* const> inputs, Type type = Type());
  Node* EmitGuardForValue(Opcode opcode, Node* value, Type type);  // see Node::only_for_value
  Node* Compare(Opcode opcode, Relation relation, Node* a, Node* b);
  Node* IntConstant(int64_t value);
  Node* FloatConstant(double value);
  Node* BoolConstant(bool value);
  Node* ObjectConstant(PyObject* object);
  Node* Constant(PyObject* object);           // numbers by value
  FrameState* Here();                         // the state before the current instruction
  Node* Boxed(Node* value);
  Node* NumberOf(Node* value, uint32_t kind);  // guarded: the value of a boxed int, float or bool
  Node* AsInt(Node* value);                   // nullptr: feedback does not support it
  Node* AsFloat(Node* value);                 // ints count as floats
  Node* AsBool(Node* value);
  bool IsNumber(Node* value) const;           // int or float, seen or proved
  uint32_t ExpectedOf(Node* value) const;
  bool SeenAs(Node* value, uint32_t bits) const;
  uint32_t Known(Node* value) const;          // what is expected of it, else what it is
  void Expect(Node* value, uint32_t bits);
  void ExpectDetail(Node* value, uint32_t detail);
  void ExpectSeen(Node* value, const Observation& seen);
  uint32_t DetailOf(Node* value) const;       // see JoinDetails()
  Node* GuardKind(Node* value, uint32_t bit); // an exact builtin type that is not a number; nullptr: not seen

  // Calls (inline.cc).
  struct PythonCallSite {
    Node* function;                           // guarded to be the callee's
    std::vector<Node*> args;
    int popped;                               // stack entries that are gone while the callee runs
    CallEnding ending;
    Node* made = nullptr;                     // the instance that is to be initialised: it comes to be when nothing leaves any more
  };
  bool PythonCall();
  bool Construct();                           // construct.cc
  void AppendMade(Node* made);
  bool BindArguments(Node* callable, PyObject* names, std::vector<Node*>* args);  // as the callee's parameters; false: not that plain
  Node* DefaultOf(Node* callable, PyObject* value);
  bool CallFunction(PyObject* function, PythonCallSite site);  // inlined, or to its optimised code; false: neither
  bool CanCall(PyObject* function, size_t args, uint32_t self_version, const CallEnding& ending) const;
  const Callee* FindCallee(PyObject* function, size_t args, uint32_t self_version) const;
  bool MayInline(const Callee& callee) const;
  void Inline(const Callee& callee, PythonCallSite site);
  bool CallTyped(const Callee& callee, PythonCallSite site);
  void FinishCall(const CallEnding& ending, Node* result);
  Node* Returned(Node* value);                // as the operation takes it that the callee does
  void GuardDepth();
  void GuardCode(const Callee& callee, Node* function);

  // Sites that see several classes (classes.cc).
  std::vector<PyTypeObject*> SeenClasses(Node* value, uint32_t also = 0) const;  // of an instance, if not one of the types `also`; none: too many
  Node* GuardClasses(Node* value, uint32_t detail);
  Snapshot::Place PlaceIn(absl::Span<PyTypeObject* const> types, PyObject* name, bool store) const;
  Snapshot::FromClass ClassValueIn(absl::Span<PyTypeObject* const> types, PyObject* name) const;
  bool HasAttribute(absl::Span<PyTypeObject* const> types, PyObject* name) const;
  std::vector<uint32_t> GroupsOf(Node* owner, PyObject* name) const;
  bool SeveralClasses();
  bool SeveralFunctions();
  struct Candidate {
    PyObject* function;
    uint32_t classes;                         // of the objects that it was found for, as a detail
  };
  void NoteCandidates(std::vector<Candidate> found, uint32_t classes);
  Block* BranchOff(absl::FunctionRef<Node*()> condition);
  void EndWay(bool lifted);
  void GoOnIn(Block* block, const State& state);

  // Operations of Python classes (method.cc).
  bool ClassAttribute();
  bool AttributeOfClass();
  Node* ConstantOf(Node* holder, PyObject* value);
  bool Property();
  bool OperationMethod();
  PyTypeObject* SeenClass(Node* value, uint32_t also = 0) const;  // of an instance, if not one of the types `also`; nullptr: several, or none
  PyTypeObject* SeenType(Node* value) const;   // that, or an exact builtin type
  Node* GuardClass(Node* value, PyTypeObject* type);
  Node* ClassValue(Node* instance, PyObject* value);
  Node* IsInstance(Node* value, PyObject* type);
  Node* TypeOf(Node* value);
  bool BuildTuple();
  bool Deref();
  Node* CellOf(int local);
  void GuardEvents(const Callee& callee);
  void FinishReturns();
  Node* JoinReturns(Lifter* caller);          // nullptr: it never returns
  bool AsPassed(Node** value, Rep rep);
  int InlineDepth() const { return caller_ == nullptr ? 0 : caller_->InlineDepth() + 1; }
  const Lifter& Root() const { return caller_ == nullptr ? *this : caller_->Root(); }
  bool frameless() const { return caller_ != nullptr || snapshot_.frameless; }

  // Deaths (deaths.cc).
  bool IsHeld(Node* value, int popped, bool by_locals) const;
  bool MayBeLast(Node* value) const;
  void GuardDeath(Node* value, int popped);
  void EmitDeathGuard(Node* value);
  bool DiesInHandler(Node* value) const;
  void GuardOverwritten(int local);
  void GuardLocals();

  // The static stack.
  int depth() const { return static_cast<int>(state_.stack.size()); }
  StackEntry& Top(int n = 1) { return state_.stack[state_.stack.size() - static_cast<size_t>(n)]; }
  void Push(Node* node) { state_.stack.push_back({node, nullptr, nullptr, nullptr}); }
  Node* Pop();
  void Drop(int n) { state_.stack.resize(state_.stack.size() - static_cast<size_t>(n)); }
  void PushResult(Node* node);                // with the instruction's observation as expectation
  const Instruction& in() const { return snapshot_.decoded->instructions()[static_cast<size_t>(current_)]; }
  const Observation& seen() const { return snapshot_.feedback->at(in().offset); }

  // Families. False: generic. Each leaves the state untouched then.
  bool LoadStore();
  bool StoreLocal(int local, Node* value);
  Node* PrepareStore(int local, Node* value);  // all that may leave; nullptr: never right
  void CommitStore(int local, Node* value);
  void GuardSlot(int local);
  bool IsUnbound(Node* value) const;
  Node* PrepareUnbinding(int local, Node* value);
  void Unbind(int local, Node* null);
  Local Unbound(uint32_t kind);
  bool LoadAndClear(int local);
  bool OldMayDie(int local);
  bool StoreOverComplex();
  Node* LoadLocal(int local);
  bool BinaryOp();
  bool FloatWithEither(Node* a, Node* b);
  Node* IntOp(int oparg, Node* a, Node* b);
  Node* FloatOp(int oparg, Node* a, Node* b);
  bool CompareOp();
  bool UnaryOp();
  bool Truth();
  bool Identity();
  bool Jumps(bool* ended);
  bool Iterate();
  // The other way of the branch at the end of `from`: the iterator on top goes. `here`: the state in front of FOR_ITER.
  void EndIteration(Block* from, FrameState* here, int32_t target);
  Relation ComparedFor() const;  // by COMPARE_OP
  // A subscript of a sequence: what it is, where its items are, which one is meant.
  struct Element {
    Node *container = nullptr, *items = nullptr, *index = nullptr;
    uint32_t kind = 0;
    char type_code = 0;                       // arrays
  };
  bool FindElement(Node* container, Node* index, Element* out);
  Node* LoadItem(const Element& e);
  Node* ForArray(Node* value, char type_code);
  bool Subscript();
  bool StoreSubscript();
  bool LoadAttribute();
  bool StoreAttribute();
  bool AnyAttribute();
  bool AnyNumbers();
  Node* GuardPlace(Node* owner, PyObject* name, bool store, Snapshot::Place* place);
  bool ModuleAttribute(Node* module);
  Node* CellIs(PyObject** cell, PyObject* value);  // a guard
  bool UnpackSequence();
  bool ListAppend();
  Node* Append(Node* list, Node* item);  // the item as it is put there
  // Iterators that are not made (fresh_iter.cc).
  bool GetIter();
  bool FreshCall(absl::string_view name, absl::Span<Node* const> args);
  Node* IteratedSequence(Node* value);
  void PushFresh(FreshKind kind, absl::Span<Node* const> sequences, Node* position, Node* count);
  bool IterateFresh();
  Node* ItemOf(Node* sequence, Node* position);
  void PushItems(const StackEntry& entry, int32_t* next);
  // Slices (slice.cc).
  bool Slices();
  bool SliceEnds(Node* start, Node* stop, Node* step, Node* ends[3]);
  bool TakeSlice(Node* value, Node* inputs[4]);
  FrameState* BeforeSlice(const FrameState& before, int32_t origin);
  Node* SlicedSequence(Node* container, bool store);
  // Displays (display.cc).
  bool Display();
  bool TakeApart(Node* display);
  // Text and operators of sequences (text.cc).
  bool SequenceOperator();
  bool CompareText();
  bool Format();
  bool Membership();
  Node* LengthOf(Node* value);                // nullptr: not a container that is known
  // Methods of builtin types (method.cc), C functions of builtin types and modules (c_call.cc).
  bool MethodOfBuiltin();
  bool BoundMethod(PyObject* callable, absl::Span<Node* const> args);
  Node* Method(PyMethodDef* method, PyTypeObject* type, Node* self, absl::Span<Node* const> args, bool unused);
  Node* ListMethod(absl::string_view name, Node* list, absl::Span<Node* const> args, bool unused);
  Node* HashMethod(absl::string_view name, Node* self, absl::Span<Node* const> args);
  Node* CallC(PyMethodDef* method, absl::string_view name, Node* self, absl::Span<Node* const> args);
  bool FollowedBy(int opcode) const;          // in the same block, and lifted
  bool IsLocalNumber(const Node* value) const;  // unboxed, and what a local holds
  int PrepareSlotOf(const Node* number);
  void FillSlot(int local, Node* object);
  bool IsNone(Node* value) const { return value->Is(Opcode::kObject) && value->object == Py_None; }
  bool Global();
  bool Call();
  bool PushCall(Node* result);
  Node* EmptyOf(absl::string_view name);
  Node* DivMod(Node* a, Node* b);
  bool NeedsHandler();
  Node* Builtin(absl::string_view name, absl::Span<Node* const> args);  // nullptr: not one operation
  PyObject* KnownCallable(Node* callable);
  Node* AsTruth(Node* value);                 // nullptr: not a number
  bool Range(absl::Span<Node* const> args);   // a call of range() for a loop
  Node* MathCall(absl::string_view name, absl::Span<Node* const> args);
  Node* Extreme(bool max, absl::Span<Node* const> args);
  Node* Rounded(Node* value, absl::string_view how);
  bool IsFloat(Node* value) const { return value->rep == Rep::kF64 || (value->rep == Rep::kBoxed && SeenAs(value, kFloatBit)); }
  bool IsInt(Node* value) const { return value->rep == Rep::kI64 || (value->rep == Rep::kBoxed && SeenAs(value, kIntBit)); }
  void Generic();
  FrameState* BoxStack();
  bool StoresVirtual() const;
  Node* CallHandler();
  void Return(Node* value);

  // Exceptions (handler.cc).
  const ExceptionRange* Protection() const;   // of the current instruction; nullptr: none
  void CatchFrom(Node* call);
  void EnterHandler(Node* call, const ExceptionRange& range);
  bool Raise();
  void RaiseWhere(Opcode compare, Relation relation, Node* a, Node* b);
  void FindWaysWithoutExceptions();

  const Snapshot& snapshot_;
  LoopNest nest_;
  int max_nodes_;
  CodeSet* barred_;
  Lifter* caller_ = nullptr;                  // when this is an inlined call
  const Callee* callee_ = nullptr;
  FrameState* during_ = nullptr;
  CallEnding ending_;                         // of the call
  std::unique_ptr<Graph> own_graph_;
  Graph* graph_;
  std::vector<uint32_t> virtual_;             // by local: kIntBit, kFloatBit, kBoolBit, or 0 for locals that stay in their slots
  std::vector<uint32_t> stored_bits_;         // by local: what was seen to be stored, anywhere
  std::vector<uint8_t> comes_late_;           // by local: there may be no value in it, at the way in or later
  static constexpr uint8_t kHandler = 2;
  std::vector<uint8_t> leader_;               // by code unit: a block begins there; kHandler: that of exceptions
  std::vector<uint8_t> regular_;              // by code unit: reached without exceptions
  std::map<Place, BlockInfo> blocks_;
  std::set<Place> pending_;
  std::map<int32_t, std::vector<uint32_t>> versions_;  // by header: `virtual_` in the loop's version with more of them
  std::vector<uint32_t> own_virtual_;         // `virtual_` elsewhere
  int32_t version_ = -1;                      // header of the loop in whose typed version the block lies
  std::vector<uint8_t> stored_;               // by local: there are stores to it
  std::vector<uint8_t> cleared_;              // by local: loses its value for a comprehension
  std::vector<std::pair<Block*, Node*>> returns_;  // frameless: where blocks end, and the values
  std::vector<uint32_t> own_expected_;
  std::vector<uint32_t>& expected_;           // TypeBits by node id
  bool ended_ = false;                        // the instruction has ended its block
  std::map<int, uint32_t> own_details_;
  std::map<int, uint32_t>& details_;          // of instances and arrays, by node id
  std::vector<uint32_t> stored_details_;      // by local
  bool shows_iterators_ = false, makes_iterators_ = false;
  std::pair<Node*, uint32_t> narrowed_;       // what is known of a value on this way
  std::map<int, std::vector<Candidate>> candidates_;  // by node id: functions that a callable may be
  State state_;
  Block* block_ = nullptr;
  int current_ = 0;
  int32_t resume_ = 0;                        // code unit that frame states made now go on at
  FrameState* here_ = nullptr;
  absl::Status status_;
};

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_LIFT_LIFTER_H_
