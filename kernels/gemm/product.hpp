// What is to be multiplied: C = chain from `start` over k of (alpha * A) * B.
#pragma once

#include <cstdint>
#include <utility>

namespace lanefold::gemm {

// An operand seen as lines of k elements: rows of op(A), columns of op(B).  along_k: the elements of a line are
// neighbours, lines are `stride` apart; else the lines are neighbours, and elements of a line `stride` apart.
struct Operand {
  const float *data;
  int64_t stride;
  bool along_k;
  int64_t panel = 0; // along_k, and packed as the transpose: element k of a line lies in panel k / panel of b_panels
  int64_t lines = 0; // of such an operand, all

  const float *at(int64_t line, int64_t k) const { return data + (along_k ? line * stride + k : k * stride + line); }
  int64_t line_stride() const { return along_k ? stride : 1; }
  int64_t k_stride() const { return along_k ? 1 : stride; }
};

// Of a single row the stride says nothing, and may be any number.
inline int64_t stride_of(int64_t rows, int64_t columns, int64_t stride) { return rows <= 1 ? columns : stride; }

// What the chain begins from.
enum class Start {
  zero,
  bias,   // bias[column]
  carry,  // C as it stands
  scaled, // beta * C, rounded once
};

struct Product {
  int64_t m, n, k;
  Operand a;
  Operand b = {nullptr, 0, false}; // not read if packed_b is there
  float alpha = 1.0f;
  Start start = Start::zero;
  float beta = 0.0f;
  const float *bias = nullptr;
  const float *packed_b = nullptr; // b_panels[ceil(n/NR)][k][NR]
  float *c = nullptr;
  int64_t ldc = 0;
  // [chunks of rows][sums_line]: the sums of each chunk's rows, in ascending order, or NULL.  Only where C lies by
  // rows, B is not transposed in registers, and no activation ends the tiles.
  float *column_sums = nullptr;
  int64_t sums_line = 0;
  bool c_by_columns = false; // element (i, j) of C lies at c[j * ldc + i], not at c[i * ldc + j]
};

// Makes it the same product as C^T = B^T A^T: vectors then run along the rows of C, not the columns.
inline void turn(Product &x) {
  std::swap(x.m, x.n);
  std::swap(x.a, x.b);
  x.c_by_columns = !x.c_by_columns;
}

} // namespace lanefold::gemm
