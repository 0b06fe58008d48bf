#include "lib/promotion.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/code_state.h"
#include "lib/compilation.h"
#include "lib/compile_queue.h"
#include "lib/function_units.h"
#include "lib/loop_turns.h"
#include "lib/manager.h"
#include "lib/optimised_code.h"
#include "lib/pending_compilation.h"
#include "lib/policy.h"
#include "lib/promotion_stats.h"
#include "runtime/base/out_of_memory.h"
#include "lib/tier2_report.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/bytecode/loop_nest.h"
#include "tier2/lift/lifter.h"

namespace tierjit {
namespace {

constexpr int64_t kWatchedTurns = 1000;     // back-edges before the other loops of the code are looked at again
constexpr int kMaxCompiles = 5;             // of one loop
// A new version is worth its time when an exit of the old one was taken once for each of its instructions at least, and four times as
// often for each version that has failed before.
constexpr uint64_t kMinExitsBeforeRevision = 100;
constexpr int kPatience = 4;
// Entries are looked at now and then. A loop that does less than kWorthwhile instructions of bytecode on average is better off in Tier 1.
constexpr uint64_t kEntriesPerSample = 16;
constexpr uint64_t kSamples = 64;
constexpr int64_t kWorthwhile = 150;
constexpr int64_t kCostOfExit = 300;        // in instructions: what leaving and coming back takes
constexpr int64_t kMostWork = 40 * kWorthwhile;  // that one entry counts for: the clock goes on while other processes run
constexpr uint64_t kShareOfEntries = 8;     // an exit that takes one of so many entries is why a loop is left soon
constexpr int64_t kNsOfInstruction = 1;     // in optimised code, where nobody counts turns: what is fast is worth more
constexpr int kTurnsForOuter = 200;         // of an inner loop, before it is taken by itself
constexpr int kMostWatches = 3;           // of all loops of one code object, without the optimising tier
constexpr int kQuestions = 64;            // of loops that are left before they have been watched for long
constexpr int kTurnsForWidest = 2000;       // the same when a loop around it has been seen to turn meanwhile
constexpr int kMaxLoops = 10;               // of one code object that Tier 2 takes over
constexpr int kMaxNodes = 6000;             // the program waits for them, 0.2 to 0.3 us a node
constexpr int64_t kGivenUp = INT64_MAX / 4;

using OptimisedLoop = UnitExit (*)(PyObject** lp, PyThreadState* ts);

struct Loop final : ExitOwner {
  enum class Phase { kCold, kProfiled, kWaiting, kCompiling, kOptimised, kGivenUp };
  tier1::Unit* unit = nullptr;
  int32_t header = 0;
  Phase phase = Phase::kCold;
  int compiles = 0, delays = 0;
  bool outdated = false;
  uint64_t entries = 0;
  int64_t turns_to_watch = 0;  // in the profiled version
  int64_t sampled_work = 0;   // instructions, as far as known
  int64_t body = 0;           // instructions of one turn of a `for` loop that has no other in it; 0: any other loop
  bool any_ints = false;      // at the way in: those of other entries were not within the ranges that were expected
  bool any_locals = false;    // at the way in: those of other entries held more
  OptimisedCode code;
  bool sparing = false;       // with all that could be inlined it took too long
  PendingCompilation pending;
  int64_t compile_ns = 0, lift_ns = 0;
  std::string why_not;        // of a loop that was given up
  void OnManyExits(ExitDescriptor* exit) override;
  std::string name() const override { return absl::StrCat(NameOf(unit->code()), " @", header); }
};

// The loops of one code object that were hot.
struct CodeLoops {
  LoopNest nest;
  std::vector<int32_t> yields;                     // code units where it is left and comes back
  std::map<int32_t, std::unique_ptr<Loop>> loops;  // by header
  int waits = 0;                                   // for a loop around the one that is hot
  int32_t widest = -1;                             // header of the outermost loop that was seen meanwhile
  size_t settled_for = 0;                          // loops that had been hot when what stays in Tier 1 was settled
  int settled = 0;                                 // Tier 1 alone: how often it has been watched to the end
  int watched = 0;                                 // Tier 1 alone: how often the profiled version was asked for, or has asked
  int turns_inside = 0;                            // in Tier 1, of loops in one that has code, since that was left
};

// Not of abseil's tables: an insertion that gets no memory leaves those broken.
std::unordered_map<tier1::Unit*, std::unique_ptr<CodeLoops>>& Loops() {
  static auto* loops = new std::unordered_map<tier1::Unit*, std::unique_ptr<CodeLoops>>;
  return *loops;
}

std::unique_ptr<CodeLoops> MakeCodeLoops(tier1::Unit* unit) {
  auto code = std::make_unique<CodeLoops>();
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(unit->code());
  if (!decoded.ok()) return code;
  code->nest = LoopNest(*decoded);
  for (const Instruction& in : decoded->instructions()) {
    if (in.opcode == YIELD_VALUE) code->yields.push_back(in.offset);
  }
  return code;
}

CodeLoops& LoopsOf(tier1::Unit* unit) {
  auto it = Loops().find(unit);
  if (it == Loops().end()) it = Loops().emplace(unit, MakeCodeLoops(unit)).first;
  return *it->second;
}

uint64_t g_entries = 0;
uint64_t g_deaths = 0;  // of units

tier2::Snapshot TakeSnapshot(const tier1::HotLoop& hot, const Loop& loop, const DecodedCode& decoded) {
  tier2::Snapshot s;
  s.code = hot.unit->code();
  s.decoded = &decoded;
  s.feedback = hot.unit->feedback();
  s.entry = hot.target;
  const LoopNest& nest = LoopsOf(hot.unit).nest;
  if (nest.IsInner(hot.target)) s.extent = *nest.Find(hot.target);
  int locals = s.code->co_nlocalsplus;
  for (int i = 0; i < locals; i++) {
    s.local_bits.push_back(BitsOf(hot.lp[i]));
    s.local_details.push_back(DetailOf(hot.lp[i]));
    if (s.local_bits.back() == kIntBit && !loop.any_ints) s.local_values[i] = PyLong_AsLongLong(hot.lp[i]);
    if (hot.lp[i] != nullptr && PyCFunction_CheckExact(hot.lp[i])) s.local_functions[i] = hot.lp[i];
  }
  for (int i = 0; i < hot.depth; i++) s.stack_bits.push_back(BitsOf(hot.lp[locals + i]));
  s.generic = loop.generic;
  s.any_locals = loop.any_locals;
  s.expected_breaker = hot.unit->expected_breaker();
  AddGlobals(hot.unit, &s);
  return s;
}

// Instructions of one turn, if that can be counted: see Loop::body.
int64_t BodyOf(const DecodedCode& code, const LoopNest& nest, int32_t header) {
  const LoopNest::Extent* extent = nest.Find(header);
  size_t first = static_cast<size_t>(code.IndexAt(header));
  if (extent == nullptr || code.instructions()[first].opcode != FOR_ITER) return 0;
  int64_t count = 0;
  for (size_t i = first; i < code.instructions().size() && extent->Contains(code.instructions()[i].offset); i++) {
    if (i != first && nest.Find(code.instructions()[i].offset) != nullptr) return 0;
    count++;
  }
  return count;
}

absl::StatusOr<std::shared_ptr<Compilation>> Prepare(const tier1::HotLoop& hot, Loop* loop) {
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(hot.unit->code());
  if (!decoded.ok()) return decoded.status();
  auto kept = std::make_shared<const DecodedCode>(*std::move(decoded));
  loop->body = BodyOf(*kept, LoopsOf(hot.unit).nest, hot.target);
  auto callees = std::make_unique<CalleeTable>(!loop->sparing);
  const CalleeTable& asked = *callees;
  auto c = std::make_shared<Compilation>(kept, std::move(callees), TakeSnapshot(hot, *loop, *kept));
  absl::StatusOr<std::unique_ptr<tier2::Graph>> graph = tier2::Lift(c->snapshot(), kMaxNodes);
  if (!graph.ok()) return graph.status();
  if (absl::Status s = asked.Await(&loop->delays); !s.ok()) return s;
  c->Add(*std::move(graph), OptionsFor(hot.unit, *loop, loop->name(), loop->code, false));
  return c;
}

// What takes too long is tried once more without inlining.
bool MaySpare(Loop* loop, const absl::Status& why, const Compilation* c) {
  if (!IsTooMuch(why) || loop->sparing || (c != nullptr && !c->inlines())) return false;
  return loop->sparing = true;
}

void GiveUp(Loop* loop, const absl::Status& why) {
  loop->phase = Loop::Phase::kGivenUp;
  loop->why_not = PromotionReason(why);
  NoteTier2Refusal(loop->why_not);
  Log("promote", absl::StrCat(loop->name(), ": ", loop->why_not));
}

// The work is done: its code becomes the loop's, unless the world has changed. True: it can be entered.
bool Finish(Loop* loop) {
  int64_t start = NowNs();
  std::shared_ptr<Compilation> c = loop->pending.Take();
  loop->phase = Loop::Phase::kCold;  // should memory run out
  loop->compile_ns += c->work_ns();
  NoteTier2Compilation(c->work_ns() + loop->lift_ns);
  if (!c->StillHolds()) {
    promotion_stats().stale++;
    return false;
  }
  absl::Status status = loop->code.Install(c->TakeResult(0), loop->unit, NameOf(loop->unit->code()), loop);
  loop->exits_before_revision = std::max<uint64_t>(kMinExitsBeforeRevision, loop->code.mir_instructions());
  for (int i = 1; i < loop->compiles; i++) loop->exits_before_revision *= kPatience;
  int64_t pause = NowNs() - start;
  NotePause(pause);
  if (MaySpare(loop, status, c.get())) return false;
  if (!status.ok()) {
    GiveUp(loop, status);
    return false;
  }
  loop->phase = Loop::Phase::kOptimised;
  Log("promote", absl::StrCat(loop->name(), ": unit ", loop->number, ", ", loop->code.size(), " bytes in ", c->work_ns() / 1000,
                              " us, installed in ", pause / 1000, " us"));
  return true;
}

// Has the loop compiled, by the worker or at once. True: the code can be entered.
bool Optimise(const tier1::HotLoop& hot, Loop* loop) {
  int64_t start = NowNs();
  hot.unit->ProfileResumptions(false);
  if (loop->compiles >= kMaxCompiles) {
    GiveUp(loop, absl::ResourceExhaustedError("TJ-305: what it goes by keeps changing"));
    return false;
  }
  // The functions that it calls are more use to it when their code is there.
  if (!SettleCallees(hot.unit)) {
    loop->phase = Loop::Phase::kWaiting;
    return false;
  }
  auto prepare = [&] { return OutOfMemoryAsStatus([&] { return Prepare(hot, loop); }); };
  absl::StatusOr<std::shared_ptr<Compilation>> made = prepare();
  if (MaySpare(loop, made.status(), nullptr)) made = prepare();
  loop->lift_ns = NowNs() - start;
  loop->compile_ns += loop->lift_ns;
  NotePause(loop->lift_ns);
  if (absl::IsUnavailable(made.status())) {
    loop->phase = Loop::Phase::kProfiled;
    return false;
  }
  if (!made.ok()) {
    GiveUp(loop, made.status());
    return false;
  }
  PendingCompilation::Begun begun = loop->pending.Begin(*std::move(made));
  loop->phase = begun == PendingCompilation::Begun::kLater ? Loop::Phase::kWaiting : Loop::Phase::kCompiling;
  if (begun == PendingCompilation::Begun::kLater) return false;
  loop->compiles++;
  loop->entries = 0;
  loop->sampled_work = 0;
  loop->outdated = false;
  return begun == PendingCompilation::Begun::kDone && Finish(loop);
}

// The speculation of the instruction at `exit->origin` fails too often: from now on it is done by its handler, or, where code was never
// seen to run, with what has been seen since.
void Loop::OnManyExits(ExitDescriptor* exit) {
  if (outdated || phase != Phase::kOptimised || unit->RefreshGlobals()) return;
  if (exit->frames.size() > 1) {
    outdated = ReviseInlined(exit);
    return;
  }
  if (exit->origin < 0) {
    if (!std::exchange(exit->origin == tier2::kOtherInts ? any_ints : any_locals, true)) outdated = true;
    return;
  }
  uint32_t seen = unit->feedback()->at(exit->origin).bits;
  outdated = Revise(*exit, seen);
  if (!outdated) return;
  Log("promote", absl::StrCat(name(), ": leaves too often at @", exit->origin, " for @", exit->resume, ", seen ", absl::Hex(seen)));
}

bool LeavesSoon(const Loop& loop) {
  auto samples = static_cast<int64_t>(loop.entries / kEntriesPerSample);
  return !policy().tier2_every_loop && loop.entries >= kSamples * kEntriesPerSample && loop.sampled_work < samples * kWorthwhile;
}

// The exits by which it is left soon count as taken too often. True: another version may do better.
bool ReviseShort(Loop* loop) {
  for (const auto& exit : loop->code.versions().back().exits) {
    if (exit->kind != ExitKind::kInterruption && exit->count >= loop->entries / kShareOfEntries) loop->OnManyExits(exit.get());
  }
  return loop->outdated;
}

PyObject* IteratorOf(const tier1::HotLoop& hot) { return hot.lp[hot.unit->code()->co_nlocalsplus + hot.depth - 1]; }

// Whether the last exit left the frame inside of the loop, with its iterator where it was.
bool IsInside(const Loop& loop, const LoopNest& nest) {
  const ExitDescriptor* exit = LastExit();
  if (exit == nullptr || exit->owner != static_cast<const ExitOwner*>(&loop)) return false;
  return nest.Find(loop.header)->Contains(exit->frames.empty() ? exit->resume : exit->frames[0].instruction);
}

UnitExit Enter(const tier1::HotLoop& hot, Loop* loop) {
  return reinterpret_cast<OptimisedLoop>(const_cast<uint8_t*>(loop->code.address()))(hot.lp, hot.ts);
}

// Enters, and reckons what the entry was good for: by turns where an iterator tells them; else by time, unless every run is to be the same.
UnitExit EnterAndReckon(const tier1::HotLoop& hot, Loop* loop) {
  std::optional<int64_t> turns = loop->body > 0 ? TurnsLeft(IteratorOf(hot)) : std::nullopt;
  bool timed = policy().background;
  int64_t start = timed ? NowNs() : 0, work = kWorthwhile;
  uint64_t deaths = g_deaths;
  ClearLastExit();
  UnitExit exit = Enter(hot, loop);
  if (g_deaths != deaths) return exit;  // the loop may be gone with its function
  if (exit.resume != nullptr && turns.has_value()) {
    if (IsInside(*loop, LoopsOf(hot.unit).nest)) *turns -= TurnsLeft(IteratorOf(hot)).value_or(0);
    work = *turns * loop->body;
  } else if (timed) {
    work = (NowNs() - start) / kNsOfInstruction;
  }
  if (exit.resume != nullptr) work -= kCostOfExit;
  loop->sampled_work += std::min(work, kMostWork);
  return exit;
}

tier1::LoopOutcome Run(const tier1::HotLoop& hot, Loop* loop) {
  hot.unit->GiveEdges(1, false);
  hot.unit->GiveEdges(1, true);
  g_entries++;
  UnitExit exit = ++loop->entries % kEntriesPerSample == 0 ? EnterAndReckon(hot, loop) : Enter(hot, loop);
  return {exit.resume, exit.value};
}

// Other loops than those inside of it that have been compiled.
int CompiledBefore(const CodeLoops& code, int32_t header) {
  return static_cast<int>(std::count_if(code.loops.begin(), code.loops.end(), [&](const auto& of) {
    return of.second->compiles > 0 && !code.nest.Encloses(header, of.first);
  }));
}

// It yields each turn, as likely as not: optimised code cannot be left for the consumer and come back to. Loops inside may be worth it, and it
// is watched like others for Tier 1 to know its types.
bool StaysForYields(const CodeLoops& code, int32_t header) {
  if (policy().tier2_every_loop) return false;
  const LoopNest::Extent* extent = code.nest.Find(header);
  return extent != nullptr && std::any_of(code.yields.begin(), code.yields.end(), [&](int32_t unit) { return extent->Contains(unit); });
}

bool WasWatched(const CodeLoops& code, int32_t header) {
  for (const auto& [inner, loop] : code.loops) {
    if (code.nest.Encloses(header, inner) && loop->phase != Loop::Phase::kCold) return true;
  }
  return false;
}

// Whether a loop around the one that is hot will soon come by its header, so that both can be one unit.
bool WaitsForOuter(CodeLoops* code, int32_t header) {
  if (code->widest < 0 || code->nest.Encloses(header, code->widest)) code->widest = header;
  if (!code->nest.IsInner(header)) return false;
  bool inside = code->nest.Encloses(code->widest, header);
  return code->waits++ < (inside ? kTurnsForWidest : kTurnsForOuter);
}

// Who comes into the profiled version by another way soon asks what it is there for.
tier1::LoopOutcome StayInTier1(const tier1::HotLoop& hot, int64_t turns) {
  hot.unit->GiveEdges(turns, false);
  hot.unit->GiveEdges(1, true);
  hot.unit->ProfileResumptions(false);
  return {hot.profiled ? hot.unit->TargetAddress(hot.target) : nullptr, nullptr};
}

// Makes the profiled version the first time.
bool HasProfile(const tier1::HotLoop& hot) {
  int64_t start = NowNs();
  bool there = hot.unit->ProfiledAddress(hot.target) != nullptr;
  NotePause(NowNs() - start);
  return there;
}

tier1::LoopOutcome GoOnProfiled(const tier1::HotLoop& hot, Loop* loop) {
  loop->phase = Loop::Phase::kProfiled;
  hot.unit->ProfileHandlers(true);
  hot.unit->ProfileResumptions(true);
  loop->pending.NoteGiven(loop->turns_to_watch);
  hot.unit->GiveEdges(loop->turns_to_watch, true);
  hot.unit->GiveEdges(1, false);
  return {hot.unit->ProfiledAddress(hot.target), nullptr};
}

tier1::LoopOutcome BeginProfile(const tier1::HotLoop& hot, Loop* loop) {
  loop->turns_to_watch = policy().profiled_turns;
  return GoOnProfiled(hot, loop);
}

// The profiled version was left before the loop had turned as often as that. Short loops are watched in several runs, for fewer and fewer
// turns. False: that was enough.
bool MayWatchAgain(Loop* loop) { return (loop->turns_to_watch /= 2) > 0; }

tier1::LoopOutcome AskAgain(const tier1::HotLoop& hot, Loop* loop) { return StayInTier1(hot, loop->pending.TurnsToWait()); }

// The loop is being compiled. True: its code can be entered now.
bool IsReady(Loop* loop) {
  switch (loop->pending.Look()) {
    case CompileQueue::Progress::kUnderWay: return false;
    case CompileQueue::Progress::kLost:
      promotion_stats().lost++;
      loop->compiles--;
      loop->pending.Drop();
      loop->phase = Loop::Phase::kCold;
      return false;
    case CompileQueue::Progress::kDone: break;
  }
  return Finish(loop);
}

// Behind an attempt to get the loop compiled that has brought no code yet.
tier1::LoopOutcome WithoutCode(const tier1::HotLoop& hot, Loop* loop) {
  switch (loop->phase) {
    case Loop::Phase::kCold: return BeginProfile(hot, loop);
    case Loop::Phase::kWaiting: case Loop::Phase::kCompiling: return AskAgain(hot, loop);
    case Loop::Phase::kProfiled: return StayInTier1(hot, CalleeTable::Wait(policy().osr_threshold));  // it was too early
    default: return StayInTier1(hot, kWatchedTurns);
  }
}

Loop* FindLoop(CodeLoops* code, const tier1::HotLoop& hot) {
  auto it = code->loops.find(hot.target);
  if (it == code->loops.end()) {
    it = code->loops.emplace(hot.target, std::make_unique<Loop>()).first;
    it->second->unit = hot.unit;
    it->second->header = hot.target;
    if (CompiledBefore(*code, hot.target) >= kMaxLoops) {
      GiveUp(it->second.get(), absl::ResourceExhaustedError(absl::StrCat("TJ-307: ", kMaxLoops, " other loops of the function came before")));
    }
  }
  return it->second.get();
}

// The loop that asked last: short ones ask often.
struct {
  tier1::Unit* unit;
  int32_t header;
  CodeLoops* code;
  Loop* loop;
} g_found{};

// The questions that a loop asks while it is compiled are answered to others of the unit as well, for which they come too early.
Loop* CompilingOther(const CodeLoops& code, const Loop* loop) {
  for (const auto& [header, other] : code.loops) {
    if (other.get() != loop && (other->phase == Loop::Phase::kCompiling || other->phase == Loop::Phase::kWaiting)) return other.get();
  }
  return nullptr;
}

// Whether something else of the unit is still being compiled. What is done is installed by whoever asks: its own header, which enters it,
// may come by at one back-edge in thousands.
bool WaitsForOther(const CodeLoops& code, const tier1::HotLoop& hot, const Loop* loop, tier1::LoopOutcome* outcome) {
  Loop* other = CompilingOther(code, loop);
  if (other == nullptr || (other->phase == Loop::Phase::kCompiling && IsReady(other))) return false;
  if (other->phase != Loop::Phase::kCompiling && other->phase != Loop::Phase::kWaiting) return false;
  *outcome = AskAgain(hot, other);
  return true;
}

// A loop around it has code, and will probably come by its header soon.
bool IsSoonOver(CodeLoops* code, int32_t header) {
  bool inside = std::any_of(code->loops.begin(), code->loops.end(), [&](const auto& of) {
    return of.second->phase == Loop::Phase::kOptimised && code->nest.Encloses(of.first, header);
  });
  return inside && code->turns_inside++ < kTurnsForOuter;
}

// Whether Tier 1 is to run what is not optimised yet for good.
bool NothingUnderWay(const CodeLoops& code) {
  return std::all_of(code.loops.begin(), code.loops.end(), [](const auto& of) {
    return of.second->phase == Loop::Phase::kGivenUp || of.second->phase == Loop::Phase::kOptimised;
  });
}

// Nothing new is begun in a pause.
bool MustWait(const Loop& loop) {
  if (!Manager::Get().paused()) return false;
  return loop.phase != Loop::Phase::kOptimised || loop.outdated;
}

tier1::LoopOutcome OnHotLoop(const tier1::HotLoop& hot) {
  if (g_found.unit != hot.unit || g_found.header != hot.target) {
    CodeLoops* found = &LoopsOf(hot.unit);
    // A jump back from a handler to what follows its `try`: the loop's own header will come by.
    if (found->nest.Find(hot.target) == nullptr) {
      hot.unit->GiveEdges(1, hot.profiled);
      return {nullptr, nullptr};
    }
    g_found = {hot.unit, hot.target, found, FindLoop(found, hot)};
  }
  CodeLoops& code = *g_found.code;
  Loop* loop = g_found.loop;
  if (MustWait(*loop)) return StayInTier1(hot, kWatchedTurns);
  switch (loop->phase) {
    case Loop::Phase::kCold:
      if (!loop->wanted()) {
        GiveUp(loop, absl::FailedPreconditionError("not among the units of the option tier2_units"));
        break;
      }
      if (tier1::LoopOutcome outcome; WaitsForOther(code, hot, loop, &outcome)) return outcome;
      if (IsSoonOver(&code, hot.target)) return StayInTier1(hot, 1);
      // Its inner loops were watched, and so was it.
      if (hot.profiled && WasWatched(code, hot.target)) {
        loop->phase = Loop::Phase::kProfiled;
        loop->turns_to_watch = policy().profiled_turns;
        hot.unit->GiveEdges(1, true);
        WaitsForOuter(&code, hot.target);
        return {nullptr, nullptr};
      }
      if (!HasProfile(hot)) {
        bool too_long = Py_SIZE(hot.unit->code()) > tier1::kMaxProfiledUnits;
        GiveUp(loop, absl::ResourceExhaustedError(too_long ? "no profiled version" : "TJ-304: no room for the version that notes types"));
        break;
      }
      return BeginProfile(hot, loop);
    case Loop::Phase::kProfiled:
      if (StaysForYields(code, hot.target)) {
        if (!hot.profiled && MayWatchAgain(loop)) return GoOnProfiled(hot, loop);
        GiveUp(loop, absl::FailedPreconditionError("it yields"));
        break;
      }
      if (tier1::LoopOutcome outcome; WaitsForOther(code, hot, loop, &outcome)) return outcome;
      if (IsSoonOver(&code, hot.target)) return StayInTier1(hot, 1);
      if (!hot.profiled && MayWatchAgain(loop)) return GoOnProfiled(hot, loop);
      if (hot.profiled && WaitsForOuter(&code, hot.target)) {
        hot.unit->GiveEdges(1, true);
        return {nullptr, nullptr};
      }
      [[fallthrough]];
    case Loop::Phase::kWaiting: return Optimise(hot, loop) ? Run(hot, loop) : WithoutCode(hot, loop);
    case Loop::Phase::kCompiling: return IsReady(loop) ? Run(hot, loop) : WithoutCode(hot, loop);
    case Loop::Phase::kOptimised:
      if (loop->outdated && loop->compiles >= kMaxCompiles) {
        GiveUp(loop, absl::ResourceExhaustedError("TJ-305: its speculation keeps failing"));
        break;
      }
      if (LeavesSoon(*loop) && !ReviseShort(loop)) {
        GiveUp(loop, absl::ResourceExhaustedError("TJ-306: it is left soon after it is entered"));
        break;
      }
      code.turns_inside = 0;
      return !loop->outdated || Optimise(hot, loop) ? Run(hot, loop) : WithoutCode(hot, loop);
    case Loop::Phase::kGivenUp: break;
  }
  // Other loops of the code may still want to be asked about.
  bool any = false;
  for (const auto& [header, l] : code.loops) any = any || l->phase != Loop::Phase::kGivenUp;
  if (!any) hot.unit->ProfileHandlers(false);
  if (code.settled_for != code.loops.size() && NothingUnderWay(code)) {
    code.settled_for = code.loops.size();
    Settle(hot.unit);
  }
  return StayInTier1(hot, any ? kWatchedTurns : kGivenUp);
}

// Tier 1 alone: what is hot is watched for a while, then compiled anew by what was seen.
tier1::LoopOutcome OnHotAlone(const tier1::HotLoop& hot) {
  if (hot.entry) {
    hot.unit->GiveEntries(kGivenUp);
    return {nullptr, nullptr};
  }
  CodeLoops& code = LoopsOf(hot.unit);
  int turns = static_cast<int>(std::min<int64_t>(policy().profiled_turns, kTurnsForWidest));
  if (code.settled >= kMostWatches) return StayInTier1(hot, kGivenUp);
  if (Manager::Get().paused()) return StayInTier1(hot, kWatchedTurns);
  bool enough = code.watched > kTurnsForWidest || (hot.profiled && code.watched > 0 && !code.nest.IsInner(hot.target));
  if (!enough && HasProfile(hot)) {
    code.watched += hot.profiled ? turns : 1 + kTurnsForWidest / kQuestions;
    hot.unit->ProfileHandlers(true);
    hot.unit->ProfileResumptions(true);
    hot.unit->GiveEdges(turns, true);
    hot.unit->GiveEdges(1, false);
    return {hot.profiled ? nullptr : hot.unit->ProfiledAddress(hot.target), nullptr};
  }
  hot.unit->ProfileHandlers(false);
  Settle(hot.unit);
  // Other loops of the code become hot later.
  code.watched = 0;
  return StayInTier1(hot, ++code.settled < kMostWatches ? policy().osr_threshold << (2 * code.settled) : kGivenUp);
}

tier1::LoopOutcome OnHot(const tier1::HotLoop& hot) { return hot.entry ? OnHotFunction(hot) : OnHotLoop(hot); }

}  // namespace

void StartPromotion() {
  if (!policy().tier2) return tier1::SetPromotion(OnHotAlone, ForgetPromotions, kGivenUp, policy().osr_threshold);
  SetExitResolver(OnExit);
  SetFrameRunner(tier1::GetFrameRunner());
  CompileQueue::Get().Prepare();
  tier1::SetPromotion(OnHot, ForgetPromotions, policy().tier2_threshold, policy().osr_threshold);
}

// What was being compiled is asked for anew when promotion goes on.
void StopPromotion() {
  tier1::SetPromotion(nullptr, nullptr, 0, 0);
  for (const auto& [unit, code] : Loops()) {
    for (const auto& [header, loop] : code->loops) {
      if (loop->phase != Loop::Phase::kCompiling) continue;
      loop->pending.Drop();
      loop->compiles--;
      loop->phase = Loop::Phase::kCold;
    }
  }
  DropFunctionCompilations();
  CompileQueue::Get().Stop();
}

void Settle(tier1::Unit* unit) {
  int64_t start = NowNs();
  if (unit->Settle()) NotePause(NowNs() - start);
}

void ForgetPromotions(tier1::Unit* unit) {
  g_deaths++;
  ClearLastExit();
  if (g_found.unit == unit) g_found = {};
  Loops().erase(unit);
  ForgetFunction(unit);
}
PromotionCounters GetPromotionCounters() {
  PromotionCounters c{};
  c.entries = g_entries;
  c.exits = ExitsTaken();
  c.code_bytes = FunctionCodeBytes();
  for (const auto& [unit, code] : Loops()) {
    for (const auto& [header, loop] : code->loops) c.code_bytes += loop->code.size();
  }
  return c;
}

void ListLoops(const tier1::Unit* unit, std::vector<Tier2Unit>* units) {
  constexpr const char* kPhases[] = {"cold", "profiled", "profiled", "compiling", "optimised", "given up"};
  auto it = Loops().find(const_cast<tier1::Unit*>(unit));
  if (it == Loops().end()) return;
  for (const auto& [header, l] : it->second->loops) {
    units->push_back({"loop", header, kPhases[static_cast<int>(l->phase)], l->why_not, l->compiles, l->compile_ns, l->entries, &l->code});
  }
}

}  // namespace tierjit
