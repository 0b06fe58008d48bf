// Arithmetic, comparisons, truth tests and the jumps on them.
#include "runtime/bytecode/families.h"
#include "tier1/inline_cache.h"
#include "tier1/operator_slots.h"
#include "tier1/slow_path.h"
#include "tier1/translator.h"

namespace tierjit::tier1 {
namespace {

// A non-negative int constant of one digit, usable as an immediate; -1 otherwise.
int64_t ImmediateInt(const Entry& e) {
  if (e.kind != Kind::kConst) return -1;
  PyObject* o = reinterpret_cast<PyObject*>(e.value);
  if (!PyLong_CheckExact(o) || !_PyLong_IsCompact(reinterpret_cast<PyLongObject*>(o))) return -1;
  return _PyLong_CompactValue(reinterpret_cast<PyLongObject*>(o));
}

// The constant as a double for float stencils: floats, and ints that a double holds exactly.
bool ImmediateDouble(const Entry& e, uint64_t* bits) {
  if (e.kind != Kind::kConst) return false;
  PyObject* o = reinterpret_cast<PyObject*>(e.value);
  double v;
  if (PyFloat_CheckExact(o)) {
    v = PyFloat_AS_DOUBLE(o);
  } else if (PyLong_CheckExact(o) && _PyLong_IsCompact(reinterpret_cast<PyLongObject*>(o))) {
    v = static_cast<double>(_PyLong_CompactValue(reinterpret_cast<PyLongObject*>(o)));
  } else {
    return false;
  }
  static_assert(sizeof v == sizeof *bits);
  __builtin_memcpy(bits, &v, sizeof v);
  return true;
}

bool Divides(Arithmetic op) {
  return op == Arithmetic::kTrueDiv || op == Arithmetic::kFloorDiv || op == Arithmetic::kMod;
}

// A constant zero: in the stencils an immediate is an address, which the compiler takes for not zero.
bool IsZero(const Entry& e) {
  uint64_t bits;
  return ImmediateDouble(e, &bits) && bits << 1 == 0;
}

Arithmetic ArithmeticOf(int oparg) {
  switch (oparg) {
    case NB_ADD: case NB_INPLACE_ADD: return Arithmetic::kAdd;
    case NB_SUBTRACT: case NB_INPLACE_SUBTRACT: return Arithmetic::kSub;
    case NB_MULTIPLY: case NB_INPLACE_MULTIPLY: return Arithmetic::kMul;
    case NB_TRUE_DIVIDE: case NB_INPLACE_TRUE_DIVIDE: return Arithmetic::kTrueDiv;
    case NB_AND: case NB_INPLACE_AND: return Arithmetic::kAnd;
    case NB_OR: case NB_INPLACE_OR: return Arithmetic::kOr;
    case NB_XOR: case NB_INPLACE_XOR: return Arithmetic::kXor;
    case NB_FLOOR_DIVIDE: case NB_INPLACE_FLOOR_DIVIDE: return Arithmetic::kFloorDiv;
    case NB_REMAINDER: case NB_INPLACE_REMAINDER: return Arithmetic::kMod;
    case NB_LSHIFT: case NB_INPLACE_LSHIFT: return Arithmetic::kLshift;
    case NB_RSHIFT: case NB_INPLACE_RSHIFT: return Arithmetic::kRshift;
    default: return Arithmetic::kCount;
  }
}

bool PrefersFloat(uint8_t adaptive) {
  return adaptive == BINARY_OP_ADD_FLOAT || adaptive == BINARY_OP_SUBTRACT_FLOAT || adaptive == BINARY_OP_MULTIPLY_FLOAT ||
         adaptive == COMPARE_OP_FLOAT;
}

constexpr Relation kRelations[] = {Relation::kLt, Relation::kLe, Relation::kEq, Relation::kNe, Relation::kGt, Relation::kGe};
constexpr Relation kMirrored[] = {Relation::kGt, Relation::kGe, Relation::kEq, Relation::kNe, Relation::kLt, Relation::kLe};
constexpr Relation kNegatedInt[] = {Relation::kGe, Relation::kGt, Relation::kNe, Relation::kEq, Relation::kLe, Relation::kLt};

}  // namespace

// Moves the two top entries into a form that pair stencils take, with the accumulator holding at most one of them.
Pair Translator::ArrangePair() {
  FreeAccumulator(2);
  if (Top(2).kind == Kind::kNull || Top(1).kind == Kind::kNull) return kNoPair;
  if (Top(2).kind == Kind::kAcc && Top(1).kind == Kind::kMem) Spill(depth() - 2);
  if (Top(1).kind == Kind::kMem) ToAccumulator();
  if (Top(2).kind == Kind::kMem && Top(1).kind != Kind::kAcc) {
    // Load the left operand; the right one is a pending local or constant.
    const int i = depth() - 2;
    Emit(Stencils().load_M).a = SlotOffset(i);
    stack_[i] = {Kind::kAcc, Hint::kNone, 0};
  }
  switch (Top(2).kind) {
    case Kind::kLocal: return Top(1).kind == Kind::kLocal ? kLL : Top(1).kind == Kind::kConst ? kLI : kLR;
    case Kind::kAcc: return Top(1).kind == Kind::kLocal ? kRL : kRI;
    case Kind::kMem: return kMR;
    default: return Top(1).kind == Kind::kLocal ? kIL : Top(1).kind == Kind::kAcc ? kIR : kNoPair;
  }
}

// `base`: stack index of the left operand.
void Translator::SetOperands(Emission& e, const Entry& a, const Entry& b, int base) {
  e.a = a.kind == Kind::kLocal ? LocalOffset(a.value) : SlotOffset(base);
  e.b = b.kind == Kind::kLocal ? LocalOffset(b.value) : SlotOffset(base + 1);
  for (const Entry* entry : {&a, &b}) {
    int64_t n = ImmediateInt(*entry);
    if (n >= 0) e.c = static_cast<uint32_t>(n);
    uint64_t bits;
    if (ImmediateDouble(*entry, &bits)) e.q = bits;
  }
}

// Whether nothing below the top `operands` entries waits to be stored.
bool Translator::CanonicalBelow(int operands) const {
  for (int i = 0; i < depth() - operands; i++) {
    if (stack_[i].kind != Kind::kMem) return false;
  }
  return true;
}

void Translator::SetObjects(Emission& e, const Entry& a, const Entry& b, int base) {
  e.a = a.kind == Kind::kLocal ? LocalOffset(a.value) : SlotOffset(base);
  e.b = b.kind == Kind::kLocal ? LocalOffset(b.value) : SlotOffset(base + 1);
  if (a.kind == Kind::kConst) e.p = a.value;
  if (b.kind == Kind::kConst) e.p = b.value;
}

// The end of a chain that takes any operands: `any` if the frame is canonical below them, else what runs no foreign code,
// with the slow path behind it.
Site& Translator::GenericEnd(Emission& e, OpHandler handler, const Stencil* any, const Stencil* quick) {
  if (e.stencil == any || CanonicalBelow(2)) {
    if (e.stencil != any) AddCold(e, any);
    e.site = MakeSite(handler, 2, kResultInAcc);
    return out_->sites[e.site].site;
  }
  AddCold(e, quick);
  return SlowPath(e, handler, 2, kResultInAcc);
}

// Operands of builtin types that are no numbers: what asks their slot; NULL: not here. It needs a frame in order.
const Stencil* Translator::SlotForm(const Instruction& in, Pair pair) const {
  return RunsRarely(in) || in.oparg % NB_INPLACE_ADD == NB_POWER || !CanonicalBelow(2) ? nullptr : Stencils().slot_op[pair];
}
void Translator::SetSlots(Emission& e, const Instruction& in) {
  e.c = kOperatorSlots[in.oparg].asked;
  e.d = kOperatorSlots[in.oparg].empty;
  e.p = AddressOfUnit(in.op);
}

// Int and float forms of an operation; false: neither suits the operands or what the interpreter has seen.
bool Translator::EmitArithmetic(const Instruction& in, Arithmetic op, Pair pair) {
  const StencilIndex& s = Stencils();
  Entry a = Top(2), b = Top(1);
  bool specialises = op == Arithmetic::kAdd || op == Arithmetic::kSub || op == Arithmetic::kMul;
  if (in.adaptive == BINARY_OP_ADD_UNICODE || in.adaptive == BINARY_OP_INPLACE_ADD_UNICODE) return false;
  if (in.declined && (specialises || mode_.known != nullptr)) return false;
  if (Divides(op) && IsZero(b)) return false;
  const Stencil* ints = s.int_op[static_cast<int>(op)][pair];
  const Stencil* floats = s.float_op[static_cast<int>(op)][pair];
  const Entry* constant = a.kind == Kind::kConst ? &a : b.kind == Kind::kConst ? &b : nullptr;
  uint64_t bits;
  if (constant != nullptr && ImmediateInt(*constant) < 0) ints = nullptr;
  if (constant != nullptr && !ImmediateDouble(*constant, &bits)) floats = nullptr;
  if (ints == nullptr && floats == nullptr) return false;
  bool float_first = ints == nullptr || (floats != nullptr && (PrefersFloat(in.adaptive) || a.hint == Hint::kFloat ||
                                                               b.hint == Hint::kFloat || op == Arithmetic::kTrueDiv));
  Emission& e = Emit(float_first ? floats : ints);
  const Stencil* second = float_first ? ints : floats;
  const Stencil* wide = ints != nullptr ? s.wide_op[static_cast<int>(op)][pair] : nullptr;
  bool float_constant = constant != nullptr && PyFloat_CheckExact(reinterpret_cast<PyObject*>(constant->value));
  const Stencil* mixed = constant == nullptr || float_constant ? s.mixed_op[static_cast<int>(op)][pair] : nullptr;
  const Stencil* slot = in.adaptive == BINARY_OP ? SlotForm(in, pair) : nullptr;
  for (const Stencil* link : {slot, second, wide, mixed}) {
    if (link != nullptr && !RunsRarely(in)) AddCold(e, link);
  }
  SetOperands(e, a, b, depth() - 2);
  if (slot != nullptr) SetSlots(e, in);
  if (constant != nullptr) e.p = constant->value;
  GenericEnd(e, DecisionFor(BINARY_OP).handler, s.binary_any[pair], s.quick[pair]).quick = QuickBinary;
  Drop(2);
  PushAccumulator(float_first ? Hint::kFloat : op == Arithmetic::kTrueDiv ? Hint::kFloat : Hint::kInt);
  return true;
}

// A string that grows: `x = x + y` or `x += y` into the local that holds the left operand, or may hold it, and is not pending
// elsewhere.
bool Translator::AppendsToLocal(const Instruction& in) const {
  const std::vector<Instruction>& list = decoded_.instructions();
  if (ArithmeticOf(in.oparg) != Arithmetic::kAdd || current_ + 1 >= static_cast<int>(list.size())) return false;
  const Instruction& next = list[current_ + 1];
  const Entry& left = stack_[stack_.size() - 2];
  if (next.opcode != STORE_FAST || next.oparg > 0xff || leader_[next.offset]) return false;
  uint64_t local = static_cast<uint64_t>(next.oparg);
  if (left.kind == Kind::kConst || (left.kind == Kind::kLocal && left.value != local)) return false;
  int uses = 0;
  for (const Entry& entry : stack_) uses += entry.kind == Kind::kLocal && entry.value == local;
  return uses == (left.kind == Kind::kLocal);
}

void Translator::BinaryOp(const Instruction& in) {
  const StencilIndex& s = Stencils();
  OpHandler handler = DecisionFor(BINARY_OP).handler;
  Arithmetic op = ArithmeticOf(in.oparg);
  bool append = AppendsToLocal(in);
  Pair pair = ArrangeObjects();
  if (pair == kNoPair) return EmitHandler(in, handler, 2, 1);
  if (op == Arithmetic::kCount || !EmitArithmetic(in, op, pair)) {
    SpillBelow(2);
    const Stencil* slot = SlotForm(in, pair);
    Emission& e = Emit(slot != nullptr ? slot : s.binary_any[pair]);
    SetObjects(e, Top(2), Top(1), depth() - 2);
    if (slot != nullptr) SetSlots(e, in);
    GenericEnd(e, handler, s.binary_any[pair], s.quick[pair]);
    Drop(2);
    PushAccumulator();
  }
  if (append) out_->sites.back().site.flags |= kAppendLocal;
}

void Translator::UnaryNegative(const Instruction& in) {
  const StencilIndex& s = Stencils();
  FreeAccumulator(1);
  if (Top().kind != Kind::kLocal) ToAccumulator();
  bool local = Top().kind == Kind::kLocal;
  bool float_first = Top().hint == Hint::kFloat;
  const Stencil* ints = local ? s.int_negate_L : s.int_negate_R;
  const Stencil* floats = local ? s.float_negate_L : s.float_negate_R;
  Emission& e = Emit(float_first ? floats : ints);
  AddCold(e, float_first ? ints : floats);
  AddCold(e, local ? s.unary_any_L : s.unary_any_R);
  e.a = local ? LocalOffset(Top().value) : 0;
  SlowPath(e, DecisionFor(UNARY_NEGATIVE).handler, 1, kResultInAcc);
  Drop(1);
  PushAccumulator(float_first ? Hint::kFloat : Hint::kInt);
}

void Translator::UnaryInvert(const Instruction& in) {
  FreeAccumulator(1);
  if (Top().kind != Kind::kLocal) ToAccumulator();
  bool local = Top().kind == Kind::kLocal;
  Emission& e = Emit(local ? Stencils().int_invert_L : Stencils().int_invert_R);
  AddCold(e, local ? Stencils().unary_any_L : Stencils().unary_any_R);
  e.a = local ? LocalOffset(Top().value) : 0;
  SlowPath(e, DecisionFor(UNARY_INVERT).handler, 1, kResultInAcc);
  Drop(1);
  PushAccumulator(Hint::kInt);
}

void Translator::UnaryNot(const Instruction& in) {
  ToAccumulator();
  Emission& e = Emit(Stencils().not_R);
  SlowPath(e, DecisionFor(UNARY_NOT).handler, 1, kResultInAcc);
  Drop(1);
  PushAccumulator();
}

const Instruction* Translator::FusedJump() const {
  const std::vector<Instruction>& list = decoded_.instructions();
  if (current_ + 1 >= static_cast<int>(list.size())) return nullptr;
  const Instruction& next = list[current_ + 1];
  if (leader_[next.offset]) return nullptr;
  return next.opcode == POP_JUMP_IF_TRUE || next.opcode == POP_JUMP_IF_FALSE ? &next : nullptr;
}

// Both ways of a jump start canonical: what lies under the operands goes to its slots first.
void Translator::BeginJump(const Instruction& jump, int operands) { SpillBelow(operands); }

void Translator::EndJump(const Instruction& jump) { Reach(jump.target, depth()); }

void Translator::CompareOp(const Instruction& in) {
  const StencilIndex& s = Stencils();
  const Instruction* jump = in.oparg & 16 ? FusedJump() : nullptr;
  if (jump != nullptr) BeginJump(*jump, 2);
  OpHandler handler = DecisionFor(COMPARE_OP).handler;
  Pair pair = ArrangeObjects();
  int relation = static_cast<int>(kRelations[in.oparg >> 5]);
  Entry a = Top(2), b = Top(1);
  if (pair == kNoPair) return EmitHandler(in, handler, 2, 1);
  const Pair given = pair;
  bool mirrored = pair == kIL || pair == kIR;
  if (mirrored) {
    // constant < x is x > constant; the stencils take the variable first.
    pair = pair == kIL ? kLI : kRI;
    relation = static_cast<int>(kMirrored[relation]);
  }
  const Entry* constant = a.kind == Kind::kConst ? &a : b.kind == Kind::kConst ? &b : nullptr;
  bool ints_ok = constant == nullptr || ImmediateInt(*constant) >= 0;
  uint64_t bits;
  bool floats_ok = constant == nullptr || ImmediateDouble(*constant, &bits);
  bool if_true = jump != nullptr && jump->opcode == POP_JUMP_IF_TRUE;
  const Stencil* any = jump != nullptr ? s.compare_jump[if_true][given] : s.compare_any[given];
  const Stencil *ints = nullptr, *floats = nullptr, *wide = nullptr;
  if (ints_ok) {
    int r = jump == nullptr || if_true ? relation : static_cast<int>(kNegatedInt[relation]);
    ints = jump != nullptr ? s.int_jump[r][pair] : s.int_bool[relation][pair];
    wide = jump != nullptr ? s.wide_jump[r][pair] : s.wide_bool[relation][pair];
  }
  if (floats_ok) {
    floats = jump == nullptr ? s.float_bool[relation][pair]
             : if_true       ? s.float_jump[relation][pair]
                             : s.float_jumpnot[relation][pair];
  }
  if (in.adaptive == COMPARE_OP_STR || in.declined) ints = floats = wide = nullptr;
  bool float_first = ints == nullptr || (floats != nullptr && (PrefersFloat(in.adaptive) || a.hint == Hint::kFloat ||
                                                               b.hint == Hint::kFloat));
  const Stencil* first = float_first ? floats : ints;
  const Stencil* second = float_first ? ints : floats;
  if (first == nullptr) {
    first = any;
    SpillBelow(2);
  }
  Emission& e = Emit(first);
  for (const Stencil* link : {second, wide}) {
    if (link != nullptr && !RunsRarely(in)) AddCold(e, link);
  }
  SetOperands(e, a, b, depth() - 2);
  if (mirrored) e.a = e.b;
  if (constant != nullptr) e.p = constant->value;
  if (jump == nullptr) {
    GenericEnd(e, handler, any, s.quick[given]).quick = QuickCompare;
    Drop(2);
    PushAccumulator();
    return;
  }
  e.target = jump->target;
  if (first != any) AddCold(e, any);
  e.site = MakeSite(handler, 2, kTestResult | (if_true ? kJumpIfTrue : 0));
  out_->sites[e.site].emission = static_cast<int>(&e - out_->emissions.data());
  Drop(2);
  current_++;
  EndJump(*jump);
}

void Translator::ToBool(const Instruction& in) {
  const StencilIndex& s = Stencils();
  const Instruction* jump = FusedJump();
  OpHandler handler = DecisionFor(TO_BOOL).handler;
  if (jump == nullptr) {
    ToAccumulator();
    Emission& e = Emit(s.to_bool_R);
    SlowPath(e, handler, 1, kResultInAcc);
    Drop(1);
    PushAccumulator();
    return;
  }
  BeginJump(*jump, 1);
  if (Top().kind != Kind::kLocal) ToAccumulator();
  bool local = Top().kind == Kind::kLocal;
  bool if_true = jump->opcode == POP_JUMP_IF_TRUE;
  const Stencil* exact = if_true ? (local ? s.jump_if_true_L : s.jump_if_true_R) : (local ? s.jump_if_false_L : s.jump_if_false_R);
  const Stencil* sized = if_true ? (local ? s.jump_if_true_sized_L : s.jump_if_true_sized_R)
                                 : (local ? s.jump_if_false_sized_L : s.jump_if_false_sized_R);
  bool sized_first = in.adaptive != TO_BOOL && in.adaptive != TO_BOOL_BOOL;
  Emission& e = Emit(sized_first ? sized : exact);
  AddCold(e, sized_first ? exact : sized);
  AddCold(e, if_true ? (local ? s.jump_if_true_object_L : s.jump_if_true_object_R)
                     : (local ? s.jump_if_false_object_L : s.jump_if_false_object_R));
  AddCold(e, if_true ? (local ? s.truth_jump_true_L : s.truth_jump_true_R)
                     : (local ? s.truth_jump_false_L : s.truth_jump_false_R));
  e.cell = NewCell(sizeof(TruthCell));
  if (local) e.a = LocalOffset(Top().value);
  e.target = jump->target;
  Site& site = SlowBranch(e, handler, 1, kTestResult | (if_true ? kJumpIfTrue : 0), *jump);
  site.quick = QuickToBool;
  site.fill = FillTruth;
  Drop(1);
  current_++;
  EndJump(*jump);
}

// The operand is a bool already.
void Translator::TruthJump(const Instruction& in) {
  const StencilIndex& s = Stencils();
  BeginJump(in, 1);
  ToAccumulator();
  Emission& e = Emit(in.opcode == POP_JUMP_IF_TRUE ? s.jump_if_true_R : s.jump_if_false_R);
  e.target = in.target;
  SlowBranch(e, DecisionFor(in.opcode).handler, 1, 0, in);
  Drop(1);
  EndJump(in);
}

void Translator::NoneJump(const Instruction& in) {
  const StencilIndex& s = Stencils();
  BeginJump(in, 1);
  if (Top().kind != Kind::kLocal) ToAccumulator();
  bool local = Top().kind == Kind::kLocal;
  bool if_none = in.opcode == POP_JUMP_IF_NONE;
  Emission& e = Emit(if_none ? (local ? s.jump_if_none_L : s.jump_if_none_R)
                             : (local ? s.jump_if_not_none_L : s.jump_if_not_none_R));
  if (local) e.a = LocalOffset(Top().value);
  e.target = in.target;
  SlowBranch(e, DecisionFor(in.opcode).handler, 1, 0, in);
  Drop(1);
  EndJump(in);
}

void Translator::IsOp(const Instruction& in) {
  const StencilIndex& s = Stencils();
  const Instruction* jump = FusedJump();
  OpHandler handler = DecisionFor(IS_OP).handler;
  if (jump != nullptr) {
    BeginJump(*jump, 2);
    Pair pair = ArrangePair();
    if (pair <= kMR) {
      bool jump_if_same = (jump->opcode == POP_JUMP_IF_TRUE) != (in.oparg == 1);
      const Stencil* same[] = {s.jump_if_is_LL, s.jump_if_is_LC, s.jump_if_is_LR,
                               s.jump_if_is_RL, s.jump_if_is_RC, s.jump_if_is_MR};
      const Stencil* other[] = {s.jump_if_is_not_LL, s.jump_if_is_not_LC, s.jump_if_is_not_LR,
                                s.jump_if_is_not_RL, s.jump_if_is_not_RC, s.jump_if_is_not_MR};
      Entry a = Top(2), b = Top(1);
      Emission& e = Emit((jump_if_same ? same : other)[pair]);
      e.a = a.kind == Kind::kMem ? SlotOffset(depth() - 2) : LocalOffset(a.value);
      e.b = LocalOffset(b.value);
      e.q = b.value;
      e.target = jump->target;
      SlowBranch(e, handler, 2, kTestResult | (jump->opcode == POP_JUMP_IF_TRUE ? kJumpIfTrue : 0), *jump);
      Drop(2);
      current_++;
      EndJump(*jump);
      return;
    }
  }
  EmitHandler(in, handler, 2, 1);
}

}  // namespace tierjit::tier1
