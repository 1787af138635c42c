// dt = dy * act'(y) and its sums over the rows: the backward pass of an activation and of a bias below it.
#pragma once

#include <kernels/norm/backward.hpp>

namespace lanefold::norm {

// A reduction (reduce.hpp): sum = sum_rows dt, dx = dt.
template <class S, class Activation> struct ColumnSums {
  int64_t m, n;
  Incoming<S, Activation> dt;
  float *dx; // m x n; NULL if not wanted
  int64_t lddx;
  float *sum;     // n; NULL if not wanted
  float *partial; // [blocks][n]

  void reduce(Range rows, Range columns) const {
    using V = typename S::V;
    const auto strip = [&](int64_t begin, int64_t end, const auto &column) {
      constexpr int count = std::remove_reference_t<decltype(column)>::count;
      float *out = partial + n * (begin / block_rows);
      V total[count];
      LANEFOLD_UNROLL for (int v = 0; v < count; ++v) total[v] =
          begin % block_rows == 0 ? V(0.0f) : column.load(out, v);
      for (int64_t i = begin; i < end; ++i) LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
          const V d = dt.at(column, i, v);
          total[v] = total[v] + d;
          if (dx) column.store(dx + i * lddx, v, d);
        }
      LANEFOLD_UNROLL for (int v = 0; v < count; ++v) column.store(out, v, total[v]);
    };
    for_strips<S, far_rows>(rows, columns, strip);
  }

  void merge(Range columns) const {
    using V = typename S::V;
    if (!sum) return;
    simd::for_columns<S, 1>(columns.begin, columns.end, [&](const auto &column) {
      V total(0.0f);
      for (int64_t b = 0; b * block_rows < m; ++b) total = total + column.load(partial + n * b, 0);
      column.store(sum, 0, total);
    });
  }

  void apply(Range, Range) const {}
};

} // namespace lanefold::norm
