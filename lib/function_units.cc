#include "lib/function_units.h"

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/code_state.h"
#include "lib/compilation.h"
#include "lib/manager.h"
#include "lib/optimised_code.h"
#include "lib/pending_compilation.h"
#include "lib/policy.h"
#include "lib/promotion.h"
#include "lib/promotion_stats.h"
#include "lib/tier2_report.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/deopt/calls.h"

namespace tierjit {
namespace {

constexpr int64_t kNever = INT64_MAX / 4;  // entries
constexpr int kMaxCompiles = 5;
constexpr int kMaxNodes = 6000;
constexpr int kMaxInlinedNodes = 600;      // of a callee by itself
constexpr int kMaxCalleeDepth = 3;
constexpr int kDelay = 4;                  // part of a threshold that is waited for functions that are called
constexpr int kMaxDelays = 3;              // of one loop or function
constexpr int64_t kTurnsBeforeRevision = 8;

using OptimisedEntry = UnitExit (*)(PyObject** lp, PyThreadState* ts);

struct Function final : ExitOwner {
  enum class Phase { kCold, kProfiled, kKnown, kCompiling, kOptimised };
  tier1::Unit* unit = nullptr;
  PyCodeObject* code = nullptr;       // NULL when it has died: `alive` of callees
  Phase phase = Phase::kCold;
  int64_t turns_left = 0;             // to be profiled
  int compiles = 0, delays = 0;
  int64_t compile_ns = 0;
  std::string why_not;                // of the last attempt
  bool outdated = false;
  bool lifting = false;               // its graph is being made
  bool sparing = false;               // with all that could be inlined it took too long
  bool shared = false;                // code of others may know it
  int64_t revised_at = 0;             // see NextMoment()
  bool early = false;                 // functions that it calls were not known yet
  std::vector<uint32_t> arg_bits;     // TypeBits that arguments had
  std::vector<uint32_t> arg_details;  // DetailOf() them
  std::shared_ptr<const DecodedCode> decoded;
  int32_t entry = -1;                 // code unit behind RESUME
  std::vector<std::shared_ptr<tier2::CallTarget>> targets;  // the last one is the right one; others still have callers
  OptimisedCode body, way_in;
  PendingCompilation pending;         // makes the last target
  int64_t lift_ns = 0;
  Function* next_dead = nullptr;

