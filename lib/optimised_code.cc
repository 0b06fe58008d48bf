#include "lib/optimised_code.h"

#include <time.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/code_state.h"
#include "lib/exit_points.h"
#include "lib/policy.h"
#include "lib/promotion_stats.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/deopt/reserve.h"
#include "tier2/lower/lower.h"
#include "tier2/passes/pipeline.h"

namespace tierjit {
namespace {

constexpr uint64_t kNoteworthyExits = 1024;  // of one exit, for the log
// An exit takes a microsecond, and a little of what follows is done in Tier 1: once in so many nanoseconds that is not worth another version.
constexpr int64_t kNsBetweenRareExits = 64'000;
constexpr size_t kMaxFramelessInstructions = 1500;  // more could need more of the C stack than is counted for an activation
// Exit points are further instructions, and may not decide what is compiled.
constexpr size_t kRoomForExitPoints = 4;

uint64_t g_exits = 0;
const ExitDescriptor* g_last_exit = nullptr;
int64_t g_owners = 0;

tier2::Environment MakeEnvironment(tier1::Unit* unit, const ExitOwner& owner, const std::string& name, size_t version) {
  tier1::SharedAddresses a = tier1::GetSharedAddresses();
  return {{a.int_count, a.int_items}, {a.float_count, a.float_items}, a.usable_span, a.small_int_zero,
          a.dealloc, a.raise, a.finished, a.get_item, a.store_in_dict, a.contains, a.new_instance, a.find_attribute, a.number_op,
          a.refill_ints, a.refill_floats, unit->expected_breaker(), ExitPointsOf(name, owner.number, version)};
}

tier2::Effort EffortFor(bool frameless) {
  int64_t ms = policy().max_compile_ms;
  tier2::Effort effort = {InstructionsIn(ms, kFullCost), InstructionsIn(ms, kQuickCost)};
  if (frameless) effort = {std::min(effort.full, kMaxFramelessInstructions), std::min(effort.quick, kMaxFramelessInstructions)};
  if (policy().fail_guards != 0) effort = {effort.full * kRoomForExitPoints, effort.quick * kRoomForExitPoints};
  return effort;
}

// Where the code of each frame goes on.
absl::Status ResolveFrames(ExitDescriptor* exit, tier1::Unit* unit) {
  exit->address = nullptr;
  for (ExitFrame& f : exit->frames) {
    CodeState* state = CodeStates::Get().Find(f.code);
    tier1::Unit* of = f.code == unit->code() ? unit : state == nullptr ? nullptr : state->owned.get();
    f.address = of == nullptr ? nullptr : of->ProfiledAddress(f.next);
    f.unit = of;
    exit->address = f.address;
    if (f.address == nullptr) break;
  }
  if (exit->frames.empty()) exit->address = unit->ProfiledAddress(exit->resume);
  if (exit->address == nullptr) return absl::InternalError(absl::StrCat("no profiled code for @", exit->resume));
  return absl::OkStatus();
}

}  // namespace

int64_t ExitOwner::NextNumber() { return g_owners++; }
bool ExitOwner::wanted() const { return policy().tier2_units.Contains(number); }

bool ExitOwner::Revise(const ExitDescriptor& exit, uint32_t seen) {
  bool death = exit.kind == ExitKind::kDeath, speculation = death || exit.kind == ExitKind::kSpeculation;
  return (seen != 0 && !death && widened.insert(exit.origin).second) || (speculation && generic.insert(exit.origin).second);
}

Compilation::Options OptionsFor(tier1::Unit* unit, const ExitOwner& owner, const std::string& name, const OptimisedCode& code, bool frameless) {
  return {MakeEnvironment(unit, owner, name, code.versions().size()), EffortFor(frameless), policy().tier2_every_loop};
}

// All uses of a name go by the first cell that knows its value, so that its value is the same one.
void AddGlobals(tier1::Unit* unit, tier2::Snapshot* snapshot) {
  unit->FillGlobals();
  std::map<int, PyObject**> cells;
  for (const tier1::GlobalUse& use : unit->globals()) {
    if (*use.cell == nullptr) continue;
    int at = snapshot->decoded->IndexAt(use.unit);
    int name = snapshot->decoded->instructions()[static_cast<size_t>(at)].oparg >> 1;
    PyObject** cell = cells.emplace(name, use.cell).first->second;
    snapshot->globals[use.unit] = {cell, *cell};
  }
  for (const tier1::ModuleUse& use : unit->module_values()) snapshot->module_values[use.unit] = {use.module, use.value, *use.module, *use.value};
  snapshot->find_attribute = [](PyTypeObject* type, PyObject* name, bool store) {
    tier1::AttributePlace place = tier1::FindAttribute(type, name, store);
    return tier2::Snapshot::Place{place.offset, place.values};
  };
  snapshot->find_class_attribute = [](PyTypeObject* type, PyObject* name) {
    tier1::ClassAttribute found = tier1::FindClassAttribute(type, name);
    return tier2::Snapshot::FromClass{found.value, found.values, found.keys, found.dict};
  };
  snapshot->find_operation = [](uint8_t opcode, int oparg, PyTypeObject* const* types) {
    tier1::OperationMethod found = tier1::FindOperationMethod(opcode, oparg, types);
    return tier2::Snapshot::OperationMethod{reinterpret_cast<PyObject*>(found.function), found.flags, found.reflected};
  };
  snapshot->find_getter = [](PyTypeObject* type, PyObject* name) { return reinterpret_cast<PyObject*>(tier1::FindGetter(type, name)); };
  snapshot->is_instance = tier1::IsInstanceOf;
  snapshot->find_of_class = [](PyTypeObject* type, PyObject* name) {
    tier1::OfClass found = tier1::FindOfClass(type, name);
    return tier2::Snapshot::OfClass{found.value, found.takes_class};
  };
  snapshot->find_construction = [](PyTypeObject* type) {
    tier1::Construction found = tier1::FindConstruction(type);
    return tier2::Snapshot::Construction{found.known, reinterpret_cast<PyObject*>(found.init)};
  };
}

int64_t NextMoment() {
  static int64_t moments = 0;
  return ++moments;
}

absl::Status OptimisedCode::Install(Compilation::Result made, tier1::Unit* unit, const std::string& name, ExitOwner* owner) {
  return OutOfMemoryAsStatus([&] { return InstallVersion(std::move(made), unit, name, owner); });
}

absl::Status OptimisedCode::InstallVersion(Compilation::Result made, tier1::Unit* unit, const std::string& name, ExitOwner* owner) {
  texts_ = std::move(made.texts);
  absl::StatusOr<tier2::Lowered>& lowered = made.lowered;
  if (lowered.ok()) texts_.AddMir(std::move(lowered->mir_text));
  texts_.WriteLog(name);
  if (!lowered.ok()) return lowered.status();
  for (auto& e : lowered->exits) {
    e->owner = owner;
    if (absl::Status s = ResolveFrames(e.get(), unit); !s.ok()) return s;
  }
  if (!FillReserve()) return absl::ResourceExhaustedError("TJ-304: no memory to put by for leaving its code");
  absl::StatusOr<mir::CodeHandle> code = lowered->image.Install(absl::StrCat("tierjit.t2:", name));
  if (!code.ok()) return absl::Status(code.status().code(), absl::StrCat("TJ-304: no room for its machine code: ", code.status().message()));
  std::vector<std::unique_ptr<RecordedCall>> recorded;
  for (tier2::Lowered::Recorded& r : lowered->recorded) {
    recorded.push_back(std::make_unique<RecordedCall>(code->address() + r.returns_to, r.action, r.exit, std::move(r.places)));
  }
  versions_.push_back({*std::move(code), std::move(lowered->exits), std::move(lowered->constants), std::move(recorded)});
  mir_instructions_ = lowered->mir_instructions;
  owner->installed_at = NextMoment();
  owner->installed_ns = NowNs();
  promotion_stats().installs++;
  promotion_stats().quick += lowered->quick;
  return absl::OkStatus();
}

namespace {

// By the clock, unless every run is to be the same.
bool IsRare(const ExitDescriptor& exit, const ExitOwner& owner) {
  return policy().background && NowNs() - owner.installed_ns > static_cast<int64_t>(exit.count) * kNsBetweenRareExits;
}

}  // namespace

const void* OnExit(PyThreadState*, _PyInterpreterFrame*, ExitDescriptor* exit) {
  g_exits++;
  g_last_exit = exit;
  ExitOwner* owner = static_cast<ExitOwner*>(exit->owner);
  if (exit->count >= kNoteworthyExits && (exit->count & (exit->count - 1)) == 0) {
    Log("promote", absl::StrCat(owner->name(), ": left ", exit->count, " times at @", exit->origin, " for @", exit->resume,
                                exit->kind == ExitKind::kInterruption ? " by interruptions" : ""));
  }
  bool often = exit->kind != ExitKind::kInterruption && exit->count % owner->exits_before_revision == 0;
  if (often && !IsRare(*exit, *owner)) owner->OnManyExits(exit);
  return exit->address;
}

uint64_t ExitsTaken() { return g_exits; }
const ExitDescriptor* LastExit() { return g_last_exit; }
void ClearLastExit() { g_last_exit = nullptr; }

int64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{1000000000} * t.tv_sec + t.tv_nsec;
}

}  // namespace tierjit
