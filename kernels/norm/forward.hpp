// Batch normalization forward, alone or as the end of a dense layer, with the activation that follows it.
#pragma once

#include <kernels/activation/functions.hpp>
#include <kernels/norm/reduce.hpp>

#include <lanefold/norm.h>

namespace lanefold::norm {

// 1 / sqrt(var + eps).
template <class S> typename S::V inverse_deviation(typename S::V variance, float eps) {
  using V = typename S::V;
  return S::divide(V(1.0f), S::sqrt(variance + V(eps)));
}

// y = act((x - mean) * scale + beta).
template <class S, class Activation>
void normalize(const float *x, int64_t ldx, float *y, int64_t ldy, Range rows, Range columns, const float *mean,
               const float *scale, const float *beta, const Activation &act) {
  using V = typename S::V;
  const auto strip = [&](int64_t begin, int64_t end, const auto column) {
    constexpr int count = decltype(column)::count;
    // Of the three, as many as there are registers for beside the activation's constants and its lockstep.
    constexpr bool keeps_mean = S::in_lockstep == 1;
    V mu[count], s[count];
    for (int v = 0; v < count; ++v) {
      if constexpr (keeps_mean) mu[v] = column.load(mean, v);
      s[v] = column.load(scale, v);
    }
    const Activation local = act; // which no store to y can change, as little as where it goes
    const float *from = x + begin * ldx;
    float *to = y + begin * ldy;
    const float *const center = mean, *const shift = beta;
    const int64_t from_stride = ldx, to_stride = ldy;
    for (int64_t i = begin; i < end; ++i, from += from_stride, to += to_stride) {
      activation::map<S, count>(
          local,
          [&](int v) {
            const V mean_v = keeps_mean ? mu[v] : column.load(center, v);
            return S::fma(column.load(from, v) - mean_v, s[v], column.load(shift, v));
          },
          [&](int v, V t) { column.store(to, v, t); });
    }
  };
  for_strips<S>(rows, columns, strip);
}

// Training: a Reduction (reduce.hpp).
template <class S, class Activation> struct TrainingForward {
  const lf_batch_norm *bn;
  int64_t m, n;
  const float *x;
  int64_t ldx;
  float *y;
  int64_t ldy;
  Activation act;
  float *partial;      // [blocks][3][n]: base, shift and m2 of each block, then [2][n]: mean and scale
  bool summed = false; // each block's base begins as the sum of its rows

  static int64_t scratch_floats(int64_t m, int64_t n) { return 3 * n * (ceil_div(m, block_rows) + 1); }
  float *block(int64_t index) const { return partial + 3 * n * index; }
  float *results() const { return block(ceil_div(m, block_rows)); }

  void reduce(int64_t row, int64_t rows, int64_t first, int64_t columns) const {
    for (int64_t i = row; i < row + rows; i += block_rows)
      simd::for_columns<S, 4>(first, first + columns, [&](const auto &column) {
        constexpr int count = std::remove_reference_t<decltype(column)>::count;
        Moments<S> moments[count];
        float *out = block(i / block_rows);
        block_moments<S>(x + i * ldx, ldx, smaller(block_rows, row + rows - i), column, summed ? out : nullptr,
                         moments);
        for (int v = 0; v < count; ++v) {
          column.store(out, v, moments[v].base);
          column.store(out + n, v, moments[v].shift);
          column.store(out + 2 * n, v, moments[v].m2);
        }
      });
  }

  void merge(int64_t first, int64_t columns) const {
    using V = typename S::V;
    simd::for_columns<S, 1>(first, first + columns, [&](const auto &column) {
      const auto moments = [&](int64_t index) {
        const float *b = block(index);
        return Moments<S>{column.load(b, 0), column.load(b + n, 0), column.load(b + 2 * n, 0)};
      };
      Moments<S> all = moments(0);
      for (int64_t i = block_rows; i < m; i += block_rows)
        norm::merge<S>(all, static_cast<float>(i), moments(i / block_rows),
                       static_cast<float>(smaller(block_rows, m - i)));
      const V mean = all.base + all.shift, variance = S::divide(all.m2, V(static_cast<float>(m)));
      const V inv_std = inverse_deviation<S>(variance, bn->eps);
      column.store(results(), 0, mean);
      column.store(results() + n, 0, column.load(bn->gamma, 0) * inv_std);
      if (bn->mean) {
        column.store(bn->mean, 0, mean);
        column.store(bn->inv_std, 0, inv_std);
      }
      if (bn->running_mean) {
        const V keep(bn->momentum), take(1.0f - bn->momentum);
        const bool unbiased = (bn->flags & LF_UNBIASED_RUNNING_VAR) != 0;
        const V running_variance = unbiased ? S::divide(all.m2, V(static_cast<float>(m - 1))) : variance;
        column.store(bn->running_mean, 0, S::fma(keep, column.load(bn->running_mean, 0), take * mean));
        column.store(bn->running_var, 0, S::fma(keep, column.load(bn->running_var, 0), take * running_variance));
      }
    });
  }

  void apply(int64_t row, int64_t rows, int64_t first, int64_t columns) const {
    normalize<S>(x, ldx, y, ldy, {row, row + rows}, {first, first + columns}, results(), results() + n, bn->beta, act);
  }
};

// scale[n] of inference.
template <class S> void running_scale(const lf_batch_norm *bn, int64_t n, float *scale) {
  simd::for_columns<S, 1>(0, n, [&](const auto &column) {
    column.store(scale, 0, column.load(bn->gamma, 0) * inverse_deviation<S>(column.load(bn->running_var, 0), bn->eps));
  });
}

template <class S> lf_status batch_norm_forward(const lf_host *host, const lf_batch_norm_forward_args *args) {
  const lf_batch_norm *bn = args->batch_norm;
  const int64_t m = args->m, n = args->n;
  if (args->flags & LF_TRAINING) {
    using Forward = TrainingForward<S, activation::Identity>;
    const Scratch scratch(host, Forward::scratch_floats(m, n));
    if (!scratch.valid()) return scratch.failure();
    run<S>(host, Forward{bn, m, n, args->x, args->ldx, args->y, args->ldy, {}, scratch.data()}, m, n);
    return LF_OK;
  }
  const Scratch scale(host, n);
  if (!scale.valid()) return scale.failure();
  running_scale<S>(bn, n, scale.data());
  const int64_t most = most_tasks(host->threads);
  const int64_t pieces = larger(1, smaller(smaller(most, m), m * n / least_elements));
  for_each_task(host, pieces, [&](int64_t index) {
    normalize<S>(args->x, args->ldx, args->y, args->ldy, piece(m, 1, pieces, index), {0, n}, bn->running_mean,
                 scale.data(), bn->beta, activation::Identity{});
  });
  return LF_OK;
}

} // namespace lanefold::norm
