// A request takes the smallest free block that is large enough, or else a new one, whose size is rounded up. Sizes that
// vary a little therefore share blocks, and there are only as many blocks as are in use at the same time.
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
  while (free_ != nullptr) {
    Block *next = free_->next;
    std::free(free_);
    free_ = next;
  }
}

Scratch::Block *Scratch::take_best_fit(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Block **best = nullptr;
  for (Block **link = &free_; *link != nullptr; link = &(*link)->next)
    if ((*link)->bytes >= bytes && (best == nullptr || (*link)->bytes < (*best)->bytes)) best = link;
  if (best == nullptr) return nullptr;
  Block *block = *best;
  *best = block->next;
  return block;
}

void *Scratch::acquire(uint64_t bytes) noexcept {
  if (bytes > largest) return nullptr;
  const uint64_t rounded = round_up(bytes < smallest ? smallest : bytes);
  Block *block = take_best_fit(rounded);
  if (block == nullptr) {
    void *memory = allocate_aligned(rounded + scratch_alignment);
    if (memory == nullptr) return nullptr;
    block = new (memory) Block{nullptr, rounded};
  }
  return reinterpret_cast<char *>(block) + scratch_alignment;
}

void Scratch::release(void *memory) noexcept {
  if (memory == nullptr) return;
  auto *block = reinterpret_cast<Block *>(static_cast<char *>(memory) - scratch_alignment);
  const std::lock_guard lock(mutex_);
  block->next = free_;
  free_ = block;
}

} // namespace lanefold::runtime
