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
constexpr uint8_t kCallCode[] = {0x41, 0xFF, 0xD6};                       // call r14
constexpr size_t kJumpSize = 5;
constexpr uint8_t kJumpOpcode = 0xE9, kCallOpcode = 0xE8;                  // of jmp rel32 and call rel32
constexpr size_t kThunkSize = 24;                                          // vectorcall entry: mov r8, unit; jmp tj_vectorcall_entry


size_t HotSize(const Stencil* s) {
  switch (s->ending) {
    case Ending::kNext: return s->size - kJumpSize;
    case Ending::kCallee: return s->size - kJumpSize + sizeof kCallCode;
    default: return s->size;
  }
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

// What holes refer to, by Hole::source. Thunks and externals stay, the others change from emission to emission. [GIL]
std::vector<uint64_t>& Sources() {
  static auto& sources = *new std::vector<uint64_t>(static_cast<size_t>(kFirstThunk) + kThunkCount + kExternalCount);
  return sources;
}

class Bindings {
 public:
  void Set(HoleValue value, const void* address) { Set(value, reinterpret_cast<uint64_t>(address)); }
  void Set(HoleValue value, uint64_t number) { sources_[static_cast<int>(value)] = number; }
  uint64_t Get(const Hole& hole) const { return sources_[hole.source] + static_cast<uint64_t>(static_cast<int64_t>(hole.addend)); }

 private:
  uint64_t* const sources_ = Sources().data();
};

// Stencils are short: a call of memcpy would cost more than the copy.
void CopyBytes(uint8_t* to, const uint8_t* from, size_t size) {
  constexpr size_t kChunk = 16;
  if (size < kChunk) {
    for (size_t i = 0; i < size; i++) to[i] = from[i];
    return;
  }
  for (size_t i = 0; i < size - kChunk; i += kChunk) std::memcpy(to + i, from + i, kChunk);
  std::memcpy(to + size - kChunk, from + size - kChunk, kChunk);
}

// 0 when the value fits.
uint64_t PutNarrow(uint8_t* field, uint64_t value) {
  int32_t word = static_cast<int32_t>(value);
  std::memcpy(field, &word, sizeof word);
  return value ^ static_cast<uint64_t>(static_cast<int64_t>(word));
}

uint64_t PatchRelative(uint8_t* at, const Hole& hole, const Bindings& b) {
  uint8_t* field = at + hole.offset;
  return PutNarrow(field, b.Get(hole) - reinterpret_cast<uint64_t>(field));
}

// The first `count` holes.
uint64_t PatchHoles(const Stencil* s, size_t count, uint8_t* at, const Bindings& b) {
  uint64_t misfits = 0;
  const Hole *hole = s->holes, *wide_end = hole + s->wide_count, *absolute_end = wide_end + s->absolute_count;
  const Hole* const end = hole + count;
  for (; hole != wide_end; hole++) {
    uint64_t value = b.Get(*hole);
    std::memcpy(at + hole->offset, &value, sizeof value);
  }
  for (; hole != absolute_end; hole++) misfits |= PutNarrow(at + hole->offset, b.Get(*hole));
  for (; hole != end; hole++) misfits |= PatchRelative(at, *hole, b);
  return misfits;
}

Hole JumpHole(uint16_t offset, HoleValue value) {
  return {offset, HoleKind::kPcRel32, value, static_cast<uint16_t>(value), -4};
}

// All copies return 0 when all displacements fit.
uint64_t CopyHot(const Stencil* s, uint8_t* at, const Bindings& b) {
  const bool drop_last = s->ending == Ending::kNext || s->ending == Ending::kCallee;
  const size_t size = drop_last ? s->size - kJumpSize : s->size;
  CopyBytes(at, s->bytes, size);
  if (s->ending == Ending::kCallee) std::memcpy(at + size, kCallCode, sizeof kCallCode);
  if (s->ending == Ending::kCall) at[size - kJumpSize] = kCallOpcode;
  return PatchHoles(s, s->hole_count - drop_last, at, b);
}

// The trailing jump of a stencil that ends in a call comes behind the call of the function, or is that of the thunk.
uint64_t CopyCold(const Stencil* s, uint8_t* at, const Bindings& b) {
  if (s->ending != Ending::kCallee) {
    CopyBytes(at, s->bytes, s->size);
    if (s->ending == Ending::kCall) at[s->size - kJumpSize] = kCallOpcode;
    return PatchHoles(s, s->hole_count, at, b);
  }
  const size_t body = s->size - kJumpSize;
  CopyBytes(at, s->bytes, body);
  std::memcpy(at + body, kCallCode, sizeof kCallCode);
  uint8_t* jump = at + body + sizeof kCallCode;
  *jump = kJumpOpcode;
  return PatchHoles(s, s->hole_count - 1u, at, b) | PatchRelative(jump, JumpHole(1, HoleValue::kNext), b);
}

// Of the unit in the making; the memory is used again. [GIL]
struct Places {
  std::vector<uint32_t> hot;            // by emission: its offset
  std::vector<int32_t> block_emission;  // by code unit
};
Places& ThePlaces() {
  static Places& places = *new Places;
  return places;
}

class Assembler {
 public:
  Assembler(PyCodeObject* code, const Translation& t) : code_(code), t_(t) {}
  absl::StatusOr<Assembled> Run();

 private:
  absl::Status Fill();
  void Measure();
  void MeasureCold(const Emission& e);
  void PlaceData();
  void PlaceSites();
  void FillHeader();
  void FillResumePoints();
  void EmitAll();
  void Bind(const Emission& e, const uint8_t* next);
  void EmitOne(const Emission& e, size_t index);
  const uint8_t* BlockAddress(int32_t unit) const;
  uint8_t* At(size_t offset) const { return out_.block.code + offset; }
  Site* SiteAt(int index) const { return sites_ + index; }

  PyCodeObject* code_;
  const Translation& t_;
  Assembled out_;
  Places& places_ = ThePlaces();
  std::vector<uint32_t>& hot_ = places_.hot;
  size_t hot_size_ = 0, cold_size_ = 0, entry_ = 0;
  size_t cells_at_ = 0, sites_at_ = 0, pending_at_ = 0, resume_at_ = 0, data_size_ = 0;
  Site* sites_ = nullptr;
  size_t cold_cursor_ = 0;
  uint64_t misfits_ = 0;  // not 0: an address is out of reach
  Bindings b_;
  std::vector<int32_t>& block_emission_ = places_.block_emission;
};

void Assembler::MeasureCold(const Emission& e) {
  for (const Stencil* link : e.cold) {
    if (link == nullptr) break;
    cold_size_ += LinkSize(e, link);
  }
  if (e.dispose != nullptr) cold_size_ += e.dispose->size;
}

void Assembler::Measure() {
  hot_.resize(t_.emissions.size() + 1);
  uint32_t* place = hot_.data();
  size_t at = kThunkSize + sizeof kPrologue;
  entry_ = kThunkSize;
  for (const Emission& e : t_.emissions) {
    *place++ = static_cast<uint32_t>(at);
    at += HotSize(e);
    MeasureCold(e);
  }
  *place = static_cast<uint32_t>(at);
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
  h->native_entry = At(entry_);
  h->vectorcall = reinterpret_cast<vectorcallfunc>(At(0));
  h->expected_breaker = ~uintptr_t{0};  // the first check asks: tools may be listening
  h->fresh = {nullptr, nullptr, _PyCode_CODE(code_) + code_->_co_firsttraceable, -1, 0, FRAME_OWNED_BY_THREAD};
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
    const Emission& e = t_.emissions[static_cast<size_t>(point.emission)];
    size_t at = hot_[static_cast<size_t>(point.emission)] + (e.entered ? 0 : HotSize(e.stencil));
    table[point.unit] = static_cast<int32_t>(at - entry_);
  }
  out_.header()->resume_points = table;
}

