#include "tier2/mir/heap.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace tierjit::mir {
namespace {

constexpr size_t kSmallestBlock = 32;
constexpr size_t kFirstChunk = size_t{256} << 10;
constexpr size_t kLargestChunk = size_t{4} << 20;

}  // namespace

// Class 2k is kSmallestBlock * 2^k, class 2k + 1 half as much again.
size_t Heap::SizeOf(size_t size_class) {
  const size_t power = kSmallestBlock << (size_class / 2);
  return size_class % 2 == 0 ? power : power + power / 2;
}

size_t Heap::ClassFor(size_t size) {
  if (size <= kSmallestBlock) return 0;
  const size_t above = static_cast<size_t>(std::bit_width((size - 1) / kSmallestBlock));  // 2^above * smallest >= size
  const size_t half_step = 2 * above - 1;
  return SizeOf(half_step) >= size ? half_step : 2 * above;
}

Heap::~Heap() {
  for (Chunk* chunk = chunks_; chunk != nullptr;) {
    Chunk* next = chunk->next;
    std::free(chunk);
    chunk = next;
  }
}

bool Heap::Grow(size_t size) {
  const size_t wanted = std::clamp(reserved_, kFirstChunk, kLargestChunk);
  const size_t chunk_size = std::max(wanted, size + sizeof(Chunk));
  Chunk* chunk = static_cast<Chunk*>(std::malloc(chunk_size));
  if (chunk == nullptr) return false;
  *chunk = {chunks_, chunk_size};
  chunks_ = chunk;
  next_ = reinterpret_cast<char*>(chunk + 1);
  end_ = reinterpret_cast<char*>(chunk) + chunk_size;
  reserved_ += chunk_size;
  return true;
}

void* Heap::Allocate(size_t size) {
  if (size > SIZE_MAX / 4) return nullptr;
  const size_t size_class = ClassFor(size + sizeof(Header));
  if (FreeBlock* block = free_[size_class]; block != nullptr) {
    free_[size_class] = block->next;
    return block;
  }
  const size_t block_size = SizeOf(size_class);
  if (static_cast<size_t>(end_ - next_) < block_size && !Grow(block_size)) return nullptr;
  Header* header = reinterpret_cast<Header*>(next_);
  next_ += block_size;
  header->size_class = size_class;
  return header + 1;
}

void Heap::Free(void* block) {
  if (block == nullptr) return;
  FreeBlock*& first = free_[(static_cast<Header*>(block) - 1)->size_class];
  FreeBlock* freed = static_cast<FreeBlock*>(block);
  freed->next = first;
  first = freed;
}

void* Heap::Reallocate(void* block, size_t size) {
  if (block == nullptr) return Allocate(size);
  const size_t capacity = SizeOf((static_cast<Header*>(block) - 1)->size_class) - sizeof(Header);
  if (size <= capacity) return block;
  void* larger = Allocate(size);
  if (larger == nullptr) return nullptr;
  memcpy(larger, block, capacity);
  Free(block);
  return larger;
}

}  // namespace tierjit::mir
