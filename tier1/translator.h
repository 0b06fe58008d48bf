// Bytecode -> emissions. One pass over each block with a static operand stack: loads are not made before somebody
// needs them, the top may live in the accumulator, and at block boundaries everything lies in its slot (canonical state).
#ifndef TIERJIT_TIER1_TRANSLATOR_H_
#define TIERJIT_TIER1_TRANSLATOR_H_

#include <initializer_list>
#include <vector>

#include "absl/status/status.h"
#include "runtime/bytecode/decoder.h"
#include "tier1/emission.h"
#include "tier1/unpack_path.h"

namespace tierjit::tier1 {

// What the accumulator holds, as far as the last stencil proves; kNull: what the slot of a kMem entry holds; kNamesake: a callable of the
// code's own name, which is that of a recursion; kSend, kNext: one of the name `send` or `next`.
enum class Hint : uint8_t { kNone, kInt, kFloat, kNull, kNamesake, kSend, kNext };

struct Entry {
  Kind kind;
  Hint hint;
  uint64_t value;
};

// Whole: the unit owns its frame. Loop: entered at `loop_header` on the interpreter's live frame; it stops in front of
// returns and of what it cannot do.
struct TranslationMode {
  bool loop = false;
  int32_t loop_header = -1;  // code unit
  int loop_depth = 0;        // stack entries there
  // Profiled: canonical state between all instructions, so that execution may come in anywhere, and what they make is noted.
  Feedback* feedback = nullptr;
  // Settled: what the profiled version has seen decides which forms come first.
  const Feedback* known = nullptr;
  int* known_before = nullptr;  // of how many instructions when this was made use of before
};

// What translations work with. Successive ones share it, because allocations would be a large part of the time of most.
struct Workspace {
  DecodedCode decoded;
  Translation translation;
  std::vector<Entry> stack;
  std::vector<int16_t> depth_at;
  std::vector<uint64_t> nulls_at;
  std::vector<uint8_t> leader, done, always_bound, in_loop;
};

class Translator {
 public:
  // Translates `workspace.decoded`, the instructions of `code`.
  Translator(PyCodeObject* code, Workspace& workspace, TranslationMode mode);
  // Into `workspace.translation`.
  absl::Status Run();

 private:
  // Driver (translator.cc).
  void FindLeaders();
  void Weigh();
  void EnterUnit();
  bool TranslateReachableBlocks();
  void TranslateBlock(int first);
  bool TranslateInstruction();  // false: the block ends here without falling through
  void TranslateAll();
  void Reach(int32_t unit, int depth);
  void ReachHandler(int32_t unit);
  uint64_t Nulls(int depth) const;
  void FallTo(int32_t unit);
  // Whether `in` is unlikely to run often: it is part of no loop, and the interpreter has not seen it run (functions with loops are compiled
  // before they have run at all). Such instructions get less code. So do those of long functions: there each of them is met by a processor
  // that has forgotten it, and costs what its code has to be fetched.
  bool RunsRarely(const Instruction& in) const {
    return !in_loop_[in.offset] && ((in.adaptive == in.opcode && !in.declined) || decoded_.instructions().size() > kLongFunction);
  }
  static constexpr size_t kLongFunction = 10'000;
  // Of what is loaded by the name.
  Hint CallableHint(int name) const {
    PyObject* text = PyTuple_GET_ITEM(code_->co_names, name);
    if (text == code_->co_name) return Hint::kNamesake;
    if (PyUnicode_EqualToUTF8(text, "next")) return Hint::kNext;
    return PyUnicode_EqualToUTF8(text, "send") ? Hint::kSend : Hint::kNone;
  }
  void EmitLeave(const Instruction& in);
  void ObserveOperands(const Instruction& in);
  void ObserveResult(const Instruction& in);
  bool IsHandler(int32_t unit) const;         // exceptions go there
  void EmitObserve(int entry, Observation* observation);

  // Static stack (translator_stack.cc).
  int depth() const { return static_cast<int>(stack_.size()); }
  Entry& Top(int n = 1) { return stack_[stack_.size() - n]; }
  void Push(Kind kind, uint64_t value = 0, Hint hint = Hint::kNone) { stack_.push_back({kind, hint, value}); }
  void Drop(int n) { stack_.resize(stack_.size() - n); }
  uint32_t SlotOffset(int entry) const { return static_cast<uint32_t>(nlocalsplus_ + entry) * 8; }
  uint32_t LocalOffset(uint64_t local) const { return static_cast<uint32_t>(local) * 8; }
  void Spill(int entry);
  void SpillAll();
  void SpillBelow(int operands);     // everything under the top `operands` entries
  void FreeAccumulator(int operands);  // spills the accumulator unless one of the top `operands` entries lives there
  void SpillLocal(uint64_t local);   // pending loads of that local
  void ToAccumulator();              // the top entry
  bool AccumulatorInUse() const;
  void RequireSlots(int operands);   // the top `operands` entries into their slots

  // Emission (translator_stack.cc).
  Emission& Emit(const Stencil* stencil);
  int NewCell(size_t bytes);
  int MakeSite(OpHandler handler, int popped, uint8_t flags);
  // The site of the current instruction; taken before operands are dropped.
  Site& SetSite(Emission& e, OpHandler handler, int popped, uint8_t flags);
  // Adds cold_slow to the last emission's chain, with a site of the current instruction; taken before operands are dropped.
  Site& SlowPath(Emission& e, OpHandler handler, int popped, uint8_t flags);
  Site& SlowBranch(Emission& e, OpHandler handler, int popped, uint8_t flags, const Instruction& jump);
  Site& AttachBranchSite(Emission& e, int site, const Instruction& jump);
  void AddPlainDispose(Emission& e, uint32_t death);
  void AddDispose(Emission& e, uint8_t flags);  // called after operands are dropped and before results are pushed
  void AddCold(Emission& e, const Stencil* link);
  // An instruction by its handler alone: everything to slots, call, results.
  // `fast`: what does the common cases, in the order in which it is tried.
  void EmitHandler(const Instruction& in, OpHandler handler, int popped, int pushed,
                   std::initializer_list<const Stencil*> fast = {});
  void PushAccumulator(Hint hint = Hint::kNone) { Push(Kind::kAcc, 0, hint); }

