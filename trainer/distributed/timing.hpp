// Times of this machine.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace lanefold::trainer {

// Seconds since some moment.
inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The lower quartile, because other programs only make times longer.
inline double undisturbed(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 4];
}

} // namespace lanefold::trainer
