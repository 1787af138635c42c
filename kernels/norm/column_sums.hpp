// sum_rows dt, and dt itself: the backward pass of a bias under an activation.
#pragma once

#include <kernels/norm/backward.hpp>

namespace lanefold::norm {

// A Reduction (reduce.hpp): sum = sum_rows dt, dx = dt.
template <class S, class Activation> struct ColumnSums {
  int64_t m, n;
  Incoming<S, Activation> dt;
  float *dx; // NULL: not wanted
  int64_t lddx;
  float *sum;     // NULL: not wanted
  float *partial; // [blocks][n]

  static int64_t scratch_floats(int64_t m, int64_t n) { return n * ceil_div(m, block_rows); }

  void reduce(int64_t row, int64_t rows, int64_t first, int64_t columns) const {
    using V = typename S::V;
    const auto strip = [&](int64_t begin, int64_t end, const auto &column) {
      constexpr int count = std::remove_reference_t<decltype(column)>::count;
      float *out = partial + n * (begin / block_rows);
      V total[count];
      for (int v = 0; v < count; ++v) total[v] = begin % block_rows == 0 ? V(0.0f) : column.load(out, v);
      for (int64_t i = begin; i < end; ++i)
        for (int v = 0; v < count; ++v) {
          const V d = dt.at(column, i, v);
          total[v] = total[v] + d;
          if (dx) column.store(dx + i * lddx, v, d);
        }
      for (int v = 0; v < count; ++v) column.store(out, v, total[v]);
    };
    for_strips<S, far_rows>({row, row + rows}, {first, first + columns}, strip);
  }

  void merge(int64_t first, int64_t columns) const {
    using V = typename S::V;
    if (!sum) return;
    simd::for_columns<S, 1>(first, first + columns, [&](const auto &column) {
      V total(0.0f);
      for (int64_t b = 0; b * block_rows < m; ++b) total = total + column.load(partial + n * b, 0);
      column.store(sum, 0, total);
    });
  }

  void apply(int64_t, int64_t, int64_t, int64_t) const {}
};

} // namespace lanefold::norm
