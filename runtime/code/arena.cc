#include "runtime/code/arena.h"

#include <dlfcn.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/base/out_of_memory.h"
#include "runtime/cpython/python.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace tierjit {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kCodeAlignment = 16;
constexpr size_t kDataAlignment = 64;
constexpr size_t kDefaultMaxCodeBytes = 64 * kMiB;

// Bytes of each of the two zones, in order of preference: the smaller ones are for processes with RLIMIT_AS.
constexpr size_t kZoneSizes[] = {256 * kMiB, 64 * kMiB, 16 * kMiB};
// The whole reservation stays within this distance of libpython: rel32 reaches 2 GiB, and libpython itself has some
// size.
constexpr uintptr_t kMaxDistance = 1536 * kMiB;
constexpr uintptr_t kSearchStep = 32 * kMiB;
// Room that is left free directly beside libpython: the brk heap grows there in statically linked interpreters.
constexpr uintptr_t kKeepFree = 64 * kMiB;
// Room for the main thread's stack, which grows down to here.
constexpr uintptr_t kStackRoom = 1024 * kMiB;
// Reach of a rel32 displacement, less room for the instruction it stands in.
constexpr uintptr_t kReach = (uintptr_t{1} << 31) - 4096;
// Memory is made accessible in steps of this many bytes.
constexpr size_t kCommitStep = kMiB;
// Pages are asked for ahead of their use, which costs half of what a page fault each does: an eighth of what is used, within bounds.
constexpr size_t kMinPopulateStep = 64 << 10, kMaxPopulateStep = kMiB;
// A free range is given back to the system from this size on.
constexpr size_t kReleaseSize = kMiB;

size_t PageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

constexpr uintptr_t RoundUp(uintptr_t value, uintptr_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }
constexpr uintptr_t RoundDown(uintptr_t value, uintptr_t alignment) { return value & ~(alignment - 1); }

absl::Status OutOfSpace(absl::string_view zone) {
  return absl::ResourceExhaustedError(absl::StrCat("the arena's ", zone, " zone is full"));
}

// Why code memory could not be made accessible, from errno.
absl::Status NoExecutableMemory() {
  if (errno == ENOMEM) return absl::ResourceExhaustedError("no memory for code");
  return absl::UnavailableError(absl::StrCat("the system refuses executable memory: ", strerror(errno)));
}

// --- Where to put the reservation ---

// Start of the loaded image that `address` lies in; `address` itself if that cannot be told.
uintptr_t ImageBase(const void* address) {
  Dl_info info;
  if (dladdr(address, &info) != 0 && info.dli_fbase != nullptr) return reinterpret_cast<uintptr_t>(info.dli_fbase);
  return reinterpret_cast<uintptr_t>(address);
}

bool Within(uintptr_t begin, size_t size, uintptr_t anchor, uintptr_t distance) {
  uintptr_t low = std::min(begin, anchor), high = std::max(begin + size, anchor);
  return high - low <= distance;
}

// The kernel puts the AT_RANDOM bytes at the top of the main thread's stack.
bool InStackRoom(uintptr_t begin, size_t size) {
  uintptr_t stack_top = getauxval(AT_RANDOM);
  return stack_top != 0 && begin < stack_top && begin + size > stack_top - kStackRoom;
}

uint8_t* TryReserveAt(uintptr_t address, size_t size) {
  void* hint = reinterpret_cast<void*>(address);
  void* got = mmap(hint, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == MAP_FAILED) return nullptr;
  if (got == hint) return static_cast<uint8_t*>(got);
  munmap(got, size);  // a kernel before 4.17, for which the address was only a hint
  return nullptr;
}

// Reserves `size` bytes near libpython, and near our own library too if `near_self`. Looks below first: above lie the
// heap of a static interpreter or the stack.
uint8_t* TryReserve(size_t size, bool near_self) {
  const uintptr_t python = RoundDown(ImageBase(reinterpret_cast<const void*>(&PyLong_FromLong)), kMiB);
  const uintptr_t self = ImageBase(reinterpret_cast<const void*>(&TryReserve));
  auto attempt = [&](uintptr_t begin) -> uint8_t* {
    if (!Within(begin, size, python, kMaxDistance) || InStackRoom(begin, size)) return nullptr;
    if (near_self && !Within(begin, size, self, kMaxDistance)) return nullptr;
    return TryReserveAt(begin, size);
  };
  for (uintptr_t gap = kKeepFree; gap + size <= kMaxDistance && gap + size < python; gap += kSearchStep) {
    if (uint8_t* got = attempt(python - gap - size)) return got;
  }
  for (uintptr_t gap = kKeepFree; gap + size <= kMaxDistance; gap += kSearchStep) {
    if (uint8_t* got = attempt(python + gap)) return got;
  }
  return nullptr;
}

