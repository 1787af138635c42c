// What no kernel can pass, on one thread: fused multiply-adds in registers, and reads of memory that is in some cache.
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

// The loop for a plugin's instruction set; run is NULL where there is none.
FmaLoop fma_loop(const std::string &isa);

// Reads count floats, a multiple of 128, in whole vectors, and answers a mix of their bits.
using ReadLoop = int32_t (*)(const float *data, int64_t count);

// The loop for a plugin's instruction set; NULL where there is none.
ReadLoop read_loop(const std::string &isa);

} // namespace lanefold::bench
