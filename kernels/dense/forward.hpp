// y = act(bn(x w + bias)) in one pass: product, statistics, normalization and activation of a panel of columns follow
// each other while the panel is in cache.
#pragma once

#include <kernels/gemm/multiply.hpp>
#include <kernels/norm/forward.hpp>

#include <lanefold/dense.h>

namespace lanefold::dense {

// y = act(z) for a block; y may be z.
template <class S, class Activation> struct Activate {
  const float *z;
  int64_t ldz;
  float *y;
  int64_t ldy;
  Activation act;
  using Ending = Activation;

  bool in_place() const { return z == y; }
  float alpha() const {
    if constexpr (requires { act.alpha; }) return act.alpha;
    else return 0.0f;
  }

  void operator()(int64_t row, int64_t rows, int64_t first, int64_t columns) const {
    if constexpr (std::is_same_v<Activation, activation::Identity>)
      if (z == y) return;
    simd::for_columns<S, 4>(first, first + columns, [&](const auto column) {
      constexpr int count = decltype(column)::count;
      const Activation local = act; // which no store to y can change, as little as where it goes
      const float *from = z + row * ldz;
      float *to = y + row * ldy;
      const int64_t from_stride = ldz, to_stride = ldy;
      for (int64_t i = 0; i < rows; ++i, from += from_stride, to += to_stride) {
        activation::map<S, count>(
            local, [&](int v) { return column.load(from, v); },
            [&](int v, typename S::V t) { column.store(to, v, t); });
      }
    });
  }
};

inline gemm::Product forward_product(const lf_dense_forward_args *args, float *z, int64_t ldz) {
  return {.m = args->m,
          .n = args->n,
          .k = args->k,
          .a = {args->x, gemm::stride_of(args->m, args->k, args->ldx), true},
          .b = {args->w, gemm::stride_of(args->k, args->n, args->ldw), false},
          .start = args->bias ? gemm::Start::bias : gemm::Start::zero,
          .bias = args->bias,
          .packed_b = reinterpret_cast<const float *>(args->packed),
          .c = z,
          .ldc = gemm::stride_of(args->m, args->n, ldz)};
}

inline constexpr int64_t cached_columns = 32; // of 256 rows: they stay in the first-level cache

template <class Tile, class Activation>
lf_status forward_training(const lf_host *host, const lf_dense_forward_args *args, const Activation &act) {
  using S = typename Tile::Simd;
  using Norm = norm::TrainingForward<S, Activation>;
  // Without z the product is kept in y, and normalized there.
  float *z = args->z ? args->z : args->y;
  const int64_t m = args->m, n = args->n, ldz = args->z ? args->ldz : args->ldy;
  const Scratch scratch(host, Norm::scratch_floats(m, n));
  if (!scratch.valid()) return scratch.failure();
  Norm norm{args->batch_norm, m, n, z, ldz, args->y, args->ldy, act, scratch.data()};
  gemm::Product product = forward_product(args, z, ldz);
  const gemm::Plan plan = gemm::choose<Tile>(product, host->threads, norm::block_rows);
  const bool whole_columns = plan.chunks == 1;
  if (plan.chunk_rows <= norm::block_rows) { // tiles sum the columns of a block, which is a chunk
    norm.summed = true;
    product.column_sums = norm.block(0), product.sums_line = norm.block(1) - norm.block(0);
  }
  const auto finish = [&](int64_t row, int64_t rows, int64_t first, int64_t columns) {
    for (int64_t j = first; j < first + columns; j += cached_columns) {
      const int64_t there = smaller(cached_columns, first + columns - j);
      if (whole_columns) norm::reduce_merge_apply(norm, m, j, there);
      else norm.reduce(row, rows, j, there);
    }
  };
  const lf_status status = gemm::multiply<Tile>(host, product, plan, finish);
  if (status == LF_OK && !whole_columns) norm::merge_and_apply<S>(host, norm, m, n);
  return status;
}

template <class Tile, class Activation>
lf_status forward_inference(const lf_host *host, const lf_dense_forward_args *args, const Activation &act) {
  using S = typename Tile::Simd;
  const lf_batch_norm *bn = args->batch_norm;
  float *z = args->z ? args->z : args->y;
  const int64_t ldz = args->z ? args->ldz : args->ldy;
  const gemm::Product product = forward_product(args, z, ldz);
  const gemm::Plan plan = gemm::choose<Tile>(product, host->threads);
  if (!bn) return gemm::multiply<Tile>(host, product, plan, Activate<S, Activation>{z, ldz, args->y, args->ldy, act});
  const Scratch scale(host, args->n);
  if (!scale.valid()) return scale.failure();
  norm::running_scale<S>(bn, args->n, scale.data());
  return gemm::multiply<Tile>(host, product, plan, [&](int64_t row, int64_t rows, int64_t column, int64_t columns) {
    norm::normalize<S>(z, ldz, args->y, args->ldy, {row, row + rows}, {column, column + columns}, bn->running_mean,
                       scale.data(), bn->beta, act);
  });
}

template <class Tile> lf_status forward(const lf_host *host, const lf_dense_forward_args *args) {
  return activation::with(args->activation, args->alpha, [&](const auto &act) {
    return args->batch_norm && (args->flags & LF_TRAINING) ? forward_training<Tile>(host, args, act)
                                                           : forward_inference<Tile>(host, args, act);
  });
}

} // namespace lanefold::dense
