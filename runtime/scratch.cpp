// A request takes the smallest free block that is large enough, or else a new one, whose size is rounded up. Sizes that
// vary a little therefore share blocks, and there are only as many blocks as are in use at the same time.
//
// All blocks form a list that only grows, and a thread takes a block by setting its mark. No thread ever waits for
// another one. That also holds in a forked child, where the thread that was changing the list may be gone.
#include "runtime/scratch.hpp"

#include <bit>
#include <cstdlib>
#include <new>

namespace lanefold::runtime {
namespace {

constexpr uint64_t smallest = 4096;
constexpr uint64_t largest = uint64_t{1} << 47; // these CPUs give no process more addresses

// Rounds up to one of four steps between powers of two, so at most a quarter is wasted. bytes: smallest to largest.
uint64_t round_up(uint64_t bytes) {
  const uint64_t step = std::bit_floor(bytes) / 4;
  return (bytes + step - 1) / step * step;
}

} // namespace

void *allocate_aligned(uint64_t bytes) noexcept {
  if (bytes > largest) return nullptr;
  return std::aligned_alloc(scratch_alignment, (bytes + scratch_alignment) / scratch_alignment * scratch_alignment);
}

Scratch::~Scratch() {
  for (Block *block = newest_.load(std::memory_order_acquire); block != nullptr;) {
    Block *next = block->next;
    std::free(block);
    block = next;
  }
}

Scratch::Block *Scratch::take_best_fit(uint64_t bytes) noexcept {
  for (;;) {
    Block *best = nullptr;
    for (Block *block = newest_.load(std::memory_order_acquire); block != nullptr; block = block->next)
      if (block->bytes >= bytes && (best == nullptr || block->bytes < best->bytes) &&
          !block->in_use.load(std::memory_order_relaxed))
        best = block;
    if (best == nullptr || !best->in_use.exchange(true, std::memory_order_acquire)) return best;
  }
}

void *Scratch::acquire(uint64_t bytes) noexcept {
  if (bytes > largest) return nullptr;
  const uint64_t rounded = round_up(bytes < smallest ? smallest : bytes);
  Block *block = take_best_fit(rounded);
  if (block == nullptr) {
    void *memory = allocate_aligned(rounded + scratch_alignment);
    if (memory == nullptr) return nullptr;
    for (Block *newest = newest_.load(std::memory_order_relaxed);;) {
      block = new (memory) Block{newest, rounded};
      if (newest_.compare_exchange_weak(newest, block, std::memory_order_release, std::memory_order_relaxed)) break;
    }
  }
  return reinterpret_cast<char *>(block) + scratch_alignment;
}

void Scratch::release(void *memory) noexcept {
  if (memory == nullptr) return;
  auto *block = reinterpret_cast<Block *>(static_cast<char *>(memory) - scratch_alignment);
  block->in_use.store(false, std::memory_order_release);
}

} // namespace lanefold::runtime
