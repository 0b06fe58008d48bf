// The lowering at work: one object a unit. Families of operations are in files of their own.
#ifndef TIERJIT_TIER2_LOWER_LOWERER_H_
#define TIERJIT_TIER2_LOWER_LOWERER_H_

#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "tier2/lower/lower.h"

namespace tierjit::tier2 {

// Ints: small ones are shared, others of one digit are written where they are.
inline constexpr int64_t kSmallIntMin = -5, kSmallIntCount = 262;
inline constexpr int64_t kCompactLimit = int64_t{1} << 30;
inline constexpr size_t kIntTag = offsetof(PyLongObject, long_value.lv_tag);
inline constexpr int kIntTagShift = 3;  // the number of digits above the sign

inline bool IsConstant(const Node& n) {
  return n.Is(Opcode::kInt) || n.Is(Opcode::kFloat) || n.Is(Opcode::kBool) || n.Is(Opcode::kObject) || n.Is(Opcode::kNull);
}

class Lowerer {
 public:
  Lowerer(const Graph& graph, const Ownership& ownership, const Snapshot& snapshot, const Environment& environment);
  absl::StatusOr<Lowered> Run(const Effort& effort, bool keep_text);

 private:
  using Reg = mir::Reg;
  using Operand = mir::Operand;
  using Label = mir::Label;
  using Mem = mir::Mem;

  // Driver (lower.cc).
  void CountUses();
  std::vector<Lowered::Recorded> TakeRecords(const mir::CodeImage& image);
  void LowerBlock(const Block& b, const Block* next);
  void LowerNode(const Node& n);
  void LowerEnd(const Block& b, const Block* next);
  void PassArguments(const Edge& e);
  bool IsBranched(const Node& n) const;       // a comparison that only the branch at the end of its block wants
  Label LabelOf(const Block* b);

  // Order and branches (flow.cc).
  void FindLoopDepths();
  int DepthOf(const Block* b) const { return loop_depth_[static_cast<size_t>(b->id)]; }
  void LoadExpectedBreaker();
  std::vector<const Block*> Layout();
  void BranchTo(const Block& b, const Block* next);
  void BranchOn(const Node& condition, Label if_true);
  bool BranchUnless(const Node& condition, Label if_false);
  void BranchBy(const Node& compared, Relation relation, Label label);
  void Later(std::function<void()> cold) { cold_.push_back(std::move(cold)); }

  // Values.
  Reg RegOf(const Node& n);
  void IsSame(const Node& n, const Node* as);  // one register for both
  Operand ValueOf(const Node* n);             // constants as immediates
  Operand Double(double value);               // a constant: in memory, or in its register
  void LoadLoopConstants();                   // into registers: what loops multiply with and the like
  // Values that are made where they are wanted (late.cc).
  void FindLate();
  bool IsLate(const Node& n) const { return late_[static_cast<size_t>(n.id)] != 0; }
  void MakeLate(const Node& n, Reg into, Operand sum, Operand step);
  Reg CurrentReg(const Node& n);
  Reg IntReg(const Node* n);                  // in a register whatever it is
  Reg DoubleReg(const Node* n);
  static Mem Field(mir::Type type, Reg base, size_t offset) { return {.type = type, .base = base, .disp = static_cast<int64_t>(offset)}; }
  Mem Slot(int index) { return Field(mir::Type::kI64, lp_, static_cast<size_t>(index) * sizeof(PyObject*)); }
  Mem StackSlot(int depth) { return Slot(graph_.local_count + depth); }
  Mem Breaker() { return {.base = ts_, .disp = static_cast<int64_t>(offsetof(PyThreadState, eval_breaker)), .changes = true}; }
  // Where the frame of the code stands that runs the instruction at `unit`.
  const _Py_CODEUNIT* PlaceOf(int32_t unit) const {
    const DecodedCode& decoded = *snapshot_.decoded;
    return _PyCode_CODE(snapshot_.code) + decoded.instructions()[static_cast<size_t>(decoded.IndexAt(unit))].op;
  }
  Mem FrameField(size_t offset) {
    return {.base = lp_, .disp = static_cast<int64_t>(offset) - static_cast<int64_t>(offsetof(_PyInterpreterFrame, localsplus))};
  }

  // Numbers (number.cc). False: not of this family.
  bool Number(const Node& n);
  bool IntArithmetic(const Node& n);
  bool FloatArithmetic(const Node& n);
  void FloatAbs(const Node& n);
  bool DivideByConstant(const Node& n);       // false: not by this one
  void FloorDivide(const Node& n, bool checked);
  void BoxInt(const Node& n);
  void WriteDigit(Reg object, Reg value);
  void BoxFloat(const Node& n);
  void UnboxInt(const Node& n, bool guarded);
  void UnboxBool(const Node& n, bool guarded);
  void GuardToFloat(const Node& n);
  void CompareTo(const Node& n);
  void TypeIs(const Node& n);

