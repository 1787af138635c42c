// Softmax cross-entropy on integer labels, loss and gradient, and the count of correct predictions.
// Sixteen virtual lanes sum a row on every SIMD width: element j is added to lane j mod 16.  The lanes are then added
// pairwise over distances of 8, 4, 2 and 1.
#pragma once

#include <kernels/math/exponential.hpp>
#include <kernels/math/logarithm.hpp>
#include <kernels/norm/statistics.hpp>

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
  for (int width = lanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lane[i] = lane[i] + lane[i + width];
  return lane[0];
}

// dx[j] = (e[j] / sum - [j == label]) / m, where dx holds e.
template <class S> void gradient_row(float *dx, int64_t n, float sum, int32_t label, float m) {
  using V = typename S::V;
  simd::for_columns<S, 1>(0, n,
                          [&](const auto &column) { column.store(dx, 0, S::divide(column.load(dx, 0), V(sum))); });
  dx[label] = dx[label] - 1.0f;
  simd::for_columns<S, 1>(0, n, [&](const auto &column) { column.store(dx, 0, S::divide(column.load(dx, 0), V(m))); });
}

// Returns mean(log(sums) - margins), summed in blocks of rows.  Overwrites sums.
template <class S> float mean_loss(float *sums, const float *margins, int64_t m) {
  simd::for_columns<S, 1>(0, m, [&](const auto &column) {
    column.store(sums, 0, math::log_normal<S>(column.load(sums, 0)) - column.load(margins, 0));
  });
  float total = 0.0f;
  for (int64_t i = 0; i < m; i += norm::block_rows) {
    float block = 0.0f;
    for (int64_t r = i; r < smaller(m, i + norm::block_rows); ++r) block = block + sums[r];
    total = total + block;
  }
  return total / static_cast<float>(m);
}

template <class S> lf_status softmax_cross_entropy(const lf_host *host, const lf_softmax_cross_entropy_args *args) {
  const int64_t m = args->m, n = args->n;
  const int64_t padded = round_up(m, lanes);
  const Scratch scratch(host, 2 * padded);
  if (!scratch.valid()) return scratch.failure();
  float *sums = scratch.data(), *margins = sums + padded;
  const int64_t pieces = row_pieces(host, m, n);
  for_each_task(host, pieces, [&](int64_t index) {
    const Range rows = piece(m, 1, pieces, index);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const float *x = args->x + i * args->ldx;
      float *dx = args->dx ? args->dx + i * args->lddx : nullptr;
      const float maximum = row_maximum<S>(x, n);
      margins[i] = x[args->labels[i]] - maximum;
      sums[i] = exponentials<S>(x, n, maximum, dx);
      if (dx) gradient_row<S>(dx, n, sums[i], args->labels[i], static_cast<float>(m));
    }
  });
  *args->loss = mean_loss<S>(sums, margins, m);
  return LF_OK;
}

// How many of the columns first..end-1 of a row rank above `score`.  A larger output does; an equal one does only where
// Equal is true.  NaN compares false with everything, so it ranks below every number.
template <class S, bool Equal> int64_t count_above(const float *x, int64_t first, int64_t end, float score) {
  using V = typename S::V;
  constexpr int64_t most = 1 << 24; // columns whose count a lane holds exactly
  int64_t total = 0;
  for (; first < end; first += most) {
    V count(0.0f);
    simd::for_columns<S, 1>(first, smaller(end, first + most), [&](const auto &column) {
      const V v = column.load(x, 0);
      const auto above = (Equal ? v >= V(score) : v > V(score)) & S::lanes_below(column.part);
      count = count + S::select(above, V(1.0f), V(0.0f));
    });
    float lane[S::width];
    S::store(lane, count);
    for (int i = 0; i < S::width; ++i) total += static_cast<int64_t>(lane[i]);
  }
  return total;
}

// A class ranks above the label if its output is larger, or equal with a lower index.
template <class S> bool is_correct(const float *x, int64_t n, int32_t label, int64_t k) {
  const int64_t index = label; // wide enough for index + 1
  const float score = x[index];
  if (score != score) return false; // NaN
  return count_above<S, true>(x, 0, index, score) + count_above<S, false>(x, index + 1, n, score) < k;
}

template <class S> lf_status top_k_correct(const lf_host *, const lf_top_k_correct_args *args) {
  int64_t correct = 0;
  for (int64_t i = 0; i < args->m; ++i)
    correct += is_correct<S>(args->x + i * args->ldx, args->n, args->labels[i], args->k);
  *args->correct = correct;
  return LF_OK;
}

} // namespace lanefold::loss
