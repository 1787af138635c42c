// A kernel of known work between measurements: when it takes longer than it used to, frequency has dropped or somebody
// else is on the core, and what was measured around it is spoiled.
#pragma once

#include "../limits.hpp"

#include <string>
#include <vector>

namespace lanefold::bench {

class Calibration {
public:
  // On as many threads at once as the measurements use.
  Calibration(const std::string &isa, int threads);

  // Runs it; 1: as fast as ever, 1.1: a tenth slower.
  double drift();

  static constexpr double tolerated = 1.04;

private:
  double seconds() const;

  FmaLoop loop_;
  int threads_;
  std::vector<double> history_; // of the last runs, in their order
};

} // namespace lanefold::bench