// Whether a page that has been written to may become executable. Some systems refuse just that, and a WriteScope could
// only find out when it is too late.
bool MayToggle(uint8_t* page) {
  if (mprotect(page, PageSize(), PROT_READ | PROT_WRITE) != 0) return false;
  *page = 0xcc;
  return mprotect(page, PageSize(), PROT_READ | PROT_EXEC) == 0;
}

// --- One half of the reservation ---

// First-fit allocation from a range of addresses that becomes readable and writable as it is used.
class Zone {
 public:
  void Init(uint8_t* base, size_t size, bool holds_code) {
    base_ = base;
    holds_code_ = holds_code;
    free_.emplace(0, size);
  }

  uint8_t* base() const { return base_; }
  size_t used() const { return used_; }

  // nullptr when the zone is full or the system refuses memory; errno is 0 in the first case. `fresh_from` is set to
  // the offset within the block from which the bytes have never been used, and so are zero.
  uint8_t* Allocate(size_t size, size_t* fresh_from) {
    errno = 0;
    auto hole = std::find_if(free_.begin(), free_.end(), [&](const auto& range) { return range.second >= size; });
    if (hole == free_.end()) return nullptr;
    const size_t offset = hole->first, hole_size = hole->second;
    if (!Commit(offset + size)) return nullptr;
    if (hole_size > size) Move(hole, offset + size, hole_size - size);
    else free_.erase(hole);
    *fresh_from = high_water_ > offset ? std::min(high_water_ - offset, size) : 0;
    high_water_ = std::max(high_water_, offset + size);
    used_ += size;
    if (high_water_ > populated_) Populate();
    return base_ + offset;
  }

  void Free(uint8_t* block, size_t size) {
    used_ -= size;
    size_t offset = static_cast<size_t>(block - base_);
    auto next = free_.lower_bound(offset), previous = next == free_.begin() ? free_.end() : std::prev(next);
    if (previous != free_.end() && previous->first + previous->second == offset) {
      offset = previous->first;
      size = previous->second += size;
      if (next != free_.end() && next->first == offset + size) size = previous->second += free_.extract(next).mapped();
    } else if (next != free_.end() && next->first == offset + size) {
      size = Move(next, offset, size + next->second);
    } else {
      HasMemoryFor([&] { free_.emplace(offset, size); });  // or the range is lost
    }
    ReleasePages(offset, size);
  }

 private:
  using Ranges = std::map<size_t, size_t>;  // offset -> size

  // Gives a free range other bounds; its new size. Takes no memory.
  size_t Move(Ranges::iterator range, size_t offset, size_t size) {
    auto node = free_.extract(range);
    node.key() = offset;
    node.mapped() = size;
    free_.insert(std::move(node));
    return size;
  }

  bool Commit(size_t end) {
    if (end <= committed_) return true;
    size_t size = RoundUp(end - committed_, kCommitStep);
    // The system must not refuse to make pages of code executable once something has been written to them: ask before.
    if (holds_code_ && mprotect(base_ + committed_, size, PROT_READ | PROT_EXEC) != 0) return false;
    if (mprotect(base_ + committed_, size, PROT_READ | PROT_WRITE) != 0) return false;
    committed_ += size;
    return true;
  }

  // Kernels before 5.14 do not know how: there each page comes with its first use.
  void Populate() {
    const size_t step = std::clamp(RoundDown(used_ / 8, PageSize()), kMinPopulateStep, kMaxPopulateStep);
    const size_t end = std::min(RoundUp(high_water_, PageSize()) + step, committed_);
    madvise(base_ + populated_, end - populated_, MADV_POPULATE_WRITE);
    populated_ = end;
  }

  // Hands the pages of a large free range back. They read as zero afterwards, which is all that Allocate() promises.
  void ReleasePages(size_t offset, size_t size) {
    const size_t begin = RoundUp(offset, PageSize()), end = RoundDown(std::min(offset + size, high_water_), PageSize());
    if (end > begin && end - begin >= kReleaseSize) madvise(base_ + begin, end - begin, MADV_DONTNEED);
  }

  uint8_t* base_ = nullptr;
  bool holds_code_ = false;
  size_t committed_ = 0;   // bytes from base_ that have been made accessible
  size_t populated_ = 0;   // bytes from base_ whose pages have been asked for
  size_t high_water_ = 0;  // end of the highest block ever
  size_t used_ = 0;
  Ranges free_;  // neighbours are always merged
};

// --- Write scopes ---

struct PageRange {
  uintptr_t begin, end;
};

// Scopes that are open now. They nest: a thunk may be made on a page that a unit is just being written to.
std::vector<PageRange>& OpenScopes() {
  static auto& scopes = *new std::vector<PageRange>;
  return scopes;
}

