// Packing: operands are copied into panels that the microkernel reads in order, each element once.
//
//   a_panels[ceil(m/MR)][kc][MR]        b_panels[ceil(n/NR)][kc][NR]
//
//        MR                                  NR
//     +------+ ...                        +------+------+ ...
//   k | a0.. |  next panel              k | b0.. |      |
//     | a1.. |                            | b1.. |      |
//     +------+                            +------+------+
//
// Both are "lines" (rows of op(A), columns of op(B)) side by side, k downwards, so one function packs both.
// Lines beyond the matrix are zeros.
#pragma once

#include <kernels/gemm/product.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

// Lines are neighbours: each row of the panel is a copy.
template <class S, int Width>
void pack_copied(const Operand &source, int64_t line, int lines, int64_t k0, int64_t kc, float scale, float *panel) {
  using V = typename S::V;
  constexpr int chunks = (Width + S::width - 1) / S::width;
  for (int64_t p = 0; p < kc; ++p) {
    const float *from = source.at(line, k0 + p);
    float *to = panel + p * Width;
#pragma GCC unroll 4
    for (int c = 0; c < chunks; ++c) {
      const int first = c * S::width;
      const int there = lines - first < S::width ? (lines > first ? lines - first : 0) : S::width;
      const int room = Width - first < S::width ? Width - first : S::width;
      const V v = (there == S::width ? S::load(from + first) : S::load_part(from + first, there)) * V(scale);
      if (room == S::width) S::store(to + first, v);
      else S::store_part(to + first, v, room);
    }
  }
}

// Lines lie along k: blocks of width x width are transposed in registers.
template <class S, int Width>
void pack_transposed(const Operand &source, int64_t line, int lines, int64_t k0, int64_t kc, float scale,
                     float *panel) {
  using V = typename S::V;
  for (int first = 0; first < Width; first += S::width) {
    const int room = Width - first < S::width ? Width - first : S::width;
    for (int64_t p = 0; p < kc; p += S::width) {
      const int deep = static_cast<int>(smaller(S::width, kc - p));
      V rows[S::width];
#pragma GCC unroll 16
      for (int i = 0; i < S::width; ++i) {
        if (first + i >= lines) {
          rows[i] = V(0.0f);
          continue;
        }
        const float *from = source.at(line + first + i, k0 + p);
        rows[i] = (deep == S::width ? S::load(from) : S::load_part(from, deep)) * V(scale);
      }
      S::transpose(rows);
      float *to = panel + p * Width + first;
#pragma GCC unroll 16
      for (int i = 0; i < S::width; ++i) {
        if (i >= deep) break;
        // A panel narrower than a vector: what spills over is overwritten by the next row, but for the last one.
        const bool spills = room < S::width && (Width > S::width || p + i == kc - 1);
        if (spills) S::store_part(to + i * Width, rows[i], room);
        else S::store(to + i * Width, rows[i]);
      }
    }
  }
}

// Lines line..line+lines-1 (at most Width), elements k0..k0+kc-1, each times scale, to panel[kc][Width].
template <class S, int Width>
void pack_panel(const Operand &source, int64_t line, int64_t lines, int64_t k0, int64_t kc, float scale, float *panel) {
  const int there = static_cast<int>(smaller(lines, Width));
  if (source.along_k) pack_transposed<S, Width>(source, line, there, k0, kc, scale, panel);
  else pack_copied<S, Width>(source, line, there, k0, kc, scale, panel);
}

} // namespace lanefold::gemm
