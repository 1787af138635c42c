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
// What lies beyond the matrix has no meaning.
#pragma once

#include <kernels/gemm/product.hpp>
#include <kernels/gemm/transposing.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

// Rows of a panel, `width` floats each, that a store of so many floats reaches behind its own.  They come later and
// overwrite what it spilled, but for the last ones, before which stores must be partial.
constexpr int64_t rows_reached(int stored, int width) { return stored > width ? (stored - 1) / width : 0; }

// Lines are neighbours: each row of the panel is a copy.  lines: how many the operand has from `line` on.
template <class S, int Width, bool scaled>
void pack_copied(const Operand &source, int64_t line, int64_t lines, int64_t k0, int64_t kc, float scale,
                 float *panel) {
  constexpr int vectors = (Width + S::width - 1) / S::width;
  constexpr int spilling = vectors * S::width - Width; // onto the next rows of the panel
  const auto copy = [&](int64_t p, auto load) __attribute__((always_inline)) {
    const float *from = source.at(line, k0 + p);
    float *to = panel + p * Width;
    unrolled<vectors>([&](auto v) __attribute__((always_inline)) {
      auto x = load(from + v * S::width, v);
      if constexpr (scaled) x = x * S::broadcast(scale);
      if (spilling == 0 || v < vectors - 1 || p < kc - rows_reached(vectors * S::width, Width))
        S::store(to + v * S::width, x);
      else S::store_part(to + v * S::width, x, S::width - spilling);
    });
  };
  const auto whole = [](const float *from, int) __attribute__((always_inline)) { return S::load(from); };
  const auto part = [&](const float *from, int v) __attribute__((always_inline)) {
    const int64_t there = lines - v * S::width;
    if (there >= S::width) return S::load(from);
    return there > 0 ? S::load_part(from, static_cast<int>(there)) : S::broadcast(0.0f);
  };
  if (lines >= vectors * S::width)
    for (int64_t p = 0; p < kc; ++p) copy(p, whole);
  else
    for (int64_t p = 0; p < kc; ++p) copy(p, part);
}

// Lines lie along k: four elements of each at once are transposed in registers.
template <class S, int Width, bool scaled>
void pack_transposed(const Operand &source, int64_t line, int lines, int64_t k0, int64_t kc, float scale,
                     float *panel) {
  using V = typename S::V;
  for (int first = 0; first < lines; first += S::width) {
    const int room = Width - first < S::width ? Width - first : S::width;
    const int there = lines - first < room ? lines - first : room;
    float *to = panel + first;
    const float *from[S::width]; // beyond the matrix, its first line stands for another
    for (int j = 0; j < S::width; ++j) from[j] = source.at(line + first + (j < there ? j : 0), k0);
    const auto store = [&](int64_t p, V x) __attribute__((always_inline)) {
      if constexpr (scaled) x = x * V(scale);
      if (room < S::width && (Width > S::width || p >= kc - rows_reached(S::width, Width)))
        S::store_part(to + p * Width, x, room);
      else S::store(to + p * Width, x);
    };
    const auto pack = [&](int64_t p) __attribute__((always_inline)) {
      V x[4];
      load_transposed<S>(
          [&](int j) __attribute__((always_inline)) { return from[j] + p; }, x);
      unrolled<4>([&](auto q) __attribute__((always_inline)) { store(p + q, x[q]); });
    };
    int64_t p = 0;
    for (; p + 4 <= kc; p += 4) pack(p);
    for (; p < kc; ++p) {
      alignas(64) float column[S::width];
      for (int j = 0; j < S::width; ++j) column[j] = from[j][p];
      store(p, S::load(column));
    }
  }
}

// Lines line..line+Width-1, of which the operand has only `lines`, elements k0..k0+kc-1, each times scale, to
// panel[kc][Width].
template <class S, int Width>
void pack_panel(const Operand &source, int64_t line, int64_t lines, int64_t k0, int64_t kc, float scale, float *panel) {
  if (kc == 0) return; // then the source may be anything
  const int there = static_cast<int>(smaller(lines, Width));
  if (source.panel > 0) { // panel by panel of what was packed as the transpose
    for (int64_t p = 0, next; p < kc; p = next) {
      const int64_t index = (k0 + p) / source.panel, first = index * source.panel;
      next = smaller(kc, first + source.panel - k0);
      const Operand part{source.data + first * source.lines, source.panel, true};
      pack_panel<S, Width>(part, line, lines, k0 + p - first, next - p, scale, panel + p * Width);
    }
  } else if (source.along_k) {
    if (scale == 1.0f) pack_transposed<Transposing<S>, Width, false>(source, line, there, k0, kc, scale, panel);
    else pack_transposed<Transposing<S>, Width, true>(source, line, there, k0, kc, scale, panel);
  } else {
    if (scale == 1.0f) pack_copied<S, Width, false>(source, line, lines, k0, kc, scale, panel);
    else pack_copied<S, Width, true>(source, line, lines, k0, kc, scale, panel);
  }
}

} // namespace lanefold::gemm
