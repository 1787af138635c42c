// The gradient of batch normalization, alone or below the activation of a dense layer.
#pragma once

#include <kernels/activation/functions.hpp>
#include <kernels/norm/reduce.hpp>

#include <lanefold/norm.h>

namespace lanefold::norm {

// dt = dy * act', the gradient that reaches the normalization.
template <class S, class Activation> struct Incoming {
  using V = typename S::V;
  static constexpr bool from_input = activation::derives_from_input<Activation>;

  const float *dy;
  int64_t lddy;
  const float *from; // y, or z if the derivative follows from the input of the activation; not read for Identity
  int64_t ldfrom;
  Activation act;
  const lf_batch_norm *bn = nullptr; // what lies between z and the activation; only read for a derivative from z

  template <class Column> V at(const Column &column, int64_t row, int v) const {
    const V d = column.load(dy + row * lddy, v);
    if constexpr (std::is_same_v<Activation, activation::Identity>) return d;
    else return d * act.template derivative<S>(argument(column, row, v));
  }

private:
  template <class Column> V argument(const Column &column, int64_t row, int v) const {
    const V value = column.load(from + row * ldfrom, v);
    if constexpr (from_input)
      if (bn) // the output of the normalization again, with the same bits
        return S::fma(value - column.load(bn->mean, v), column.load(bn->gamma, v) * column.load(bn->inv_std, v),
                      column.load(bn->beta, v));
    return value;
  }
};

// What does not depend on the activation.
template <class S> struct BackwardArrays {
  const lf_batch_norm *bn;
  int64_t m, n;
  const float *x; // m x n
  int64_t ldx;
  float *dx; // m x n; NULL if not wanted
  int64_t lddx;
  float *dgamma, *dbeta;
  float *partial;     // [2][n]: dbeta / m and -dgamma / m; then [blocks][2][n]: dbeta and dgamma of each block
  int64_t batch_rows; // the m of the formula

  static int64_t scratch_floats(int64_t m, int64_t n) { return 2 * n * (ceil_div(m, block_rows) + 1); }
  float *block(int64_t index) const { return partial + 2 * n * (index + 1); }
  float *results() const { return partial; }

  void merge(Range columns) const {
    using V = typename S::V;
    simd::for_columns<S, 1>(columns.begin, columns.end, [&](const auto &column) {
      V sum(0.0f), product(0.0f);
      for (int64_t b = 0; b * block_rows < m; ++b) {
        sum = sum + column.load(block(b), 0);
        product = product + column.load(block(b) + n, 0);
      }
      column.store(dbeta, 0, sum);
      column.store(dgamma, 0, product);
    });
    divide(columns);
  }

  // The results of dbeta and dgamma.
  void divide(Range columns) const {
    using V = typename S::V;
    simd::for_columns<S, 1>(columns.begin, columns.end, [&](const auto &column) {
      const V size(static_cast<float>(batch_rows));
      column.store(results(), 0, S::divide(column.load(dbeta, 0), size));
      column.store(results() + n, 0, V(0.0f) - S::divide(column.load(dgamma, 0), size));
    });
  }
};

// A reduction (reduce.hpp): dbeta = sum dt, dgamma = sum dt * xhat,
// dx = gamma * inv_std * (dt - dbeta / m - xhat * dgamma / m).
template <class S, class Activation> struct Backward : BackwardArrays<S> {
  Incoming<S, Activation> dt;
  // A derivative from z takes long, so dx holds dt between the two steps.  Then dx must be wanted.
  static constexpr bool keeps_dt = Incoming<S, Activation>::from_input;

  void reduce(Range rows, Range columns) const {
    for_strips<S, far_rows>(rows, columns,
                            [&](int64_t begin, int64_t end, const auto &column) { add_rows(begin, end, column); });
  }

  // Rows of one block.
  template <class Column> void add_rows(int64_t begin, int64_t end, const Column &column) const {
    using V = typename S::V;
    V mean[Column::count], inv_std[Column::count], sum[Column::count], product[Column::count];
    float *out = this->block(begin / block_rows);
    const bool starts = begin % block_rows == 0;
    const float *const x = this->x;
    const int64_t n = this->n, ldx = this->ldx;
    LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) {
      mean[v] = column.load(this->bn->mean, v);
      inv_std[v] = column.load(this->bn->inv_std, v);
      sum[v] = starts ? V(0.0f) : column.load(out, v);
      product[v] = starts ? V(0.0f) : column.load(out + n, v);
    }
    const Incoming<S, Activation> incoming = dt; // a copy, which no store can change
    for (int64_t i = begin; i < end; ++i) LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) {
        const V d = incoming.at(column, i, v);
        if constexpr (keeps_dt) column.store(this->dx + i * this->lddx, v, d);
        const V xhat = (column.load(x + i * ldx, v) - mean[v]) * inv_std[v];
        sum[v] = sum[v] + d;
        product[v] = S::fma(d, xhat, product[v]);
      }
    LANEFOLD_UNROLL for (int v = 0; v < Column::count; ++v) {
      column.store(out, v, sum[v]);
      column.store(out + n, v, product[v]);
    }
  }

  void apply(Range rows, Range columns) const {
    using V = typename S::V;
    if (!this->dx) return;
    const auto strip = [&](int64_t begin, int64_t end, const auto &column) {
      constexpr int count = std::remove_reference_t<decltype(column)>::count;
      const lf_batch_norm *bn = this->bn;
      const float *const results = this->results();
      V mean[count], inv_std[count], scale[count], shift[count], factor[count];
      LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
        mean[v] = column.load(bn->mean, v);
        inv_std[v] = column.load(bn->inv_std, v);
        scale[v] = column.load(bn->gamma, v) * inv_std[v];
        shift[v] = column.load(results, v);
        factor[v] = column.load(results + this->n, v);
      }
      const Incoming<S, Activation> incoming = dt;
      const float *const x = this->x;
      float *const dx = this->dx;
      const int64_t ldx = this->ldx, lddx = this->lddx;
      for (int64_t i = begin; i < end; ++i) LANEFOLD_UNROLL for (int v = 0; v < count; ++v) {
          const V xhat = (column.load(x + i * ldx, v) - mean[v]) * inv_std[v];
          const V d = (keeps_dt ? column.load(dx + i * lddx, v) : incoming.at(column, i, v)) - shift[v];
          column.store(dx + i * lddx, v, scale[v] * S::fma(xhat, factor[v], d));
        }
    };
    for_strips<S, far_rows>(rows, columns, strip);
  }
};

template <class S> lf_status batch_norm_backward(const lf_host *host, const lf_batch_norm_backward_args *args) {
  using Gradient = Backward<S, activation::Identity>;
  const bool of_batch = (args->flags & LF_BATCH_STATISTICS) != 0;
  const int64_t m = args->m, n = args->n;
  const Scratch scratch(host, Gradient::scratch_floats(of_batch ? 0 : m, n));
  if (!scratch.valid()) return scratch.failure();
  const Gradient gradient{{args->batch_norm, m, n, args->x, args->ldx, args->dx, args->lddx, args->dgamma, args->dbeta,
                           scratch.data(), of_batch ? args->batch_rows : m},
                          {args->dy, args->lddy, nullptr, 0, {}}};
  if (of_batch) {
    gradient.divide({0, n});
    apply(host, reduction_of(gradient), m, n);
  } else run(host, reduction_of(gradient), m, n, S::width);
  return LF_OK;
}

} // namespace lanefold::norm
