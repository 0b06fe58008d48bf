#include "tier1/compiler.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/bytecode/decoder.h"
#include "runtime/bytecode/families.h"
#include "runtime/cpython/opcode_info.h"
#include "runtime/cpython/suspension.h"
#include "runtime/deopt/reserve.h"
#include "runtime/helpers/call.h"
#include "runtime/cpython/enumerate_object.h"
#include "runtime/helpers/short_sequences.h"
#include "runtime/feedback/feedback.h"
#include "tier1/attr_lookup.h"
#include "tier1/call_path.h"
#include "tier1/free_lists.h"
#include "tier1/functions.h"
#include "tier1/global_cache.h"
#include "tier1/inline_cache.h"
#include "tier1/item_access.h"
#include "tier1/generator_blocks.h"
#include "tier1/instances.h"
#include "tier1/iterators.h"
#include "tier1/known_types.h"
#include "tier1/slow_path.h"
#include "tier1/special_methods.h"
#include "tier1/translator.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {

extern "C" {
alignas(64) Rt tj_rt;
}

namespace {

bool TryKeep(FreeList* list, PyObject* o) {
  if (list->count >= list->limit) return false;
  list->items[list->count++] = o;
  return true;
}

bool HasShortBlock(PyObject* o) { return reinterpret_cast<PyLongObject*>(o)->long_value.lv_tag < (3 << 3); }

bool KeepNumber(PyObject* o) {
  if (PyFloat_CheckExact(o)) return TryKeep(&tj_rt.floats, o);
  return PyLong_CheckExact(o) && HasShortBlock(o) && TryKeep(&tj_rt.ints, o);
}

// Nobody watches ints die while they may be kept.
bool FreeInt(PyObject* o) {
  if (tj_rt.ints.limit == 0) return false;
  if (!HasShortBlock(o) || !TryKeep(&tj_rt.ints, o)) PyObject_Free(o);
  return true;
}

bool IsGenerator(PyTypeObject* type) { return type == &PyGen_Type || type == &PyCoro_Type; }

// The numbers that die with a short tuple or list go to the free lists, where compiled code has taken them from.
void KeepNumbers(PyObject** items, Py_ssize_t size) {
  constexpr Py_ssize_t kShort = 16;
  if (size > kShort) return;
  for (Py_ssize_t i = 0; i < size; i++) {
    if (items[i] != nullptr && Py_REFCNT(items[i]) == 1 && KeepNumber(items[i])) items[i] = nullptr;
  }
}

// The items go in the interpreter's order. False: the rest is left to the interpreter.
bool DisposeOfSequence(PyObject* o) {
  constexpr int kMaxNesting = 20;  // deeper ones are left to the interpreter's trashcan
  static int nesting = 0;
  PyObject** items = PyList_CheckExact(o) ? reinterpret_cast<PyListObject*>(o)->ob_item : reinterpret_cast<PyTupleObject*>(o)->ob_item;
  if (nesting >= kMaxNesting || !WantsSequence(o)) {
    KeepNumbers(items, Py_SIZE(o));
    return false;
  }
  nesting++;
  if (_PyObject_GC_IS_TRACKED(o)) _PyObject_GC_UNTRACK(o);
  for (Py_ssize_t i = Py_SIZE(o) - 1; i >= 0; i--) {
    if (items[i] != nullptr) tj_decref(items[i]);
  }
  nesting--;
  KeepSequence(o);
  return true;
}

}  // namespace

namespace {

// Free lists have room unless deaths are traced.
void Deallocate(PyObject* o) { tj_rt.ints.limit != 0 ? Py_TYPE(o)->tp_dealloc(o) : _Py_Dealloc(o); }

// The ends of tj_dealloc() for what may be kept. They are calls of their own, so that all others need no stack frame.
[[gnu::noinline]] void EndInt(PyObject* o) {
  if (!FreeInt(o)) Deallocate(o);
}
[[gnu::noinline]] void EndSequence(PyObject* o) {
  if (!DisposeOfSequence(o)) Deallocate(o);
}
[[gnu::noinline]] void EndIterator(PyObject* o) {
  if (!KeepIterator(o)) Deallocate(o);
}
[[gnu::noinline]] void EndFunction(PyObject* o) {
  if (!KeepFunction(o)) Deallocate(o);
}
[[gnu::noinline]] void EndGenerator(PyObject* o) {
  if (!KeepGenerator(o)) Deallocate(o);
}
[[gnu::noinline]] void EndInstance(PyObject* o) {
  if (!KeepInstance(o)) Deallocate(o);
}

}  // namespace

