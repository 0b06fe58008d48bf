// Emissions -> machine code: one pass for sizes and addresses, one to copy and patch. Hot stencils in order, then cold chains.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tier1/inline_cache.h"
#include "tier1/unit.h"

namespace tierjit::tier1 {
namespace {

constexpr uint8_t kPrologue[] = {0x55, 0x48, 0x89, 0xE5};                 // push rbp; mov rbp, rsp
static_assert(sizeof kPrologue == kPrologueSize);
constexpr uint8_t kReturnCode[] = {0x4C, 0x89, 0xF0, 0x5D, 0xC3};         // mov rax, r14; pop rbp; ret
constexpr uint8_t kCallCode[] = {0x41, 0xFF, 0xD6};                       // call r14
constexpr size_t kJumpSize = 5;
constexpr uint8_t kCallOpcode = 0xE8;                                      // of call rel32, which is as long as a jump
constexpr size_t kThunkSize = 24;                                          // vectorcall entry: mov r8, unit; jmp tj_vectorcall_entry

std::vector<const void*>& Thunks() {
  static auto* thunks = new std::vector<const void*>;
  return *thunks;
}
uint8_t* g_rodata = nullptr;
const void* g_resume_thunk = nullptr;

size_t HotSize(const Stencil* s) {
  if (s->ending == Ending::kNext) return s->size - kJumpSize;
  if (s->ending == Ending::kCallee) return s->size - kJumpSize + sizeof kCallCode;
  return s->size;
}

// In the cold part a jump follows the call of a function; one of a thunk falls through.
size_t ColdSize(const Stencil* s) { return s->ending == Ending::kCallee ? s->size + sizeof kCallCode : s->size; }
// What follows a call of a thunk belongs to the same emission, so that the emission's other ways skip it.
size_t HotSize(const Emission& e) {
  size_t size = HotSize(e.stencil) + (e.entered ? sizeof kPrologue : 0);
  return e.stencil->ending == Ending::kCall ? size + HotSize(e.after_call) : size;
}
size_t LinkSize(const Emission& e, const Stencil* link) {
  return ColdSize(link) + (link->ending == Ending::kCall ? e.after_call->size : 0);
}

// Addresses that the holes of one copy of a stencil refer to.
struct Bindings {
  const Emission* emission;
  const uint8_t *next, *target, *cold, *dispose;
  const uint8_t *cell, *site, *unit;
};

// False when the displacement does not fit.
bool Patch(uint8_t* at, const Hole& hole, const Bindings& b) {
  const Emission& e = *b.emission;
  uint64_t value = 0;
  switch (hole.value) {
    case HoleValue::kA: value = e.a; break;
    case HoleValue::kB: value = e.b; break;
    case HoleValue::kC: value = e.c; break;
    case HoleValue::kD: value = e.d; break;
    case HoleValue::kP: value = e.p; break;
    case HoleValue::kQ: value = e.q; break;
    case HoleValue::kCell: value = reinterpret_cast<uint64_t>(b.cell); break;
    case HoleValue::kSite: value = reinterpret_cast<uint64_t>(b.site); break;
    case HoleValue::kUnit: value = reinterpret_cast<uint64_t>(b.unit); break;
    case HoleValue::kNext: value = reinterpret_cast<uint64_t>(b.next); break;
    case HoleValue::kTarget: value = reinterpret_cast<uint64_t>(b.target); break;
    case HoleValue::kCold: value = reinterpret_cast<uint64_t>(b.cold); break;
    case HoleValue::kDispose: value = reinterpret_cast<uint64_t>(b.dispose); break;
    case HoleValue::kThunk: value = reinterpret_cast<uint64_t>(Thunks()[hole.symbol]); break;
    case HoleValue::kExternal: value = reinterpret_cast<uint64_t>(Arena::Get().Reachable(kExternals[hole.symbol])); break;
    case HoleValue::kRodata: value = reinterpret_cast<uint64_t>(g_rodata + hole.symbol); break;
    case HoleValue::kReturn: return true;
  }
  value += static_cast<uint64_t>(static_cast<int64_t>(hole.addend));
  uint8_t* field = at + hole.offset;
  if (hole.kind == HoleKind::kAbs64) {
    std::memcpy(field, &value, 8);
    return true;
  }
  int64_t narrow = static_cast<int64_t>(value);
  if (hole.kind == HoleKind::kPcRel32) narrow -= reinterpret_cast<int64_t>(field);
  int32_t word = static_cast<int32_t>(narrow);
  std::memcpy(field, &word, 4);
  return word == narrow;
}

bool Copy(const Stencil* s, uint8_t* at, bool hot, const Bindings& b) {
  bool fits = true;
  size_t size = hot ? HotSize(s) : s->size;
  size_t holes = s->hole_count;
  bool drop_last = (hot && s->ending == Ending::kNext) || s->ending == Ending::kCallee;
  if (drop_last) holes--;
  std::memcpy(at, s->bytes, std::min<size_t>(size, s->size));
  if (s->ending == Ending::kCallee) {
    uint8_t* call = at + s->size - kJumpSize;
    std::memcpy(call, kCallCode, sizeof kCallCode);
    if (!hot) {
      call[sizeof kCallCode] = 0xE9;
      Hole back{static_cast<uint16_t>(call + sizeof kCallCode + 1 - at), HoleKind::kPcRel32, HoleValue::kNext, 0, -4};
      fits = Patch(at, back, b);
    }
  }
  if (s->ending == Ending::kCall) at[s->size - kJumpSize] = kCallOpcode;
  for (size_t i = 0; i < holes; i++) {
    const Hole& hole = s->holes[i];
    if (hole.value == HoleValue::kReturn) {
      std::memcpy(at + hole.offset - 1, kReturnCode, sizeof kReturnCode);
    } else if (!Patch(at, hole, b)) {
      fits = false;
    }
  }
  return fits;
}

class Assembler {
 public:
  Assembler(PyCodeObject* code, const Translation& t) : code_(code), t_(t) {}
  absl::StatusOr<Assembled> Run();

