// C = alpha * op(A) * op(B) + beta * C (include/lanefold/gemm.h).
#pragma once

#include <kernels/gemm/multiply.hpp>
#include <kernels/gemm/small.hpp>

#include <lanefold/gemm.h>

namespace lanefold::gemm {

inline Product sgemm_product(const lf_sgemm_args *args) {
  const bool ta = (args->flags & LF_TRANSPOSE_A) != 0, tb = (args->flags & LF_TRANSPOSE_B) != 0;
  const int64_t m = args->m, n = args->n, k = args->alpha == 0.0f ? 0 : args->k;
  const int64_t lda = ta ? stride_of(k, m, args->lda) : stride_of(m, k, args->lda);
  const int64_t ldb = tb ? stride_of(n, k, args->ldb) : stride_of(k, n, args->ldb);
  const float beta = args->beta;
  return {.m = m,
          .n = n,
          .k = k,
          // Contiguous lines of one element can be read either way; this is the faster one.
          .a = {args->a, lda, !ta && !(k == 1 && lda == 1)},
          .b = {args->b, ldb, tb && !(k == 1 && ldb == 1)},
          .alpha = args->alpha,
          .start = beta == 0.0f   ? Start::zero
                   : beta == 1.0f ? Start::carry
                                  : Start::scaled,
          .beta = beta,
          .c = args->c,
          .ldc = stride_of(m, n, args->ldc)};
}

template <class Tile> lf_status sgemm(const lf_host *host, const lf_sgemm_args *args) {
  Product x = sgemm_product(args);
  transpose_if_cheaper<Tile>(x);
  if (const SmallPath<Tile> path(x); path.fits) {
    multiply_small(x, path);
    return LF_OK;
  }
  return multiply<Tile>(host, x, make_plan<Tile>(x, host->threads));
}

} // namespace lanefold::gemm
