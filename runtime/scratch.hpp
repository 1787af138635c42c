// The scratch memory of a context. It keeps the blocks that calls give back, so that a call that has run once allocates
// nothing when it runs again.
#pragma once

#include <atomic>
#include <cstdint>

namespace lanefold::runtime {

constexpr uint64_t scratch_alignment = 64;

// Returns memory aligned to 64 bytes, which std::free frees, or NULL if there is none.
void *allocate_aligned(uint64_t bytes) noexcept;

class Scratch {
public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  // Returns at least this many bytes, aligned to 64 and not cleared, or NULL if there are none. [thread-safe]
  void *acquire(uint64_t bytes) noexcept;
  void release(void *memory) noexcept;

private:
  // Lies in the 64 bytes before the memory that a caller gets.
  struct Block {
    Block *const next; // the block that was made before this one
    const uint64_t bytes;
    std::atomic<bool> in_use{true};
  };
  Block *take_best_fit(uint64_t bytes) noexcept;

  std::atomic<Block *> newest_{nullptr};
};

} // namespace lanefold::runtime
