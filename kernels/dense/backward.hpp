// Gradients of a dense layer: dz from dy through activation and batch normalization, then dw = x^T dz and dx = dz w^T.
#pragma once

#include <kernels/gemm/multiply.hpp>
#include <kernels/norm/column_sums.hpp>

#include <lanefold/dense.h>

namespace lanefold::dense {

struct Gradient {
  const float *data;
  int64_t stride;
};

// Writes dz to scratch (m x n, stride n), and the gradients of the vectors.  Without a normalization and an activation
// dz is dy itself.
template <class Tile, class Activation>
Gradient make_dz(const lf_host *host, const lf_dense_backward_args *args, const Activation &act, float *dz,
                 float *partial) {
  using S = typename Tile::Simd;
  const int64_t m = args->m, n = args->n;
  const norm::Incoming<S, Activation> dt{args->dy, args->lddy, args->y, args->ldy, act};
  constexpr bool identity = std::is_same_v<Activation, activation::Identity>;
  if (!args->batch_norm) {
    if (!identity || args->dbias)
      norm::run<S>(host, norm::ColumnSums<S, Activation>{m, n, dt, identity ? nullptr : dz, n, args->dbias, partial}, m,
                   n);
    return identity ? Gradient{args->dy, args->lddy} : Gradient{dz, n};
  }
  const norm::Backward<S, Activation> backward{args->batch_norm, m,           n,      args->z, args->ldz, dt, dz, n,
                                               args->dgamma,     args->dbeta, partial};
  norm::run<S>(host, backward, m, n);
  if (args->dbias) {
    const norm::Incoming<S, activation::Identity> through{dz, n, nullptr, 0, {}};
    norm::run<S>(host, norm::ColumnSums<S, activation::Identity>{m, n, through, nullptr, 0, args->dbias, partial}, m,
                 n);
  }
  return {dz, n};
}

inline gemm::Product weight_gradient(const lf_dense_backward_args *args, Gradient dz) {
  gemm::Product x{};
  x.m = args->k;
  x.n = args->n;
  x.k = args->m;
  x.a = {args->x, args->ldx, false};
  x.b = {dz.data, dz.stride, false};
  x.c = args->dw;
  x.ldc = args->lddw;
  return x;
}

inline gemm::Product input_gradient(const lf_dense_backward_args *args, Gradient dz) {
  gemm::Product x{};
  x.m = args->m;
  x.n = args->k;
  x.k = args->n;
  x.a = {dz.data, dz.stride, true};
  x.b = {args->w, args->ldw, true};
  x.c = args->dx;
  x.ldc = args->lddx;
  return x;
}

template <class Tile> lf_status backward(const lf_host *host, const lf_dense_backward_args *args) {
  using S = typename Tile::Simd;
  const int64_t m = args->m, n = args->n;
  const int64_t dz_floats = round_up(m * n, 16);
  const Scratch scratch(host, dz_floats + norm::Backward<S, activation::Identity>::scratch_floats(m, n));
  if (!scratch.valid()) return scratch.failure();
  const Gradient dz = activation::with(args->activation, args->alpha, [&](const auto &act) {
    return make_dz<Tile>(host, args, act, scratch.data(), scratch.data() + dz_floats);
  });
  const gemm::Product dw = weight_gradient(args, dz);
  const lf_status status = gemm::multiply<Tile>(host, dw, gemm::choose<Tile>(dw, host->threads));
  if (status != LF_OK || !args->dx) return status;
  const gemm::Product dx = input_gradient(args, dz);
  return gemm::multiply<Tile>(host, dx, gemm::choose<Tile>(dx, host->threads));
}

} // namespace lanefold::dense
