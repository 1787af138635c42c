// Kernels of known work that run between measurements.  If they become slower, the frequency has dropped or another
// program uses the core, and the sample around them is noisy.
#pragma once

#include "../limits.hpp"

#include <array>
#include <string>
#include <vector>

namespace lanefold::bench {

class Calibration {
public:
  // Runs the kernels on as many threads as the measurements use.
  Calibration(const std::string &isa, int threads);

  // Runs the kernels once.  Returns 0 if they are as fast as ever.  Returns 1 if the arithmetic or the traffic with L1
  // or L2 is slower by as much as can happen without a neighbour.
  double drift();

  static constexpr double max_quiet_drift = 1;

private:
  // The seconds of each kernel on its slowest thread.
  std::array<double, 3> seconds() const;

  FmaLoop loop_;
  MemoryLoops memory_;
  int threads_;
  std::array<std::vector<double>, 3> history_; // sorted seconds of each kernel
};

} // namespace lanefold::bench
