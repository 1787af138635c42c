// Few rows times an operand that lies along k: a matrix and a vector, mostly.  Packing would cost more than the product, so
// a few elements of each line are transposed in registers and used at once.
#pragma once

#include <kernels/gemm/microkernel.hpp>

namespace lanefold::gemm {

inline constexpr int most_skinny_rows = 6, most_skinny_blocks = 4;

// Blocks of lines side by side, so that the chains of one block hide the latency of another's.
constexpr int skinny_blocks(int rows, int registers) {
  const int fit = (registers / 4 + 4) / rows; // the other registers transpose
  return fit > most_skinny_blocks ? most_skinny_blocks : fit > 1 ? fit : 1;
}

// As microkernel for one tile, but column j of B lies at b[j * b_k + p].
template <class Tile, int Rows, int Blocks> void skinny(const TileArgs &t) {
  using S = typename Tile::Simd;
  using V = typename S::V;
  V acc[Rows][Blocks];
  begin_tile<S>(t, t.c, acc);

  // Of the last block, lines beyond the matrix are read as its first: their lanes are not stored.
  const int64_t line = t.b_k, a_k = t.a_k;
  const float *last_lines[S::width];
  for (int j = 0; j < S::width; ++j) last_lines[j] = t.b + ((Blocks - 1) * S::width + (j < t.last ? j : 0)) * line;
  const bool whole = t.last == S::width;
  Lines rows(t.a_line);
  const auto step = [&](const float *a, auto block, V x) __attribute__((always_inline)) {
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
      acc[i][block] = S::fma(S::broadcast(*rows.at(a, i)), x, acc[i][block]);
    });
  };

  // Elements from p of every line of a block, of which those from `first` on are used.
  constexpr int depth = S::block_depth;
  const auto advance = [&](int64_t p, int first) __attribute__((always_inline)) {
    const float *a = t.a + p * a_k, *b = t.b + p;
    rows.template keep<Rows>();
    unrolled<Blocks>([&](auto block) __attribute__((always_inline)) {
      V x[depth];
      const float *from = b + block * S::width * line;
      if (block < Blocks - 1 || whole)
        S::load_transposed(
            [&](int j) __attribute__((always_inline)) { return from + j * line; }, x);
      else
        S::load_transposed(
            [&](int j) __attribute__((always_inline)) { return last_lines[j] + p; }, x);
      unrolled<depth>([&](auto q) __attribute__((always_inline)) {
        if (q >= first) step(a + q * a_k, block, x[q]);
      });
    });
  };
  int64_t p = 0;
  for (; p + depth <= t.kc; p += depth) advance(p, 0);
  if (p == t.kc) {
  } else if (t.kc >= depth) {
    advance(t.kc - depth, static_cast<int>(depth - (t.kc - p)));
  } else {
    for (; p < t.kc; ++p)
      unrolled<Blocks>([&](auto block) __attribute__((always_inline)) {
        alignas(64) float column[S::width];
        for (int j = 0; j < S::width; ++j)
          column[j] = block < Blocks - 1 ? t.b[(block * S::width + j) * line + p] : last_lines[j][p];
        step(t.a + p * a_k, block, S::load(column));
      });
  }
  end_tile<S>(t, t.c, acc);
}

template <class Tile> struct SkinnyKernels { TileFunction of[most_skinny_rows][most_skinny_blocks]; };

template <class Tile, int Rows, int... Block>
constexpr void add_skinny(SkinnyKernels<Tile> &all, std::integer_sequence<int, Block...>) {
  ((all.of[Rows - 1][Block] = &skinny<Tile, Rows, Block + 1>), ...);
}

template <class Tile, int... Row> constexpr SkinnyKernels<Tile> make_skinny(std::integer_sequence<int, Row...>) {
  SkinnyKernels<Tile> all{};
  (add_skinny<Tile, Row + 1>(all, std::make_integer_sequence<int, skinny_blocks(Row + 1, Tile::Simd::registers)>()),
   ...);
  return all;
}

template <class Tile>
inline constexpr SkinnyKernels<Tile>
    skinny_kernels = make_skinny<Tile>(std::make_integer_sequence<int, most_skinny_rows>());

} // namespace lanefold::gemm
