// A tile of C that lies by columns: it is computed in a small buffer by rows, and turned on its way from and to C.
#pragma once

#include <kernels/gemm/microkernel.hpp>

namespace lanefold::gemm {

// to[j * to_stride + i] = from[i * from_stride + j] for rows x columns elements.
template <class S>
void transpose_tile(const float *from, int64_t from_stride, int rows, int columns, float *to, int64_t to_stride) {
  using V = typename S::V;
  for (int i0 = 0; i0 < rows; i0 += S::width)
    for (int j0 = 0; j0 < columns; j0 += S::width) {
      const int deep = rows - i0 < S::width ? rows - i0 : S::width;
      const int wide = columns - j0 < S::width ? columns - j0 : S::width;
      V x[S::width];
#pragma GCC unroll 16
      for (int i = 0; i < S::width; ++i)
        x[i] = i >= deep ? V(0.0f) : S::load_part(from + (i0 + i) * from_stride + j0, wide);
      S::transpose(x);
#pragma GCC unroll 16
      for (int j = 0; j < S::width; ++j) {
        if (j >= wide) break;
        S::store_part(to + (j0 + j) * to_stride + i0, x[j], deep);
      }
    }
}

// c: element (0, 0) of the tile; element (i, j) lies at c[j * ldc + i].
template <class Tile> void run_turned(TileFunction kernel, TileArgs &t, float *c, int64_t ldc, int rows, int columns) {
  using S = typename Tile::Simd;
  alignas(64) float buffer[S::registers * S::width]; // no tile has more sums than there are registers
  t.ldc = (columns + S::width - 1) / S::width * S::width;
  t.c = buffer;
  if (t.start == Start::carry || t.start == Start::scaled) transpose_tile<S>(c, ldc, columns, rows, buffer, t.ldc);
  kernel(t);
  transpose_tile<S>(buffer, t.ldc, rows, columns, c, ldc);
}

} // namespace lanefold::gemm
