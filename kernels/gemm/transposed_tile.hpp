// Tiles of a transposed C: the microkernel computes them by rows in a small buffer, which is transposed on its way from
// and to C.
#pragma once

#include <kernels/gemm/load_transposed.hpp>
#include <kernels/gemm/microkernel_args.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

// buffer[i * stride + j] = c[j * ldc + i] for rows x columns elements.
template <class S>
void read_transposed(const float *c, int64_t ldc, int rows, int columns, float *buffer, int64_t stride) {
  using V = typename S::V;
  for (int j0 = 0; j0 < columns; j0 += S::width)
    for (int i0 = 0; i0 < rows; i0 += S::width) {
      V x[S::width];
      LANEFOLD_UNROLL for (int j = 0; j < S::width; ++j) x[j] =
          j0 + j < columns ? S::load_part(c + (j0 + j) * ldc + i0, static_cast<int>(smaller(rows - i0, S::width)))
                           : V(0.0f);
      S::transpose(x);
      LANEFOLD_UNROLL for (int i = 0; i < S::width; ++i) if (i0 + i < rows)
          S::store(buffer + (i0 + i) * stride + j0, x[i]);
    }
}

// c[j * ldc + i] = buffer[i * stride + j].  Reads whole vectors of the buffer, even beyond the columns.
template <class S>
void write_transposed(const float *buffer, int64_t stride, int rows, int columns, float *c, int64_t ldc) {
  for (int i0 = 0; i0 < rows; i0 += S::width) {
    const int there = static_cast<int>(smaller(rows - i0, S::width));
    const float *lines[S::width];
    LANEFOLD_UNROLL for (int i = 0; i < S::width; ++i) lines[i] = buffer + (i0 + (i < there ? i : 0)) * stride;
    float *to = c + i0;
    for (int j0 = 0; j0 < columns; j0 += 4) {
      typename S::V x[4];
      load_transposed<S>(
          [&](int i) __attribute__((always_inline)) { return lines[i] + j0; }, x);
      LANEFOLD_UNROLL for (int q = 0; q < 4; ++q, to += ldc) if (j0 + q < columns) S::store_part(to, x[q], there);
    }
  }
}

// Runs a microkernel on one tile whose element (i, j) lies at c[j * ldc + i].
template <class Tile>
[[gnu::always_inline]] inline void run_transposed(TileFunction kernel, TileArgs &t, float *c, int64_t ldc, int rows,
                                                  int columns) {
  using S = typename Tile::Simd;
  alignas(64) float buffer[S::registers * S::width]; // no tile has more accumulators than there are registers
  t.ldc = ceil_div(columns, S::width) * S::width;
  t.c = buffer;
  if (t.start == Start::carry || t.start == Start::scaled)
    read_transposed<Transposing<S>>(c, ldc, rows, columns, buffer, t.ldc);
  kernel(t);
  write_transposed<Transposing<S>>(buffer, t.ldc, rows, columns, c, ldc);
}

} // namespace lanefold::gemm