extern "C" void tj_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == &PyUnicode_Type) return Deallocate(o);
  if ((type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0) return type->tp_dealloc == g_plain_dealloc ? EndInstance(o) : Deallocate(o);
  if ((type->tp_flags & Py_TPFLAGS_HAVE_GC) == 0) {
    if (type == &PyLong_Type) return EndInt(o);
    if (type == &PyFloat_Type && TryKeep(&tj_rt.floats, o)) return;
    return type == &PyRangeIter_Type ? EndIterator(o) : Deallocate(o);
  }
  if (type == &PyTuple_Type || type == &PyList_Type) return EndSequence(o);
  if (type == &PyListIter_Type || type == &PyTupleIter_Type) return EndIterator(o);
  if (type == &PyFunction_Type) return EndFunction(o);
  return IsGenerator(type) ? EndGenerator(o) : Deallocate(o);
}

namespace {

// Entries and turns of loops that nobody counts.
constexpr int64_t kUnlimited = INT64_MAX / 4;

LoopOutcome (*g_promotion)(const HotLoop& loop) = nullptr;
void (*g_forget)(Unit* unit) = nullptr;
int64_t g_first_edges = kUnlimited, g_first_entries = kUnlimited;

// Units alive, and what dead ones have run.
std::unordered_set<UnitImpl*>& LiveUnits() {
  static auto* units = new std::unordered_set<UnitImpl*>;
  return *units;
}
uint64_t g_dead_native_bytecodes = 0;

uint64_t NativeBytecodes(const UnitHeader* h) {
  return h->entries() * static_cast<uint64_t>(h->entry_weight) + h->back_edges() * static_cast<uint64_t>(h->loop_weight);
}

vectorcallfunc g_default_vectorcall = nullptr;
Unit* (*g_unit_of)(PyCodeObject* code) = nullptr;

int64_t NowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{1000000000} * t.tv_sec + t.tv_nsec;
}

constexpr int32_t kMaxKeptUnits = 4096;  // code units that the memory kept between compilations is good for

absl::StatusOr<Assembled> CompileInWorkspace(PyCodeObject* code, TranslationMode mode, int* bytecodes) {
  static Workspace& workspace = *new Workspace;
  // Long functions are rare: what they need is given back.
  if (workspace.decoded.unit_count() > kMaxKeptUnits) workspace = Workspace{};
  if (absl::Status decoded = DecodedCode::Decode(code, &workspace.decoded); !decoded.ok()) return decoded;
  if (mode.known != nullptr) {
    int known = Specialise(*mode.known, &workspace.decoded);
    if (known <= *mode.known_before) return absl::NotFoundError("nothing new is known");
    *mode.known_before = known;
  }
  Translator translator(code, workspace, mode);
  if (absl::Status translated = translator.Run(); !translated.ok()) return translated;
  *bytecodes = workspace.translation.bytecodes;
  return Assemble(code, workspace.translation);
}

absl::StatusOr<Assembled> CompileAs(PyCodeObject* code, TranslationMode mode, int* bytecodes) {
  return OutOfMemoryAsStatus([&] { return CompileInWorkspace(code, mode, bytecodes); });
}

// The builtin function of that name, NULL if somebody has put something else in its place.
PyObject* Builtin(const char* name) {
  PyObject* o = PyDict_GetItemString(PyEval_GetBuiltins(), name);
  if (o == nullptr || !PyCFunction_CheckExact(o)) return nullptr;
  PyCFunctionObject* f = reinterpret_cast<PyCFunctionObject*>(o);
  bool original = std::strcmp(f->m_ml->ml_name, name) == 0 && f->m_module != nullptr && PyUnicode_Check(f->m_module) &&
                  PyUnicode_CompareWithASCIIString(f->m_module, "builtins") == 0;
  return original ? o : nullptr;
}

