// C = alpha * op(A) * op(B) + beta * C (include/lanefold/gemm.h), and packing weights once for many products.
#pragma once

#include <kernels/gemm/multiply.hpp>
#include <kernels/simd/columns.hpp>

#include <lanefold/dense.h>
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
          // Lines of one element, next to each other, are neighbours whichever way they are called.
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
  orient<Tile>(x);
  if (const AtOnce<Tile> how(x); how.fits) {
    multiply(x, how);
    return LF_OK;
  }
  return multiply<Tile>(host, x, choose<Tile>(x, host->threads));
}

template <class Tile> uint64_t packed_weights_size(const lf_pack_weights_args *args) {
  return static_cast<uint64_t>(round_up(args->n, Tile::columns) * args->k) * sizeof(float);
}

template <class Tile>
lf_status unpack_weights(const lf_host *, const lf_unpack_weights_args *args, const void *packed) {
  using S = typename Tile::Simd;
  for (int64_t column = 0; column < args->n; column += Tile::columns) {
    const float *panel = static_cast<const float *>(packed) + column * args->k;
    simd::for_columns<S, Tile::vectors>(0, smaller(Tile::columns, args->n - column), [&](const auto &part) {
      for (int64_t p = 0; p < args->k; ++p)
        for (int v = 0; v < std::remove_cvref_t<decltype(part)>::count; ++v)
          part.store(args->w + p * args->ldw + column, v, part.load(panel + p * Tile::columns, v));
    });
  }
  return LF_OK;
}

template <class Tile> lf_status pack_weights(const lf_host *host, const lf_pack_weights_args *args, void *packed) {
  const Operand w{args->w, args->ldw, (args->flags & LF_TRANSPOSE_B) != 0};
  if (args->k == 0) return LF_OK;
  const int64_t panels = ceil_div(args->n, Tile::columns);
  const int64_t pieces = host->threads <= 1 ? 1 : smaller(panels, ceil_div(args->n * args->k, 1 << 16));
  for_each_task(host, larger(1, pieces), [&](int64_t index) {
    const Range range = piece(panels, 1, larger(1, pieces), index);
    for (int64_t panel = range.begin; panel < range.end; ++panel)
      pack_panel<typename Tile::Simd, Tile::columns>(w, panel * Tile::columns, args->n - panel * Tile::columns, 0,
                                                     args->k, 1.0f,
                                                     static_cast<float *>(packed) + panel * Tile::columns * args->k);
  });
  return LF_OK;
}

} // namespace lanefold::gemm