void Assembler::Bind(const Emission& e, const uint8_t* next) {
  b_.Set(HoleValue::kA, e.a);
  b_.Set(HoleValue::kB, e.b);
  b_.Set(HoleValue::kC, e.c);
  b_.Set(HoleValue::kD, e.d);
  b_.Set(HoleValue::kP, e.p);
  b_.Set(HoleValue::kQ, e.q);
  b_.Set(HoleValue::kCell, e.cell < 0 ? nullptr : out_.block.data + cells_at_ + e.cell);
  b_.Set(HoleValue::kSite, e.site < 0 ? nullptr : SiteAt(e.site));
  b_.Set(HoleValue::kNext, next);
  b_.Set(HoleValue::kTarget, e.target < 0 ? nullptr : BlockAddress(e.target));
  b_.Set(HoleValue::kCold, At(cold_cursor_));
  size_t dispose_at = cold_cursor_;
  for (const Stencil* link : e.cold) {
    if (link == nullptr) break;
    dispose_at += LinkSize(e, link);
  }
  b_.Set(HoleValue::kDispose, At(dispose_at));
}

void Assembler::EmitOne(const Emission& e, size_t index) {
  const uint8_t* next = At(hot_[index + 1]);
  Bind(e, next);
  uint8_t* hot = At(hot_[index]);
  if (e.entered) {
    std::memcpy(hot, kPrologue, sizeof kPrologue);
    hot += sizeof kPrologue;
  }
  misfits_ |= CopyHot(e.stencil, hot, b_);
  if (e.stencil->ending == Ending::kCall) misfits_ |= CopyHot(e.after_call, hot + HotSize(e.stencil), b_);
  for (const Stencil* link : e.cold) {
    if (link == nullptr) break;
    uint8_t* at = At(cold_cursor_);
    cold_cursor_ += LinkSize(e, link);
    b_.Set(HoleValue::kCold, At(cold_cursor_));
    b_.Set(HoleValue::kNext, e.returns_to_cold && link->ending == Ending::kCallee ? At(cold_cursor_) : next);
    misfits_ |= CopyCold(link, at, b_);
    if (link->ending == Ending::kCall) misfits_ |= CopyCold(e.after_call, at + ColdSize(link), b_);
  }
  if (e.dispose == nullptr) return;
  if (e.dispose_site >= 0) b_.Set(HoleValue::kSite, SiteAt(e.dispose_site));
  b_.Set(HoleValue::kC, e.death);
  misfits_ |= CopyCold(e.dispose, At(cold_cursor_), b_);
  cold_cursor_ += e.dispose->size;
}

