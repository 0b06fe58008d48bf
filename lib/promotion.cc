#include "lib/promotion.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "lib/code_state.h"
#include "lib/function_units.h"
#include "lib/optimised_code.h"
#include "lib/policy.h"
#include "lib/tier2_report.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/bytecode/loop_nest.h"
#include "tier2/lift/lifter.h"

namespace tierjit {
namespace {

constexpr int64_t kWatchedTurns = 1000;     // back-edges before a loop whose frame was held is looked at again
constexpr int kMaxCompiles = 5;             // of one loop
// A new version is worth its time when an exit of the old one was taken once for each of its instructions at least, and four times as
// often for each version that has failed before.
constexpr uint64_t kMinExitsBeforeRevision = 100;
constexpr int kPatience = 4;
// Entries are timed now and then. Who stays inside for less than kWorthwhileNs on average is better off in Tier 1.
constexpr uint64_t kEntriesPerSample = 16;
constexpr uint64_t kSamples = 64;
constexpr int64_t kWorthwhileNs = 500;
constexpr int kTurnsForOuter = 200;         // of an inner loop, before it is taken by itself
constexpr int kTurnsForWidest = 2000;       // the same when a loop around it has been seen to turn meanwhile
constexpr int kMaxLoops = 3;                // of one code object that Tier 2 takes over
constexpr int kMaxNodes = 20000;
constexpr int64_t kGivenUp = INT64_MAX / 4;

using OptimisedLoop = UnitExit (*)(PyObject** lp, PyThreadState* ts);

struct Loop final : ExitOwner {
  enum class Phase { kCold, kProfiled, kOptimised, kGivenUp };
  tier1::Unit* unit = nullptr;
  int32_t header = 0;
  Phase phase = Phase::kCold;
  int compiles = 0;
  bool outdated = false;
  uint64_t entries = 0;
  int64_t sampled_ns = 0;
  std::set<int32_t> generic;  // instructions whose speculation has failed
  std::set<int32_t> widened;  // and those that were not known to run
  int64_t compile_ns = 0;
  std::string why_not;        // of a loop that was given up
  OptimisedCode code;
  void OnManyExits(ExitDescriptor* exit) override;
  std::string name() const override { return absl::StrCat(NameOf(unit->code()), " @", header); }
};

// The loops of one code object that were hot.
struct CodeLoops {
  LoopNest nest;
  std::map<int32_t, std::unique_ptr<Loop>> loops;  // by header
  int waits = 0;                                   // for a loop around the one that is hot
  int32_t widest = -1;                             // header of the outermost loop that was seen meanwhile
};

absl::flat_hash_map<tier1::Unit*, std::unique_ptr<CodeLoops>>& Loops() {
  static auto* loops = new absl::flat_hash_map<tier1::Unit*, std::unique_ptr<CodeLoops>>;
  return *loops;
}
CodeLoops& LoopsOf(tier1::Unit* unit) {
  std::unique_ptr<CodeLoops>& code = Loops()[unit];
  if (code == nullptr) {
    code = std::make_unique<CodeLoops>();
    absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(unit->code());
    if (decoded.ok()) code->nest = LoopNest(*decoded);
  }
  return *code;
}

PromotionCounters g_counters{};

_PyInterpreterFrame* FrameOf(PyObject** lp) {
  return reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<char*>(lp) - offsetof(_PyInterpreterFrame, localsplus));
}

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
    if (s.local_bits.back() == kIntBit) s.local_values[i] = PyLong_AsLongLong(hot.lp[i]);
    if (hot.lp[i] != nullptr && PyCFunction_CheckExact(hot.lp[i])) s.local_functions[i] = hot.lp[i];
  }
  for (int i = 0; i < hot.depth; i++) s.stack_bits.push_back(BitsOf(hot.lp[locals + i]));
  s.generic = loop.generic;
  s.expected_breaker = hot.unit->expected_breaker();
  AddGlobals(hot.unit, &s);
  return s;
}

