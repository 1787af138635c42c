// A kernel of known work between measurements: when it takes longer than it used to, frequency has dropped or somebody
// else is on the core, and what was measured around it is spoiled.
#pragma once

#include "../limits.hpp"

#include <array>
#include <string>
#include <vector>

namespace lanefold::bench {

class Calibration {
public:
  // On as many threads at once as the measurements use.
  Calibration(const std::string &isa, int threads);

  // Runs it; 0: as fast as ever, 1: slower by as much as happens without a neighbour, in arithmetic or in traffic with
  // the first two levels of cache.
  double drift();

  static constexpr double tolerated = 1;

private:
  // Each kernel's seconds, of the slowest thread.
  std::array<double, 3> seconds() const;

  FmaLoop loop_;
  MemoryLoops memory_;
  int threads_;
  std::array<std::vector<double>, 3> history_; // sorted
};

} // namespace lanefold::bench
