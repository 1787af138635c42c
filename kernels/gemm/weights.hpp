// Weights that are packed once for many products (include/lanefold/dense.h), and unpacked again.
#pragma once

#include <kernels/gemm/pack.hpp>
#include <kernels/simd/columns.hpp>

#include <lanefold/dense.h>
#include <lanefold/gemm.h>

namespace lanefold::gemm {

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
        LANEFOLD_UNROLL for (int v = 0; v < std::remove_cvref_t<decltype(part)>::count; ++v)
            part.store(args->w + p * args->ldw + column, v, part.load(panel + p * Tile::columns, v));
    });
  }
  return LF_OK;
}

template <class Tile> lf_status pack_weights(const lf_host *host, const lf_pack_weights_args *args, void *packed) {
  const bool transposed = (args->flags & LF_TRANSPOSE_B) != 0;
  const int64_t rows = transposed ? args->n : args->k, columns = transposed ? args->k : args->n;
  const Operand w{args->w, stride_of(rows, columns, args->ldw), transposed};
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
