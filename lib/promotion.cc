#include "lib/promotion.h"

#include <time.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "lib/policy.h"
#include "runtime/bytecode/decoder.h"
#include "tier2/ir/text.h"
#include "tier2/lift/lifter.h"
#include "tier2/lower/lower.h"
#include "tier2/passes/pipeline.h"

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
constexpr uint64_t kNoteworthyExits = 1024;  // of one exit, for the log
constexpr int kMaxLoops = 3;                // of one code object that Tier 2 takes over
constexpr int kMaxNodes = 20000;
constexpr size_t kMaxMirInstructions = 12000;
constexpr int kOptimizeLevel = 2;
constexpr int64_t kGivenUp = INT64_MAX / 4;

using OptimisedLoop = UnitExit (*)(PyObject** lp, PyThreadState* ts);

struct Loop {
  enum class Phase { kCold, kProfiled, kOptimised, kGivenUp };
  tier1::Unit* unit;
  int32_t header;
  Phase phase = Phase::kCold;
  int compiles = 0;
  bool outdated = false;
  uint64_t exits_before_revision = 0;
  uint64_t entries = 0;
  int64_t sampled_ns = 0;
  std::set<int32_t> generic;  // instructions whose speculation has failed
  std::set<int32_t> widened;  // and those that were not known to run
  mir::CodeHandle code;
  std::vector<std::unique_ptr<ExitDescriptor>> exits;
  std::deque<double> constants;
  // Code that may still run when it was replaced, and what it needs.
  struct Replaced {
    mir::CodeHandle code;
    std::vector<std::unique_ptr<ExitDescriptor>> exits;
    std::deque<double> constants;
  };
  std::vector<Replaced> replaced;
  std::string ir, passes, mir_text;
};

absl::flat_hash_map<tier1::Unit*, std::map<int32_t, std::unique_ptr<Loop>>>& Loops() {
  static auto* loops = new absl::flat_hash_map<tier1::Unit*, std::map<int32_t, std::unique_ptr<Loop>>>;
  return *loops;
}
PromotionCounters g_counters{};

int64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{1000000000} * t.tv_sec + t.tv_nsec;
}

_PyInterpreterFrame* FrameOf(PyObject** lp) {
  return reinterpret_cast<_PyInterpreterFrame*>(reinterpret_cast<char*>(lp) - offsetof(_PyInterpreterFrame, localsplus));
}

const char* NameOf(Loop* loop) { return PyUnicode_AsUTF8(loop->unit->code()->co_qualname); }

tier2::Snapshot TakeSnapshot(const tier1::HotLoop& hot, const Loop& loop, const DecodedCode& decoded) {
  tier2::Snapshot s;
  s.code = hot.unit->code();
  s.decoded = &decoded;
  s.feedback = hot.unit->feedback();
  s.entry = hot.target;
  int locals = s.code->co_nlocalsplus;
  for (int i = 0; i < locals; i++) s.local_bits.push_back(BitsOf(hot.lp[i]));
  for (int i = 0; i < hot.depth; i++) s.stack_bits.push_back(BitsOf(hot.lp[locals + i]));
  s.generic = loop.generic;
  for (const tier1::GlobalUse& use : hot.unit->globals()) s.globals[use.unit] = {use.cell, *use.cell};
  return s;
}

tier2::Environment MakeEnvironment(tier1::Unit* unit) {
  tier1::SharedAddresses a = tier1::GetSharedAddresses();
  return {{a.int_count, a.int_items}, {a.float_count, a.float_items}, a.usable_span, a.small_int_zero,
          a.dealloc, a.raise, unit->expected_breaker()};
}

std::string FeedbackText(const tier2::Snapshot& s) {
  std::string text = "--- feedback\n";
  for (size_t i = 0; i < s.local_bits.size(); i++) absl::StrAppend(&text, "local ", i, ": ", absl::Hex(s.local_bits[i]), "\n");
  for (int32_t i = 0; i < s.decoded->unit_count(); i++) {
    if (uint32_t bits = s.feedback->at(i).bits; bits != 0) absl::StrAppend(&text, "@", i, ": ", absl::Hex(bits), "\n");
  }
  return text;
}

absl::Status Compile(const tier1::HotLoop& hot, Loop* loop) {
  absl::StatusOr<DecodedCode> decoded = DecodedCode::Decode(hot.unit->code());
  if (!decoded.ok()) return decoded.status();
  tier2::Snapshot snapshot = TakeSnapshot(hot, *loop, *decoded);
  absl::StatusOr<std::unique_ptr<tier2::Graph>> graph = tier2::Lift(snapshot, kMaxNodes);
  if (!graph.ok()) return graph.status();
  bool keep = LogEnabled("tier2");
  loop->passes = keep ? absl::StrCat(FeedbackText(snapshot), "--- lift\n", tier2::Print(**graph)) : "";
  auto observer = [&](absl::string_view pass, const tier2::Graph& g) {
    if (keep) absl::StrAppend(&loop->passes, "--- ", pass, "\n", tier2::Print(g));
    if (!keep) return;
    if (absl::Status v = tier2::Verify(g); !v.ok()) absl::StrAppend(&loop->passes, "INVALID ", std::string(v.message()), "\n");
  };
  absl::StatusOr<tier2::Ownership> ownership = tier2::Optimise(graph->get(), policy().tier2_every_loop, observer);
  if (!ownership.ok()) {
    if (keep) Log("tier2", loop->passes);
    return ownership.status();
  }
  absl::StatusOr<tier2::Lowered> lowered =
      tier2::Lower(**graph, *ownership, snapshot, MakeEnvironment(hot.unit), kOptimizeLevel, kMaxMirInstructions, keep);
  if (!lowered.ok()) return lowered.status();
  for (const auto& e : lowered->exits) {
    if (hot.unit->ProfiledAddress(e->resume) == nullptr) return absl::InternalError(absl::StrCat("no profiled code for @", e->resume));
  }
  absl::StatusOr<mir::CodeHandle> code = lowered->image.Install(absl::StrCat("tierjit.t2:", PyUnicode_AsUTF8(hot.unit->code()->co_qualname)));
  if (!code.ok()) return code.status();
  if (loop->code.address() != nullptr) loop->replaced.push_back({std::move(loop->code), std::move(loop->exits), std::move(loop->constants)});
  loop->code = *std::move(code);
  loop->exits = std::move(lowered->exits);
  loop->constants = std::move(lowered->constants);
  loop->mir_text = std::move(lowered->mir_text);
  loop->exits_before_revision = std::max<uint64_t>(kMinExitsBeforeRevision, lowered->mir_instructions);
  for (int i = 1; i < loop->compiles; i++) loop->exits_before_revision *= kPatience;
  if (keep) Log("tier2", loop->passes + loop->mir_text);
  for (auto& e : loop->exits) {
    e->owner = loop;
    e->address = hot.unit->ProfiledAddress(e->resume);
  }
  return absl::OkStatus();
}

