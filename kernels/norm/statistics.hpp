// Sums over the rows of a column, in the order that docs/numerics.md fixes: blocks of 256 rows, ascending inside a
// block, blocks merged in ascending order.  Nothing here depends on how rows or columns are cut into tasks.
#pragma once

#include <kernels/simd/columns.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::norm {

inline constexpr int64_t block_rows = 256;

// What a block of rows says of a column: its mean is base + shift, kept apart so that the difference of two means loses
// no digits, and the sum of squared deviations from it.
template <class S> struct Moments { typename S::V base, shift, m2; };

// At most 256 rows.  Two passes; the second also sums the deviations, whose mean corrects the first pass's (Chan, Golub
// and LeVeque 1983), so that a large mean costs no digits.  sums: of the first pass, if another made it, else NULL.
template <class S, class Column>
void block_moments(const float *x, int64_t ldx, int64_t rows, const Column &column, const float *sums,
                   Moments<S> (&result)[Column::count]) {
  using V = typename S::V;
  const V count(static_cast<float>(rows));
  V base[Column::count], low[Column::count], squares[Column::count];
  for (int v = 0; v < Column::count; ++v) {
    base[v] = sums ? column.load(sums, v) : V(0.0f);
    low[v] = squares[v] = V(0.0f);
  }
  if (!sums)
    for (int64_t i = 0; i < rows; ++i)
      for (int v = 0; v < Column::count; ++v) base[v] = base[v] + column.load(x + i * ldx, v);
  for (int v = 0; v < Column::count; ++v) base[v] = S::divide(base[v], count);
  for (int64_t i = 0; i < rows; ++i)
    for (int v = 0; v < Column::count; ++v) {
      const V d = column.load(x + i * ldx, v) - base[v];
      low[v] = low[v] + d;
      squares[v] = S::fma(d, d, squares[v]);
    }
  for (int v = 0; v < Column::count; ++v) {
    const V shift = S::divide(low[v], count);
    const V rest = S::fma(V(0.0f) - low[v], shift, squares[v]);
    result[v] = {base[v], shift, S::select(rest < V(0.0f), V(0.0f), rest)};
  }
}

// Merges the moments of `count` rows with those of one more block (Chan et al. 1983); all stays on the first one's
// base.
template <class S> void merge(Moments<S> &all, float count, const Moments<S> &block, float block_count) {
  using V = typename S::V;
  const V share(block_count / (count + block_count));
  const V delta = ((block.base - all.base) + block.shift) - all.shift;
  all.shift = S::fma(delta, share, all.shift);
  all.m2 = (all.m2 + block.m2) + (delta * delta) * (share * V(count));
}

} // namespace lanefold::norm
