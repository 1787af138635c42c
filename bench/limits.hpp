// What no kernel can pass, on one thread: fused multiply-adds in registers, and traffic with memory that is in some
// cache.
#pragma once

#include <cstdint>
#include <string>

namespace lanefold::bench {

// Runs `steps` multiply-adds of every lane of every chain, each lane x = x * factor + term. Answers the sum of all
// lanes.
using FmaPeak = float (*)(int64_t steps, float factor, float term);

struct FmaLoop {
  FmaPeak run;
  int64_t lanes; // of all chains together
};

// The loop for a plugin's instruction set.  That of portable is the baseline's: products and sums apart on x86-64.
FmaLoop fma_loop(const std::string &isa);

// Loops over count floats, a multiple of 128, in whole vectors.
struct MemoryLoops {
  int32_t (*read)(const float *data, int64_t count); // answers a mix of their bits
  void (*write)(float *data, int64_t count, float value);
  void (*copy)(const float *from, float *to, int64_t count);
  // Around the caches; `to` lies on a cache line.  NULL where there is no such store.
  void (*copy_streaming)(const float *from, float *to, int64_t count);
};
MemoryLoops memory_loops(const std::string &isa);

} // namespace lanefold::bench
