// One line that says how an operation would run: tile, blocks, tasks, and why.
#pragma once

#include <kernels/dense/products.hpp>
#include <kernels/gemm/sgemm.hpp>
#include <kernels/norm/statistics.hpp>

#include <lanefold/lanefold.h>

#include <cstdio>

namespace lanefold {

inline const char *name_of(gemm::Reading reading) {
  return reading == gemm::Reading::packed       ? "packed"
         : reading == gemm::Reading::on_the_fly ? "packed on the fly"
         : reading == gemm::Reading::direct     ? "direct"
                                                : "transposed in registers";
}

template <class Tile>
lf_status explain_product(const char *what, const gemm::Product &x, const gemm::Plan &plan, int64_t threads, char *text,
                          uint64_t size) {
  const char *why = threads <= 1              ? "one thread"
                    : plan.tasks() == 1       ? "too little work to share"
                    : plan.row_blocks == 1    ? "columns shared, each over all rows"
                    : plan.column_blocks == 1 ? "rows shared"
                                              : "rows and columns shared";
  std::snprintf(text, size, "%s: A %s, B %s, tile %dx%d, kc %lld, %lld tasks of %lld rows x %lld columns (%s)", what,
                name_of(plan.a), x.packed_b ? "packed before" : name_of(plan.b), Tile::rows, Tile::columns,
                static_cast<long long>(plan.kc), static_cast<long long>(plan.tasks()), static_cast<long long>(plan.mc),
                static_cast<long long>(plan.nc_panels * Tile::columns), why);
  return LF_OK;
}

// args: the struct of the operation that op (LF_OP_*) names.
template <class Tile> lf_status explain(const lf_host *host, int32_t op, const void *args, char *text, uint64_t size) {
  const int64_t threads = host->threads;
  const auto plain = [&](const char *what) {
    std::snprintf(text, size, "%s, %d lanes", what, Tile::Simd::width);
    return LF_OK;
  };
  switch (op) {
  case LF_OP_SGEMM: {
    gemm::Product x = gemm::sgemm_product(static_cast<const lf_sgemm_args *>(args));
    gemm::transpose_if_cheaper<Tile>(x);
    const bool small = gemm::SmallPath<Tile>(x).fits;
    const char *what = x.c_transposed ? (small ? "small product, as C^T = B^T A^T" : "product, as C^T = B^T A^T")
                                      : (small ? "small product" : "product");
    return explain_product<Tile>(what, x, gemm::make_plan<Tile>(x, threads), threads, text, size);
  }
  case LF_OP_DENSE_INFER: {
    static constexpr float weights = 0; // stands for the packed weights
    const gemm::Product x = dense::infer_product(static_cast<const lf_dense_infer_args *>(args), &weights);
    const char *what = gemm::SmallPath<Tile>(x).fits ? "small product, then the activation in cache"
                                                     : "product, then the activation in cache";
    return explain_product<Tile>(what, x, gemm::make_plan<Tile>(x, threads), threads, text, size);
  }
  case LF_OP_DENSE_FORWARD: {
    const auto *a = static_cast<const lf_dense_forward_args *>(args);
    const gemm::Product x = dense::forward_product(a, a->y, a->ldy);
    const bool training = a->batch_norm && (a->flags & LF_TRAINING);
    const gemm::Plan plan = gemm::make_plan<Tile>(x, threads, training ? norm::block_rows : Tile::rows);
    return explain_product<Tile>(!training              ? "product, then normalization and activation in cache"
                                 : plan.row_blocks == 1 ? "product, then batch statistics and activation in cache"
                                                        : "product and block statistics, then normalization",
                                 x, plan, threads, text, size);
  }
  case LF_OP_DENSE_BACKWARD: {
    const auto *a = static_cast<const lf_dense_backward_args *>(args);
    const gemm::Product x = dense::weight_gradient(a, {a->dy, a->n});
    return explain_product<Tile>("dz by columns, dx, then dw and what it updates; dw", x,
                                 gemm::make_plan<Tile>(x, threads), threads, text, size);
  }
  case LF_OP_PACK_WEIGHTS:
  case LF_OP_UNPACK_WEIGHTS: return plain("panels of columns");
  case LF_OP_BATCH_NORM_FORWARD:
  case LF_OP_BATCH_NORM_BACKWARD:
  case LF_OP_BATCH_NORM_MOMENTS:
  case LF_OP_BATCH_NORM_MERGE:
  case LF_OP_COLUMN_SUMS: return plain("columns in blocks of 256 rows");
  case LF_OP_GATHER:
  case LF_OP_SOFTMAX:
  case LF_OP_SOFTMAX_CROSS_ENTROPY:
  case LF_OP_ELEMENTWISE_LOSS:
  case LF_OP_DROPOUT:
  case LF_OP_TOP_K_CORRECT: return plain("row by row");
  default: return plain("element by element");
  }
}

} // namespace lanefold
