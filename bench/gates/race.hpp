// Times several ways to do one thing in one run: by turns, in an order drawn anew each round, so that drift and noisy
// neighbours meet all alike.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lanefold::bench {

struct Runner {
  std::string name;
  std::function<void()> run;
};

// Seconds that one run of each takes, the best of all rounds; as many rounds as fit `seconds` for each runner, at least
// 7. threads > 1: each turn begins when the threads of the one before have gone to sleep, and wakes its own first.
std::vector<double> race(const std::vector<Runner> &runners, double seconds, int threads = 1);

} // namespace lanefold::bench
