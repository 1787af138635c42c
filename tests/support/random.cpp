#include "random.hpp"

#include <algorithm>
#include <cstdlib>

namespace lanefold::test {

bool passed_over() {
  static const char *text = std::getenv("LANEFOLD_TEST_EVERY");
  static const int64_t every = text ? std::max<int64_t>(1, std::atoll(text)) : 1;
  static Random random(99);
  return random.below(every) != 0;
}

} // namespace lanefold::test
