// The frame: slots, reference counts, operations by their handlers, exits.
#include <algorithm>

#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/deopt/calls.h"
#include "runtime/deopt/quiet_death.h"
#include "tier2/lower/lowerer.h"

namespace tierjit::tier2 {
namespace {

// Such objects are not counted, now or later.
bool IsImmortal(const Node& n) { return n.Is(Opcode::kObject) && _Py_IsImmortal(n.object); }

// The local has no value for certain: its slot shows that.
bool IsUnbound(const Node* bound) { return bound != nullptr && bound->Is(Opcode::kBool) && bound->imm == 0; }

}  // namespace

bool Lowerer::Frame(const Node& n) {
  switch (n.opcode) {
    case Opcode::kLoadLocal: f_->Mov(RegOf(n), Slot(n.index)); return true;
    case Opcode::kTakeStack: f_->Mov(RegOf(n), StackSlot(n.index)); return true;
    case Opcode::kSetLocal: {
      Reg old = f_->Load(Slot(n.index));
      f_->Store(Slot(n.index), ValueOf(n.input(0)));
      ReleaseOld(old, true);
      return true;
    }
    case Opcode::kStoreLocal: StoreLocal(n); return true;
    case Opcode::kIncref:
      if (IsImmortal(*n.input(0))) return true;
      Incref(IntReg(n.input(0)), n.input(0)->type.MayBe(kNullBit) || n.input(0)->type.IsBottom());
      return true;
    case Opcode::kDecref:
      if (!IsImmortal(*n.input(0))) Decref(IntReg(n.input(0)), n.input(0)->type);
      return true;
    case Opcode::kGeneric: Generic(n); return true;
    default: return false;  // results and `taken` come with their generic operation
  }
}

// --- Reference counts: loads of 32 bits, stores of 64, see tier1/stencil.h ---

void Lowerer::Incref(Reg object, bool may_be_null) {
  Label done = f_->NewLabel();
  if (may_be_null) f_->BEq(done, object, 0);
  Reg c = f_->Load(Field(mir::Type::kI32, object, offsetof(PyObject, ob_refcnt)));
  f_->BLt(done, c, 0);  // immortal
  Reg more = f_->Add(c, 1);
  f_->Store(Field(mir::Type::kI64, object, offsetof(PyObject, ob_refcnt)), more);
  f_->Bind(done);
}

// Whoever drops the last reference to what could be noticed to die has left before: see guard_death.
void Lowerer::Decref(Reg object, const Type& type) {
  Label done = f_->NewLabel(), dead = f_->NewLabel();
  if (type.MayBe(kNullBit) || type.IsBottom()) f_->BEq(done, object, 0);
  Reg c = f_->Load(Field(mir::Type::kI32, object, offsetof(PyObject, ob_refcnt)));
  f_->BLt(done, c, 0);
  Reg less = f_->Sub(c, 1);
  f_->Store(Field(mir::Type::kI64, object, offsetof(PyObject, ob_refcnt)), less);
  f_->BEq(dead, less, 0);
  f_->Bind(done);
  bool simple = type.IsSimple() && !type.IsBottom();
  Later([=, this] {
    f_->Bind(dead);
    if (!simple) {
      f_->CallC("tj_let_die", tj_let_die, {ts_, object, env_.dealloc});
      f_->Jmp(done);
      return;
    }
    if (type.Is(kFloatBit)) {
      Label full = f_->NewLabel();
      Reg n = f_->Load(Mem::At(mir::Type::kU32, env_.floats.count));
      Reg left = f_->Sub(n, 1);
      f_->UBGe(full, left, env_.usable_span);
      Reg items = f_->NewInt("items");
      f_->Mov(items, env_.floats.items);
      f_->Store(Mem{.base = items, .index = n, .scale = 8}, object);
      Reg more = f_->Add(n, 1);
      f_->Store(Mem::At(mir::Type::kU32, env_.floats.count), more);
      f_->Jmp(done);
      f_->Bind(full);
    }
    f_->CallC("tj_dealloc", env_.dealloc, {object});
    f_->Jmp(done);
  });
}

void Lowerer::ReleaseOld(Reg object, bool may_be_null) { Decref(object, Type(may_be_null ? kSimpleBits | kNullBit : kSimpleBits & ~kNullBit)); }

// The old object's death sees the frame as it is behind the store, and may change it.
void Lowerer::StoreLocal(const Node& n) {
  using T = mir::Type;
  Label done = f_->NewLabel(), dead = f_->NewLabel(), changed = f_->NewLabel();
  Reg old = f_->Load(Slot(n.index));
  f_->Store(Slot(n.index), ValueOf(n.input(0)));
  f_->BEq(done, old, 0);
  Reg c = f_->Load(Field(T::kI32, old, offsetof(PyObject, ob_refcnt)));
  f_->BLt(done, c, 0);
  Reg less = f_->Sub(c, 1);
  f_->Store(Field(T::kI64, old, offsetof(PyObject, ob_refcnt)), less);
  f_->BEq(dead, less, 0);
  f_->Bind(done);
  Later([=, this, &n] {
    f_->Bind(dead);
    // As most objects do: the frame need not be in order for that.
    Label noticed = f_->NewLabel();
    f_->BF(noticed, f_->CallC("tj_dies_quietly", tj_dies_quietly, {old}));
    f_->CallC("tj_dealloc", env_.dealloc, {old});
    f_->Jmp(done);
    f_->Bind(noticed);
    int locals = LocalsExit(n);
    SyncLocals(locals);
    f_->Store(FrameField(offsetof(_PyInterpreterFrame, instr_ptr)), PlaceOf(n.state->resume));
    f_->CallC("tj_dealloc", env_.dealloc, {old});
    f_->BNe(changed, Breaker(), Mem::At(T::kI64, env_.expected_breaker));
    MayFail("behind store_local", n.state->origin, changed);
    CheckLocals(locals, changed);
    f_->Jmp(done);
    f_->Bind(changed);
    // All locals are in their slots already.
    FrameState state = *n.state;
    state.resume = static_cast<int32_t>(n.imm);
    state.stack.pop_back();
    state.locals.assign(state.locals.size(), FrameState::Local{});
    EmitExit(NewExit(state, &n, ExitKind::kInterruption));
  });
}

// --- Operations by their handlers ---

void Lowerer::SpillStack(const Node& n) {
  for (size_t i = 0; i < n.state->stack.size(); i++) {
    size_t below = n.state->stack.size() - n.inputs.size();
    const Node* value = i < below ? n.state->stack[i] : n.inputs[i - below];
    f_->Store(StackSlot(static_cast<int>(i)), ValueOf(value));
  }
}

int Lowerer::LocalsExit(const Node& n) {
  const FrameState& state = *n.state;
  bool any = false;
  for (const FrameState::Local& l : state.locals) any = any || (l.value != nullptr && !IsUnbound(l.bound));
  if (!any) return -1;
  FrameState locals = state;
  locals.stack.clear();
  locals.iterators.clear();
  for (FrameState::Local& l : locals.locals) l.value = ObjectOf(l.value, state, OwnedAt(&n));
  return NewExit(locals, nullptr);
}

void Lowerer::SyncLocals(int locals) {
  if (locals >= 0) RecordCall(locals, RecordedAction::kSync);
}

void Lowerer::GoIfLocalsHold(int locals, Label unchanged) {
  Reg hold = f_->NewInt("hold"), nothing = f_->NewInt("nothing");
  RecordCall(locals, RecordedAction::kLocalsHold, {hold, nothing});
  f_->BT(unchanged, hold);
}

void Lowerer::CheckLocals(int locals, Label changed) {
  if (locals < 0) return;
  Label held = f_->NewLabel(), done = f_->NewLabel();
  f_->BNe(held, FrameField(offsetof(_PyInterpreterFrame, frame_obj)), 0);
  f_->Bind(done);
  Later([=, this] {
    f_->Bind(held);
    GoIfLocalsHold(locals, done);
    f_->Jmp(changed);
  });
}

namespace {

// Handlers that neither run foreign code nor let anything die: nobody can look at the frame, unless they raise.
bool IsQuiet(uint8_t opcode) {
  switch (opcode) {
    case PUSH_EXC_INFO: case CHECK_EXC_MATCH: case LOAD_ASSERTION_ERROR: case BUILD_TUPLE: case BUILD_LIST: case BUILD_SLICE: case LIST_APPEND:
    case MAKE_CELL: case COPY_FREE_VARS: case LOAD_DEREF: case MAKE_FUNCTION: case SET_FUNCTION_ATTRIBUTE: return true;
    default: return false;
  }
}

}  // namespace

Lowerer::Reg Lowerer::CallHandler(const Node& n, const Instruction& in) {
  f_->Store(FrameField(offsetof(_PyInterpreterFrame, instr_ptr)), PlaceOf(in.offset));
  Reg frame = f_->Sub(lp_, static_cast<int64_t>(offsetof(_PyInterpreterFrame, localsplus)));
  Reg top = f_->Add(lp_, (graph_.local_count + static_cast<int64_t>(n.state->stack.size())) * 8);
  using T = mir::Type;
  Reg sp = f_->NewInt("sp");
  Reg results[] = {sp};
  Operand args[] = {ts_, frame, top, in.oparg};
  f_->Call({{T::kI64}, {T::kI64, T::kI64, T::kI64, T::kI32}}, mir::Callee{"handler", reinterpret_cast<const void*>(DecisionFor(in.opcode).handler)},
           results, args);
  return sp;
}

void Lowerer::Generic(const Node& n) {
  const Instruction& in = snapshot_.decoded->instructions()[static_cast<size_t>(snapshot_.decoded->IndexAt(n.index))];
  bool quiet = IsQuiet(in.opcode);
  SpillStack(n);
  int locals = LocalsExit(n);
  if (!quiet) SyncLocals(locals);
  Reg sp = CallHandler(n, in);
  Label failed = f_->NewLabel(), changed = f_->NewLabel(), on = f_->NewLabel();
  f_->BEq(failed, sp, 0);
  bool comes_back = !quiet && !NeverGoesOn(in);
  if (comes_back) {
    // Somebody wants events, or has changed locals of a frame that he holds.
    f_->BNe(changed, Breaker(), Mem::At(mir::Type::kI64, env_.expected_breaker));
    CheckLocals(locals, changed);
    MayFail("behind generic", in.offset, changed);
  }
  f_->Bind(on);
  int below = static_cast<int>(n.state->stack.size() - n.inputs.size());
  for (const Node* r : parts_[&n]) {
    if (r->Is(Opcode::kResult)) f_->Mov(RegOf(*r), StackSlot(below + static_cast<int>(r->imm)));
    if (r->Is(Opcode::kTaken)) f_->And(RegOf(*r), sp, 1);
    if (r->Is(Opcode::kRaised)) f_->Eq(RegOf(*r), sp, 0);
    if (r->Is(Opcode::kCaught)) f_->Mov(RegOf(*r), StackSlot(static_cast<int>(r->imm)));
  }
  Later([=, this, &n] {
    f_->Bind(failed);
    if (quiet) SyncLocals(locals);
    Catch(n, locals, on);
    FailGeneric(n);
    if (!comes_back) return;
    f_->Bind(changed);
    // All is in its slots already; the unit's other references go.
    if (in.target >= 0) {
      Label goes_on = f_->NewLabel();
      Reg taken = f_->And(sp, 1);
      f_->BEq(goes_on, taken, 0);
      EmitExit(ExitBehind(n, in, true));
      f_->Bind(goes_on);
    }
    EmitExit(ExitBehind(n, in, false));
  });
}

int Lowerer::ExitBehind(const Node& n, const Instruction& in, bool taken) {
  bool exhausted = taken && in.opcode == FOR_ITER;
  int exit = NewExit(Left(n, exhausted ? in.target + 2 : taken ? in.target : in.next), &n, ExitKind::kInterruption);
  int effect = exhausted ? -1 : PyCompile_OpcodeStackEffectWithJump(in.opcode, in.oparg, taken);
  exits_[static_cast<size_t>(exit)]->depth = static_cast<int32_t>(n.state->stack.size()) + effect;
  return exit;
}

// An exception goes to a handler of the unit, unless somebody wants to be told of it.
void Lowerer::Catch(const Node& n, int locals, Label caught) {
  int64_t kept = -1;
  for (const Node* r : parts_[&n]) {
    if (r->Is(Opcode::kCaught) && (kept < 0 || r->imm < kept)) kept = r->imm;
  }
  if (kept < 0) return;
  Label leave = f_->NewLabel();
  MayFail("caught", n.index, leave, ExitPoint::Kind::kDetour);
  if (locals >= 0) {
    Label unchanged = f_->NewLabel();
    GoIfLocalsHold(locals, unchanged);
    f_->Jmp(leave);
    f_->Bind(unchanged);
  }
  int64_t below = static_cast<int64_t>(n.state->stack.size() - n.inputs.size());
  f_->BF(leave, f_->CallC("tj_may_catch", tj_may_catch, {ts_, Mem::At(mir::Type::kI64, env_.expected_breaker), kept, below}));
  f_->CallC("tj_catch", tj_catch, {ts_, kept, below});
  f_->Jmp(caught);
  f_->Bind(leave);
}

// What a handler leaves to be done when execution goes on elsewhere: the slots are right, but not the iterators that stay on the stack.
FrameState Lowerer::Left(const Node& n, int32_t resume) {
  FrameState s;
  s.resume = resume;
  s.origin = n.index;
  s.locals.resize(n.state->locals.size());
  for (const FrameState::Iterator& i : n.state->iterators) {
    if (i.depth >= static_cast<int>(n.state->stack.size() - n.inputs.size())) continue;
    s.iterators.push_back(i);
    Node* entry = n.state->stack[static_cast<size_t>(i.depth)];
    if (entry->Is(Opcode::kFreshRange) || entry->Is(Opcode::kFreshIter)) s.iterators.back().made = entry;
  }
  return s;
}

void Lowerer::FailGeneric(const Node& n) {
  int exit = NewExit(Left(n, n.state->resume), &n);
  if (!exits_[static_cast<size_t>(exit)]->items.empty()) RecordCall(exit, RecordedAction::kMaterialise);
  f_->Ret({Operand(env_.raise), Operand(0)});
}

// --- Exits ---

int Lowerer::AddValue(const Node* n, int* next) {
  switch (n->opcode) {
    case Opcode::kInt: case Opcode::kFloat: case Opcode::kBool: case Opcode::kObject: case Opcode::kNull: return -1;
    default: break;
  }
  auto& values = exit_values_.back();
  for (auto [at, node] : values) {
    if (node == n) return at;
  }
  values.push_back({*next, n});
  return (*next)++;
}

namespace {
bool Unboxes(Opcode o) {
  return o == Opcode::kGuardInt || o == Opcode::kUnboxInt || o == Opcode::kGuardFloat || o == Opcode::kGuardNumber || o == Opcode::kUnboxFloat;
}
}  // namespace

std::vector<Node*> Lowerer::OwnedAt(const Node* at) const {
  auto it = at == nullptr ? ownership_.at.end() : ownership_.at.find(at);
  return it == ownership_.at.end() ? std::vector<Node*>{} : it->second;
}

// The object that a number came from or has become, where the unit owns it or the state names it: who compares by `is` finds the same one.
Node* Lowerer::ObjectOf(Node* value, const FrameState& state, absl::Span<Node* const> owned) {
  if (value == nullptr || (value->rep != Rep::kI64 && value->rep != Rep::kF64)) return value;
  if (IsConstant(*value)) return value;
  auto holds = [&](const Node* o) {
    if (o == nullptr || o->rep != Rep::kBoxed || o->Is(Opcode::kFreshRange)) return false;
    bool made = (o->Is(Opcode::kBoxInt) || o->Is(Opcode::kBoxFloat)) && o->input(0) == value && !in_place_[static_cast<size_t>(o->id)];
    return made || (Unboxes(value->opcode) && Ownership::RootOf(value->input(0)) == Ownership::RootOf(const_cast<Node*>(o)));
  };
  for (Node* o : owned) {
    if (holds(o)) return o;
  }
  for (Node* o : state.stack) {
    if (holds(o)) return o;
  }
  for (const FrameState::Local& l : state.locals) {
    if (l.bound == nullptr && holds(l.value)) return l.value;
  }
  return value;
}

int Lowerer::NewExit(const FrameState& state, const Node* at, ExitKind kind) {
  using Where = ExitDescriptor::Where;
  auto exit = std::make_unique<ExitDescriptor>();
  exit->kind = kind;
  exit->resume = state.resume;
  exit->origin = state.origin;
  exit->nlocalsplus = graph_.local_count;
  if (graph_.frameless || !state.inlined.empty()) MakeFrames(state, exit.get());
  exit->depth = exit->frames.empty() ? static_cast<int32_t>(state.stack.size()) : exit->frames.back().depth;
  // Places in the frame that they belong to.
  auto frame_at = [&](int index, int32_t InlinedFrame::*first) {
    int frame = static_cast<int>(state.inlined.size());
    while (frame > 0 && state.inlined[static_cast<size_t>(frame) - 1].*first > index) frame--;
    return frame;
  };
  auto begin_of = [&](int frame, int32_t InlinedFrame::*first) { return frame == 0 ? 0 : state.inlined[static_cast<size_t>(frame) - 1].*first; };
  exit_values_.emplace_back();
  int next = 0;
  const std::vector<Node*> all = OwnedAt(at);
  std::vector<Node*> owned = all;
  std::map<const Node*, int64_t> tuples;
  // `object`: fields of iterators are numbers.
  std::function<ExitDescriptor::Item(const Node*, bool)> item_for = [&](const Node* value, bool object) {
    if (object) value = ObjectOf(const_cast<Node*>(value), state, all);
    ExitDescriptor::Item item{};
    item.bound = -1;
    item.value = -1;
    if (value->Is(Opcode::kVirtualTuple)) {
      item.rep = ExitDescriptor::Rep::kTuple;
      auto [it, fresh] = tuples.emplace(value, static_cast<int64_t>(tuples.size()));
      item.constant = it->second;
      if (!fresh) return item;
      exit->tuples.emplace_back();
      std::vector<ExitDescriptor::Item> items;
      for (const Node* i : value->inputs) items.push_back(item_for(i, true));
      exit->tuples[static_cast<size_t>(item.constant)] = std::move(items);
      return item;
    }
    bool fresh = value->Is(Opcode::kFreshRange), iterator = value->Is(Opcode::kFreshIter);
    item.rep = fresh                     ? ExitDescriptor::Rep::kRange
               : iterator                ? ExitDescriptor::Rep::kIterator
               : object && value->object != nullptr && IsConstant(*value) ? ExitDescriptor::Rep::kBoxed
               : value->rep == Rep::kI64 ? ExitDescriptor::Rep::kInt
               : value->rep == Rep::kF64 ? ExitDescriptor::Rep::kFloat
               : value->rep == Rep::kI1  ? ExitDescriptor::Rep::kBool
                                         : ExitDescriptor::Rep::kBoxed;
    if (fresh) value = value->input(0);
    item.value = iterator ? int16_t{-1} : static_cast<int16_t>(AddValue(value, &next));
    item.constant = item.rep == ExitDescriptor::Rep::kBoxed && value->object != nullptr ? reinterpret_cast<int64_t>(value->object) : value->imm;
    if (value->rep == Rep::kBoxed && !fresh && !iterator) {
      auto mine = std::find(owned.begin(), owned.end(), Ownership::RootOf(const_cast<Node*>(value)));
      if (mine != owned.end()) item.owned = true, owned.erase(mine);
    }
    return item;
  };
  auto add = [&](Where where, int index, const Node* value, const Node* bound) {
    if (IsUnbound(bound)) return;
    ExitDescriptor::Item item = item_for(value, where == Where::kLocal || where == Where::kStack);
    item.where = where;
    auto first = where == Where::kLocal ? &InlinedFrame::first_local : &InlinedFrame::first_stack;
    item.frame = static_cast<int16_t>(where == Where::kNowhere ? -1 : frame_at(index, first));
    item.index = static_cast<int16_t>(index - (item.frame < 0 ? 0 : begin_of(item.frame, first)));
    if (bound != nullptr && !bound->Is(Opcode::kBool)) item.bound = static_cast<int16_t>(AddValue(bound, &next));
    exit->items.push_back(item);
  };
  for (size_t i = 0; i < state.locals.size(); i++) {
    if (state.locals[i].value != nullptr) add(Where::kLocal, static_cast<int>(i), state.locals[i].value, state.locals[i].bound);
  }
  for (size_t i = 0; i < state.stack.size(); i++) add(Where::kStack, static_cast<int>(i), state.stack[i], nullptr);
  for (const FrameState::Iterator& i : state.iterators) {
    if (i.made != nullptr) add(Where::kStack, i.depth, i.made, nullptr);
    const Node* entry = i.made != nullptr ? i.made : state.stack.empty() ? nullptr : state.stack[static_cast<size_t>(i.depth)];
    bool made = entry != nullptr && entry->Is(Opcode::kFreshIter);
    if (made) {
      for (const Node* source : entry->inputs) add(Where::kIteratorSource, i.depth, source, nullptr);
    }
    add(Where::kIteratorPosition, i.depth, i.position, nullptr);
    if (made) exit->items.back().bound = static_cast<int16_t>(entry->imm);
    if (i.remaining != nullptr) add(Where::kIteratorRemaining, i.depth, i.remaining, nullptr);
  }
  for (Node* n : std::vector<Node*>(owned)) add(Where::kNowhere, 0, n, nullptr);
  std::vector<int> named(static_cast<size_t>(next), 0);
  auto is_number = [](const ExitDescriptor::Item& i) {
    return i.value >= 0 && (i.where == Where::kLocal || i.where == Where::kStack) &&
           (i.rep == ExitDescriptor::Rep::kInt || i.rep == ExitDescriptor::Rep::kFloat);
  };
  std::vector<std::vector<ExitDescriptor::Item>*> lists = {&exit->items};
  for (auto& items : exit->tuples) lists.push_back(&items);
  for (auto* items : lists) {
    for (const ExitDescriptor::Item& i : *items) {
      if (is_number(i)) named[static_cast<size_t>(i.value)]++;
    }
  }
  for (auto* items : lists) {
    for (ExitDescriptor::Item& i : *items) {
      i.shared = is_number(i) && named[static_cast<size_t>(i.value)] > 1;
      exit->shares |= i.shared;
    }
  }
  most_exit_values_ = std::max(most_exit_values_, next);
  exits_.push_back(std::move(exit));
  return static_cast<int>(exits_.size()) - 1;
}

// Guards of one instruction share an exit as long as the unit holds the same references.
Lowerer::Label Lowerer::ExitFor(const Node& n) {
  bool planned = n.Is(Opcode::kLeave) && n.imm == kPlannedLeave;
  bool calm = n.Is(Opcode::kPoll) || n.Is(Opcode::kGuardDepth);
  ExitKind kind = calm || planned        ? ExitKind::kInterruption
                  : n.Is(Opcode::kLeave) ? ExitKind::kUnlifted
                  : n.Is(Opcode::kGuardDeath) ? ExitKind::kDeath
                                         : ExitKind::kSpeculation;
  auto owned = ownership_.at.find(&n);
  auto [it, fresh] = exit_labels_.emplace(
      std::make_tuple(n.state, kind, owned == ownership_.at.end() ? std::vector<Node*>{} : owned->second), Label{});
  if (!fresh) return it->second;
  Label label = it->second = f_->NewLabel();
  Later([=, this, &n] {
    f_->Bind(label);
    EmitExit(NewExit(*n.state, &n, kind));
  });
  return label;
}

void Lowerer::RecordCall(int exit, RecordedAction action, absl::Span<const Reg> results) {
  std::vector<Reg> values = {graph_.frameless ? waiting_ : lp_};
  for (auto [at, node] : exit_values_[static_cast<size_t>(exit)]) values.push_back(CurrentReg(*node));
  f_->CallRecorded(static_cast<int>(recorded_.size()), values, mir::Callee{"tj_recorded_call", reinterpret_cast<const void*>(tj_recorded_call)},
                   results);
  recorded_.push_back({exits_[static_cast<size_t>(exit)].get(), action, 0, {}});
}

void Lowerer::MayFail(const char* operation, int32_t origin, Label label, ExitPoint::Kind kind) {
  if (!env_.new_exit_point) return;
  ExitPoint* point = env_.new_exit_point(operation, origin, kind);
  if (point == nullptr) return;
  Label fails = f_->NewLabel();
  Mem visits = Mem::At(mir::Type::kI64, &point->visits_left);
  Reg left = f_->Sub(f_->Load(visits), 1);
  f_->Store(visits, left);
  if (kind == ExitPoint::Kind::kEnd) return;
  f_->BEq(fails, left, 0);
  Later([=, this] {
    f_->Bind(fails);
    f_->CallC("tj_fail_here", tj_fail_here, {static_cast<const ExitPoint*>(point)});
    f_->Jmp(label);
  });
}

void Lowerer::EmitExit(int exit) {
  if (graph_.frameless) {
    RecordCall(exit, RecordedAction::kExitFrameless);
    return ReturnFinished();
  }
  if (!resume_.valid()) {
    resume_ = f_->NewInt("resume"), value_ = f_->NewInt("value");
    left_ = f_->NewLabel();
    Later([this] {
      f_->Bind(left_);
      f_->Ret({resume_, value_});
    });
  }
  RecordCall(exit, RecordedAction::kExit, {resume_, value_});
  f_->Jmp(left_);
}

}  // namespace tierjit::tier2
