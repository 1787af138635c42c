// Sums over the rows of a column, in the order that docs/numerics.md fixes: blocks of 256 rows, ascending inside a block,
// and blocks merged in ascending order.  The order does not depend on how rows or columns are cut into tasks.
#pragma once

#include <kernels/simd/columns.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::norm {

inline constexpr int64_t block_rows = 256;

// The statistics of a block of rows in each column: the mean is base + shift, kept apart so that the difference of two
// means loses no digits; m2 is the sum of squared deviations from the mean.
template <class S> struct Moments { typename S::V base, shift, m2; };

// The first pass: sum += x.
template <class S, class Column>
[[gnu::always_inline]] inline void add_rows(const float *x, int64_t ldx, int64_t rows, const Column &column,
                                            typename S::V (&sum)[Column::count]) {
  for (int64_t i = 0; i < rows; ++i)
    LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) sum[v] = sum[v] + column.load(x + i * ldx, v);
}

// The second pass: low += d and squares += d * d, where d = x - base.
template <class S, class Column>
[[gnu::always_inline]] inline void add_deviations(const float *x, int64_t ldx, int64_t rows, const Column &column,
                                                  const typename S::V (&base)[Column::count],
                                                  typename S::V (&low)[Column::count],
                                                  typename S::V (&squares)[Column::count]) {
  for (int64_t i = 0; i < rows; ++i) LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) {
      const typename S::V d = column.load(x + i * ldx, v) - base[v];
      low[v] = low[v] + d;
      squares[v] = S::fma(d, d, squares[v]);
    }
}

// The moments of a block of `count` rows, from both passes.
template <class S>
[[gnu::always_inline]] inline Moments<S> moments_of(typename S::V base, typename S::V low, typename S::V squares,
                                                    typename S::V count) {
  using V = typename S::V;
  const V shift = S::divide(low, count);
  const V rest = S::fma(V(0.0f) - low, shift, squares);
  return {base, shift, S::select(rest < V(0.0f), V(0.0f), rest)};
}

// At most 256 rows, in two passes.  The second pass also sums the deviations; their mean corrects the mean of the first
// pass (Chan, Golub and LeVeque 1983), so that a large mean costs no digits.  sums: the result of the first pass, or
// NULL if this function is to compute it.
template <class S, class Column>
void block_moments(const float *x, int64_t ldx, int64_t rows, const Column &column, const float *sums,
                   Moments<S> (&result)[Column::count]) {
  using V = typename S::V;
  const V count(static_cast<float>(rows));
  V base[Column::count], low[Column::count], squares[Column::count];
  LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) {
    base[v] = sums ? column.load(sums, v) : V(0.0f);
    low[v] = squares[v] = V(0.0f);
  }
  if (!sums) add_rows<S>(x, ldx, rows, column, base);
  LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) base[v] = S::divide(base[v], count);
  add_deviations<S>(x, ldx, rows, column, base, low, squares);
  LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) result[v] = moments_of<S>(base[v], low[v], squares[v], count);
}

// Merges the moments of `count` rows with those of one more block (Chan et al. 1983).  The base of the first block stays.
template <class S> void merge(Moments<S> &all, float count, const Moments<S> &block, float block_count) {
  using V = typename S::V;
  const V share(block_count / (count + block_count));
  const V delta = ((block.base - all.base) + block.shift) - all.shift;
  all.shift = S::fma(delta, share, all.shift);
  all.m2 = (all.m2 + block.m2) + (delta * delta) * (share * V(count));
}

} // namespace lanefold::norm
