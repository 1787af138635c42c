// One line on how an operation would be done: tile, blocks, tasks, and why.
#pragma once

#include <kernels/gemm/choose.hpp>
#include <kernels/norm/statistics.hpp>

#include <lanefold/lanefold.h>

#include <cstdio>

namespace lanefold {

template <class Tile>
void explain_product(const char *what, const gemm::Plan &plan, int64_t threads, char *text, uint64_t size) {
  const char *why = threads <= 1        ? "one thread"
                    : plan.tasks() == 1 ? "too little work to share"
                    : plan.chunks == 1  ? "columns shared, each over all rows"
                    : plan.groups == 1  ? "rows shared"
                                        : "rows and columns shared";
  std::snprintf(text, size, "%s, tile %dx%d, k blocks of %lld, %lld tasks of %lld rows x %lld columns (%s)", what,
                Tile::rows, Tile::columns, static_cast<long long>(plan.k_block), static_cast<long long>(plan.tasks()),
                static_cast<long long>(plan.chunk_rows), static_cast<long long>(plan.group_panels * Tile::columns),
                why);
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
    const auto *a = static_cast<const lf_sgemm_args *>(args);
    explain_product<Tile>("blocked product, A and B packed", gemm::choose<Tile>(a->m, a->n, a->k, threads), threads,
                          text, size);
    return LF_OK;
  }
  case LF_OP_DENSE_INFER: {
    const auto *a = static_cast<const lf_dense_infer_args *>(args);
    explain_product<Tile>("blocked product on packed weights, activation in cache",
                          gemm::choose<Tile>(a->m, a->n, a->k, threads), threads, text, size);
    return LF_OK;
  }
  case LF_OP_DENSE_FORWARD: {
    const auto *a = static_cast<const lf_dense_forward_args *>(args);
    const bool training = a->batch_norm && (a->flags & LF_TRAINING);
    const gemm::Plan plan = gemm::choose<Tile>(a->m, a->n, a->k, threads, training ? norm::block_rows : Tile::rows);
    explain_product<Tile>(!training          ? "blocked product, normalization and activation in cache"
                          : plan.chunks == 1 ? "blocked product, batch statistics and activation in cache"
                                             : "blocked product and block statistics, then normalization",
                          plan, threads, text, size);
    return LF_OK;
  }
  case LF_OP_DENSE_BACKWARD: {
    const auto *a = static_cast<const lf_dense_backward_args *>(args);
    explain_product<Tile>("dz by columns, then blocked products; dw", gemm::choose<Tile>(a->k, a->n, a->m, threads),
                          threads, text, size);
    return LF_OK;
  }
  case LF_OP_PACK_WEIGHTS: return plain("panels of columns");
  case LF_OP_BATCH_NORM_FORWARD:
  case LF_OP_BATCH_NORM_BACKWARD: return plain("columns in blocks of 256 rows");
  case LF_OP_SOFTMAX_CROSS_ENTROPY:
  case LF_OP_TOP_K_HITS: return plain("row by row");
  default: return plain("element by element");
  }
}

} // namespace lanefold