bool InOpenScope(uintptr_t page) {
  return std::any_of(OpenScopes().begin(), OpenScopes().end(),
                     [&](const PageRange& scope) { return scope.begin <= page && page < scope.end; });
}

// Makes the pages of `range` executable again but for those that an open scope still writes to.
void Protect(PageRange range) {
  for (uintptr_t begin = range.begin, end; begin < range.end; begin = end) {
    const bool writable = InOpenScope(begin);
    for (end = begin + PageSize(); end < range.end && InOpenScope(end) == writable;) end += PageSize();
    // Cannot fail for lack of rights, as the pages have been executable before; if it fails for lack of memory the
    // pages stay non-executable, and running them stops the process instead of running half-written code.
    if (!writable) mprotect(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_EXEC);
  }
}

// --- Jump thunks ---

constexpr size_t kThunkSize = 16;
constexpr size_t kThunksPerBlock = 64;

void WriteThunk(uint8_t* at, const void* target) {
  static constexpr uint8_t kMovAbsR11[] = {0x49, 0xbb};  // movabs r11, imm64
  static constexpr uint8_t kJmpR11[] = {0x41, 0xff, 0xe3};
  memcpy(at, kMovAbsR11, sizeof kMovAbsR11);
  memcpy(at + 2, &target, sizeof target);
  memcpy(at + 10, kJmpR11, sizeof kJmpR11);
  memset(at + 13, 0xcc, kThunkSize - 13);  // int3
}

}  // namespace

struct Arena::State {
  Zone code, data;
  // Code pages below are executable but for those that an open scope writes to; the ones from here on are writable, as nothing has been
  // written to them yet. One border instead of a patch of other rights in the middle makes changes of protection cheap.
  uintptr_t sealed_end = 0;
  uint8_t* probe = nullptr;  // a page without code: what the system allows now is tried on it
  size_t zone_size = 0;  // 0 until the address range is reserved
  size_t max_code_bytes = kDefaultMaxCodeBytes;
  size_t blocks = 0;
  std::unordered_map<const void*, const void*> thunks;
  uint8_t* next_thunk = nullptr;
  size_t thunks_left = 0;

  absl::Status Reserve();
  absl::StatusOr<uint8_t*> AllocateCode(size_t size);
  absl::StatusOr<uint8_t*> AllocateData(size_t size);
  const void* MakeThunk(const void* target);
};