void FillLatin1() {
  static PyObject* chars[256];
  for (int i = 0; i < 256; i++) chars[i] = PyUnicode_FromOrdinal(i);
  tj_rt.latin1_chars = chars;
}

}  // namespace

PyObject* InitName() {
  static PyObject* name = Interned("__init__");
  return name;
}
vectorcallfunc DefaultVectorcall() { return g_default_vectorcall; }

// Those of this interpreter.
static void FindCallables() {
  auto method = [](PyTypeObject* type, const char* name) { return PyDict_GetItemString(_PyType_GetDict(type), name); };
  tj_rt.isinstance = Builtin("isinstance");
  tj_rt.len = Builtin("len");
  tj_rt.next = Builtin("next");
  tj_rt.list_append = method(&PyList_Type, "append");
  tj_rt.generator_send = method(&PyGen_Type, "send");
  tj_rt.coroutine_send = method(&PyCoro_Type, "send");
}

void InitialiseTable() {
  Rt& r = tj_rt;
  r.running = &PyInterpreterState_Get()->ceval.gil->last_holder;
  r.long_type = &PyLong_Type;
  r.float_type = &PyFloat_Type;
  r.function_type = &PyFunction_Type;
  r.list_type = &PyList_Type;
  r.tuple_type = &PyTuple_Type;
  r.dict_type = &PyDict_Type;
  r.unicode_type = &PyUnicode_Type;
  r.bytes_type = &PyBytes_Type;
  r.range_iter_type = &PyRangeIter_Type;
  r.list_iter_type = &PyListIter_Type;
  r.tuple_iter_type = &PyTupleIter_Type;
  r.generator_type = &PyGen_Type;
  r.coroutine_type = &PyCoro_Type;
  r.cfunction_type = &PyCFunction_Type;
  r.method_descr_type = &PyMethodDescr_Type;
  r.method_type = &PyMethod_Type;
  r.type_type = &PyType_Type;
  r.range_type = &PyRange_Type;
  r.enumerate_type = EnumerateIsKnown() ? &PyEnum_Type : nullptr;
  r.small_int_zero = PyLong_FromLong(0);
  r.true_object = Py_True;
  r.false_object = Py_False;
  r.none_object = Py_None;
  r.not_implemented = Py_NotImplemented;
  r.calls_until_look = kCallsBetweenLooks;
  FindCallables();
  FillLatin1();
  InitialiseInstances();
  g_deallocate = &tj_dealloc;
  FollowTracer();
}

void ForgetInterpreter(bool alive) {
  ForgetAttributes(alive);
  ForgetSpecialMethods(alive);
  ForgetClasses();
  ForgetInheritedAccess();
  ForgetTypes(alive);
}

absl::Status Initialise(vectorcallfunc default_vectorcall, Unit* (*unit_of)(PyCodeObject* code)) {
  static bool done = false;
  g_default_vectorcall = default_vectorcall;
  SetInterpreterVectorcall(default_vectorcall);
  g_unit_of = unit_of;
  if (done) {
    ForgetInterpreter(false);
    FindCallables();
    ForgetDicts();  // of whose deaths the watcher was not told; the units that looked at them are gone
    return absl::OkStatus();
  }
  InitialiseTable();
  if (*tj_rt.running != PyThreadState_GetUnchecked()) return absl::UnavailableError("the lock's holder is not where it should be");
  (void)Stencils();
  absl::Status placed = PlaceThunks();
  Arena::Get().CodeRange(&tj_rt.code_low, &tj_rt.code_span);
  done = placed.ok();
  return placed;
}

UnitHeader* UnitOf(PyCodeObject* code) {
  Unit* unit = g_unit_of(code);
  return unit == nullptr ? nullptr : static_cast<UnitImpl*>(unit)->header();
}

