// The matrix products of a dense layer: forward, inference, and the gradients of its weights and its input.
#pragma once

#include <kernels/gemm/product.hpp>
#include <kernels/tasks.hpp>

#include <lanefold/dense.h>

namespace lanefold::dense {

// z = x w + bias.
inline gemm::Product forward_product(const lf_dense_forward_args *args, float *z, int64_t ldz) {
  return {.m = args->m,
          .n = args->n,
          .k = args->k,
          .a = {args->x, stride_of(args->m, args->k, args->ldx), true},
          .b = {args->w, stride_of(args->k, args->n, args->ldw), false},
          .start = args->bias ? gemm::Start::bias : gemm::Start::zero,
          .bias = args->bias,
          .packed_b = reinterpret_cast<const float *>(args->packed),
          .c = z,
          .ldc = stride_of(args->m, args->n, ldz)};
}

// y = x w + bias, w packed.
inline gemm::Product infer_product(const lf_dense_infer_args *args, const void *packed) {
  return {.m = args->m,
          .n = args->n,
          .k = args->k,
          .a = {args->x, stride_of(args->m, args->k, args->ldx), true},
          .start = args->bias ? gemm::Start::bias : gemm::Start::zero,
          .bias = args->bias,
          .packed_b = static_cast<const float *>(packed),
          .c = args->y,
          .ldc = stride_of(args->m, args->n, args->ldy)};
}

// dz, m x n.
struct Gradient {
  const float *data;
  int64_t stride;
};

// dw = x^T dz.
inline gemm::Product weight_gradient(const lf_dense_backward_args *args, Gradient dz) {
  return {.m = args->k,
          .n = args->n,
          .k = args->m,
          .a = {args->x, stride_of(args->m, args->k, args->ldx), false},
          .b = {dz.data, stride_of(args->m, args->n, dz.stride), false},
          .c = args->dw,
          .ldc = stride_of(args->k, args->n, args->lddw)};
}

// dx = dz w^T.  Packed weights, in panels of panel_columns, are packed again as their transpose.
inline gemm::Product input_gradient(const lf_dense_backward_args *args, Gradient dz, int64_t panel_columns) {
  const gemm::Operand plain{args->w, stride_of(args->k, args->n, args->ldw), true};
  const gemm::Operand packed{reinterpret_cast<const float *>(args->packed), 0, true, panel_columns, args->k};
  return {.m = args->m,
          .n = args->k,
          .k = args->n,
          .a = {dz.data, stride_of(args->m, args->n, dz.stride), true},
          .b = args->packed ? packed : plain,
          .c = args->dx,
          .ldc = stride_of(args->m, args->k, args->lddx)};
}

} // namespace lanefold::dense