  const tier2::CallTarget* target() const { return phase == Phase::kOptimised && !outdated ? targets.back().get() : nullptr; }
  bool known() const { return compiles > 0; }
  void OnManyExits(ExitDescriptor* exit) override;
  std::string name() const override { return NameOf(unit->code()); }
};

// Not of abseil's tables: an insertion that gets no memory leaves those broken.
std::unordered_map<tier1::Unit*, std::unique_ptr<Function>>& Functions() {
  static auto* functions = new std::unordered_map<tier1::Unit*, std::unique_ptr<Function>>;
  return *functions;
}

// Functions whose code object is gone. Code of others looks at `code` and at the targets as long as it runs.
Function* g_dead_functions = nullptr;  // linked by `next_dead`

Function* FunctionOf(tier1::Unit* unit) {
  auto it = Functions().find(unit);
  return it == Functions().end() ? nullptr : it->second.get();
}

// What code that calls `function` may know of it; NULL: nothing.
Function* FindFor(PyFunctionObject* function) {
  CodeState* state = CodeStates::Get().Find(reinterpret_cast<PyCodeObject*>(function->func_code));
  return state == nullptr || state->unit == nullptr || !state->unit->Serves(function) ? nullptr : FunctionOf(state->unit);
}

tier2::Snapshot SnapshotOf(const Function& f) {
  tier2::Snapshot s;
  s.code = f.unit->code();
  s.decoded = f.decoded.get();
  s.feedback = f.unit->feedback();
  s.local_bits = f.arg_bits;
  s.local_details = f.arg_details;
  s.generic = f.generic;
  AddGlobals(f.unit, &s);
  s.frameless = true;
  for (uint32_t bits : f.arg_bits) {
    s.args.push_back(bits == kIntBit ? tier2::Rep::kI64 : bits == kFloatBit ? tier2::Rep::kF64 : tier2::Rep::kBoxed);
  }
  s.expected_breaker = f.unit->expected_breaker();
  return s;
}

// Calls itself, in spite of inlining.
bool CallsTarget(const tier2::Graph& graph, const tier2::CallTarget* target) {
  for (const tier2::Block* b : graph.blocks()) {
    for (const tier2::Node* n : b->nodes) {
      if (n->Is(tier2::Opcode::kCallTyped) && reinterpret_cast<const tier2::Callee*>(n->imm)->target == target) return true;
    }
  }
  return false;
}

// The graph, with the result's kind in `target`: that of recursive calls is assumed and has to come out.
absl::StatusOr<std::unique_ptr<tier2::Graph>> LiftFrameless(const tier2::Snapshot& snapshot, tier2::CallTarget* target) {
  for (int attempt = 0; attempt < 3; attempt++) {
    absl::StatusOr<std::unique_ptr<tier2::Graph>> graph = tier2::Lift(snapshot, kMaxNodes);
    if (!graph.ok()) return graph.status();
    if ((*graph)->result == target->result || !CallsTarget(**graph, target)) {
      target->result = (*graph)->result;
      return graph;
    }
    target->result = (*graph)->result;
  }
  return absl::InternalError("no kind of result fits");
}

// Its graphs: the body, and the way into it from a frame.
absl::StatusOr<std::shared_ptr<Compilation>> Lift(Function* f) {
  tier2::CallTarget* target = f->targets.back().get();
  tier2::Snapshot snapshot = SnapshotOf(*f);
  target->args = snapshot.args;
  auto callees = std::make_unique<CalleeTable>(!f->sparing);
  const CalleeTable& asked = *callees;
  auto c = std::make_shared<Compilation>(f->decoded, std::move(callees), std::move(snapshot));
  absl::StatusOr<std::unique_ptr<tier2::Graph>> graph = LiftFrameless(c->snapshot(), target);
  f->early = asked.unknown() > 0;
  if (absl::Status s = asked.Await(&f->delays); !s.ok()) return s;
  if (!graph.ok()) return graph.status();
  if ((*graph)->calls == 0 && tier2::FindLoops(**graph).empty()) return absl::FailedPreconditionError("nothing to gain");
  std::string name = NameOf(f->unit->code());
  c->Add(*std::move(graph), OptionsFor(f->unit, *f, name, f->body, true));
  auto self = std::make_shared<const tier2::Callee>(tier2::Callee{nullptr, f->unit->code(), nullptr, nullptr, nullptr, target});
  c->Add(tier2::LiftEntry(*self, f->entry), OptionsFor(f->unit, *f, name + ":entry", f->way_in, false));
  c->Keep(self);
  c->Keep(f->targets.back());
  return c;
}

bool MaySpare(Function* f, const absl::Status& why, const Compilation* c) {
  if (!IsTooMuch(why) || f->sparing || (c != nullptr && !c->inlines())) return false;
  return f->sparing = true;
}

absl::StatusOr<std::shared_ptr<Compilation>> Prepare(Function* f) {
  int64_t start = NowNs();
  f->targets.push_back(std::make_shared<tier2::CallTarget>());
  f->lifting = true;
  auto lift = [=] { return OutOfMemoryAsStatus([=] { return Lift(f); }); };
  absl::StatusOr<std::shared_ptr<Compilation>> made = lift();
  if (MaySpare(f, made.status(), nullptr)) made = lift();
  f->lifting = false;
  f->lift_ns = NowNs() - start;
  f->compile_ns += f->lift_ns;
  NotePause(f->lift_ns);
  return made;
}

void ProfileAnew(Function* f, int64_t turns) {
  f->phase = Function::Phase::kProfiled;
  f->turns_left = turns;
  f->unit->GiveEntries(1);
}

void StayInTier1(Function* f, const absl::Status& why) {
  f->phase = Function::Phase::kKnown;
  f->unit->SetOptimised(nullptr);
  f->unit->GiveEntries(kNever);
  f->why_not = PromotionReason(why);
  NoteTier2Refusal(f->why_not);
  Log("promote", absl::StrCat(f->name(), ": ", f->why_not));
  if (!(absl::IsFailedPrecondition(why) || f->early) || f->compiles >= kMaxCompiles) {
    Settle(f->unit);
    return;
  }
  // Its calls had perhaps not returned when it was looked at.
  ProfileAnew(f, policy().profiled_turns);
  f->unit->GiveEntries(policy().tier2_threshold << (2 * f->compiles));
}

void WaitForCallees(Function* f) {
  f->compiles--;
  f->phase = Function::Phase::kProfiled;
  f->unit->GiveEntries(CalleeTable::Wait(policy().tier2_threshold));
}

// The compilation comes to nothing.
void Abandon(Function* f) {
  f->pending.Drop();
  f->targets.pop_back();
}

// The work is done.
void Finish(Function* f) {
  int64_t start = NowNs();
  std::shared_ptr<Compilation> c = f->pending.Take();
  ProfileAnew(f, policy().profiled_turns);  // should memory run out
  f->compile_ns += c->work_ns();
  NoteTier2Compilation(c->work_ns() + f->lift_ns);
  if (f->code == nullptr || !c->StillHolds()) {
    promotion_stats().stale++;
    return Abandon(f);
  }
  absl::Status status = f->body.Install(c->TakeResult(0), f->unit, f->name(), f);
  if (status.ok()) status = f->way_in.Install(c->TakeResult(1), f->unit, f->name() + ":entry", f);
  int64_t pause = NowNs() - start;
  NotePause(pause);
  if (!status.ok()) {
    Abandon(f);
    return MaySpare(f, status, c.get()) ? ProfileAnew(f, 1) : StayInTier1(f, status);
  }
  f->phase = Function::Phase::kOptimised;
  f->why_not.clear();
  // Callers of older code with the same signature come here, too.
  const tier2::CallTarget& target = *f->targets.back();
  for (auto& t : f->targets) {
    if (t->args == target.args && t->result == target.result) t->code = f->body.address();
  }
  f->unit->SetOptimised(reinterpret_cast<OptimisedEntry>(const_cast<uint8_t*>(f->way_in.address())));
  f->unit->GiveEntries(1);
  Log("promote", absl::StrCat(f->name(), ": unit ", f->number, ", ", f->body.size(), " bytes in ", c->work_ns() / 1000, " us, installed in ",
                              pause / 1000, " us"));
}

// Has it compiled, by the worker or at once.
void Optimise(Function* f) {
  if (f->compiles >= kMaxCompiles) return StayInTier1(f, absl::ResourceExhaustedError("TJ-305: what it goes by keeps changing"));
  if (!SettleCallees(f->unit)) return f->unit->GiveEntries(f->pending.TurnsToWait());
  f->phase = Function::Phase::kKnown;
  f->compiles++;
  f->outdated = false;
  absl::StatusOr<std::shared_ptr<Compilation>> made = Prepare(f);
  if (!made.ok()) {
    Abandon(f);
    if (absl::IsUnavailable(made.status())) return WaitForCallees(f);
    NoteTier2Compilation(f->lift_ns);
    return StayInTier1(f, made.status());
  }
  switch (f->pending.Begin(*std::move(made))) {
    case PendingCompilation::Begun::kDone: return Finish(f);
    case PendingCompilation::Begun::kUnderWay: f->phase = Function::Phase::kCompiling; break;
    case PendingCompilation::Begun::kLater:
      f->compiles--;
      Abandon(f);
      f->phase = Function::Phase::kProfiled;
      break;
  }
  f->unit->GiveEntries(f->pending.TurnsToWait());
}

// It is being compiled. False: still.
bool Poll(Function* f) {
  switch (f->pending.Look()) {
    case CompileQueue::Progress::kUnderWay: return false;
    case CompileQueue::Progress::kDone: Finish(f); return true;
    case CompileQueue::Progress::kLost: break;
  }
  promotion_stats().lost++;
  f->compiles--;
  Abandon(f);
  ProfileAnew(f, policy().profiled_turns);
  return true;
}

// What failed in optimised code is left to handlers from now on, or, where it was never seen to run, done with what has been seen since.
// False: no other way is known.
bool ReviseFunction(Function* f, const ExitDescriptor& exit) {
  uint32_t seen = f->unit->feedback()->at(exit.origin).bits;
  Log("promote", absl::StrCat(f->name(), ": leaves too often at @", exit.origin, " for @", exit.resume, ", seen ", absl::Hex(seen)));
  if (exit.kind != ExitKind::kDeath && exit.origin == f->entry) return true;  // by other arguments, which are known now
  return f->Revise(exit, seen);
}

// The next entries tell what has changed.
void Outdate(Function* f) {
  f->outdated = true;
  f->unit->SetOptimised(nullptr);
  ProfileAnew(f, std::min<int64_t>(kTurnsBeforeRevision, policy().profiled_turns));
}

void Function::OnManyExits(ExitDescriptor* exit) {
  if (outdated || lifting || phase == Phase::kCompiling || code == nullptr || unit->RefreshGlobals()) return;
  if (exit->frames.size() > 1 ? ReviseInlined(exit) : ReviseFunction(this, *exit)) Outdate(this);
}

bool Watch(Function* f, const tier1::HotLoop& hot) {
  if (!tier2::MayGoWithoutFrame(f->code)) return false;
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(f->code);
  if (!decoded.ok() || hot.unit->ProfiledAddress(hot.target) == nullptr) return false;
  f->decoded = std::make_shared<const DecodedCode>(*std::move(decoded));
  f->arg_bits.assign(static_cast<size_t>(f->code->co_argcount), 0);
  f->arg_details.assign(f->arg_bits.size(), 0);
  f->entry = hot.target;
  f->turns_left = policy().profiled_turns;
  f->phase = Function::Phase::kProfiled;
  return true;
}

void ObserveArguments(Function* f, PyObject** lp) {
  for (size_t i = 0; i < f->arg_bits.size(); i++) {
    uint32_t detail = DetailOf(lp[i]);
    if (detail != 0) f->arg_details[i] = (f->arg_bits[i] & (kInstanceBit | kArrayBit)) == 0 ? detail : JoinDetails(f->arg_details[i], detail);
    f->arg_bits[i] |= BitsOf(lp[i]);
  }
}

}  // namespace

tier1::LoopOutcome OnHotFunction(const tier1::HotLoop& hot) {
  auto it = Functions().find(hot.unit);
  if (it == Functions().end()) {
    it = Functions().emplace(hot.unit, std::make_unique<Function>()).first;
    it->second->unit = hot.unit;
    it->second->code = hot.unit->code();
  }
  Function* f = it->second.get();
  hot.unit->GiveEntries(1);
  if (f->phase != Function::Phase::kOptimised && Manager::Get().paused()) return {nullptr, nullptr};
  if (f->phase == Function::Phase::kCold && !(f->wanted() && Watch(f, hot))) {
    hot.unit->GiveEntries(kNever);
    return {nullptr, nullptr};
  }
  switch (f->phase) {
    case Function::Phase::kCompiling:
      if (!Poll(f)) hot.unit->GiveEntries(f->pending.TurnsToWait());
      break;
    case Function::Phase::kProfiled:
      ObserveArguments(f, hot.lp);
      if (f->turns_left-- > 0) return {hot.unit->ProfiledAddress(hot.target), nullptr};
      Optimise(f);
      break;
    case Function::Phase::kKnown: hot.unit->GiveEntries(kNever); break;
    default: break;
  }
  return {nullptr, nullptr};
}

void DropFunctionCompilations() {
  for (const auto& [unit, f] : Functions()) {
    if (f->phase != Function::Phase::kCompiling) continue;
    f->compiles--;
    Abandon(f.get());
    ProfileAnew(f.get(), policy().profiled_turns);
  }
}

bool SettleCallees(tier1::Unit* unit) {
  bool settled = true;
  for (const tier1::GlobalUse& use : unit->globals()) {
    if (*use.cell == nullptr || !PyFunction_Check(*use.cell)) continue;
    Function* f = FindFor(reinterpret_cast<PyFunctionObject*>(*use.cell));
    if (f != nullptr && f->phase == Function::Phase::kCompiling && !Poll(f)) settled = false;
  }
  return settled;
}

void NoteFunctionDeath(tier1::Unit* unit) {
  if (Function* f = FunctionOf(unit)) f->code = nullptr;
}

void ForgetFunction(tier1::Unit* unit) {
  auto it = Functions().find(unit);
  if (it == Functions().end()) return;
  Function* f = it->second.get();
  f->code = nullptr;
  f->pending.Drop();
  f->decoded.reset();
  f->body = OptimisedCode();
  f->way_in = OptimisedCode();
  if (f->shared) f->next_dead = std::exchange(g_dead_functions, it->second.release());
  Functions().erase(it);
}

bool ReviseInlined(ExitDescriptor* exit) {
  CodeState* state = CodeStates::Get().Find(exit->frames.back().code);
  Function* f = state == nullptr || state->owned == nullptr ? nullptr : FunctionOf(state->owned.get());
  if (f == nullptr || !f->known()) return false;
  // Others have found out meanwhile.
  if (f->revised_at > static_cast<const ExitOwner*>(exit->owner)->installed_at) return true;
  if (!ReviseFunction(f, *exit)) return false;
  f->revised_at = NextMoment();
  // Its own code does the same there.
  if (f->phase == Function::Phase::kOptimised && !f->lifting && f->generic.contains(exit->origin)) Outdate(f);
  return true;
}

void ListFunction(const tier1::Unit* unit, std::vector<Tier2Unit>* units) {
  constexpr const char* kPhases[] = {"cold", "profiled", "known", "compiling", "optimised"};
  Function* f = FunctionOf(const_cast<tier1::Unit*>(unit));
  if (f == nullptr) return;
  units->push_back({"function", std::max(f->entry, 0), kPhases[static_cast<int>(f->phase)], f->why_not, f->compiles, f->compile_ns, 0, &f->body});
}

size_t FunctionCodeBytes() {
  size_t sum = 0;
  for (const auto& [unit, f] : Functions()) sum += f->body.size() + f->way_in.size();
  return sum;
}

absl::Status CalleeTable::Await(int* delays) const {
  if (unknown_ == 0 || (*delays)++ >= kMaxDelays) return absl::OkStatus();
  return absl::UnavailableError("functions that it calls are not known yet");
}

int64_t CalleeTable::Wait(int64_t threshold) { return std::max<int64_t>(1, threshold / kDelay); }

const tier2::Callee* CalleeTable::Found(PyObject* function) const {
  const tier2::Callee* found = nullptr;
  for (auto it = callees_.lower_bound({function, 0}); it != callees_.end() && it->first.first == function; ++it) {
    if (it->second.function != nullptr && (found == nullptr || found->body == nullptr)) found = &it->second;
  }
  return found;
}

const tier2::Callee* CalleeTable::Find(PyObject* function, uint32_t self_version) {
  Key key(function, self_version);
  auto [it, fresh] = callees_.try_emplace(key);
  tier2::Callee& callee = it->second;
  if (fresh) Look(key, &callee);
  return callee.function == nullptr ? nullptr : &callee;
}

void CalleeTable::Look(const Key& key, tier2::Callee* callee) {
  if (!PyFunction_Check(key.first)) return;
  PyFunctionObject* function = reinterpret_cast<PyFunctionObject*>(key.first);
  Function* f = FindFor(function);
  bool counted = f == nullptr || (f->phase == Function::Phase::kProfiled && !f->known());
  CodeState* state = CodeStates::Get().Find(reinterpret_cast<PyCodeObject*>(function->func_code));
  unknown_ += counted && state != nullptr && state->unit != nullptr && tier2::MayGoWithoutFrame(state->unit->code());
  if (f == nullptr || !(f->known() || f->lifting) || f->code == nullptr) return;
  *callee = {function, f->code, &f->code, f->unit->expected_breaker(), nullptr, f->lifting ? f->targets.back().get() : f->target()};
  f->shared |= !f->lifting;
  if (depth_ >= kMaxCalleeDepth || !may_inline_) return;
  bodies_.push_back(SnapshotOf(*f));
  tier2::Snapshot& body = bodies_.back();
  body.callees = this;
  if (key.second != 0 && !body.local_bits.empty()) {
    body.local_bits[0] = kInstanceBit;
    body.local_details[0] = key.second;
  }
  if (f->lifting) {
    callee->body = &body;
    return;
  }
  depth_++;
  absl::StatusOr<std::unique_ptr<tier2::Graph>> alone = tier2::Lift(body, kMaxInlinedNodes);
  depth_--;
  if (alone.ok() && !CallsTarget(**alone, callee->target)) callee->body = &body;
}

}  // namespace tierjit
