// Scratch memory of a context: blocks that are handed out, taken back and kept, so that a call which has run once
// allocates nothing when it runs again.
#pragma once

#include <cstdint>
#include <mutex>

namespace lanefold::runtime {

constexpr uint64_t scratch_alignment = 64;

// bytes of memory aligned to 64, to be given to std::free; NULL if there is none.
void *allocate_aligned(uint64_t bytes) noexcept;

class Scratch {
public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  // At least this many bytes, 64-byte aligned, not cleared; NULL if there are none. [thread-safe]
  void *acquire(uint64_t bytes) noexcept;
  void release(void *memory) noexcept;

private:
  // Stands in the 64 bytes before the memory that is handed out.
  struct Block {
    Block *next;
    uint64_t bytes;
  };
  Block *take_best_fit(uint64_t bytes);

  std::mutex mutex_;
  Block *free_ = nullptr;
};

} // namespace lanefold::runtime
