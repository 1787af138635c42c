// What a message between two ranks costs.
#pragma once

#include "trainer/distributed/ranks.hpp"

namespace lanefold::trainer {

struct Link {
  double latency = 2e-6;  // seconds until a small message has arrived
  double bandwidth = 5e9; // bytes per second after that
  double overhead = 5e-7; // seconds of the latency that the sender's CPU takes
  double seconds(double bytes) const { return latency + bytes / bandwidth; }
};

// Measures messages between the first rank and the last one, in a few milliseconds.  All ranks call it together, and get
// the same.
Link measure_link(Ranks &ranks);

} // namespace lanefold::trainer
