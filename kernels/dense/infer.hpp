// y = act(x w + bias) on packed weights: the bias is the start of each chain, the activation its end.
#pragma once

#include <kernels/dense/forward.hpp>

namespace lanefold::dense {

inline gemm::Product infer_product(const lf_dense_infer_args *args, const void *packed) {
  return {.m = args->m,
          .n = args->n,
          .k = args->k,
          .a = {args->x, gemm::stride_of(args->m, args->k, args->ldx), true},
          .start = args->bias ? gemm::Start::bias : gemm::Start::zero,
          .bias = args->bias,
          .packed_b = static_cast<const float *>(packed),
          .c = args->y,
          .ldc = gemm::stride_of(args->m, args->n, args->ldy)};
}

template <class Tile> lf_status infer(const lf_host *host, const lf_dense_infer_args *args, const void *packed) {
  const gemm::Product x = infer_product(args, packed);
  const gemm::Plan plan = gemm::choose<Tile>(x, host->threads);
  return activation::with(args->activation, args->alpha, [&](const auto &act) {
    using Activation = std::remove_cvref_t<decltype(act)>;
    if constexpr (std::is_same_v<Activation, activation::Identity>) return gemm::multiply<Tile>(host, x, plan);
    return gemm::multiply<Tile>(host, x, plan,
                                Activate<typename Tile::Simd, Activation>{args->y, args->ldy, args->y, args->ldy, act});
  });
}

} // namespace lanefold::dense
