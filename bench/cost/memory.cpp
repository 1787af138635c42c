// The operators of this program.  Until allocate_in_order() is called, they do what those of the C++ library do.
#include "memory.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <sys/mman.h>

namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 33, line = 64; // the kernel gives pages when they are touched
std::atomic<std::uintptr_t> next{0};                                 // where free addresses begin; 0: not in order yet
std::uintptr_t block = 0;

void *allocate(std::size_t bytes, std::size_t alignment) {
  if (next == 0) {
    void *memory = alignment <= alignof(std::max_align_t)
                       ? std::malloc(std::max<std::size_t>(bytes, 1))
                       : std::aligned_alloc(alignment, (bytes + alignment) / alignment * alignment);
    return memory != nullptr ? memory : throw std::bad_alloc();
  }
  const std::size_t unit = std::max(alignment, line);
  if (bytes > block_bytes) throw std::bad_alloc();
  for (std::uintptr_t begin = next;;) {
    const std::uintptr_t aligned = (begin + unit - 1) / unit * unit, end = aligned + std::max<std::size_t>(bytes, 1);
    if (end > block + block_bytes) throw std::bad_alloc();
    if (next.compare_exchange_weak(begin, end)) return reinterpret_cast<void *>(aligned);
  }
}

void release(void *memory) {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  if (block == 0 || address < block || address >= block + block_bytes) std::free(memory);
}

} // namespace

namespace lanefold::bench {

void allocate_in_order() {
  if (next != 0) return;
  void *memory = mmap(nullptr, block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  block = reinterpret_cast<std::uintptr_t>(memory);
  next = block;
}

} // namespace lanefold::bench

void *operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void *operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void *memory) noexcept { release(memory); }
void operator delete(void *memory, std::size_t) noexcept { release(memory); }
void operator delete(void *memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void *memory, std::size_t, std::align_val_t) noexcept { release(memory); }
