// A tile of C that lies by columns: it is computed in a small buffer by rows, and turned on its way from and to C.
#pragma once

#include <kernels/gemm/microkernel.hpp>
#include <kernels/gemm/transposing.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

// buffer[i * stride + j] = c[j * ldc + i] for rows x columns elements.
template <class S> void load_turned(const float *c, int64_t ldc, int rows, int columns, float *buffer, int64_t stride) {
  using V = typename S::V;
  for (int j0 = 0; j0 < columns; j0 += S::width)
    for (int i0 = 0; i0 < rows; i0 += S::width) {
      V x[S::width];
#pragma GCC unroll 16
      for (int j = 0; j < S::width; ++j)
        x[j] = j0 + j < columns ? S::load_part(c + (j0 + j) * ldc + i0, static_cast<int>(smaller(rows - i0, S::width)))
                                : V(0.0f);
      S::transpose(x);
#pragma GCC unroll 16
      for (int i = 0; i < S::width; ++i)
        if (i0 + i < rows) S::store(buffer + (i0 + i) * stride + j0, x[i]);
    }
}

// The way back.  All vectors of the buffer may be read whole; what lies beyond the columns has no meaning.
template <class S>
void store_turned(const float *buffer, int64_t stride, int rows, int columns, float *c, int64_t ldc) {
  for (int i0 = 0; i0 < rows; i0 += S::width) {
    const int there = static_cast<int>(smaller(rows - i0, S::width));
    const float *lines[S::width];
    for (int i = 0; i < S::width; ++i) lines[i] = buffer + (i0 + (i < there ? i : 0)) * stride;
    float *to = c + i0;
    for (int j0 = 0; j0 < columns; j0 += 4) {
      typename S::V x[4];
      load_transposed<S>(
          [&](int i) __attribute__((always_inline)) { return lines[i] + j0; }, x);
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q, to += ldc)
        if (j0 + q < columns) S::store_part(to, x[q], there);
    }
  }
}

// c: element (0, 0) of the tile; element (i, j) lies at c[j * ldc + i].
template <class Tile> void run_turned(TileFunction kernel, TileArgs &t, float *c, int64_t ldc, int rows, int columns) {
  using S = typename Tile::Simd;
  alignas(64) float buffer[S::registers * S::width]; // no tile has more sums than there are registers
  t.ldc = ceil_div(columns, S::width) * S::width;
  t.c = buffer;
  if (t.start == Start::carry || t.start == Start::scaled)
    load_turned<Transposing<S>>(c, ldc, rows, columns, buffer, t.ldc);
  kernel(t);
  store_turned<Transposing<S>>(buffer, t.ldc, rows, columns, c, ldc);
}

} // namespace lanefold::gemm