absl::Status Compile(const tier1::HotLoop& hot, Loop* loop) {
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(hot.unit->code());
  if (!decoded.ok()) return decoded.status();
  CalleeTable callees(hot.unit);
  tier2::Snapshot snapshot = TakeSnapshot(hot, *loop, *decoded);
  snapshot.callees = &callees.all();
  absl::StatusOr<std::unique_ptr<tier2::Graph>> graph = tier2::Lift(snapshot, kMaxNodes);
  if (!graph.ok()) return graph.status();
  absl::Status status = loop->code.Make(graph->get(), snapshot, hot.unit, loop->name(), loop);
  loop->exits_before_revision = std::max<uint64_t>(kMinExitsBeforeRevision, loop->code.mir_instructions());
  for (int i = 1; i < loop->compiles; i++) loop->exits_before_revision *= kPatience;
  return status;
}

void GiveUp(Loop* loop, const absl::Status& why) {
  loop->phase = Loop::Phase::kGivenUp;
  loop->why_not = std::string(why.message());
  NoteTier2Refusal(loop->why_not);
  Log("promote", absl::StrCat(loop->name(), ": ", std::string(why.message())));
}

bool Optimise(const tier1::HotLoop& hot, Loop* loop) {
  int64_t start = NowNs();
  loop->compiles++;
  loop->outdated = false;
  loop->entries = 0;
  loop->sampled_ns = 0;
  absl::Status status = Compile(hot, loop);
  loop->compile_ns += NowNs() - start;
  NoteTier2Compilation(NowNs() - start);
  if (!status.ok()) {
    GiveUp(loop, status);
    return false;
  }
  loop->phase = Loop::Phase::kOptimised;
  Log("promote", absl::StrCat(loop->name(), ": unit ", loop->number, ", ", loop->code.size(), " bytes in ",
                              (NowNs() - start) / 1000, " us"));
  return true;
}

// The speculation of the instruction at `exit->origin` fails too often: from now on it is done by its handler, or, where code was never
// seen to run, with what has been seen since.
void Loop::OnManyExits(ExitDescriptor* exit) {
  if (outdated || phase != Phase::kOptimised || unit->RefreshGlobals()) return;
  if (exit->frames.size() > 1) {
    outdated = ReviseInlined(exit);
    return;
  }
  uint32_t seen = unit->feedback()->at(exit->origin).bits;
  Log("promote", absl::StrCat(name(), ": leaves too often at @", exit->origin, " for @", exit->resume, ", seen ", absl::Hex(seen)));
  // Something else was seen since, or what is called has other code now.
  if (seen != 0 && exit->kind == ExitKind::kSpeculation && widened.insert(exit->origin).second) {
    outdated = true;
    return;
  }
  if (exit->kind == ExitKind::kSpeculation) {
    if (!generic.insert(exit->origin).second) return;  // no other way is known
  } else if (seen == 0 || !widened.insert(exit->origin).second) {
    return;
  }
  outdated = true;
}

bool LeavesSoon(const Loop& loop) {
  return !policy().tier2_every_loop && loop.entries >= kSamples * kEntriesPerSample && loop.sampled_ns < static_cast<int64_t>(loop.entries / kEntriesPerSample) * kWorthwhileNs;
}

tier1::LoopOutcome Run(const tier1::HotLoop& hot, Loop* loop) {
  hot.unit->GiveEdges(1, false);
  hot.unit->GiveEdges(1, true);
  g_counters.entries++;
  bool sampled = ++loop->entries % kEntriesPerSample == 0;
  int64_t start = sampled ? NowNs() : 0;
  UnitExit exit = reinterpret_cast<OptimisedLoop>(const_cast<uint8_t*>(loop->code.address()))(hot.lp, hot.ts);
  // Who finishes the function was worth it, however fast that was.
  if (sampled) loop->sampled_ns += exit.resume == nullptr ? kWorthwhileNs : NowNs() - start;
  return {exit.resume, exit.value};
}

