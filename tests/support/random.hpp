// Random data that are the same in every run and on every machine.
#pragma once

#include <cstdint>

namespace lanefold::test {

// The generator splitmix64 (Steele, Lea and Flood 2014).
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(bits() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  float uniform(float low, float high) { return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f; }
  float integer(int64_t most) { return static_cast<float>(between(-most, most)); }

private:
  uint64_t state_;
};

// True for a case that this run leaves out.  LANEFOLD_TEST_EVERY=n keeps about one in n of many similar cases, which is
// enough under an emulator.
bool passed_over();

} // namespace lanefold::test