absl::Status CanCompile(PyCodeObject* code) {
  if (!(code->co_flags & CO_OPTIMIZED)) {
    return absl::UnimplementedError("TJ-103: module and class bodies are entered through their loops only");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Unit>> Compile(PyCodeObject* code) {
  absl::Status can = CanCompile(code);
  int64_t start = NowNs();
  int bytecodes = 0;
  // A code object that cannot be entered by calls still gets a unit, for its loops.
  TranslationMode mode;
  mode.loop = !can.ok();
  if (mode.loop && (code->co_flags & CO_OPTIMIZED)) return can;
  absl::StatusOr<Assembled> assembled = CompileAs(code, mode, &bytecodes);
  if (!assembled.ok()) return assembled.status();
  CodeBlock block = assembled->block;
  auto unit = UnlessOutOfMemory(std::unique_ptr<Unit>(), [&]() -> std::unique_ptr<Unit> {
    return std::make_unique<UnitImpl>(code, *std::move(assembled), bytecodes, NowNs() - start);
  });
  if (unit != nullptr) return unit;
  Arena::Get().Free(block);
  return kNoMemory;
}

UnitImpl::UnitImpl(PyCodeObject* code, Assembled assembled, int bytecodes, int64_t compile_ns)
    : whole_(std::move(assembled)), first_{header()->native_entry, header()->resume_points}, bytecodes_(bytecodes), compile_ns_(compile_ns) {
  header()->owner = this;
  header()->GiveEdges(g_first_edges);
  header()->GiveEntries(g_first_entries);
  const char* name = PyUnicode_AsUTF8(code->co_qualname);
  if (name == nullptr) PyErr_Clear();
  NoteCodeForPerf(whole_.block.code, whole_.block.code_size, absl::StrCat("tierjit.t1:", name ? name : "?").c_str());
  LiveUnits().insert(this);
}

bool BindNames(UnitHeader* unit, PyObject* globals, PyObject* builtins) {
  if (unit->globals == nullptr) {
    unit->globals = globals;
    unit->builtins = builtins;
  }
  return unit->globals == globals && unit->builtins == builtins;
}

bool UnitImpl::Serves(PyFunctionObject* function) {
  return BindNames(header(), function->func_globals, function->func_builtins);
}

uint64_t UnitImpl::native_bytecodes() const {
  uint64_t n = NativeBytecodes(header());
  for (const Assembled& version : settled_) n += NativeBytecodes(version.header());
  for (const Loop* loop : loops_) n += NativeBytecodes(loop->code.header());
  return n;
}

void UnitImpl::AddVisitedSites(std::vector<std::pair<const Site*, PyCodeObject*>>* out) const {
  auto add = [&](const Assembled& a) {
    for (size_t i = 0; i < a.site_count; i++) {
      if (a.sites()[i].visits != 0) out->emplace_back(&a.sites()[i], code());
    }
  };
  add(whole_);
  for (const Assembled& version : settled_) add(version);
  for (const Loop* loop : loops_) add(loop->code);
}

UnitImpl::~UnitImpl() {
  g_dead_native_bytecodes += native_bytecodes();
  if (g_forget != nullptr) g_forget(this);
  LiveUnits().erase(this);
  for (const WatchedCell& cell : watched_cells) ForgetCell(cell);
  for (Loop* loop : loops_) {
    Arena::Get().Free(loop->code.block);
    delete loop;
  }
  if (profile_ != nullptr && profile_->code.block.code != nullptr) Arena::Get().Free(profile_->code.block);
  for (const Assembled& version : settled_) Arena::Get().Free(version.block);
  Arena::Get().Free(whole_.block);
}

void UnitImpl::RequireCheck() {
  tj_rt.local_events++;
  header()->expected_breaker = ~uintptr_t{0};
  if (profile_ != nullptr && profile_->code.block.code != nullptr) profile_->code.header()->expected_breaker = ~uintptr_t{0};
  for (const Assembled& version : settled_) version.header()->expected_breaker = ~uintptr_t{0};
  for (Loop* loop : loops_) loop->code.header()->expected_breaker = ~uintptr_t{0};
}

void UnitImpl::ForgetNames(const Assembled& version) {
  const auto* from = reinterpret_cast<const uint8_t*>(version.block.data);
  auto ours = [&](const WatchedCell& cell) {
    const auto* at = reinterpret_cast<const uint8_t*>(cell.global);
    return from <= at && at < from + version.block.data_size;
  };
  for (const WatchedCell& cell : watched_cells) {
    if (!ours(cell)) continue;
    cell.global->value = nullptr;
    ForgetCell(cell);
  }
  watched_cells.erase(std::remove_if(watched_cells.begin(), watched_cells.end(), ours), watched_cells.end());
  version.header()->globals = version.header()->builtins = nullptr;
}

const Assembled* UnitImpl::LoopVersion(int32_t loop_header, int depth) {
  for (Loop* loop : loops_) {
    if (loop->header == loop_header) return &loop->code;
  }
  if (loop_count() >= kMaxLoopVersions) return nullptr;
  loops_.reserve(kMaxLoopVersions);
  auto made = std::make_unique<Loop>();
  TranslationMode mode;
  mode.loop = true;
  mode.loop_header = loop_header;
  mode.loop_depth = depth;
  int bytecodes = 0;
  absl::StatusOr<Assembled> assembled = CompileAs(code(), mode, &bytecodes);
  if (!assembled.ok()) return nullptr;
  assembled->header()->owner = this;
  assembled->header()->GiveEdges(kUnlimited);
  assembled->header()->GiveEntries(kUnlimited);
  *made = {loop_header, *std::move(assembled)};
  loops_.push_back(made.release());
  return &loops_.back()->code;
}

void SetPromotion(LoopOutcome (*hook)(const HotLoop& loop), void (*forget)(Unit* unit), int64_t entries, int64_t edges) {
  g_promotion = hook;
  if (forget != nullptr) g_forget = forget;
  g_first_entries = hook == nullptr ? kUnlimited : entries;
  g_first_edges = hook == nullptr ? kUnlimited : edges;
}

namespace {

// Not before so many more.
LoopOutcome AskLater(const HotLoop& loop, int64_t count) {
  if (loop.entry) loop.unit->GiveEntries(count);
  else loop.unit->GiveEdges(count, loop.profiled);
  return {nullptr, nullptr};
}

}  // namespace

LoopOutcome AskForPromotion(const HotLoop& loop) {
  constexpr int64_t kWithoutMemory = 1000;
  if (g_promotion == nullptr) return AskLater(loop, kUnlimited);
  std::optional<LoopOutcome> outcome = UnlessOutOfMemory(std::optional<LoopOutcome>(), [&] { return std::optional(g_promotion(loop)); });
  return outcome.has_value() ? *outcome : AskLater(loop, kWithoutMemory);
}

void UnitImpl::MakeProfile() {
  profile_.reset(new Profile{Feedback(static_cast<int32_t>(Py_SIZE(code()))), {}});
  TranslationMode mode;
  mode.feedback = &profile_->feedback;
  int bytecodes = 0;
  if (Py_SIZE(code()) > kMaxProfiledUnits) return;
  absl::StatusOr<Assembled> assembled = CompileAs(code(), mode, &bytecodes);
  if (!assembled.ok()) return;
  profile_->code = *std::move(assembled);
  UnitHeader* h = profile_->code.header();
  AdoptHeader(h);
  h->profiled = true;
  h->GiveEdges(g_first_edges);
  h->GiveEntries(kUnlimited);
}

const void* UnitImpl::ProfiledAddress(int32_t unit) {
  if (profile_ == nullptr && !HasMemoryFor([=] { MakeProfile(); })) return nullptr;
  return profile_->code.block.code == nullptr ? nullptr : profile_->code.AddressOf(unit);
}

void UnitImpl::AdoptHeader(UnitHeader* other) {
  other->owner = this;
  other->globals = header()->globals;
  other->builtins = header()->builtins;
}

UnitImpl::WayIn UnitImpl::WayInto(const Assembled& version) const {
  if (&version == &whole_) return first_;
  return {version.header()->native_entry, version.header()->resume_points};
}

// Whoever enters or resumes goes by the unit's first header.
void UnitImpl::EnterBy(const WayIn& way) {
  header()->native_entry = way.native_entry;
  header()->resume_points = way.resume_points;
}

void UnitImpl::ProfileResumptions(bool on) {
  if (!Suspends(code()) || profile_ == nullptr || profile_->code.block.code == nullptr) return;
  EnterBy(WayInto(on ? profile_->code : current()));
}

// Frames that run in the former version stay there; suspended ones go on in the new one.
bool UnitImpl::Settle() {
  if (profile_ == nullptr || profile_->code.block.code == nullptr || settled_.size() >= kMaxSettled) return false;
  if (!CanCompile(code()).ok()) return false;
  settled_.reserve(kMaxSettled);  // so that what is compiled finds its place
  TranslationMode mode;
  mode.known = &profile_->feedback;
  mode.known_before = &profile_->known;
  int bytecodes = 0;
  absl::StatusOr<Assembled> assembled = CompileAs(code(), mode, &bytecodes);
  if (!assembled.ok()) return false;
  settled_.push_back(*std::move(assembled));
  UnitHeader *h = settled_.back().header(), *former = header();
  AdoptHeader(h);
  h->GiveEdges(former->edges_left);
  h->GiveEntries(former->entries_left);
  h->optimised = former->optimised;
  EnterBy(WayInto(settled_.back()));
  if (whole_.handlers != nullptr) whole_.handlers->ForgetAddresses();  // they are of the former version
  return true;
}

void UnitImpl::GiveEntries(int64_t count) {
  header()->GiveEntries(count);
  for (const Assembled& version : settled_) version.header()->GiveEntries(count);
}

void UnitImpl::SetOptimised(UnitExit (*optimised)(PyObject** lp, PyThreadState* ts)) {
  auto entry = reinterpret_cast<Departure (*)(PyObject** lp, PyThreadState* ts)>(optimised);  // of the same layout
  header()->optimised = entry;
  for (const Assembled& version : settled_) version.header()->optimised = entry;
}

void UnitImpl::ProfileHandlers(bool on) {
  profiles_handlers_ = on;
  if (whole_.handlers != nullptr) whole_.handlers->ForgetAddresses();  // they are of the other version
}

const void* UnitImpl::HandlerAddress(int32_t unit) {
  const void* profiled = profiles_handlers_ && profile_ != nullptr ? ProfiledAddress(unit) : nullptr;
  return profiled != nullptr ? profiled : current().AddressOf(unit);
}

void UnitImpl::GiveEdges(int64_t count, bool profiled) {
  if (!profiled) {
    header()->GiveEdges(count);
    for (const Assembled& version : settled_) version.header()->GiveEdges(count);
  } else if (profile_ != nullptr && profile_->code.block.code != nullptr) profile_->code.header()->GiveEdges(count);
}

std::vector<GlobalUse> UnitImpl::globals() const {
  std::vector<GlobalUse> uses;
  for (size_t i = 0; i < whole_.site_count; i++) {
    const Site& site = whole_.sites()[i];
    if (site.fill == FillGlobal && site.cell != nullptr) uses.push_back({site.instr, &static_cast<GlobalCell*>(site.cell)->value});
  }
  return uses;
}

bool UnitImpl::RefreshGlobals() {
  bool any = false;
  for (size_t i = 0; i < whole_.site_count; i++) {
    const Site& site = whole_.sites()[i];
    if (site.fill != FillGlobal || site.cell == nullptr || site.misses == 0 || site.misses >= kMaxFills) continue;
    if (static_cast<GlobalCell*>(site.cell)->value == nullptr) any |= RefillGlobal(site);
  }
  return any;
}

void UnitImpl::FillGlobals() {
  RefreshGlobals();
  if (profile_ == nullptr) return;
  for (size_t i = 0; i < whole_.site_count; i++) {
    const Site& site = whole_.sites()[i];
    bool never_run = site.fill == FillGlobal && site.cell != nullptr && site.misses == 0;
    if (never_run && static_cast<GlobalCell*>(site.cell)->value == nullptr && profile_->feedback.at(site.instr).bits != 0) RefillGlobal(site);
  }
}

std::vector<ModuleUse> UnitImpl::module_values() const {
  std::vector<ModuleUse> uses;
  for (size_t i = 0; i < whole_.site_count; i++) {
    const Site& site = whole_.sites()[i];
    if ((site.fill != FillAttr && site.fill != FillMethod) || site.cell == nullptr) continue;
    AttrCell* cell = &static_cast<PolyCell*>(site.cell)->first;
    if (cell->owner != nullptr && PyModule_CheckExact(cell->owner)) uses.push_back({site.instr, &cell->owner, &cell->value});
  }
  return uses;
}

SharedAddresses GetSharedAddresses() {
  return {&tj_rt.ints.count, &tj_rt.floats.count, tj_rt.ints.items, tj_rt.floats.items, kFreeListCapacity - 3, tj_rt.small_int_zero,
          tj_dealloc, ThunkAddress("exit"), ThunkAddress("finished"), tj_get_item, tj_store_in_dict, tj_contains, tj_new_instance,
          tj_find_attr, BinaryOfReals, RefillInts, RefillFloats};
}

extern "C" void tj_observe(Observation* observation, PyObject* o) { Observe(observation, o); }

UnitInfo UnitImpl::info() const {
  UnitInfo info{};
  info.hot_bytes = whole_.hot_bytes;
  auto add = [&](const Assembled& version) {
    info.code_bytes += version.block.code_size;
    info.data_bytes += version.block.data_size;
    info.entries += version.header()->entries();
    info.back_edges += version.header()->back_edges();
  };
  add(whole_);
  for (const Assembled& version : settled_) add(version);
  for (const Loop* loop : loops_) add(loop->code);
  std::vector<std::pair<const Site*, PyCodeObject*>> sites;
  AddVisitedSites(&sites);
  for (const auto& site : sites) info.slow_calls += site.first->visits;
  info.bytecodes = bytecodes_;
  info.compile_ns = compile_ns_;
  info.settled = static_cast<int>(settled_.size());
  return info;
}

// Not by absl::StrFormat(): its destructor takes memory, and ends the process where there is none.
std::string UnitImpl::Dump() const {
  constexpr size_t kNameColumn = 24;
  std::string out;
  const std::vector<Listed>& list = current().listing;
  int32_t last = -1;
  uint32_t offset = current().listed_from;
  for (const Listed& listed : list) {
    if (listed.instr != last) {
      absl::StrAppend(&out, absl::Dec(listed.instr * 2, absl::kSpacePad5), " ", OpcodeName(ReadInstruction(code(), listed.instr).opcode), "\n");
      last = listed.instr;
    }
    std::string name = kStencils[listed.stencil].name;
    name.resize(std::max<size_t>(name.size(), kNameColumn), ' ');
    absl::StrAppend(&out, "        ", name, " +", absl::Hex(offset, absl::kZeroPad5), " ", absl::Dec(listed.size, absl::kSpacePad4), " bytes\n");
    offset += listed.size;
  }
  return out;
}

Counters GetCounters() {
  Counters c{};
  c.native_bytecodes = g_dead_native_bytecodes;
  for (const UnitImpl* unit : LiveUnits()) c.native_bytecodes += unit->native_bytecodes();
  c.slow_calls = tj_rt.slow_calls;
  c.deopts = tj_rt.deopts;
  c.exceptions = tj_rt.exceptions;
  return c;
}

std::string SlowSites(int limit) {
  std::vector<std::pair<const Site*, PyCodeObject*>> all;
  for (const UnitImpl* unit : LiveUnits()) unit->AddVisitedSites(&all);
  std::sort(all.begin(), all.end(), [](const auto& x, const auto& y) { return x.first->visits > y.first->visits; });
  if (static_cast<int>(all.size()) > limit) all.resize(static_cast<size_t>(limit));
  std::string out;
  for (const auto& [site, code] : all) {
    const char* name = PyUnicode_AsUTF8(code->co_qualname);
    absl::StrAppend(&out, absl::Dec(site->visits, absl::kSpacePad10), " ", name == nullptr ? "?" : name, ":",
                    PyCode_Addr2Line(code, site->instr * 2), " ", OpcodeName(ReadInstruction(code, site->instr).opcode), " ", site->oparg, "\n");
  }
  return out;
}

void OnDictEvent(PyDict_WatchEvent event, PyObject* dict, PyObject* key, PyObject* new_value) {
  NoteDictChange(event, dict, key, new_value);
}

}  // namespace tierjit::tier1