int CompiledLoops(const CodeLoops& code) {
  int count = 0;
  for (const auto& [header, loop] : code.loops) count += loop != nullptr && loop->compiles > 0;
  return count;
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

tier1::LoopOutcome OnHotLoop(const tier1::HotLoop& hot) {
  CodeLoops& code = LoopsOf(hot.unit);
  auto& loops = code.loops;
  std::unique_ptr<Loop>& slot = loops[hot.target];
  if (slot == nullptr) {
    slot = std::make_unique<Loop>();
    slot->unit = hot.unit;
    slot->header = hot.target;
    if (CompiledLoops(code) >= kMaxLoops) GiveUp(slot.get(), absl::ResourceExhaustedError("other loops of the function were first"));
  }
  Loop* loop = slot.get();
  // Somebody holds the frame and may look at its locals, or change them, whenever he likes: they have to be in their slots.
  if (FrameOf(hot.lp)->frame_obj != nullptr) {
    hot.unit->GiveEdges(kWatchedTurns, hot.profiled);
    return {nullptr, nullptr};
  }
  switch (loop->phase) {
    case Loop::Phase::kCold:
      if (!loop->wanted()) {
        GiveUp(loop, absl::FailedPreconditionError("not among the units of the option tier2_units"));
        break;
      }
      // Its inner loops were watched, and so was it.
      if (hot.profiled && WasWatched(code, hot.target)) {
        loop->phase = Loop::Phase::kProfiled;
        hot.unit->GiveEdges(1, true);
        WaitsForOuter(&code, hot.target);
        return {nullptr, nullptr};
      }
      if (hot.unit->ProfiledAddress(hot.target) == nullptr) {
        GiveUp(loop, absl::ResourceExhaustedError("no profiled version"));
        break;
      }
      loop->phase = Loop::Phase::kProfiled;
      hot.unit->GiveEdges(policy().profiled_turns, true);
      return {hot.unit->ProfiledAddress(hot.target), nullptr};
    case Loop::Phase::kProfiled:
      if (!hot.profiled) {
        hot.unit->GiveEdges(policy().profiled_turns, true);
        return {hot.unit->ProfiledAddress(hot.target), nullptr};
      }
      if (WaitsForOuter(&code, hot.target)) {
        hot.unit->GiveEdges(1, true);
        return {nullptr, nullptr};
      }
      if (Optimise(hot, loop)) return Run(hot, loop);
      break;
    case Loop::Phase::kOptimised:
      if (loop->outdated && loop->compiles >= kMaxCompiles) {
        GiveUp(loop, absl::ResourceExhaustedError("its speculation keeps failing"));
        break;
      }
      if (LeavesSoon(*loop)) {
        GiveUp(loop, absl::ResourceExhaustedError("it is left soon after it is entered"));
        break;
      }
      if (loop->outdated && !Optimise(hot, loop)) break;
      return Run(hot, loop);
    case Loop::Phase::kGivenUp: break;
  }
  // Other loops of the code may still want to be asked about.
  bool any = false;
  for (const auto& [header, l] : loops) any = any || l->phase != Loop::Phase::kGivenUp;
  hot.unit->GiveEdges(any ? kWatchedTurns : kGivenUp, hot.profiled);
  return {hot.profiled ? hot.unit->TargetAddress(hot.target) : nullptr, nullptr};
}

tier1::LoopOutcome OnHot(const tier1::HotLoop& hot) { return hot.entry ? OnHotFunction(hot) : OnHotLoop(hot); }

}  // namespace

void StartPromotion() {
  if (!policy().tier2) return;
  SetExitResolver(OnExit);
  SetFrameRunner(tier1::GetFrameRunner());
  tier1::SetPromotion(OnHot, ForgetPromotions, policy().tier2_threshold, policy().osr_threshold);
}
void StopPromotion() { tier1::SetPromotion(nullptr, nullptr, 0, 0); }
void ForgetPromotions(tier1::Unit* unit) {
  Loops().erase(unit);
  ForgetFunction(unit);
}
PromotionCounters GetPromotionCounters() {
  PromotionCounters c = g_counters;
  c.exits = ExitsTaken();
  c.code_bytes = FunctionCodeBytes();
  for (const auto& [unit, code] : Loops()) {
    for (const auto& [header, loop] : code->loops) c.code_bytes += loop->code.size();
  }
  return c;
}

void ListLoops(const tier1::Unit* unit, std::vector<Tier2Unit>* units) {
  constexpr const char* kPhases[] = {"cold", "profiled", "optimised", "given up"};
  auto it = Loops().find(const_cast<tier1::Unit*>(unit));
  if (it == Loops().end()) return;
  for (const auto& [header, l] : it->second->loops) {
    units->push_back({"loop", header, kPhases[static_cast<int>(l->phase)], l->why_not, l->compiles, l->compile_ns, l->entries, &l->code});
  }
}

}  // namespace tierjit
