// One line on how an operation would be done: tile, blocks, tasks, and why.
#pragma once

#include <kernels/dense/backward.hpp>
#include <kernels/dense/infer.hpp>
#include <kernels/gemm/sgemm.hpp>

#include <lanefold/lanefold.h>

#include <cstdio>

namespace lanefold {

inline const char *name_of(gemm::Place place) {
  return place == gemm::Place::packed       ? "packed"
         : place == gemm::Place::in_passing ? "packed in passing"
         : place == gemm::Place::in_place   ? "in place"
                                            : "transposed in registers";
}

template <class Tile>
lf_status explain_product(const char *what, const gemm::Product &x, const gemm::Plan &plan, int64_t threads, char *text,
                          uint64_t size) {
  const char *why = threads <= 1        ? "one thread"
                    : plan.tasks() == 1 ? "too little work to share"
                    : plan.chunks == 1  ? "columns shared, each over all rows"
                    : plan.groups == 1  ? "rows shared"
                                        : "rows and columns shared";
  std::snprintf(text, size, "%s: A %s, B %s, tile %dx%d, k blocks of %lld, %lld tasks of %lld rows x %lld columns (%s)",
                what, name_of(plan.place_a), x.packed_b ? "packed before" : name_of(plan.place_b), Tile::rows,
                Tile::columns, static_cast<long long>(plan.k_block), static_cast<long long>(plan.tasks()),
                static_cast<long long>(plan.chunk_rows), static_cast<long long>(plan.group_panels * Tile::columns),
                why);
  return LF_OK;
}

// args is the operation's own struct, LF_OP_*.
template <class Tile> lf_status explain(const lf_host *host, int32_t op, const void *args, char *text, uint64_t size) {
  const int64_t threads = host->threads;
  const auto plain = [&](const char *what) {
    std::snprintf(text, size, "%s, %d lanes", what, Tile::Simd::width);
    return LF_OK;
  };
  switch (op) {
  case LF_OP_SGEMM: {
    gemm::Product x = gemm::sgemm_product(static_cast<const lf_sgemm_args *>(args));
    gemm::orient<Tile>(x);
    const bool at_once = gemm::AtOnce<Tile>(x).fits;
    const char *what = x.c_by_columns ? (at_once ? "small product, as C^T = B^T A^T" : "product, as C^T = B^T A^T")
                                      : (at_once ? "small product" : "product");
    return explain_product<Tile>(what, x, gemm::choose<Tile>(x, threads), threads, text, size);
  }
  case LF_OP_DENSE_INFER: {
    static constexpr float there = 0; // stands for the weights, which are packed
    const gemm::Product x = dense::infer_product(static_cast<const lf_dense_infer_args *>(args), &there);
    return explain_product<Tile>("product, then the activation in cache", x, gemm::choose<Tile>(x, threads), threads,
                                 text, size);
  }
  case LF_OP_DENSE_FORWARD: {
    const auto *a = static_cast<const lf_dense_forward_args *>(args);
    const gemm::Product x = dense::forward_product(a, a->y, a->ldy);
    const bool training = a->batch_norm && (a->flags & LF_TRAINING);
    const gemm::Plan plan = gemm::choose<Tile>(x, threads, training ? norm::block_rows : Tile::rows);
    return explain_product<Tile>(!training          ? "product, then normalization and activation in cache"
                                 : plan.chunks == 1 ? "product, then batch statistics and activation in cache"
                                                    : "product and block statistics, then normalization",
                                 x, plan, threads, text, size);
  }
  case LF_OP_DENSE_BACKWARD: {
    const auto *a = static_cast<const lf_dense_backward_args *>(args);
    const gemm::Product x = dense::weight_gradient(a, {a->dy, a->n});
    return explain_product<Tile>("dz by columns, dx, then dw and what it updates; dw", x,
                                 gemm::choose<Tile>(x, threads), threads, text, size);
  }
  case LF_OP_PACK_WEIGHTS:
  case LF_OP_UNPACK_WEIGHTS: return plain("panels of columns");
  case LF_OP_BATCH_NORM_FORWARD:
  case LF_OP_BATCH_NORM_BACKWARD: return plain("columns in blocks of 256 rows");
  case LF_OP_GATHER:
  case LF_OP_SOFTMAX_CROSS_ENTROPY:
  case LF_OP_TOP_K_CORRECT: return plain("row by row");
  default: return plain("element by element");
  }
}

} // namespace lanefold
