// Sums over the rows of a column, in the order that docs/numerics.md fixes: blocks of 256 rows, ascending inside a block,
// blocks merged in ascending order.  Nothing here depends on how rows or columns are cut into tasks.
#pragma once

#include <kernels/simd/columns.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::norm {

inline constexpr int64_t block_rows = 256;

// Mean and sum of squared deviations of at most 256 rows.  Two passes; the second also sums the deviations, whose mean
// corrects the first pass's (Chan, Golub and LeVeque 1983), so that a large mean costs no digits.
template <class S, class Column>
void block_statistics(const float *x, int64_t ldx, int64_t rows, const Column &column, float *mean, float *m2) {
  using V = typename S::V;
  const V count(static_cast<float>(rows));
  V sum[Column::count], low[Column::count], squares[Column::count];
  for (int v = 0; v < Column::count; ++v) sum[v] = low[v] = squares[v] = V(0.0f);
  for (int64_t i = 0; i < rows; ++i)
    for (int v = 0; v < Column::count; ++v) sum[v] = sum[v] + column.load(x + i * ldx, v);
  for (int v = 0; v < Column::count; ++v) sum[v] = sum[v] / count;
  for (int64_t i = 0; i < rows; ++i)
    for (int v = 0; v < Column::count; ++v) {
      const V d = column.load(x + i * ldx, v) - sum[v];
      low[v] = low[v] + d;
      squares[v] = S::fma(d, d, squares[v]);
    }
  for (int v = 0; v < Column::count; ++v) {
    const V correction = low[v] / count;
    const V rest = S::fma(V(0.0f) - low[v], correction, squares[v]);
    column.store(mean, v, sum[v] + correction);
    column.store(m2, v, S::select(rest < V(0.0f), V(0.0f), rest));
  }
}

// Merges (mean, m2) of `count` rows with those of one more block (Chan et al. 1983).
template <class S>
void merge(typename S::V &mean, typename S::V &m2, float count, typename S::V block_mean, typename S::V block_m2,
           float block_count) {
  using V = typename S::V;
  const V share(block_count / (count + block_count));
  const V delta = block_mean - mean;
  mean = S::fma(delta, share, mean);
  m2 = (m2 + block_m2) + (delta * delta) * (share * V(count));
}

} // namespace lanefold::norm
