// The memory of one compilation: handed out quickly, given back all at once, whatever MIR forgot to free.
#ifndef TIERJIT_TIER2_MIR_HEAP_H_
#define TIERJIT_TIER2_MIR_HEAP_H_

#include <array>
#include <cstddef>

namespace tierjit::mir {

class Heap {
 public:
  Heap() = default;
  ~Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  // As malloc(), realloc() and free(): 16-byte aligned, nullptr without memory.
  void* Allocate(size_t size);
  void* Reallocate(void* block, size_t size);
  void Free(void* block);

  // Bytes taken from the system.
  size_t reserved() const { return reserved_; }

 private:
  // Blocks have sizes of 2^n and 1.5 * 2^n, the header included.
  static constexpr size_t kSizeClasses = 96;

  struct alignas(16) Header {
    size_t size_class;
    size_t unused;
  };
  struct FreeBlock {
    FreeBlock* next;
  };
  struct alignas(16) Chunk {
    Chunk* next;
    size_t size;
  };

  static size_t ClassFor(size_t size);
  static size_t SizeOf(size_t size_class);
  bool Grow(size_t size);

  std::array<FreeBlock*, kSizeClasses> free_ = {};
  Chunk* chunks_ = nullptr;
  char* next_ = nullptr;  // unused part of the newest chunk
  char* end_ = nullptr;
  size_t reserved_ = 0;
};

}  // namespace tierjit::mir

#endif  // TIERJIT_TIER2_MIR_HEAP_H_
