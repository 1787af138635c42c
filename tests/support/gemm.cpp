#include "gemm.hpp"

namespace lanefold::test {

// The inner loop runs over columns, because neighbouring chains do not wait for each other.
void add_chains(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c, int64_t ldc) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t q = 0; q < k; ++q)
      for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = std::fma(a[i * k + q], b[q * n + j], c[i * ldc + j]);
}

} // namespace lanefold::test
