#include "tier2/mir/code.h"

#include <cstring>

namespace tierjit::mir {
namespace {

// The last 4 bytes of a rex-prefixed direct call or jump to `target` that ends at `next`; false if out of reach.
bool Displacement(const uint8_t* next, uint64_t target, int32_t* displacement) {
  const int64_t distance = static_cast<int64_t>(target) - reinterpret_cast<intptr_t>(next);
  *displacement = static_cast<int32_t>(distance);
  return *displacement == distance;
}

void MakeDirect(uint8_t* at, uint64_t target) {
  constexpr size_t kSize = 6;
  constexpr uint8_t kIndirectCall = 0x15;  // the byte after ff: call *[rip + x]; 25 for jmp
  int32_t displacement;
  if (!Displacement(at + kSize, target, &displacement)) return;
  const bool is_call = at[1] == kIndirectCall;
  at[0] = 0x40;  // a prefix without effect, for the sixth byte
  at[1] = is_call ? 0xe8 : 0xe9;
  memcpy(at + 2, &displacement, sizeof displacement);
}

void AddBase(uint8_t* base, size_t offset) {
  uint64_t word;
  memcpy(&word, base + offset, sizeof word);
  word += reinterpret_cast<uintptr_t>(base);
  memcpy(base + offset, &word, sizeof word);
}

}  // namespace

absl::StatusOr<CodeHandle> CodeImage::Install(const std::string& name) const {
  absl::StatusOr<CodeBlock> block = Arena::Get().Allocate(bytes.size(), 0);
  if (!block.ok()) return block.status();
  CodeHandle handle(*block, constants);
  {
    Arena::WriteScope scope(*block);
    if (!scope.status().ok()) return scope.status();
    memcpy(block->code, bytes.data(), bytes.size());
    for (size_t offset : label_addresses) AddBase(block->code, offset);
    for (const CallSite& site : call_sites) MakeDirect(block->code + site.offset, site.target);
  }
  if (!name.empty()) NoteCodeForPerf(handle.address(), handle.size(), name.c_str());
  return handle;
}

}  // namespace tierjit::mir
