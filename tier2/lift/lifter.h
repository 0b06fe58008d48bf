// Bytecode and feedback -> IR. One node or a few for what feedback supports, `generic` for everything else, so that every function which
// Tier 1 compiles can be lifted.
//
//     LOAD_FAST s; LOAD_FAST i; BINARY_OP +; STORE_FAST s    (ints seen)      v9 = int_add v4 v7 !s3
//
// Locals that only ever held ints (floats, bools) are *virtual*: they live in registers, as i64 (f64, i1), and frame states say where.
// All others stay in their slots of the frame.
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

#include "absl/status/statusor.h"
#include "runtime/bytecode/decoder.h"
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
using Callees = std::map<PyObject*, Callee>;  // by function

// All that is known when a unit is made. Objects are borrowed: whoever makes it keeps the code object and what it names alive.
struct Snapshot {
  PyCodeObject* code = nullptr;
  const DecodedCode* decoded = nullptr;
  const Feedback* feedback = nullptr;
  int32_t entry = 0;                      // code unit where execution enters: 0, or a loop header
  std::vector<uint32_t> local_bits;       // TypeBits of the locals at the way in, by slot
  std::vector<uint32_t> stack_bits;       // of the operand stack there
  std::set<int32_t> generic;              // instructions whose speculation has failed before
  // A watched cell of a global: where its value stands and what it is now.
  struct Global {
    PyObject** cell;
    PyObject* value;
  };
  std::map<int32_t, Global> globals;      // by code unit of the LOAD_GLOBAL
  bool frameless = false;                 // `local_bits` are of the arguments then
  std::vector<Rep> args;                  // frameless: how they come
  const Callees* callees = nullptr;
  const uintptr_t* expected_breaker = nullptr;
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
};

class Lifter {
 public:
  Lifter(const Snapshot& snapshot, int max_nodes);
  // `caller` has come to a call of `callee`, whose operands it has popped; `during` is its state meanwhile.
  Lifter(Lifter* caller, const Callee& callee, FrameState* during);
  absl::StatusOr<std::unique_ptr<Graph>> Run();

 private:
  using Local = FrameState::Local;
  struct State {
    std::vector<Local> locals;
    std::vector<StackEntry> stack;
  };
  struct BlockInfo {
    Block* block = nullptr;
    State state;           // its parameters
    bool lifted = false;
  };

  // Driver (lifter.cc) and merges (merge.cc).
  void ChooseVirtualLocals();
  uint32_t EntryBits(size_t local) const;
  bool ReadBeforeStored(int local) const;
  void FindLeaders();
  int LoopDepth(int32_t unit) const;
  void NoteDepths();
  void Enter();
  void EnterWith(absl::Span<Node* const> args);  // frameless
  void LiftBlocks();
  void LiftBlock(int32_t unit);
  bool NeverSeen() const;
  bool LiftInstruction();                     // false: the block has ended
  void JumpTo(int32_t unit);                  // ends the block
  void BranchTo(Node* condition, int32_t if_true, int32_t if_false);
  BlockInfo& InfoAt(int32_t unit);
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

  // Building (values.cc).
  Node* Emit(Opcode opcode, absl::Span<Node* const> inputs = {}, Type type = Type());
  Node* EmitGuard(Opcode opcode, absl::Span<Node* const> inputs, Type type = Type());
  Node* Compare(Opcode opcode, Relation relation, Node* a, Node* b);
  Node* IntConstant(int64_t value);
  Node* FloatConstant(double value);
  Node* BoolConstant(bool value);
  Node* ObjectConstant(PyObject* object);
  Node* Constant(PyObject* object);           // numbers by value
  FrameState* Here();                         // the state before the current instruction
  Node* Boxed(Node* value);
  Node* AsInt(Node* value);                   // nullptr: feedback does not support it
  Node* AsFloat(Node* value);                 // ints count as floats
  Node* AsBool(Node* value);
  bool IsNumber(Node* value) const;           // int or float, seen or proved
  uint32_t ExpectedOf(Node* value) const;
  bool SeenAs(Node* value, uint32_t bits) const;
  void Expect(Node* value, uint32_t bits);
  Node* GuardKind(Node* value, uint32_t bit); // an exact builtin type that is not a number; nullptr: not seen

  // Calls (inline.cc).
  bool PythonCall();
  bool MayInline(const Callee& callee) const;
  bool Inline(const Callee& callee, std::vector<Node*> args);
  bool CallTyped(const Callee& callee, std::vector<Node*> args);
  void GuardDepth();
  void GuardCode(const Callee& callee, Node* function);
  void GuardEvents(const Callee& callee);
  void FinishReturns();
  Node* JoinReturns(Lifter* caller);          // nullptr: it never returns
  bool AsPassed(Node** value, Rep rep);
  int InlineDepth() const { return caller_ == nullptr ? 0 : caller_->InlineDepth() + 1; }
  const Lifter& Root() const { return caller_ == nullptr ? *this : caller_->Root(); }
  bool frameless() const { return caller_ != nullptr || snapshot_.frameless; }

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
  bool OldMayDie(int local) const;
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
  bool Subscript();
  bool StoreSubscript();
  bool UnpackSequence();
  bool ListAppend();
  bool Global();
  bool Call();
  bool LoopOverRange();
  bool NeedsHandler();
  void Generic();
  FrameState* BoxStack();
  bool StoresVirtual() const;

  const Snapshot& snapshot_;
  int max_nodes_;
  Lifter* caller_ = nullptr;                  // when this is an inlined call
  const Callee* callee_ = nullptr;
  FrameState* during_ = nullptr;
  std::unique_ptr<Graph> own_graph_;
  Graph* graph_;
  std::vector<uint32_t> virtual_;             // by local: kIntBit, kFloatBit, kBoolBit, or 0 for locals that stay in their slots
  std::vector<uint32_t> stored_bits_;         // by local: what was seen to be stored, anywhere
  std::vector<uint8_t> comes_late_;           // by local: virtual, but not from the way in on
  std::vector<uint8_t> leader_;
  std::map<int32_t, BlockInfo> blocks_;
  std::set<int32_t> pending_;
  std::vector<uint8_t> stored_;               // by local: there are stores to it
  std::vector<std::pair<Block*, Node*>> returns_;  // frameless: where blocks end, and the values
  std::vector<uint32_t> own_expected_;
  std::vector<uint32_t>& expected_;           // TypeBits by node id
  bool ended_ = false;                        // the instruction has ended its block
  State state_;
  Block* block_ = nullptr;
  int current_ = 0;
  int32_t resume_ = 0;                        // code unit that frame states made now go on at
  FrameState* here_ = nullptr;
  absl::Status status_;
};

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_LIFT_LIFTER_H_
