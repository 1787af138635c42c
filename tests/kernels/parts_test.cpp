// Even cuts (kernels/gemm/parts.hpp), for all small totals and at the limits of 32 and 47 bits.
#include <kernels/gemm/parts.hpp>

#include <doctest/doctest.h>

#include <initializer_list>

using lanefold::gemm::EvenParts;

namespace {

void check_cut(int64_t total, int64_t most) {
  CAPTURE(total);
  CAPTURE(most);
  const EvenParts parts(total, most);
  const int64_t count = parts.count();
  CHECK(count == total / most + (total % most != 0)); // the fewest
  if (total == 0) return;
  const int64_t first = parts.size(0), last = parts.size(count - 1);
  CHECK(first <= most);
  CHECK((first == last || first == last + 1)); // the larger ones come first
  CHECK(parts.begin(0) == 0);
  CHECK(parts.begin(count - 1) + last == total);
  CHECK(parts.size(parts.equal_from(0) - 1) == first);
  if (parts.equal_from(0) < count) CHECK(parts.size(parts.equal_from(0)) == last);
}

} // namespace

TEST_CASE("a total is cut into the fewest parts, whose sizes differ by at most one") {
  for (int64_t total = 0; total <= 200; ++total)
    for (int64_t most = 1; most <= 20; ++most) check_cut(total, most);
  for (const int64_t total : {int64_t{1} << 31, int64_t{1} << 32, int64_t{1} << 47})
    for (const int64_t difference : {-1, 0, 1})
      for (const int64_t most : {int64_t{1}, int64_t{6}, int64_t{14}, int64_t{4096}, int64_t{1} << 33})
        check_cut(total + difference, most);
}
