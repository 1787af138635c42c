// The one part of lanefold/random.py that is a loop: a shuffle by given draws.
#include "array.hpp"
#include "families.hpp"

namespace lanefold::python {
namespace {

// order = 0, 1, ...;  for i = n down to 2: swap order[i - 1] and order[draws[n - i]].
py::object shuffle(const Arguments &given) {
  const Memory draws(given.call(), given.name(0), given[0], uint32, Access::read);
  draws.need_dimensions(1);
  const auto count = static_cast<uint32_t>(draws.shape[0]);
  const auto *draw = static_cast<const uint32_t *>(vector(draws, count));
  const uint32_t n = count + 1;
  py::array_t<uint32_t> order = new_array<uint32_t>(n);
  uint32_t *values = order.mutable_data();
  for (uint32_t i = 0; i < n; ++i) values[i] = i;
  for (uint32_t i = n; i > 1; --i) {
    if (draw[n - i] >= i) draws.refuse("has an element that is too large");
    std::swap(values[i - 1], values[draw[n - i]]);
  }
  return order;
}

} // namespace

void define_random(py::module_ &module) {
  Function<shuffle>::define(module, R"(_shuffle(draws)
--

Returns 0, 1, ..., n - 1 in the order that a Fisher-Yates shuffle with these n - 1 draws gives.)");
}

} // namespace lanefold::python