void Assembler::EmitAll() {
  // The vectorcall entry hands the unit over as a fifth argument.
  uint8_t* at = At(0);
  uint64_t unit = reinterpret_cast<uint64_t>(out_.block.data);
  const uint8_t mov_r8[] = {0x49, 0xB8};
  std::memcpy(at, mov_r8, 2);
  std::memcpy(at + 2, &unit, 8);
  at[10] = kJumpOpcode;
  b_.Set(HoleValue::kTarget, Arena::Get().Reachable(reinterpret_cast<const void*>(&tj_vectorcall_entry)));
  misfits_ = PatchRelative(at, JumpHole(11, HoleValue::kTarget), b_);
  std::memcpy(At(entry_), kPrologue, sizeof kPrologue);
  b_.Set(HoleValue::kUnit, unit);
  cold_cursor_ = hot_size_;
  for (size_t i = 0; i < t_.emissions.size(); i++) EmitOne(t_.emissions[i], i);
}

absl::Status Assembler::Fill() {
  block_emission_.assign(static_cast<size_t>(Py_SIZE(code_)) + 1, -1);
  for (const BlockStart& s : t_.blocks) block_emission_[static_cast<size_t>(s.unit)] = s.emission;
  PlaceData();
  absl::Status written;
  {
    Arena::WriteScope scope(out_.block);
    written = scope.status();
    if (written.ok()) EmitAll();
  }
  if (written.ok() && misfits_ != 0) written = absl::ResourceExhaustedError("TJ-204: no code memory in reach of libpython");
  if (!written.ok()) return written;
  out_.blocks.reserve(t_.blocks.size());
  for (const BlockStart& s : t_.blocks) out_.blocks.push_back({s.unit, hot_[static_cast<size_t>(s.emission)]});
  std::sort(out_.blocks.begin(), out_.blocks.end(), [](const BlockEntry& x, const BlockEntry& y) { return x.unit < y.unit; });
  out_.listed_from = hot_[0];
  out_.listing.reserve(t_.emissions.size());
  for (size_t i = 0; i < t_.emissions.size(); i++) {
    const Emission& e = t_.emissions[i];
    out_.listing.push_back({e.instr, static_cast<uint16_t>(hot_[i + 1] - hot_[i]), static_cast<uint16_t>(e.stencil - kStencils)});
  }
  return absl::OkStatus();
}