  // Calls of optimised code, units without frames (calls.cc).
  static mir::Signature FramelessSignature(absl::Span<const Rep> args, Rep result);
  void OpenFunction();
  bool Calls(const Node& n);
  void GuardDepth(const Node& n);
  void CallTyped(const Node& n);
  void CallFinished(int site);
  void ReturnFinished();
  int NewSite(const Node& n);
  void MakeFrames(const FrameState& state, ExitDescriptor* exit);
  Mem Waiting(int at);
  void Return(const Node& end);

  // Containers, iterators (container.cc).
  bool Container(const Node& n);
  void NewTuple(const Node& n);
  void NoteFirstStore(const Node& n);
  bool Array(const Node& n);
  Mem Element(mir::Type type, const Node& n, int items);
  // Operations by C functions (helper_call.cc).
  bool HelperCall(const Node& n);
  void Gather(const Node& n, size_t first);   // the operands from `first` on
  void ListReserve(const Node& n);
  void ListPush(const Node& n);
  // Guards (guard.cc).
  bool Guard(const Node& n);
  void GuardReleasable(const Node& n);
  void GuardDeath(const Node& n);
  void GuardSimple(const Node& n);
  Reg TypeField(Reg object);
  Reg VersionOf(const Node* object);          // of its class

  // Frame, reference counts, escapes, exits (frame.cc).
  bool Frame(const Node& n);
  void Generic(const Node& n);
  Reg CallHandler(const Node& n, const Instruction& in);
  void StoreLocal(const Node& n);
  void SpillStack(const Node& n);
  int LocalsExit(const Node& n);              // says what the virtual locals are; -1: there are none
  void SyncLocals(int locals);
  // Goes to `changed` when somebody holds the frame and has changed its locals.
  void CheckLocals(int locals, Label changed);
  void GoIfLocalsHold(int locals, Label unchanged);
  void Catch(const Node& generic, int locals, Label caught);
  void Incref(Reg object, bool may_be_null);
  void Decref(Reg object, const Type& type);
  void ReleaseOld(Reg object, bool may_be_null);  // releasable: no foreign code
  // A new number that only goes into a slot of an object: it is written into the number there when nobody else holds that.
  void FindNumbersInPlace();
  void StoreValue(const Mem& at, const Node* value, bool may_be_null, Reg old = {});  // `old`: what is there, if known
  void StoreInPlace(const Mem& at, const Node& box, bool may_be_null, Reg old);
  Reg ItemBefore(const Node& store);          // the item that is overwritten, if it was read in front of the store
  Label ExitFor(const Node& n);               // the exit of a guard
  std::vector<Node*> OwnedAt(const Node* at) const;
  Node* ObjectOf(Node* value, const FrameState& state, absl::Span<Node* const> owned);
  int NewExit(const FrameState& state, const Node* at, ExitKind kind = ExitKind::kSpeculation);
  int AddValue(const Node* n, int* next);     // index in tj_exit_values, or -1 for constants
  void EmitExit(int exit);
  // Code that is to leave at random goes to `label` now and then.
  void MayFail(const char* operation, int32_t origin, Label label, ExitPoint::Kind kind = ExitPoint::Kind::kGuard);
  // The call of the runtime that does `action` with the exit's frame state.
  void RecordCall(int exit, RecordedAction action, absl::Span<const Reg> results = {});
  FrameState Left(const Node& generic, int32_t resume);
  // For somebody who wants to be heard, behind an instruction that its handler has done.
  int ExitBehind(const Node& generic, const Instruction& in, bool taken);
  void FailGeneric(const Node& n);

  const Graph& graph_;
  const Ownership& ownership_;
  const Snapshot& snapshot_;
  const Environment& env_;
  mir::Context context_;
  std::unique_ptr<mir::Function> f_;
  Reg lp_, ts_;
  Reg expected_;                              // of the breaker, where there are loops
  Reg waiting_, depth_;                       // frameless: where waiting values go; how many frames more there may be
  std::vector<Reg> regs_;                     // by node id
  std::vector<uint8_t> in_place_;             // by node id: boxes that are made by the store that takes them, if at all
  std::vector<uint8_t> late_;                 // by node id
  std::map<int64_t, Reg> loop_constants_;     // by their bits
  bool in_loop_ = false;                      // the block that is being lowered
  std::vector<int> uses_;                     // by node id, edges and states included
  std::map<const Node*, std::vector<const Node*>> parts_;  // of generic operations: what they give
  std::map<int, Label> labels_;               // by block id
  std::vector<int> loop_depth_;               // by block id
  std::vector<std::pair<const Block*, const Block*>> bottom_tests_;  // headers that end in a branch, and their only latches
  std::vector<std::function<void()>> cold_;
  std::list<double> constants_;
  std::map<std::tuple<const FrameState*, ExitKind, std::vector<Node*>>, Label> exit_labels_;
  Reg resume_, value_;                        // how the unit is left, on the way to `left_`
  Label left_;
  std::vector<Lowered::Recorded> recorded_;   // by the id of the recorded call
  int most_exit_values_ = 0, most_waiting_ = 0;
  std::vector<std::unique_ptr<ExitDescriptor>> exits_;
  std::vector<std::vector<std::pair<int, const Node*>>> exit_values_;  // by exit: what is stored where
};

}  // namespace tierjit::tier2

#endif  // TIERJIT_TIER2_LOWER_LOWERER_H_
