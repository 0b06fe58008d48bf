// Loops with two versions: a general one, and one in which locals live in registers that other code keeps in their slots.
//
//     s = 0                        one kind of number is stored to `s` in the loop, another one in front of it
//     for x in xs:
//         s += x                   general: the first turn, and all as long as `s` is an int
//                                  typed: `s` is a parameter in a register from here on
//     return s                     an int or a float
//
// Whatever comes to the header asks for the types, and goes to the typed version when all are right. It ends where the loop is left: the
// values go back to where the rest expects them. When the first turn makes the types right, nothing of the general version is a loop.
#include <algorithm>
#include <set>
#include <utility>

#include "tier2/lift/lifter.h"

namespace tierjit::tier2 {
namespace {

constexpr int kMostInstructions = 200;  // of a loop: they are there twice

}  // namespace

// An innermost loop without handlers.
bool Lifter::MayHaveVersions(const LoopNest::Extent& loop) const {
  for (const LoopNest::Extent& other : nest_.loops()) {
    if (nest_.Encloses(loop.header, other.header)) return false;
  }
  int count = 0;
  for (const Instruction& in : snapshot_.decoded->instructions()) {
    if (!loop.Contains(in.offset)) continue;
    auto protects = [&](const ExceptionRange& range) { return in.offset >= range.start && in.offset < range.end; };
    const auto& ranges = snapshot_.decoded->exceptions();
    if (++count > kMostInstructions || std::any_of(ranges.begin(), ranges.end(), protects)) return false;
  }
  return snapshot_.extent.Contains(loop.header);
}

std::vector<uint32_t> Lifter::StoredIn(const LoopNest::Extent& loop) const {
  std::vector<uint32_t> bits(own_virtual_.size(), 0);
  std::vector<uint8_t> barred(bits.size(), 0);
  for (const Instruction& in : snapshot_.decoded->instructions()) {
    if (!loop.Contains(in.offset)) continue;
    int locals[2];
    int n = StoredLocals(in, locals);
    for (int k = 0; k < n; k++) {
      size_t local = static_cast<size_t>(locals[k]);
      bits[local] |= (k == 0 ? snapshot_.feedback->at(in.offset) : snapshot_.feedback->second(in.offset)).bits;
      barred[local] |= snapshot_.generic.contains(in.offset);
    }
    if (in.opcode == LOAD_FAST_AND_CLEAR || in.opcode == DELETE_FAST) barred[static_cast<size_t>(in.oparg)] = 1;
  }
  bool any = false;
  for (size_t i = 0; i < bits.size(); i++) {
    bool plain = _PyLocals_GetKind(snapshot_.code->co_localspluskinds, static_cast<int>(i)) == CO_FAST_LOCAL;
    if (own_virtual_[i] != 0 || barred[i] || !plain || !IsNumberKind(bits[i])) bits[i] = 0;
    any = any || bits[i] != 0;
    if (bits[i] == 0) bits[i] = own_virtual_[i];
  }
  return any ? bits : std::vector<uint32_t>();
}

void Lifter::ChooseVersions() {
  for (const LoopNest::Extent& loop : nest_.loops()) {
    if (!MayHaveVersions(loop)) continue;
    if (std::vector<uint32_t> kinds = StoredIn(loop); !kinds.empty()) versions_.emplace(loop.header, std::move(kinds));
  }
}

Lifter::Place Lifter::PlaceOf(int32_t unit) const {
  for (const auto& [header, kinds] : versions_) {
    if (nest_.Find(header)->Contains(unit)) return {header, header == version_, unit};
  }
  return {unit, false, unit};
}

bool Lifter::IsVersion(size_t local) const { return virtual_[local] != own_virtual_[local]; }

Node* Lifter::ValueForTest(size_t local) {
  if (frameless()) return state_.locals[local].value;
  Node* slot = Emit(Opcode::kLoadLocal, {}, Type::Any());
  slot->index = static_cast<int32_t>(local);
  Expect(slot, stored_bits_[local]);
  return slot;
}

// In front of the header; the current version is the general one.
void Lifter::EnterVersion(int32_t header) {
  virtual_ = versions_[header];
  std::vector<std::pair<size_t, Node*>> found;
  for (size_t i = 0; i < virtual_.size(); i++) {
    if (!IsVersion(i)) continue;
    Node* value = ValueForTest(i);
    bool boxed = value->rep == Rep::kBoxed;
    if (!boxed && value->rep != RepOfKind(virtual_[i])) return JumpToPlace({header, false, header});
    found.push_back({i, value});
    if (!boxed) continue;
    Block* others = BranchOff([&] {
      Node* test = Emit(Opcode::kTypeIs, {value}, Type::Bool());
      test->imm = virtual_[i];
      return test;
    });
    Block* right = std::exchange(block_, others);
    State state = state_;
    JumpToPlace({header, false, header});
    state_ = std::move(state);
    block_ = right;
    here_ = nullptr;
  }
  std::vector<Local> locals = state_.locals;
  for (auto [i, value] : found) locals[i] = {value->rep == Rep::kBoxed ? NumberOf(value, virtual_[i]) : value, nullptr};
  state_.locals = std::move(locals);
  here_ = nullptr;
  JumpToPlace({header, true, header});
}

// What only this version has in registers goes to where all other code expects it.
void Lifter::LeaveVersion() {
  std::vector<uint32_t> kinds = std::exchange(virtual_, own_virtual_);
  version_ = -1;
  std::vector<std::pair<int, Node*>> prepared;
  for (size_t i = 0; i < kinds.size(); i++) {
    if (kinds[i] == virtual_[i]) continue;
    int local = static_cast<int>(i);
    prepared.push_back({local, frameless() ? Boxed(state_.locals[i].value) : PrepareStore(local, state_.locals[i].value)});
  }
  for (auto [local, value] : prepared) {
    if (!frameless()) CommitStore(local, value);
    state_.locals[static_cast<size_t>(local)] = {frameless() ? value : nullptr, nullptr};
  }
  here_ = nullptr;
}

}  // namespace tierjit::tier2
