// The most fused multiply-adds that one thread can do: independent chains in registers, no memory.
#pragma once

#include <cstdint>
#include <string>

namespace lanefold::bench {

// Runs `steps` multiply-adds of every lane of every chain, each lane x = x * factor + term. Answers the sum of all lanes.
using FmaPeak = float (*)(int64_t steps, float factor, float term);

struct FmaLoop {
  FmaPeak run;
  int64_t lanes; // of all chains together
};

// The loop for a plugin's instruction set; run is NULL where there is none.
FmaLoop fma_loop(const std::string &isa);

} // namespace lanefold::bench
