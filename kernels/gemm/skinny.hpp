// Few rows times an operand that lies along k: a matrix and a vector, mostly.  Packing would cost more than the product, so
// four elements of each line are transposed in registers and used at once.
#pragma once

#include <kernels/gemm/microkernel.hpp>

namespace lanefold::gemm {

inline constexpr int most_skinny_rows = 6, most_skinny_blocks = 4;

// Blocks of lines side by side, so that the chains of one block hide the latency of another's.
constexpr int skinny_blocks(int rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }

// As microkernel, but column j of B lies at b[j * b_k + p].
template <class Tile, int Rows, int Blocks> void skinny(const TileArgs &t) {
  using S = typename Tile::Simd;
  using V = typename S::V;
  V acc[Rows][Blocks];
  begin_tile<S>(t, acc);

  // Of the last block, lines beyond the matrix are read as its first: their lanes are not stored.
  const int64_t line = t.b_k, a_k = t.a_k;
  const float *last_lines[S::width];
  for (int j = 0; j < S::width; ++j)
    last_lines[j] = t.b + ((Blocks - 1) * S::width + (j < t.last ? j : 0)) * line;
  Lines rows(t.a_line);
  const auto step = [&](const float *a, auto block, V x) __attribute__((always_inline)) {
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
      acc[i][block] = S::fma(S::broadcast(*rows.at(a, i)), x, acc[i][block]);
    });
  };

  const float *a = t.a, *b = t.b;
  int64_t p = 0;
  for (; p + 4 <= t.kc; p += 4, b += 4, a += 4 * a_k) {
    rows.template keep<Rows>();
    unrolled<Blocks>([&](auto block) __attribute__((always_inline)) {
      V x[4];
      unrolled<4>([&](auto r) __attribute__((always_inline)) {
        x[r] = S::load_quads([&](int quad) __attribute__((always_inline)) {
          const int j = r + 4 * quad;
          return block == Blocks - 1 ? last_lines[j] + p : b + (block * S::width + j) * line;
        });
      });
      S::transpose_quads(x);
      unrolled<4>([&](auto q) __attribute__((always_inline)) { step(a + q * a_k, block, x[q]); });
    });
  }
  for (; p < t.kc; ++p, ++b, a += a_k) {
    unrolled<Blocks>([&](auto block) __attribute__((always_inline)) {
      alignas(64) float column[S::width];
      for (int j = 0; j < S::width; ++j)
        column[j] = block < Blocks - 1 ? b[(block * S::width + j) * line] : last_lines[j][p];
      step(a, block, S::load(column));
    });
  }
  end_tile<S>(t, acc);
}

template <class Tile> struct SkinnyKernels {
  TileFunction of[most_skinny_rows][most_skinny_blocks];
};

template <class Tile, int Rows, int... Block>
constexpr void add_skinny(SkinnyKernels<Tile> &all, std::integer_sequence<int, Block...>) {
  ((all.of[Rows - 1][Block] = &skinny<Tile, Rows, Block + 1>), ...);
}

template <class Tile, int... Row> constexpr SkinnyKernels<Tile> make_skinny(std::integer_sequence<int, Row...>) {
  SkinnyKernels<Tile> all{};
  (add_skinny<Tile, Row + 1>(all, std::make_integer_sequence<int, skinny_blocks(Row + 1)>()), ...);
  return all;
}

template <class Tile>
inline constexpr SkinnyKernels<Tile>
    skinny_kernels = make_skinny<Tile>(std::make_integer_sequence<int, most_skinny_rows>());

} // namespace lanefold::gemm
