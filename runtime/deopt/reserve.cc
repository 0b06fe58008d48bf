#include "runtime/deopt/reserve.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace tierjit {
namespace {

// Blocks of one size. An exit has up to kMaxExitValues values; numbers, iterators over ints and most sequences take 64 bytes.
struct Shelf {
  size_t size;
  size_t capacity;
  size_t count;
  std::array<void*, 512> blocks;
};

// Objects come from one domain of the allocator, the items of lists from another one.
struct Store {
  PyMemAllocatorDomain domain;
  std::array<Shelf, 4> shelves;
  PyMemAllocatorEx usual;
};

Store g_stores[] = {
    {PYMEM_DOMAIN_OBJ, {{{64, 512, 0, {}}, {128, 32, 0, {}}, {512, 16, 0, {}}, {4096, 8, 0, {}}}}, {}},
    {PYMEM_DOMAIN_MEM, {{{64, 32, 0, {}}, {128, 4, 0, {}}, {512, 4, 0, {}}, {4096, 1, 0, {}}}}, {}},
};

void* Allocate(PyMemAllocatorDomain domain, size_t size) { return domain == PYMEM_DOMAIN_OBJ ? PyObject_Malloc(size) : PyMem_Malloc(size); }
void Free(PyMemAllocatorDomain domain, void* block) { domain == PYMEM_DOMAIN_OBJ ? PyObject_Free(block) : PyMem_Free(block); }

bool Fill(PyMemAllocatorDomain domain, Shelf* shelf) {
  while (shelf->count < shelf->capacity) {
    void* block = Allocate(domain, shelf->size);
    if (block == nullptr) return false;
    shelf->blocks[shelf->count++] = block;
  }
  return true;
}

void* Take(Store* store, size_t size) {
  for (Shelf& shelf : store->shelves) {
    if (shelf.size < size || shelf.count == 0) continue;
    g_reserve_taken = true;
    return shelf.blocks[--shelf.count];
  }
  return nullptr;
}

void* Malloc(void* context, size_t size) {
  Store* store = static_cast<Store*>(context);
  void* block = store->usual.malloc(store->usual.ctx, size);
  return block != nullptr ? block : Take(store, size);
}

void* Calloc(void* context, size_t count, size_t size) {
  Store* store = static_cast<Store*>(context);
  void* block = store->usual.calloc(store->usual.ctx, count, size);
  if (block != nullptr) return block;
  block = Take(store, count * size);
  return block != nullptr ? std::memset(block, 0, count * size) : nullptr;
}

// How much of the old block is to be copied is not known here.
void* Realloc(void* context, void* block, size_t size) {
  if (block == nullptr) return Malloc(context, size);
  Store* store = static_cast<Store*>(context);
  return store->usual.realloc(store->usual.ctx, block, size);
}

void FreeBlock(void* context, void* block) {
  Store* store = static_cast<Store*>(context);
  store->usual.free(store->usual.ctx, block);
}

}  // namespace

bool FillReserve() {
  bool full = true;
  for (Store& store : g_stores) {
    for (Shelf& shelf : store.shelves) full &= Fill(store.domain, &shelf);
  }
  g_reserve_taken = !full;
  return full;
}

void DrainReserve() {
  for (Store& store : g_stores) {
    for (Shelf& shelf : store.shelves) {
      while (shelf.count > 0) Free(store.domain, shelf.blocks[--shelf.count]);
    }
  }
  g_reserve_taken = false;
}

void* AllocateSurely(size_t bytes) {
  void* block = PyObject_Malloc(bytes);
  if (block == nullptr) block = Take(&g_stores[0], bytes);
  if (block == nullptr) Py_FatalError("tierjit: no memory to leave optimised code");
  return block;
}

PyObject* MakeFromReserve(absl::FunctionRef<PyObject*()> make) {
  PyErr_Clear();
  for (Store& store : g_stores) {
    PyMem_GetAllocator(store.domain, &store.usual);
    PyMemAllocatorEx ours = {&store, Malloc, Calloc, Realloc, FreeBlock};
    PyMem_SetAllocator(store.domain, &ours);
  }
  PyObject* made = make();
  for (Store& store : g_stores) PyMem_SetAllocator(store.domain, &store.usual);
  if (made == nullptr) Py_FatalError("tierjit: no memory to leave optimised code");
  _Py_set_eval_breaker_bit(PyThreadState_Get(), _PY_GC_SCHEDULED_BIT);
  return made;
}

}  // namespace tierjit
