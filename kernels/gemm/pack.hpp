// Packing: copies operands into panels that the microkernel reads in order, each element once.
//
//   a_panels[ceil(m/MR)][kc][MR]        b_panels[ceil(n/NR)][kc][NR]
//
//        MR                                  NR
//     +------+ ...                        +------+------+ ...
//   k | a0.. |  next panel              k | b0.. |      |
//     | a1.. |                            | b1.. |      |
//     +------+                            +------+------+
//
// A panel holds lines (rows of op(A), columns of op(B)) side by side, with k downwards, so one function packs both.
// Elements beyond the matrix have no meaning.
#pragma once

#include <kernels/gemm/load_transposed.hpp>
#include <kernels/gemm/product.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

// The number of panel rows, `width` floats each, that a store of `stored` floats reaches beyond its own row.  Those rows
// are stored later and overwrite what spilled.  The last rows have no such successors, so their stores are partial.
constexpr int64_t rows_reached(int stored, int width) { return stored > width ? (stored - 1) / width : 0; }

// For contiguous lines: each row of the panel is a copy.  lines: how many lines the operand has from `line` on.
template <class S, int Width, bool scaled>
void pack_copied(const Operand &source, int64_t line, int64_t lines, int64_t k0, int64_t kc, float scale,
                 float *panel) {
  constexpr int vectors = (Width + S::width - 1) / S::width;
  constexpr int spilling = vectors * S::width - Width; // floats stored onto the next rows of the panel
  const auto copy = [&](int64_t p, auto load) __attribute__((always_inline)) {
    const float *from = source.at(line, k0 + p);
    float *to = panel + p * Width;
    LANEFOLD_UNROLL for (int v = 0; v < vectors; ++v) {
      auto x = load(from + v * S::width, v);
      if constexpr (scaled) x = x * S::broadcast(scale);
      if (spilling == 0 || v < vectors - 1 || p < kc - rows_reached(vectors * S::width, Width))
        S::store(to + v * S::width, x);
      else S::store_part(to + v * S::width, x, S::width - spilling);
    }
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

// For lines along k: transposes four elements of each line at a time in registers.
template <class S, int Width, bool scaled>
void pack_transposed(const Operand &source, int64_t line, int lines, int64_t k0, int64_t kc, float scale,
                     float *panel) {
  using V = typename S::V;
  constexpr int together = Width < S::width ? Width : S::width; // lines that are transposed together
  static_assert(Width % together == 0);
  constexpr bool spills = together < S::width; // a store of a vector reaches the next rows of the panel
  const auto store = [&](float *to, int64_t p, V x) __attribute__((always_inline)) {
    if constexpr (scaled) x = x * V(scale);
    if (spills && p >= kc - rows_reached(S::width, Width)) S::store_part(to + p * Width, x, together);
    else S::store(to + p * Width, x);
  };
  typename S::Lines strides(source.stride);
  for (int first = 0; first < lines; first += together) {
    float *to = panel + first;
    const float *begin = source.at(line + first, k0);
    const int there = lines - first < together ? lines - first : together;
    const float *from[S::width]; // the first line stands for lines beyond the matrix
    LANEFOLD_UNROLL for (int j = 0; j < S::width; ++j) from[j] = begin + (j < there ? j : 0) * source.stride;
    int64_t p = 0;
    const auto pack = [&](const auto &address) __attribute__((always_inline)) {
      V x[4];
      load_transposed<S>(address, x);
      LANEFOLD_UNROLL for (int q = 0; q < 4; ++q) store(to, p + q, x[q]);
    };
    const auto by_stride = [&](int j) __attribute__((always_inline)) {
      return strides.at(begin + p, j < together ? j : 0);
    };
    const auto by_pointer = [&](int j) __attribute__((always_inline)) { return from[j] + p; };
    // If all lines exist, they lie one stride apart, and few registers address them.
    if (there == together)
      for (; p + 4 <= kc; p += 4) {
        pack(by_stride);
        strides.template keep<together>();
      }
    for (; p + 4 <= kc; p += 4) {
      pack(by_pointer);
      // This keeps eight pointers in memory.  Otherwise compilers advance each in a register of its own, and run out.
      if constexpr (S::width > 4) asm("" : "+m"(from));
    }
    for (; p < kc; ++p) {
      alignas(64) float column[S::width];
      LANEFOLD_UNROLL for (int j = 0; j < S::width; ++j) column[j] = from[j][p];
      store(to, p, S::load(column));
    }
  }
}

// panel[kc][Width] = scale * elements k0..k0+kc-1 of lines line..line+Width-1.  lines: how many lines the operand has
// from `line` on, which may be fewer than Width.
template <class S, int Width>
void pack_panel(const Operand &source, int64_t line, int64_t lines, int64_t k0, int64_t kc, float scale, float *panel) {
  if (kc == 0) return; // the source need not exist
  const int there = static_cast<int>(smaller(lines, Width));
  if (source.panel > 0) { // weights packed as the transpose: panel by panel
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