 private:
  void Measure();
  void MeasureCold(const Emission& e);
  void PlaceData();
  void PlaceSites();
  void FillHeader();
  void FillResumePoints();
  void EmitAll();
  void EmitOne(const Emission& e, size_t index);
  const uint8_t* BlockAddress(int32_t unit) const;
  uint8_t* At(size_t offset) const { return out_.block.code + offset; }
  Site* SiteAt(int index) const { return sites_ + index; }

  PyCodeObject* code_;
  const Translation& t_;
  Assembled out_;
  std::vector<uint32_t> hot_, cold_;
  size_t hot_size_ = 0, cold_size_ = 0, entry_ = 0;
  size_t cells_at_ = 0, sites_at_ = 0, pending_at_ = 0, resume_at_ = 0, data_size_ = 0;
  Site* sites_ = nullptr;
  size_t cold_cursor_ = 0;
  bool in_reach_ = true;
  std::vector<int32_t> block_emission_;  // by code unit
};

void Assembler::MeasureCold(const Emission& e) {
  for (const Stencil* link : e.cold) {
    if (link != nullptr) cold_size_ += LinkSize(e, link);
  }
  if (e.dispose != nullptr) cold_size_ += e.dispose->size;
}

void Assembler::Measure() {
  hot_.reserve(t_.emissions.size() + 1);
  size_t at = kThunkSize + sizeof kPrologue;
  entry_ = kThunkSize;
  for (const Emission& e : t_.emissions) {
    hot_.push_back(static_cast<uint32_t>(at));
    at += HotSize(e);
    MeasureCold(e);
  }
  hot_.push_back(static_cast<uint32_t>(at));
  hot_size_ = at;
  cells_at_ = (sizeof(UnitHeader) + 15) & ~size_t{15};
  sites_at_ = (cells_at_ + t_.cell_bytes + 15) & ~size_t{15};
  pending_at_ = sites_at_ + t_.sites.size() * sizeof(Site);
  resume_at_ = pending_at_ + t_.pending.size() * sizeof(Pending);
  data_size_ = resume_at_ + (t_.resume_points.empty() ? 0 : static_cast<size_t>(Py_SIZE(code_)) * sizeof(int32_t));
}

const uint8_t* Assembler::BlockAddress(int32_t unit) const {
  return At(hot_[static_cast<size_t>(block_emission_[static_cast<size_t>(unit)])]);
}

void Assembler::PlaceData() {
  uint8_t* data = out_.block.data;
  Pending* pending = reinterpret_cast<Pending*>(data + pending_at_);
  if (!t_.pending.empty()) std::memcpy(pending, t_.pending.data(), t_.pending.size() * sizeof(Pending));
  sites_ = reinterpret_cast<Site*>(data + sites_at_);
  PlaceSites();
  FillHeader();
  if (!t_.resume_points.empty()) FillResumePoints();
}

void Assembler::PlaceSites() {
  Pending* pending = reinterpret_cast<Pending*>(out_.block.data + pending_at_);
  for (size_t i = 0; i < t_.sites.size(); i++) {
    const SiteDraft& draft = t_.sites[i];
    Site* site = SiteAt(static_cast<int>(i));
    *site = draft.site;
    site->unit = reinterpret_cast<UnitHeader*>(out_.block.data);
    site->pending = pending + draft.pending_begin;
    site->cell = draft.cell < 0 ? nullptr : out_.block.data + cells_at_ + draft.cell;
    bool attr = site->fill == FillAttr || site->fill == FillMethod || site->fill == FillStoreAttr;
    if (attr) ClearPolyCell(static_cast<PolyCell*>(site->cell));
    if (site->fill == FillTruth) static_cast<TruthCell*>(site->cell)->version = kNoVersion;
    if (site->fill == FillGetter) static_cast<GetterCell*>(site->cell)->version = kNoVersion;
    if (site->fill == FillClass) static_cast<ClassCell*>(site->cell)->version = kNoVersion;
    if (draft.emission < 0) continue;
    site->next_address = At(hot_[static_cast<size_t>(draft.emission) + 1]);
    site->taken_address = BlockAddress(t_.emissions[static_cast<size_t>(draft.emission)].target);
  }
}

void Assembler::FillHeader() {
  UnitHeader* h = out_.header();
  *h = UnitHeader{};
  h->code = code_;
  h->handler = -1;
  h->native_entry = At(entry_);
  h->vectorcall = reinterpret_cast<vectorcallfunc>(At(0));
  h->expected_breaker = ~uintptr_t{0};  // the first check asks: tools may be listening
  h->first_traceable = _PyCode_CODE(code_) + code_->_co_firsttraceable;
  h->frame_bytes = code_->co_framesize * static_cast<int32_t>(sizeof(PyObject*));
  bool exact = code_->co_kwonlyargcount == 0 && (code_->co_flags & (CO_VARARGS | CO_VARKEYWORDS)) == 0;
  h->argcount = exact ? code_->co_argcount : -1;
  h->nlocalsplus = code_->co_nlocalsplus;
  h->entry_weight = t_.entry_weight;
  h->loop_weight = t_.loop_weight;
}

void Assembler::FillResumePoints() {
  int32_t* table = reinterpret_cast<int32_t*>(out_.block.data + resume_at_);
  std::memset(table, 0, static_cast<size_t>(Py_SIZE(code_)) * sizeof(int32_t));
  for (const ResumePoint& point : t_.resume_points) {
    table[point.unit] = static_cast<int32_t>(hot_[static_cast<size_t>(point.emission)] - entry_);
  }
  out_.header()->resume_points = table;
}

void Assembler::EmitOne(const Emission& e, size_t index) {
  const uint8_t* data = out_.block.data;
  Bindings b{};
  b.emission = &e;
  b.next = At(hot_[index + 1]);
  b.target = e.target < 0 ? nullptr : BlockAddress(e.target);
  b.cell = e.cell < 0 ? nullptr : data + cells_at_ + e.cell;
  b.unit = data;
  b.site = e.site < 0 ? nullptr : reinterpret_cast<uint8_t*>(SiteAt(e.site));
  size_t dispose_at = cold_cursor_;
  for (const Stencil* link : e.cold) dispose_at += link == nullptr ? 0 : LinkSize(e, link);
  b.dispose = At(dispose_at);
  b.cold = At(cold_cursor_);
  uint8_t* hot = At(hot_[index]);
  if (e.entered) {
    std::memcpy(hot, kPrologue, sizeof kPrologue);
    hot += sizeof kPrologue;
  }
  in_reach_ = Copy(e.stencil, hot, true, b) && in_reach_;
  if (e.stencil->ending == Ending::kCall) in_reach_ = Copy(e.after_call, hot + HotSize(e.stencil), true, b) && in_reach_;
  for (const Stencil* link : e.cold) {
    if (link == nullptr) break;
    uint8_t* at = At(cold_cursor_);
    cold_cursor_ += LinkSize(e, link);
    b.cold = At(cold_cursor_);
    b.next = e.returns_to_cold && link->ending == Ending::kCallee ? b.cold : At(hot_[index + 1]);
    in_reach_ = Copy(link, at, false, b) && in_reach_;
    if (link->ending == Ending::kCall) in_reach_ = Copy(e.after_call, at + ColdSize(link), false, b) && in_reach_;
  }
  if (e.dispose == nullptr) return;
  b.site = reinterpret_cast<uint8_t*>(SiteAt(e.dispose_site));
  in_reach_ = Copy(e.dispose, At(cold_cursor_), false, b) && in_reach_;
  cold_cursor_ += e.dispose->size;
}

void Assembler::EmitAll() {
  // The vectorcall entry hands the unit over as a fifth argument.
  uint8_t* at = At(0);
  uint64_t unit = reinterpret_cast<uint64_t>(out_.block.data);
  const uint8_t mov_r8[] = {0x49, 0xB8};
  std::memcpy(at, mov_r8, 2);
  std::memcpy(at + 2, &unit, 8);
  at[10] = 0xE9;
  Hole hole{11, HoleKind::kPcRel32, HoleValue::kTarget, 0, -4};
  Bindings b{};
  Emission none{};
  b.emission = &none;
  b.target = static_cast<const uint8_t*>(Arena::Get().Reachable(reinterpret_cast<const void*>(&tj_vectorcall_entry)));
  in_reach_ = Patch(At(0), hole, b);
  std::memcpy(At(entry_), kPrologue, sizeof kPrologue);
  cold_cursor_ = hot_size_;
  for (size_t i = 0; i < t_.emissions.size(); i++) EmitOne(t_.emissions[i], i);
}

absl::StatusOr<Assembled> Assembler::Run() {
  Measure();
  absl::StatusOr<CodeBlock> block = Arena::Get().Allocate(hot_size_ + cold_size_, data_size_);
  if (!block.ok()) return block.status();
  out_.block = *block;
  out_.hot_bytes = hot_size_;
  out_.sites_at = sites_at_;
  out_.site_count = t_.sites.size();
  block_emission_.assign(static_cast<size_t>(Py_SIZE(code_)) + 1, -1);
  for (const BlockStart& s : t_.blocks) block_emission_[static_cast<size_t>(s.unit)] = s.emission;
  PlaceData();
  absl::Status written;
  {
    Arena::WriteScope scope(out_.block);
    written = scope.status();
    if (written.ok()) EmitAll();
  }
  if (written.ok() && !in_reach_) written = absl::ResourceExhaustedError("TJ-204: no code memory in reach of libpython");
  if (!written.ok()) {
    Arena::Get().Free(out_.block);
    return written;
  }
  for (const BlockStart& s : t_.blocks) out_.blocks.push_back({s.unit, hot_[static_cast<size_t>(s.emission)]});
  std::sort(out_.blocks.begin(), out_.blocks.end(), [](const BlockEntry& x, const BlockEntry& y) { return x.unit < y.unit; });
  for (size_t i = 0; i < t_.emissions.size(); i++) {
    out_.listing.push_back({t_.emissions[i].instr, hot_[i], t_.emissions[i].stencil});
  }
  return std::move(out_);
}

}  // namespace

const void* Assembled::AddressOf(int32_t unit) const {
  auto it = std::lower_bound(blocks.begin(), blocks.end(), unit,
                             [](const BlockEntry& e, int32_t u) { return e.unit < u; });
  if (it == blocks.end() || it->unit != unit) return nullptr;
  return block.code + it->offset;
}

const void* ResumeThunk() { return g_resume_thunk; }

absl::StatusOr<Assembled> Assemble(PyCodeObject* code, const Translation& translation) {
  return Assembler(code, translation).Run();
}

const void* ThunkAddress(absl::string_view name) {
  for (size_t i = 0; i < kThunkCount; i++) {
    if (name == kThunkNames[i]) return Thunks()[i];
  }
  return nullptr;
}

extern "C" {
const void* tj_enter_vectorcall = nullptr;
}

absl::Status PlaceThunks() {
  std::vector<const Stencil*> stencils;
  size_t size = 0;
  for (size_t i = 0; i < kThunkCount; i++) {
    const Stencil* s = FindStencil(absl::StrCat("thunk_", kThunkNames[i]));
    if (s == nullptr) return absl::InternalError(absl::StrCat("no stencil for thunk ", kThunkNames[i]));
    stencils.push_back(s);
  }
  stencils.push_back(Stencils().enter_vectorcall);
  for (const Stencil* s : stencils) size += (s->size + 15u) & ~15u;
  absl::StatusOr<CodeBlock> block = Arena::Get().Allocate(size, kRodataSize + 64);
  if (!block.ok()) return block.status();
  g_rodata = block->data;
  std::memcpy(g_rodata, kRodata, kRodataSize);
  uint8_t* at = block->code;
  for (const Stencil* s : stencils) {
    Thunks().push_back(at);
    if (s == Stencils().enter_vectorcall) tj_enter_vectorcall = at;
    if (absl::string_view(s->name) == "thunk_resume") g_resume_thunk = at;
    at += (s->size + 15u) & ~15u;
  }
  Arena::WriteScope scope(*block);
  if (!scope.status().ok()) return scope.status();
  Emission none{};
  Bindings b{};
  b.emission = &none;
  for (size_t i = 0; i < stencils.size(); i++) {
    uint8_t* to = const_cast<uint8_t*>(static_cast<const uint8_t*>(Thunks()[i]));
    if (!Copy(stencils[i], to, false, b)) return absl::ResourceExhaustedError("TJ-204: no code memory in reach of libpython");
  }
  return absl::OkStatus();
}

}  // namespace tierjit::tier1
