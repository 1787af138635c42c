// Batch normalization forward, alone or as the epilogue of a dense layer.
#pragma once

#include <kernels/norm/normalize.hpp>

namespace lanefold::norm {

template <class S> struct Statistics { typename S::V mean, inv_std; };

// The statistics of a batch of m rows from its moments.  Stores them, and updates the running statistics.
template <class S, class Column>
[[gnu::always_inline]] inline Statistics<S> finish_statistics(const lf_batch_norm *bn, int64_t m, const Moments<S> &all,
                                                              const Column &column) {
  using V = typename S::V;
  const V mean = all.base + all.shift, variance = S::divide(all.m2, V(static_cast<float>(m)));
  const V inv_std = inverse_deviation<S>(variance, bn->eps);
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
  return {mean, inv_std};
}

// Normalization by the statistics of the batch.  A reduction (reduce.hpp).
template <class S> struct TrainingForward {
  const lf_batch_norm *bn;
  int64_t m, n;
  const float *x; // m x n
  int64_t ldx;
  float *y; // m x n
  int64_t ldy;
  NormalizeFunction normalize; // with the activation
  float alpha;                 // of the activation
  float *partial;      // [blocks][3][n]: base, shift and m2 of each block; then [2][n]: mean and scale of the batch
  bool summed = false; // the base of each block holds the sum of its rows already

  static int64_t scratch_floats(int64_t m, int64_t n) { return 3 * n * (ceil_div(m, block_rows) + 1); }
  float *block(int64_t index) const { return partial + 3 * n * index; }
  float *results() const { return block(ceil_div(m, block_rows)); }

  void reduce(Range rows, Range columns) const {
    for (int64_t i = rows.begin; i < rows.end; i += block_rows)
      simd::for_columns<S, 4>(columns.begin, columns.end, [&](const auto &column) {
        constexpr int count = std::remove_reference_t<decltype(column)>::count;
        Moments<S> moments[count];
        float *out = block(i / block_rows);
        block_moments<S>(x + i * ldx, ldx, smaller(block_rows, rows.end - i), column, summed ? out : nullptr, moments);
        LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
          column.store(out, v, moments[v].base);
          column.store(out + n, v, moments[v].shift);
          column.store(out + 2 * n, v, moments[v].m2);
        }
      });
  }

  void merge(Range columns) const {
    simd::for_columns<S, 1>(columns.begin, columns.end, [&](const auto &column) {
      const auto moments = [&](int64_t index) {
        const float *b = block(index);
        return Moments<S>{column.load(b, 0), column.load(b + n, 0), column.load(b + 2 * n, 0)};
      };
      Moments<S> all = moments(0);
      for (int64_t i = block_rows; i < m; i += block_rows)
        norm::merge<S>(all, static_cast<float>(i), moments(i / block_rows),
                       static_cast<float>(smaller(block_rows, m - i)));
      const auto [mean, inv_std] = finish_statistics<S>(bn, m, all, column);
      column.store(results(), 0, mean);
      column.store(results() + n, 0, column.load(bn->gamma, 0) * inv_std);
    });
  }

  void apply(Range rows, Range columns) const {
    normalize({x, ldx, y, ldy, results(), results() + n, bn->beta, alpha}, rows, columns);
  }
};

template <class S> lf_status batch_norm_forward(const lf_host *host, const lf_batch_norm_forward_args *args) {
  const lf_batch_norm *bn = args->batch_norm;
  const int64_t m = args->m, n = args->n;
  const NormalizeFunction normalize = normalize_with<S>(args->activation);
  if (args->flags & LF_TRAINING) {
    const Scratch scratch(host, TrainingForward<S>::scratch_floats(m, n));
    if (!scratch.valid()) return scratch.failure();
    const TrainingForward<S> forward{bn,      m,         n,         args->x,     args->ldx,
                                     args->y, args->ldy, normalize, args->alpha, scratch.data()};
    run(host, reduction_of(forward), m, n, S::width);
    return LF_OK;
  }
  const Scratch scale(host, n);
  if (!scale.valid()) return scale.failure();
  const bool of_batch = (args->flags & LF_BATCH_STATISTICS) != 0;
  if (of_batch) batch_scale<S>(bn, n, scale.data());
  else running_scale<S>(bn, n, scale.data());
  const int64_t most = most_tasks(host->threads);
  const int64_t pieces = larger(1, smaller(smaller(most, m), m * n / least_elements));
  const int64_t ldx = stride_of(m, n, args->ldx), ldy = stride_of(m, n, args->ldy);
  const NormalizeArgs arrays{args->x,      ldx,      args->y,    ldy, of_batch ? bn->mean : bn->running_mean,
                             scale.data(), bn->beta, args->alpha};
  for_each_task(host, pieces, [&](int64_t index) { normalize(arrays, piece(m, 1, pieces, index), {0, n}); });
  return LF_OK;
}

} // namespace lanefold::norm
