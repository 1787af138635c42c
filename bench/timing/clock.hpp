// The clock of all measurements.
#pragma once

#include <chrono>

namespace lanefold::bench {

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

} // namespace lanefold::bench
