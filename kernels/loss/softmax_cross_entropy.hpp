// Softmax cross-entropy on integer labels, loss and gradient, and the count of correct predictions.
#pragma once

#include <kernels/loss/softmax.hpp>
#include <kernels/norm/statistics.hpp>

namespace lanefold::loss {

// dx[j] = (e[j] / sum - [j == label]) / m, where dx holds e.
template <class S> void gradient_row(float *dx, int64_t n, float sum, int32_t label, float m) {
  using V = typename S::V;
  simd::for_columns<S, 1>(0, n,
                          [&](const auto &column) { column.store(dx, 0, S::divide(column.load(dx, 0), V(sum))); });
  dx[label] = dx[label] - 1.0f;
  simd::for_columns<S, 1>(0, n, [&](const auto &column) { column.store(dx, 0, S::divide(column.load(dx, 0), V(m))); });
}

// values[i] *= weights[i].
template <class S> void multiply(float *values, const float *weights, int64_t m) {
  simd::for_columns<S, 1>(
      0, m, [&](const auto &column) { column.store(values, 0, column.load(values, 0) * column.load(weights, 0)); });
}

// Multiplies row i of dx by weights[i].
template <class S> void multiply_rows(const lf_host *host, const lf_softmax_cross_entropy_args &a) {
  using V = typename S::V;
  const int64_t pieces = row_pieces(host, a.m, a.n);
  for_each_task(host, pieces, [&](int64_t index) {
    const Range rows = piece(a.m, 1, pieces, index);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      float *dx = a.dx + i * a.lddx;
      const V weight(a.weights[i]);
      simd::for_columns<S, 4>(0, a.n, [=](const auto &column) {
        LANEFOLD_UNROLL for (int v = 0; v < column.count; ++v) column.store(dx, v, column.load(dx, v) * weight);
      });
    }
  });
}

// The sum over the rows, in blocks of rows.
inline float sum_of_blocks(const float *values, int64_t m) {
  float total = 0.0f;
  for (int64_t i = 0; i < m; i += norm::block_rows) {
    float block = 0.0f;
    for (int64_t r = i; r < smaller(m, i + norm::block_rows); ++r) block = block + values[r];
    total = total + block;
  }
  return total;
}

// losses = weights * (log(sums) - margins), where losses may be sums.  Returns their mean.
template <class S>
float mean_loss(const float *sums, const float *margins, const float *weights, int64_t m, float *losses) {
  simd::for_columns<S, 1>(0, m, [&](const auto &column) {
    column.store(losses, 0, math::log_normal<S>(column.load(sums, 0)) - column.load(margins, 0));
  });
  if (weights) multiply<S>(losses, weights, m);
  return sum_of_blocks(losses, m) / static_cast<float>(m);
}

template <class S> lf_status softmax_cross_entropy(const lf_host *host, const lf_softmax_cross_entropy_args *args) {
  const int64_t m = args->m, n = args->n;
  const int64_t padded = round_up(m, lanes);
  const Scratch scratch(host, 2 * padded);
  if (!scratch.valid()) return scratch.failure();
  float *sums = scratch.data(), *margins = sums + padded;
  const auto batch_rows = static_cast<float>(args->batch_rows);
  const int64_t pieces = row_pieces(host, m, n);
  for_each_task(host, pieces, [&](int64_t index) {
    const Range rows = piece(m, 1, pieces, index);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const float *x = args->x + i * args->ldx;
      float *dx = args->dx ? args->dx + i * args->lddx : nullptr;
      const float maximum = row_maximum<S>(x, n);
      margins[i] = x[args->labels[i]] - maximum;
      sums[i] = exponentials<S>(x, n, maximum, dx);
      if (dx) gradient_row<S>(dx, n, sums[i], args->labels[i], batch_rows);
    }
  });
  if (args->weights && args->dx) multiply_rows<S>(host, *args);
  *args->loss = mean_loss<S>(sums, margins, args->weights, m, args->losses ? args->losses : sums);
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
