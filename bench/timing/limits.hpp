// Loops that reach the limits of one thread, which no kernel can exceed: fused multiply-adds in registers, and traffic
// with a level of memory.
#pragma once

#include <cstdint>
#include <string>

namespace lanefold::bench {

// Runs `steps` multiply-adds x = x * factor + term in every lane of every chain.  Returns the sum of all lanes.
using FmaPeak = float (*)(int64_t steps, float factor, float term);

struct FmaLoop {
  FmaPeak run;
  int64_t lanes; // of all chains together
};

// The loop for the instruction set of a plugin.  For portable, it uses the baseline instruction set, which multiplies
// and adds separately on x86-64.
FmaLoop fma_loop(const std::string &isa);

// Loops over `count` floats in whole vectors.  `count` is a multiple of 128.
struct MemoryLoops {
  int32_t (*read)(const float *data, int64_t count); // returns the bitwise or of all floats
  void (*write)(float *data, int64_t count, float value);
  void (*copy)(const float *from, float *to, int64_t count);
  // Bypasses the caches.  `to` is aligned to a cache line.  NULL if the instruction set has no such store.
  void (*copy_streaming)(const float *from, float *to, int64_t count);
};
MemoryLoops memory_loops(const std::string &isa);

} // namespace lanefold::bench
