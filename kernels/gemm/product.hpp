// A matrix product: C = chain over k, from an initial value, of (alpha * A) * B.
#pragma once

#include <cstdint>
#include <utility>

namespace lanefold::gemm {

// An operand as lines of k elements: a line is a row of op(A) or a column of op(B).
// along_k: the elements of a line are contiguous, and lines lie `stride` apart.
// Otherwise the lines are contiguous, and the elements of a line lie `stride` apart.
struct Operand {
  const float *data;
  int64_t stride;
  bool along_k;
  // For weights that were packed as the transpose of this operand (and along_k): the columns of one of their panels.
  // Element k of a line lies in panel k / panel of b_panels.  0 for an ordinary matrix.
  int64_t panel = 0;
  int64_t lines = 0; // for such weights: the number of lines

  const float *at(int64_t line, int64_t k) const { return data + (along_k ? line * stride + k : k * stride + line); }
  int64_t line_stride() const { return along_k ? stride : 1; }
  int64_t k_stride() const { return along_k ? 1 : stride; }
};

// The initial value of each chain.
enum class Start {
  zero,
  bias,   // bias[column]
  carry,  // C as it stands
  scaled, // beta * C, rounded once
};

struct Product {
  int64_t m, n, k;
  Operand a;
  Operand b = {nullptr, 0, false}; // not read if packed_b is set
  float alpha = 1.0f;
  Start start = Start::zero;
  float beta = 0.0f;
  const float *bias = nullptr;
  const float *packed_b = nullptr; // b_panels[ceil(n/NR)][k][NR]
  float *c = nullptr;
  int64_t ldc = 0;
  // column_sums[row block][sums_stride]: the sums of each block's rows in ascending order; NULL if not wanted.
  // They need C stored by rows, a B that is not transposed in registers, and no activation in the microkernels.
  float *column_sums = nullptr;
  int64_t sums_stride = 0;
  bool c_transposed = false; // element (i, j) of C lies at c[j * ldc + i] instead of c[i * ldc + j]
};

// Rewrites the product as C^T = B^T A^T, so that vectors run along the rows of C.
inline void transpose_problem(Product &x) {
  std::swap(x.m, x.n);
  std::swap(x.a, x.b);
  x.c_transposed = !x.c_transposed;
}

} // namespace lanefold::gemm
