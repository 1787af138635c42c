// y = act(bn(x w + bias)) in one pass: product, statistics, normalization and activation follow each other on each panel
// of columns while it is in cache.  This file also has inference on packed weights.
#pragma once

#include <kernels/dense/epilogues.hpp>
#include <kernels/dense/products.hpp>
#include <kernels/gemm/small.hpp>
#include <kernels/norm/forward.hpp>

namespace lanefold::dense {

inline constexpr int64_t cached_columns = 32; // 256 rows of so many columns stay in L1

template <class Tile> lf_status forward_training(const lf_host *host, const lf_dense_forward_args *args) {
  using S = typename Tile::Simd;
  using Norm = norm::TrainingForward<S>;
  // Without z, y holds the product, and is normalized in place.
  float *z = args->z ? args->z : args->y;
  const int64_t m = args->m, n = args->n, ldz = args->z ? args->ldz : args->ldy;
  const Scratch scratch(host, Norm::scratch_floats(m, n));
  if (!scratch.valid()) return scratch.failure();
  Norm norm{args->batch_norm, m, n, z, ldz, args->y, args->ldy, norm::normalize_with<S>(args->activation), args->alpha,
            scratch.data()};
  gemm::Product product = forward_product(args, z, ldz);
  const gemm::Plan plan = gemm::make_plan<Tile>(product, host->threads, norm::block_rows);
  const bool whole_columns = plan.row_blocks == 1;
  if (plan.mc <= norm::block_rows) { // a block of rows is a block of the statistics: microkernels sum its columns
    norm.summed = true;
    product.column_sums = norm.block(0), product.sums_stride = norm.block(1) - norm.block(0);
  }
  const auto statistics = [&](const gemm::Panel &panel) {
    const Range rows{panel.row, panel.row + panel.rows};
    const int64_t end = panel.column + panel.columns;
    for (int64_t j = panel.column; j < end; j += cached_columns) {
      const Range columns{j, smaller(j + cached_columns, end)};
      norm.reduce(rows, columns);
      if (!whole_columns) continue;
      norm.merge(columns);
      norm.apply(rows, columns);
    }
  };
  const lf_status status = gemm::multiply<Tile>(host, product, plan, gemm::epilogue_of(statistics));
  if (status == LF_OK && !whole_columns) norm::merge_and_apply(host, norm::reduction_of(norm), m, n);
  return status;
}

template <class Tile> lf_status forward_inference(const lf_host *host, const lf_dense_forward_args *args) {
  using S = typename Tile::Simd;
  const lf_batch_norm *bn = args->batch_norm;
  float *z = args->z ? args->z : args->y;
  const int64_t ldy = stride_of(args->m, args->n, args->ldy);
  const gemm::Product product = forward_product(args, z, args->z ? args->ldz : args->ldy);
  const gemm::Plan plan = gemm::make_plan<Tile>(product, host->threads);
  if (!bn) {
    const ActivateArgs activate{z, args->y, ldy, args->alpha};
    return gemm::multiply<Tile>(host, product, plan, activation_epilogue<S>(args->activation, activate));
  }
  const Scratch scale(host, args->n);
  if (!scale.valid()) return scale.failure();
  norm::running_scale<S>(bn, args->n, scale.data());
  const norm::NormalizeFunction normalize = norm::normalize_with<S>(args->activation);
  const norm::NormalizeArgs arrays{z, product.ldc, args->y, ldy, bn->running_mean, scale.data(), bn->beta, args->alpha};
  const auto normalize_panel = [&](const gemm::Panel &panel) {
    normalize(arrays, {panel.row, panel.row + panel.rows}, {panel.column, panel.column + panel.columns});
  };
  return gemm::multiply<Tile>(host, product, plan, gemm::epilogue_of(normalize_panel));
}

template <class Tile> lf_status forward(const lf_host *host, const lf_dense_forward_args *args) {
  return args->batch_norm && (args->flags & LF_TRAINING) ? forward_training<Tile>(host, args)
                                                         : forward_inference<Tile>(host, args);
}

// y = act(x w + bias) on packed weights: the bias starts each chain, and the activation ends it.
template <class Tile> lf_status infer(const lf_host *host, const lf_dense_infer_args *args, const void *packed) {
  const gemm::Product product = infer_product(args, packed);
  const ActivateArgs activate{args->y, args->y, product.ldc, args->alpha};
  const gemm::Epilogue epilogue = activation_epilogue<typename Tile::Simd>(args->activation, activate);
  const gemm::SmallPath<Tile> path(product);
  if (!path.fits) return gemm::multiply<Tile>(host, product, gemm::make_plan<Tile>(product, host->threads), epilogue);
  const bool elu = epilogue.is_elu && gemm::microkernels_apply_elu<Tile>(path.b, path.tiles);
  gemm::multiply_small(product, path, elu, args->alpha);
  if (epilogue.run && !elu) epilogue.run(epilogue.self, {0, product.m, 0, product.n, product.c, product.ldc});
  return LF_OK;
}

} // namespace lanefold::dense