void GiveUp(Loop* loop, const absl::Status& why) {
  loop->phase = Loop::Phase::kGivenUp;
  g_counters.failures++;
  Log("promote", absl::StrCat(NameOf(loop), " @", loop->header, ": ", std::string(why.message())));
}

bool Optimise(const tier1::HotLoop& hot, Loop* loop) {
  int64_t start = NowNs();
  loop->compiles++;
  loop->outdated = false;
  absl::Status status = Compile(hot, loop);
  g_counters.compile_ns += NowNs() - start;
  g_counters.compiles++;
  if (!status.ok()) {
    GiveUp(loop, status);
    return false;
  }
  loop->phase = Loop::Phase::kOptimised;
  Log("promote", absl::StrCat(NameOf(loop), " @", loop->header, ": ", loop->code.size(), " bytes in ",
                              (NowNs() - start) / 1000, " us"));
  return true;
}

// The speculation of the instruction at `exit->origin` fails too often: from now on it is done by its handler, or, where code was never
// seen to run, with what has been seen since.
void Revise(ExitDescriptor* exit) {
  Loop* loop = static_cast<Loop*>(exit->owner);
  if (loop->outdated || loop->phase != Loop::Phase::kOptimised) return;
  uint32_t seen = loop->unit->feedback()->at(exit->origin).bits;
  Log("promote", absl::StrCat(NameOf(loop), " @", loop->header, ": leaves too often at @", exit->origin, " for @", exit->resume, ", seen ",
                              absl::Hex(seen)));
  if (exit->kind == ExitKind::kSpeculation) {
    if (!loop->generic.insert(exit->origin).second) return;  // no other way is known
  } else if (seen == 0 || !loop->widened.insert(exit->origin).second) {
    return;
  }
  loop->outdated = true;
}

const void* ResolveExit(PyThreadState* ts, _PyInterpreterFrame* frame, ExitDescriptor* exit) {
  g_counters.exits++;
  Loop* loop = static_cast<Loop*>(exit->owner);
  if (exit->count >= kNoteworthyExits && (exit->count & (exit->count - 1)) == 0) {
    Log("promote", absl::StrCat(NameOf(loop), " @", loop->header, ": left ", exit->count, " times at @", exit->origin, " for @", exit->resume,
                                exit->kind == ExitKind::kInterruption ? " by interruptions" : ""));
  }
  if (exit->kind != ExitKind::kInterruption && exit->count % loop->exits_before_revision == 0) Revise(exit);
  return exit->address;
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
  if (sampled) loop->sampled_ns += NowNs() - start;
  return {exit.resume, exit.value};
}

tier1::LoopOutcome OnHotLoop(const tier1::HotLoop& hot) {
  auto& loops = Loops()[hot.unit];
  std::unique_ptr<Loop>& slot = loops[hot.target];
  if (slot == nullptr) {
    slot = std::make_unique<Loop>();
    slot->unit = hot.unit;
    slot->header = hot.target;
    if (static_cast<int>(loops.size()) > kMaxLoops) slot->phase = Loop::Phase::kGivenUp;
  }
  Loop* loop = slot.get();
  // Somebody holds the frame and may look at its locals, or change them, whenever he likes: they have to be in their slots.
  if (FrameOf(hot.lp)->frame_obj != nullptr) {
    hot.unit->GiveEdges(kWatchedTurns, hot.profiled);
    return {nullptr, nullptr};
  }
  switch (loop->phase) {
    case Loop::Phase::kCold:
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

}  // namespace

void StartPromotion() {
  if (!policy().tier2) return;
  SetExitResolver(ResolveExit);
  tier1::SetPromotion(OnHotLoop, ForgetPromotions, policy().osr_threshold);
}
void StopPromotion() { tier1::SetPromotion(nullptr, nullptr, 0); }
void ForgetPromotions(tier1::Unit* unit) { Loops().erase(unit); }
PromotionCounters GetPromotionCounters() {
  PromotionCounters c = g_counters;
  for (const auto& [unit, loops] : Loops()) {
    for (const auto& [header, loop] : loops) c.code_bytes += loop->code.size();
  }
  return c;
}

std::string DumpPromotions(tier1::Unit* unit, const std::string& what) {
  std::string text;
  auto it = Loops().find(unit);
  if (it == Loops().end()) return text;
  for (const auto& [header, loop] : it->second) absl::StrAppend(&text, what == "mir" ? loop->mir_text : loop->passes);
  return text;
}

}  // namespace tierjit