absl::StatusOr<Assembled> Assembler::Run() {
  Measure();
  absl::StatusOr<CodeBlock> block = Arena::Get().Allocate(hot_size_ + cold_size_, data_size_);
  if (!block.ok()) return block.status();
  out_.block = *block;
  out_.hot_bytes = hot_size_;
  out_.sites_at = sites_at_;
  out_.site_count = t_.sites.size();
  absl::Status filled = OutOfMemoryAsStatus([this] { return Fill(); });
  if (filled.ok()) return std::move(out_);
  Arena::Get().Free(out_.block);
  return filled;
}

// Where compiled code finds the C functions that stencils call.
absl::Status FindExternals() {
  if (absl::Status reserved = Arena::Get().Reserve(); !reserved.ok()) return reserved;
  for (size_t i = 0; i < kExternalCount; i++) {
    const void* address = Arena::Get().Reachable(kExternals[i]);
    if (address == nullptr) return absl::ResourceExhaustedError("no code memory in reach of libpython");
    Sources()[kFirstThunk + kThunkCount + i] = reinterpret_cast<uint64_t>(address);
  }
  return absl::OkStatus();
}

}  // namespace

const void* Assembled::AddressOf(int32_t unit) const {
  auto it = std::lower_bound(blocks.begin(), blocks.end(), unit,
                             [](const BlockEntry& e, int32_t u) { return e.unit < u; });
  if (it == blocks.end() || it->unit != unit) return nullptr;
  return block.code + it->offset;
}

absl::StatusOr<Assembled> Assemble(PyCodeObject* code, const Translation& translation) {
  return Assembler(code, translation).Run();
}

const void* ThunkAddress(absl::string_view name) {
  for (size_t i = 0; i < kThunkCount; i++) {
    if (name == kThunkNames[i]) return reinterpret_cast<const void*>(Sources()[kFirstThunk + i]);
  }
  return nullptr;
}

extern "C" {
const void* tj_enter_vectorcall = nullptr;
const void* tj_resume_next = nullptr;
const void* tj_resume_sent = nullptr;
}

absl::Status PlaceThunks() {
  if (absl::Status found = FindExternals(); !found.ok()) return found;
  std::vector<const Stencil*> stencils;
  size_t size = 0;
  for (size_t i = 0; i < kThunkCount; i++) {
    const Stencil* s = FindStencil(absl::StrCat("thunk_", kThunkNames[i]));
    if (s == nullptr) return absl::InternalError(absl::StrCat("no stencil for thunk ", kThunkNames[i]));
    stencils.push_back(s);
  }
  // What assembly enters, and where it looks for that.
  const std::pair<const Stencil*, const void**> entered[] = {{Stencils().enter_vectorcall, &tj_enter_vectorcall},
                                                             {Stencils().resume_next, &tj_resume_next},
                                                             {Stencils().resume_sent, &tj_resume_sent}};
  for (auto [stencil, place] : entered) stencils.push_back(stencil);
  for (const Stencil* s : stencils) size += (s->size + 15u) & ~15u;
  absl::StatusOr<CodeBlock> block = Arena::Get().Allocate(size, kRodataSize + 64);
  if (!block.ok()) return block.status();
  std::memcpy(block->data, kRodata, kRodataSize);
  Bindings b;
  b.Set(HoleValue::kRodata, block->data);
  std::vector<uint8_t*> places;
  uint8_t* at = block->code;
  for (const Stencil* s : stencils) {
    if (places.size() < kThunkCount) Sources()[kFirstThunk + places.size()] = reinterpret_cast<uint64_t>(at);
    for (auto [stencil, place] : entered) {
      if (s == stencil) *place = at;
    }
    places.push_back(at);
    at += (s->size + 15u) & ~15u;
  }
  Arena::WriteScope scope(*block);
  if (!scope.status().ok()) return scope.status();
  uint64_t misfits = 0;
  for (size_t i = 0; i < stencils.size(); i++) misfits |= CopyCold(stencils[i], places[i], b);
  return misfits == 0 ? absl::OkStatus() : absl::ResourceExhaustedError("TJ-204: no code memory in reach of libpython");
}

}  // namespace tierjit::tier1
