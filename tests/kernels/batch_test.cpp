// Batches of bytes: every quotient is rounded correctly, rows come in any order, and no call leaves its arrays.
#include "support/guarded.hpp"
#include "support/reference.hpp"

#include <cstring>
#include <numeric>

using namespace lanefold;
using namespace lanefold::test;

TEST_CASE("every byte divided by every kind of divisor is the correctly rounded quotient") {
  const Context context = lanefold::test::context(1);
  Random random(81);
  std::vector<uint8_t> bytes(256);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  std::vector<float> divisors = {1,
                                 2,
                                 3,
                                 254,
                                 255,
                                 256,
                                 65535,
                                 65536,
                                 std::nextafter(1.0f, 2.0f),
                                 std::nextafter(2.0f, 1.0f),
                                 std::nextafter(65536.0f, 1.0f)};
  for (int i = 0; i < 2000; ++i) divisors.push_back(std::exp2(random.uniform(0, 16)));
  std::vector<float> y(256);
  int64_t wrong = 0;
  for (const float divisor : divisors) {
    auto a = args<lf_gather_args>();
    a.m = 1, a.n = 256, a.count = 1, a.x = bytes.data(), a.ldx = 256, a.divisor = divisor, a.y = y.data(), a.ldy = 256;
    context.gather(a);
    for (size_t i = 0; i < 256; ++i) wrong += y[i] != static_cast<float>(bytes[i]) / divisor;
  }
  CHECK(wrong == 0);
}

TEST_CASE("rows are gathered in any order, by any number of threads, and nothing beyond them is touched") {
  const Context one = context(1), three = context(3);
  Random random(82);
  for (const int64_t n : {1, 3, 4, 15, 16, 17, 63, 64, 65, 127, 130, 784})
    for (const int64_t m : {1, 2, 5, 9, 200})
      for (const bool in_order : {false, true}) {
        if (passed_over()) continue;
        const int64_t count = m + random.between(0, 9), ldx = n + random.between(0, 5);
        // The last byte of x is the last byte that may be read.
        const int64_t size = (count - 1) * ldx + n, floats = (size + 3) / 4;
        Guarded memory(1, floats, floats, Side::ends);
        uint8_t *x = reinterpret_cast<uint8_t *>(memory.data()) + 4 * floats - size;
        for (int64_t i = 0; i < size; ++i) x[i] = static_cast<uint8_t>(random.below(256));
        std::vector<uint32_t> rows(static_cast<size_t>(m));
        for (uint32_t &row : rows) row = static_cast<uint32_t>(random.below(count));
        for (const Side side : {Side::begins, Side::ends}) {
          Guarded y(m, n, n + 3, side), other(m, n, n + 3, side);
          auto a = args<lf_gather_args>();
          a.m = m, a.n = n, a.count = count, a.x = x, a.ldx = ldx, a.divisor = 255;
          a.rows = in_order ? nullptr : rows.data();
          a.y = y.data(), a.ldy = y.stride();
          one.gather(a);
          a.y = other.data();
          three.gather(a);
          int64_t wrong = 0;
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j) {
              const int64_t row = in_order ? i : rows[static_cast<size_t>(i)];
              const float expected = static_cast<float>(x[row * ldx + j]) / 255.0f;
              wrong += y(i, j) != expected || other(i, j) != expected;
            }
          CAPTURE(m);
          CAPTURE(n);
          CHECK(wrong == 0);
          CHECK(y.gaps_untouched());
          CHECK(other.gaps_untouched());
        }
      }
}