absl::Status Arena::State::Reserve() {
  if (zone_size != 0) return absl::OkStatus();
  for (size_t size : kZoneSizes) {
    for (bool near_self : {true, false}) {
      uint8_t* base = TryReserve(2 * size, near_self);
      if (base == nullptr) continue;
      void* page = mmap(nullptr, PageSize(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (page == MAP_FAILED || !MayToggle(base) || !MayToggle(static_cast<uint8_t*>(page))) {
        absl::Status refused = NoExecutableMemory();
        if (page != MAP_FAILED) munmap(page, PageSize());
        munmap(base, 2 * size);
        return refused;
      }
      probe = static_cast<uint8_t*>(page);
      // Toggling the protection of single pages would split huge pages each time.
      madvise(base, size, MADV_NOHUGEPAGE);
      code.Init(base, size, true);
      data.Init(base + size, size, false);
      sealed_end = reinterpret_cast<uintptr_t>(base);
      zone_size = size;
      return absl::OkStatus();
    }
  }
  return absl::ResourceExhaustedError("no address space within reach of the interpreter's code");
}

absl::StatusOr<uint8_t*> Arena::State::AllocateCode(size_t size) {
  size_t fresh_from;
  uint8_t* block = code.Allocate(size, &fresh_from);
  if (block != nullptr) return block;
  return errno == 0 ? OutOfSpace("code") : NoExecutableMemory();
}

absl::StatusOr<uint8_t*> Arena::State::AllocateData(size_t size) {
  size_t fresh_from;
  uint8_t* block = data.Allocate(size, &fresh_from);
  if (block == nullptr) return OutOfSpace("data");
  memset(block, 0, fresh_from);
  return block;
}

const void* Arena::State::MakeThunk(const void* target) {
  if (thunks_left == 0) {
    absl::StatusOr<uint8_t*> pool = AllocateCode(kThunkSize * kThunksPerBlock);
    if (!pool.ok()) return nullptr;
    next_thunk = *pool;
    thunks_left = kThunksPerBlock;
  }
  WriteScope scope(CodeBlock{next_thunk, kThunkSize, nullptr, 0});
  if (!scope.status().ok()) return nullptr;
  WriteThunk(next_thunk, target);
  --thunks_left;
  next_thunk += kThunkSize;
  return next_thunk - kThunkSize;
}

Arena::Arena() : state_(std::make_unique<State>()) {}

Arena& Arena::Get() {
  static Arena& arena = *new Arena;
  return arena;
}

absl::Status Arena::Reserve() { return state_->Reserve(); }

void Arena::SetMaxCodeBytes(size_t bytes) { state_->max_code_bytes = bytes; }

absl::StatusOr<CodeBlock> Arena::Allocate(size_t code_size, size_t data_size) {
  const size_t code_bytes = RoundUp(code_size, kCodeAlignment), data_bytes = RoundUp(data_size, kDataAlignment);
  if (code_bytes > state_->max_code_bytes || state_->code.used() > state_->max_code_bytes - code_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("code memory cap of ", state_->max_code_bytes, " bytes reached"));
  }
  absl::Status reserved = state_->Reserve();
  if (!reserved.ok()) return reserved;
  CodeBlock block{nullptr, code_size, nullptr, data_size};
  if (code_bytes != 0) {
    absl::StatusOr<uint8_t*> code = state_->AllocateCode(code_bytes);
    if (!code.ok()) return code.status();
    block.code = *code;
  }
  if (data_bytes != 0) {
    absl::StatusOr<uint8_t*> data = state_->AllocateData(data_bytes);
    if (!data.ok()) {
      if (block.code != nullptr) state_->code.Free(block.code, code_bytes);
      return data.status();
    }
    block.data = *data;
  }
  ++state_->blocks;
  return block;
}

void Arena::CodeRange(uintptr_t* low, uintptr_t* span) const {
  *low = reinterpret_cast<uintptr_t>(state_->code.base());
  *span = state_->zone_size;
}

void Arena::Free(const CodeBlock& block) {
  if (block.code != nullptr) state_->code.Free(block.code, RoundUp(block.code_size, kCodeAlignment));
  if (block.data != nullptr) state_->data.Free(block.data, RoundUp(block.data_size, kDataAlignment));
  --state_->blocks;
}

const void* Arena::Reachable(const void* target) {
  if (!state_->Reserve().ok()) return nullptr;
  const uintptr_t address = reinterpret_cast<uintptr_t>(target);
  if (Within(reinterpret_cast<uintptr_t>(state_->code.base()), state_->zone_size, address, kReach)) return target;
  auto known = state_->thunks.find(target);
  if (known != state_->thunks.end()) return known->second;
  const void* thunk = state_->MakeThunk(target);
  if (thunk != nullptr) state_->thunks.emplace(target, thunk);
  return thunk;
}

ArenaStats Arena::stats() const {
  return {state_->code.used(), state_->data.used(), state_->max_code_bytes, state_->blocks};
}

Arena::WriteScope::WriteScope(const CodeBlock& block) {
  const uintptr_t code = reinterpret_cast<uintptr_t>(block.code);
  const uintptr_t begin = RoundDown(code, PageSize()), end = RoundUp(code + block.code_size, PageSize());
  const uintptr_t sealed_end = std::min(end, Get().state_->sealed_end);
  begin_ = reinterpret_cast<uint8_t*>(begin);
  size_ = end - begin;
  if (size_ == 0) return;
  // A program may shut itself off from executable memory while it runs; pages that were made writable would never run again.
  if (OpenScopes().empty() && !MayToggle(Get().state_->probe)) {
    status_ = NoExecutableMemory();
    size_ = 0;
    return;
  }
  OpenScopes().reserve(OpenScopes().size() + 1);  // pages that are writable must have their scope
  if (begin < sealed_end && mprotect(begin_, sealed_end - begin, PROT_READ | PROT_WRITE) != 0) {
    int error = errno;
    Protect({begin, sealed_end});  // mprotect may have changed some of the pages before it failed
    size_ = 0;
    status_ = absl::UnavailableError(absl::StrCat("cannot make code pages writable: ", strerror(error)));
    return;
  }
  OpenScopes().push_back({begin, end});
}

Arena::WriteScope::~WriteScope() {
  if (size_ == 0) return;
  const PageRange range{reinterpret_cast<uintptr_t>(begin_), reinterpret_cast<uintptr_t>(begin_) + size_};
  auto& open = OpenScopes();
  auto is_mine = [&](const PageRange& scope) { return scope.begin == range.begin && scope.end == range.end; };
  auto mine = std::find_if(open.rbegin(), open.rend(), is_mine);
  open.erase(std::next(mine).base());
  // Blocks need not be written in the order of their addresses: pages that were left out become executable with the others.
  uintptr_t& sealed_end = Get().state_->sealed_end;
  Protect({std::min(range.begin, sealed_end), range.end});
  sealed_end = std::max(sealed_end, range.end);
}

}  // namespace tierjit
