// The fused multiply-add in software, for CPUs without the instruction, against the C library's.  Double rounding,
// subnormals, cancellation and overflow make the cases hard.
#include <kernels/simd/sse2.hpp>

#include "support/matrix.hpp"

using lanefold::simd::Sse2;
using namespace lanefold::test;

namespace {

float hard_value(Random &random) {
  const auto bits = static_cast<uint32_t>(random.bits());
  const float sign = bits & 1 ? -1.0f : 1.0f;
  switch (random.below(6)) {
  case 0: return std::bit_cast<float>(bits);               // any float, also NaN
  case 1: return std::bit_cast<float>(bits & 0x807fffffu); // subnormal
  case 2:
    return sign * std::ldexp(1.0f + static_cast<float>(random.below(8)) * 0x1p-23f, // few bits at both ends
                             static_cast<int>(random.between(-150, 127)));
  case 3: return random.integer(2) * 0x1p-12f;
  case 4: return std::ldexp(random.integer(4), static_cast<int>(random.between(-149, -146)));
  default: return std::ldexp(random.integer((1 << 24) - 1), static_cast<int>(random.between(-110, -50)));
  }
}

} // namespace

TEST_CASE("software fma rounds once, whatever the operands") {
  Random random(61);
  int64_t wrong = 0;
  for (int round = 0; round < 300000; ++round) {
    float a[4], b[4], c[4], result[4];
    for (int i = 0; i < 4; ++i) {
      a[i] = hard_value(random), b[i] = hard_value(random), c[i] = hard_value(random);
      if (random.below(4) == 0) c[i] = -a[i] * b[i]; // all but the rounding error cancels
    }
    Sse2::store(result, Sse2::fma(Sse2::load(a), Sse2::load(b), Sse2::load(c)));
    for (int i = 0; i < 4; ++i) {
      const float exact = std::fma(a[i], b[i], c[i]);
      wrong += std::isnan(exact) ? !std::isnan(result[i])
                                 : std::bit_cast<uint32_t>(exact) != std::bit_cast<uint32_t>(result[i]);
    }
  }
  CHECK(wrong == 0);
}
