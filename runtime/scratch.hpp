// The scratch memory of a context. It keeps the blocks that calls give back, so that a call that has run once allocates
// nothing when it runs again.
#pragma once

#include <cstdint>
#include <mutex>

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
    Block *next;
    uint64_t bytes;
  };
  Block *take_best_fit(uint64_t bytes);

  std::mutex mutex_;
  Block *free_ = nullptr;
};

} // namespace lanefold::runtime
