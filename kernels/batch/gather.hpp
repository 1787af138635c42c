// Gathers rows of bytes into a batch of floats.  Rows lie anywhere in a set that no cache holds, so the cache lines of a
// row are prefetched while the rows before it are converted.
#pragma once

#include <kernels/simd/columns.hpp>
#include <kernels/tasks.hpp>

#include <lanefold/batch.h>

#include <cstring>

namespace lanefold::batch {

inline constexpr int64_t least_elements = 1 << 14; // elements that repay handing a task to another thread
inline constexpr int64_t rows_ahead = 4, cache_line = 64;

// x / divisor, correctly rounded: the product with the reciprocal, then one step of Newton's method, whose residual is
// exact.  An exhaustive run over all 2^23 significands of a divisor and all 256 bytes confirmed it; powers of two
// change nothing.
template <class S> typename S::V quotient(typename S::V x, float divisor) {
  using V = typename S::V;
  const V reciprocal(1.0f / divisor), estimate = x * reciprocal;
  return S::fma(S::fma(V(-divisor), estimate, x), reciprocal, estimate);
}

inline void prefetch(const uint8_t *row, int64_t n) {
  for (int64_t j = 0; j < n; j += cache_line) __builtin_prefetch(row + j);
}

template <class S> void convert(const uint8_t *x, float *y, int64_t n, float divisor) {
  simd::for_columns<S, 4>(0, n, [=](const auto &column) {
    LANEFOLD_UNROLL for (int v = 0; v < column.count; ++v) {
      const uint8_t *p = x + column.first + v * S::width;
      uint8_t tail[S::width] = {};
      if (column.part < S::width) p = static_cast<uint8_t *>(std::memcpy(tail, p, static_cast<size_t>(column.part)));
      column.store(y, v, quotient<S>(S::load_bytes(p), divisor));
    }
  });
}

template <class S> lf_status gather(const lf_host *host, const lf_gather_args *args) {
  const lf_gather_args &a = *args;
  const auto row = [&](int64_t i) { return a.x + (a.rows ? static_cast<int64_t>(a.rows[i]) : i) * a.ldx; };
  const int64_t pieces = larger(1, smaller(smaller(most_tasks(host->threads), a.m), a.m * a.n / least_elements));
  for_each_task(host, pieces, [&](int64_t index) {
    const Range rows = piece(a.m, 1, pieces, index);
    for (int64_t i = rows.begin; i < smaller(rows.end, rows.begin + rows_ahead); ++i) prefetch(row(i), a.n);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      if (i + rows_ahead < rows.end) prefetch(row(i + rows_ahead), a.n);
      convert<S>(row(i), a.y + i * a.ldy, a.n, a.divisor);
    }
  });
  return LF_OK;
}

} // namespace lanefold::batch
