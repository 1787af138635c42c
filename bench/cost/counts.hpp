// What one call costs: numbers that are the same in every run.
#pragma once

#include <array>
#include <cstdint>

namespace lanefold::bench {

// Every instruction has one kind, which is what it computes.  A multiply-add with an operand in memory is a multiply-add.
// A load or a store only moves data between memory and a register; a load may also repeat a value in all lanes.
// Divisions include those of integers, and square roots.
enum class InstructionKind { multiply_add, load, store, shuffle, division, branch, rest };
inline constexpr int kind_count = 7;
inline constexpr const char *kind_names[kind_count] = {"multiply_adds", "loads",    "stores", "shuffles",
                                                       "divisions",     "branches", "rest"};

struct Counts {
  std::array<int64_t, kind_count> instructions{}; // of Lanefold and its plugins, by kind
  int64_t calls = 0;                              // of other libraries, such as libc
  int64_t flops = 0;                              // of active lanes: 2 for a multiply-add, 1 for + - * / sqrt min max
  int64_t bytes_read = 0, bytes_written = 0;      // of active lanes, whichever kind the instruction has
  int64_t lines = 0;                              // distinct cache lines that were read or written

  int64_t all() const {
    int64_t sum = 0;
    for (const int64_t count : instructions) sum += count;
    return sum;
  }
  bool operator==(const Counts &) const = default;
};

} // namespace lanefold::bench
