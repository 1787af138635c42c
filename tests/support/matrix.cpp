#include "matrix.hpp"

namespace lanefold::test {

bool canaries_alive(const float *begin, const float *end, const float *data, int64_t rows, int64_t columns,
                    int64_t stride) {
  const float *at = begin;
  for (int64_t i = 0; i < rows && columns > 0; ++i) {
    const float *row = data + i * stride;
    if (!std::all_of(at, row, is_canary)) return false;
    at = row + columns;
  }
  return std::all_of(at, end, is_canary);
}

} // namespace lanefold::test
