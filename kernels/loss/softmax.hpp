// Softmax along the rows, and its logarithm.
// Sixteen virtual lanes sum a row on every SIMD width: element j is added to lane j mod 16.  The lanes are then added
// pairwise over distances of 8, 4, 2 and 1.
#pragma once

#include <kernels/math/exponential.hpp>
#include <kernels/math/logarithm.hpp>
#include <kernels/simd/columns.hpp>
#include <kernels/tasks.hpp>

#include <lanefold/loss.h>

#include <cmath>

namespace lanefold::loss {

inline constexpr int lanes = 16;
inline constexpr int64_t least_elements = 1 << 14; // with fewer elements, another thread costs more than it saves

inline int64_t row_pieces(const lf_host *host, int64_t m, int64_t n) {
  const int64_t most = most_tasks(host->threads);
  return larger(1, smaller(smaller(most, m), m * n / least_elements));
}

// The largest element that is not NaN, or -infinity if all are NaN.
template <class S> float row_maximum(const float *x, int64_t n) {
  using V = typename S::V;
  V most(-INFINITY);
  simd::for_columns<S, 1>(0, n, [&](const auto &column) {
    const V v = column.load(x, 0);
    most = S::select((v > most) & S::lanes_below(column.part), v, most);
  });
  float lane[S::width];
  S::store(lane, most);
  float result = lane[0];
  for (int i = 1; i < S::width; ++i) result = lane[i] > result ? lane[i] : result;
  return result;
}

// Adds the lanes pairwise.
inline float sum_of_lanes(float (&lane)[lanes]) {
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lane[i] = lane[i] + lane[i + width];
  return lane[0];
}

// Returns the sum over j of exp(x[j] - maximum).  Stores the terms in e, unless e is NULL.
template <class S> float exponentials(const float *x, int64_t n, float maximum, float *e) {
  using V = typename S::V;
  constexpr int vectors = lanes / S::width;
  V sum[vectors];
  LANEFOLD_UNROLL for (int v = 0; v < vectors; ++v) sum[v] = V(0.0f);
  for (int64_t j = 0; j < n; j += lanes) LANEFOLD_UNROLL for (int v = 0; v < vectors; ++v) {
      const int64_t first = j + v * S::width;
      if (first >= n) break;
      const int there = static_cast<int>(smaller(S::width, n - first));
      const V term = math::exp_nonpositive<S>(S::load_part(x + first, there) - V(maximum));
      sum[v] = sum[v] + S::select(S::lanes_below(there), term, V(0.0f));
      if (e) S::store_part(e + first, term, there);
    }
  float lane[lanes];
  LANEFOLD_UNROLL for (int v = 0; v < vectors; ++v) S::store(lane + v * S::width, sum[v]);
  return sum_of_lanes(lane);
}

// y[j] = e[j] / sum, or the logarithm of that: (x[j] - max) - log(sum).  y may be x.
template <class S> void softmax_row(const float *x, float *y, int64_t n, bool logarithm) {
  using V = typename S::V;
  const float maximum = row_maximum<S>(x, n);
  const float sum = exponentials<S>(x, n, maximum, logarithm ? nullptr : y);
  if (!logarithm)
    return simd::for_columns<S, 1>(
        0, n, [&](const auto &column) { column.store(y, 0, S::divide(column.load(y, 0), V(sum))); });
  const V log_sum = math::log_normal<S>(V(sum));
  simd::for_columns<S, 1>(0, n,
                          [&](const auto &column) { column.store(y, 0, (column.load(x, 0) - V(maximum)) - log_sum); });
}

template <class S> lf_status softmax(const lf_host *host, const lf_softmax_args *args) {
  const bool logarithm = (args->flags & LF_LOGARITHM) != 0;
  const int64_t pieces = row_pieces(host, args->m, args->n);
  for_each_task(host, pieces, [&](int64_t index) {
    const Range rows = piece(args->m, 1, pieces, index);
    for (int64_t i = rows.begin; i < rows.end; ++i)
      softmax_row<S>(args->x + i * args->ldx, args->y + i * args->ldy, args->n, logarithm);
  });
  return LF_OK;
}

} // namespace lanefold::loss
