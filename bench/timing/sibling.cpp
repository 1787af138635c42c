// Neither loop uses memory, because a load that misses a cache would look like a busy sibling.
#include "sibling.hpp"

#include "clock.hpp"

#include <algorithm>
#include <cstdint>

namespace lanefold::bench {
namespace {

// On Zen 3, a busy sibling makes the wide loop take 1.8 to 2.3 times as long, and the chain 1.05 to 1.2 times.
constexpr double clearly_longer = 1.3;
// A chain that takes longer than this was disturbed, or the frequency was lower.
constexpr double slightly_longer = 1.02;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr int repetitions = 2; // an interrupt may lengthen one
constexpr int chain_length = 1000, wide_length = 1500;

double time_chain() {
  const Clock::time_point begin = Clock::now();
  uint64_t a = 1;
  for (int i = 0; i < chain_length; ++i) {
    a = a * 6364136223846793005u + 1;
    asm volatile("" : "+r"(a));
  }
  return seconds_since(begin);
}

double time_wide() {
  const Clock::time_point begin = Clock::now();
  uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
  for (int i = 0; i < wide_length; ++i) {
    a += 7, b += 9, c += 11, d += 13, e += 15, f += 17;
    asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
  }
  return seconds_since(begin);
}

} // namespace

Sibling::LoopTimes Sibling::time_loops() {
  LoopTimes least = {time_wide(), time_chain()};
  for (int i = 1; i < repetitions; ++i)
    least = {std::min(least.wide, time_wide()), std::min(least.chain, time_chain())};
  return least;
}

bool Sibling::is_busy() {
  const LoopTimes times = time_();
  const double ratio = times.wide / times.chain;
  if (times.chain < least_chain_ / slightly_longer) least_ = infinity; // those before were disturbed
  least_chain_ = std::min(least_chain_, times.chain);
  if (times.chain <= slightly_longer * least_chain_) least_ = std::min(least_, ratio);
  return ratio > clearly_longer * least_;
}

} // namespace lanefold::bench
