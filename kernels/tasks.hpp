// How kernels hand work to the host: tasks by index, scratch memory that releases itself, and small index arithmetic.
#pragma once

#include "kernels/compiler_flags.h"

#include <lanefold/plugin.h>

namespace lanefold {

inline constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
inline constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// The stride of a matrix.  The stride of a single row has no meaning and may be any number.
inline int64_t stride_of(int64_t rows, int64_t columns, int64_t stride) { return rows <= 1 ? columns : stride; }

// The most tasks worth making: a few for each thread, so that cores of unequal speed share evenly.
inline int64_t most_tasks(int64_t threads) { return threads <= 1 ? 1 : 4 * threads; }

// Runs task(i) for i in 0..count-1.  The host may run tasks concurrently and in any order.
template <class Task> void for_each_task(const lf_host *host, int64_t count, const Task &task) {
  if (count == 1) return task(int64_t{0});
  const auto run = [](void *arg, int64_t index) { (*static_cast<const Task *>(arg))(index); };
  host->parallel_for(host->self, count, run, const_cast<Task *>(&task));
}

// The index-th of count even pieces of 0..size-1, cut at multiples of unit.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};
inline Range piece(int64_t size, int64_t unit, int64_t count, int64_t index) {
  const int64_t units = ceil_div(size, unit);
  return {smaller(size, units * index / count * unit), smaller(size, units * (index + 1) / count * unit)};
}

// The scratch memory of one call.  valid() is false if the host could not provide it.
class Scratch {
public:
  Scratch(const lf_host *host, int64_t floats)
      : host_(host), wanted_(floats > 0),
        memory_(wanted_ ? static_cast<float *>(host->acquire(host->self, static_cast<uint64_t>(floats) * sizeof(float)))
                        : nullptr) {}
  ~Scratch() {
    if (memory_) host_->release(host_->self, memory_);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  bool valid() const { return memory_ || !wanted_; }
  float *data() const { return memory_; }
  lf_status failure() const {
    return host_->fail(host_->self, LF_OUT_OF_MEMORY, "out of memory: cannot allocate scratch memory");
  }

private:
  const lf_host *host_;
  bool wanted_;
  float *memory_;
};

// Memory for running tasks: as many slots as tasks can run concurrently.  Tasks prefer slots that are warm in cache.
class Slots {
public:
  static int64_t floats(int64_t count, int64_t slot_floats) { return count * (slot_floats + head); }

  // memory: floats(count, slot_floats) floats, aligned to 64 bytes.  Without slots, tasks get NULL.
  Slots(float *memory, int64_t count, int64_t slot_floats)
      : memory_(memory), count_(count), stride_(slot_floats + head) {
    for (int64_t i = 0; i < count; ++i) *taken(memory + i * stride_) = 0;
  }
  Slots(const Slots &) = delete;
  Slots &operator=(const Slots &) = delete;

  class Slot {
  public:
    explicit Slot(const Slots &slots) : memory_(slots.take()) {}
    ~Slot() {
      if (memory_) __atomic_store_n(taken(memory_), 0, __ATOMIC_RELEASE);
    }
    Slot(const Slot &) = delete;
    Slot &operator=(const Slot &) = delete;
    float *data() const { return memory_ ? memory_ + head : nullptr; }

  private:
    float *memory_;
  };

private:
  static constexpr int64_t head = 16; // floats: one cache line, so that data are aligned and no two slots share a line
  // Not a std::atomic, because its assertions would need the C++ library.
  static int32_t *taken(float *slot) { return reinterpret_cast<int32_t *>(slot); }

  // Never waits for long, because there are as many slots as tasks can run concurrently.
  float *take() const {
    if (count_ == 0) return nullptr;
    for (int64_t i = 0;; i = i + 1 == count_ ? 0 : i + 1)
      if (float *slot = memory_ + i * stride_; !__atomic_exchange_n(taken(slot), 1, __ATOMIC_ACQUIRE)) return slot;
  }

  float *memory_;
  int64_t count_, stride_;
};

} // namespace lanefold