  // Families.
  bool LoadStore(const Instruction& in);
  void StoreFast(int local, bool half = false);
  void LoadFast(int local) { Push(Kind::kLocal, local); }
  void CopyEntry(int n);
  void SwapEntries(int n);
  void PopTop();
  void BinaryOp(const Instruction& in);
  void UnaryNegative(const Instruction& in);
  void UnaryInvert(const Instruction& in);
  void UnaryNot(const Instruction& in);
  void ListAppend(const Instruction& in);
  Pair ArrangePair();
  Pair ArrangeObjects();
  bool EmitArithmetic(const Instruction& in, Arithmetic op, Pair pair);
  bool AppendsToLocal(const Instruction& in) const;
  bool CanonicalBelow(int operands) const;
  const Stencil* SlotForm(const Instruction& in, Pair pair) const;
  void SetSlots(Emission& e, const Instruction& in);
  Site& GenericEnd(Emission& e, OpHandler handler, const Stencil* any, const Stencil* quick);
  void SetObjects(Emission& e, const Entry& a, const Entry& b, int base);
  void SetOperands(Emission& e, const Entry& a, const Entry& b, int base);
  void CompareOp(const Instruction& in);
  void TruthJump(const Instruction& in);
  void ToBool(const Instruction& in);
  void IsOp(const Instruction& in);
  void ContainsOp(const Instruction& in);
  void NoneJump(const Instruction& in);
  void BeginJump(const Instruction& jump, int operands);
  void EndJump(const Instruction& jump);
  const Instruction* FusedJump() const;  // the POP_JUMP_IF_TRUE/FALSE that follows at once
  void LoadAttr(const Instruction& in);
  void LoadProperty(const Instruction& in);
  void LoadAnyAttr(const Instruction& in);
  void StoreAttr(const Instruction& in);
  void LoadGlobal(const Instruction& in);
  void LoadName(const Instruction& in);
  void StoreName(const Instruction& in);  // and STORE_GLOBAL
  void CopyFreeVars(const Instruction& in);
  void LoadDeref(const Instruction& in);
  void StoreDeref(const Instruction& in);
  void SetFunctionAttribute(const Instruction& in);
  void Subscript(const Instruction& in);
  void SubscriptByMethod(const Instruction& in);
  void SetItemOperands(Emission& e, const Entry& a, const Entry& b);
  void SetCallGetItem(Emission& e, const Instruction& in);
  void StoreSubscript(const Instruction& in);
  void BuildSlice(const Instruction& in);
  void UnpackSequence(const Instruction& in);
  bool FindFusedStores(int count, UnpackShape* shape, std::vector<int>* locals) const;
  bool UnpackIntoLocals(const Instruction& in);
  void Call(const Instruction& in);
  void CallAny(const Instruction& in);
  const Stencil* SpecialCall(const Instruction& in, bool no_self) const;
  const Stencil* RangeForLoop(const Instruction& in, bool no_self) const;
  void EnterWith(const Instruction& in);
  void AfterCall(int popped, int site);
  void ForIter(const Instruction& in);
  bool MayEnumerate(const Instruction& in) const;
  // The operand on top of the stack is asked for something by a method of its class, maybe: the first of `chain` that can does it.
  void AskOperand(const Instruction& in, std::initializer_list<const Stencil*> chain);
  const Instruction* LoopStore(const Instruction& in) const;
  bool IsResumePoint(int index) const;
  bool IsDelegation(int index) const;
  void EnterResumePoint(int32_t unit);
  void ReturnGenerator(const Instruction& in);
  void Yield(const Instruction& in);
  void Send(const Instruction& in);
  void GetAnext(const Instruction& in);
  bool IsAnextOf(int index) const;
  void EndSend(const Instruction& in);
  uint64_t AddressOfUnit(int32_t unit) const;
  void Return(const Instruction& in);
  bool ReturnAtOnce(const Entry& value, uint64_t here);
  void DropLocals(int kept);
  void PushHandled();  // PUSH_EXC_INFO
  void PopHandled();   // POP_EXCEPT
  void Resume(const Instruction& in);
  void JumpBackward(const Instruction& in);
  void JumpTo(int32_t unit);

  PyCodeObject* code_;
  const DecodedCode& decoded_;
  TranslationMode mode_;
  Translation* out_;
  int nlocalsplus_;
  std::vector<Entry>& stack_;
  std::vector<int16_t>& depth_at_;  // per code unit: stack depth at that leader, -1 unknown
  std::vector<uint64_t>& nulls_at_;  // per code unit: which of the lowest 64 stack entries hold NULL at that leader, for all that come there
  bool know_nulls_ = true;          // entries are followed across blocks
  bool nulls_differ_ = false;       // a block was translated before somebody came who knows less
  std::vector<uint8_t>& leader_;    // per code unit
  std::vector<uint8_t>& done_;      // per code unit: block translated
  std::vector<uint8_t>& in_loop_;   // per code unit: between a backward jump and its target
  int current_ = 0;                 // index of the instruction being translated
  bool grew_ = false;
  std::vector<uint8_t>& always_bound_;  // per local: no instruction can leave it unbound
  absl::Status status_;
};

}  // namespace tierjit::tier1

#endif  // TIERJIT_TIER1_TRANSLATOR_H_
