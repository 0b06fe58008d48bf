#include "tier1/slow_path.h"

#include "tier1/inline_cache.h"
#include "tier1/special_methods.h"
#include "tier1/translator.h"

namespace tierjit::tier1 {

namespace {
bool IsImmortal(uint64_t object) { return _Py_IsImmortal(reinterpret_cast<PyObject*>(object)); }
}  // namespace

Emission& Translator::Emit(const Stencil* stencil) {
  Emission& e = out_->emissions.emplace_back();
  e.stencil = stencil;
  e.instr = decoded_.instructions()[current_].op;
  return e;
}

int Translator::NewCell(size_t bytes) {
  int at = static_cast<int>(out_->cell_bytes);
  out_->cell_bytes += (bytes + 7) & ~size_t{7};
  return at;
}

void Translator::AddCold(Emission& e, const Stencil* link) {
  for (const Stencil*& slot : e.cold) {
    if (slot == nullptr) {
      slot = link;
      return;
    }
  }
  status_ = absl::InternalError("more cold links than an emission holds");  // the last one, which always succeeds, must not get lost
}

int Translator::MakeSite(OpHandler handler, int popped, uint8_t flags) {
  const Instruction& in = decoded_.instructions()[current_];
  SiteDraft& draft = out_->sites.emplace_back();
  draft.pending_begin = static_cast<int>(out_->pending.size());
  Site& site = draft.site;
  site = Site{};
  site.handler = handler;
  site.special = SpecialOf(handler);
  site.oparg = in.oparg;
  site.instr = in.offset;
  site.prefixes = static_cast<uint8_t>(in.op - in.offset);
  site.next = in.next;
  site.depth = static_cast<uint16_t>(depth());
  site.popped = static_cast<uint16_t>(popped);
  site.operands = static_cast<int32_t>(SlotOffset(depth() - popped));
  site.flags = flags;
  for (uint8_t& operand : site.operand) operand = kCanonicalOperand;
  for (int i = 0; i < depth(); i++) {
    if (stack_[i].kind == Kind::kMem) continue;
    int operand = i - (depth() - popped);
    if (operand >= 0 && operand < 4) site.operand[operand] = site.pending_count;
    out_->pending.push_back({static_cast<uint16_t>(i), stack_[i].kind, stack_[i].value});
    site.pending_count++;
  }
  return static_cast<int>(out_->sites.size()) - 1;
}

Site& Translator::SetSite(Emission& e, OpHandler handler, int popped, uint8_t flags) {
  e.site = MakeSite(handler, popped, flags);
  out_->sites[e.site].cell = e.cell;
  return out_->sites[e.site].site;
}

Site& Translator::SlowPath(Emission& e, OpHandler handler, int popped, uint8_t flags) {
  if (e.stencil != Stencils().cold_slow) AddCold(e, Stencils().cold_slow);
  return SetSite(e, handler, popped, flags);
}

Site& Translator::SlowBranch(Emission& e, OpHandler handler, int popped, uint8_t flags, const Instruction& jump) {
  if (e.stencil != Stencils().cold_branch) AddCold(e, Stencils().cold_branch);
  return AttachBranchSite(e, MakeSite(handler, popped, flags), jump);
}

Site& Translator::AttachBranchSite(Emission& e, int site, const Instruction& jump) {
  e.site = site;
  SiteDraft& draft = out_->sites[e.site];
  draft.cell = e.cell;
  draft.emission = static_cast<int>(&e - out_->emissions.data());
  draft.site.resume_taken = e.target;
  draft.site.resume_next = jump.next;
  return draft.site;
}

void Translator::AddDispose(Emission& e, uint8_t flags) {
  bool into_slots = e.site >= 0 && out_->sites[e.site].site.fill == FillMethod;
  if (CanonicalBelow(0) && !into_slots && PlainDeath::Fits(e.instr, depth())) {
    uint32_t rest = (flags & kResultInAcc ? PlainDeath::kResult : 0u) | (flags & kHalfDone ? PlainDeath::kHalf : 0u);
    return AddPlainDispose(e, PlainDeath::Encode(e.instr, depth(), rest));
  }
  e.dispose = Stencils().cold_dispose;
  // The instruction's own site tells what is pending under the operands.
  bool shared = e.site >= 0 && (out_->sites[e.site].site.flags & kResultInAcc) == flags;
  e.dispose_site = shared ? e.site : MakeSite(nullptr, 0, flags);
}

void Translator::AddPlainDispose(Emission& e, uint32_t death) {
  e.dispose = Stencils().cold_dispose_plain;
  e.death = death;
}

void Translator::Spill(int i) {
  const StencilIndex& s = Stencils();
  Entry& entry = stack_[i];
  if (entry.kind == Kind::kMem) return;
  const Stencil* stencil = s.spill_N;
  if (entry.kind == Kind::kAcc) stencil = s.spill_R;
  if (entry.kind == Kind::kLocal) stencil = s.spill_L;
  if (entry.kind == Kind::kConst) stencil = IsImmortal(entry.value) ? s.spill_C_immortal : s.spill_C;
  Emission& e = Emit(stencil);
  e.a = SlotOffset(i);
  if (entry.kind == Kind::kLocal) e.b = LocalOffset(entry.value);
  if (entry.kind == Kind::kConst) e.p = entry.value;
  Hint kept = entry.hint == Hint::kNamesake ? Hint::kNamesake : Hint::kNone;
  entry = {Kind::kMem, entry.kind == Kind::kNull ? Hint::kNull : kept, 0};
}

void Translator::SpillAll() { SpillBelow(0); }

void Translator::SpillBelow(int operands) {
  for (int i = 0; i < depth() - operands; i++) Spill(i);
}

void Translator::RequireSlots(int operands) {
  for (int i = depth() - operands; i < depth(); i++) Spill(i);
}

void Translator::FreeAccumulator(int operands) {
  for (int i = 0; i < depth() - operands; i++) {
    if (stack_[i].kind == Kind::kAcc) Spill(i);
  }
}

bool Translator::AccumulatorInUse() const {
  for (const Entry& entry : stack_) {
    if (entry.kind == Kind::kAcc) return true;
  }
  return false;
}

void Translator::SpillLocal(uint64_t local) {
  for (int i = 0; i < depth(); i++) {
    if (stack_[i].kind == Kind::kLocal && stack_[i].value == local) Spill(i);
  }
}

void Translator::ToAccumulator() {
  const StencilIndex& s = Stencils();
  Entry& top = Top();
  if (top.kind == Kind::kAcc) return;
  if (top.kind == Kind::kNull) Spill(depth() - 1);
  FreeAccumulator(0);
  const Stencil* stencil = s.load_M;
  if (top.kind == Kind::kLocal) stencil = s.load_L;
  if (top.kind == Kind::kConst) stencil = IsImmortal(top.value) ? s.load_C_immortal : s.load_C;
  Emission& e = Emit(stencil);
  e.a = top.kind == Kind::kLocal ? LocalOffset(top.value) : SlotOffset(depth() - 1);
  e.p = top.value;
  top = {Kind::kAcc, Hint::kNone, 0};
}

void Translator::EmitHandler(const Instruction& in, OpHandler handler, int popped, int pushed,
                             std::initializer_list<const Stencil*> fast) {
  SpillAll();
  // With several results the top one may be NULL (no self), which the accumulator cannot hand over.
  bool in_acc = pushed == 1;
  const Stencil* general = in_acc ? Stencils().handler_R : Stencils().handler;
  Emission& e = Emit(fast.size() != 0 ? *fast.begin() : general);
  for (size_t i = 1; i < fast.size(); i++) AddCold(e, fast.begin()[i]);
  if (fast.size() != 0) AddCold(e, general);
  e.a = SlotOffset(depth());
  e.c = static_cast<uint32_t>(in.oparg);
  e.p = AddressOfUnit(in.op);
  e.q = reinterpret_cast<uint64_t>(handler);
  Drop(popped);
  if (in_acc) PushAccumulator();
  for (int i = 0; i < pushed && !in_acc; i++) Push(Kind::kMem);
  e.site = MakeSite(nullptr, 0, kRecheck | (in_acc ? kResultInAcc : 0));
  AddCold(e, Stencils().cold_slow);
}

}  // namespace tierjit::tier1
