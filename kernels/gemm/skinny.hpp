// Few rows times an operand that lies along k: a matrix and a vector, mostly.  Packing would cost more than the
// product, so a few elements of each line are transposed in registers and used at once.
#pragma once

#include <kernels/gemm/microkernel.hpp>
#include <kernels/gemm/transposing.hpp>

namespace lanefold::gemm {

inline constexpr int most_skinny_rows = 6, most_skinny_blocks = 4;

// Blocks of lines side by side, so that the chains of one block hide the latency of another's.
constexpr int skinny_blocks(int rows, int registers) {
  const int fit = (registers / 4 + 4) / rows; // the other registers transpose
  return fit > most_skinny_blocks ? most_skinny_blocks : fit > 1 ? fit : 1;
}

// As microkernel for one tile, but column j of B lies at b[j * b_k + p].
template <class Tile, int Rows, int Blocks> void skinny(const TileArgs &t) {
  using S = Transposing<typename Tile::Simd>;
  using V = typename S::V;
  Sums<S, Rows, Blocks, Edge::whole> sums;
  begin_tile(t, t.c, sums);

  const int64_t a_k = t.a_k;
  typename S::Lines rows(t.a_line), lines(t.b_k);
  // Of the last block, lines beyond the matrix are read as its first: their lanes are not stored.
  const float *last_block = t.b + (Blocks - 1) * S::width * t.b_k;
  const float *last_lines[S::width];
  for (int j = 0; j < S::width; ++j) last_lines[j] = last_block + (j < t.last ? j : 0) * t.b_k;

  // Elements from p of every line of a block, of which those from `first` on are used.
  const auto advance = [&](auto whole, int64_t p, int first) __attribute__((always_inline)) {
    const float *a = t.a + p * a_k, *b = t.b + p;
    rows.template keep<Rows>();
    lines.template keep<S::width>();
    unrolled<Blocks>([&](auto block) __attribute__((always_inline)) {
      asm("" : "+r"(b)); // addresses are to be computed from it, not kept: they are too many
      V x[4];
      if constexpr (whole || block < Blocks - 1) {
        load_transposed<S>(
            [&](int j) __attribute__((always_inline)) { return lines.at(b, j); }, x);
        b = lines.at(lines.at(b, S::width / 2), S::width / 2);
      } else {
        load_transposed<S>(
            [&](int j) __attribute__((always_inline)) { return last_lines[j] + p; }, x);
      }
      const float *column = a;
      unrolled<4>([&](auto q) __attribute__((always_inline)) {
        if (q >= first)
          unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
            sums.template add<i, block>(S::factor(rows.at(column, i)), x[q]);
          });
        column += a_k;
        asm volatile("" : "+r"(column)); // each block computes it anew, for the same reason
      });
    });
  };
  const auto run = [&](auto whole) __attribute__((always_inline)) {
    int64_t p = 0;
    for (; p + 4 <= t.kc; p += 4) advance(whole, p, 0);
    if (p == t.kc) return;
    if (t.kc >= 4) return advance(whole, t.kc - 4, static_cast<int>(4 - (t.kc - p)));
    for (; p < t.kc; ++p)
      unrolled<Blocks>([&](auto block) __attribute__((always_inline)) {
        alignas(64) float column[S::width];
        for (int j = 0; j < S::width; ++j)
          column[j] = block < Blocks - 1 ? t.b[(block * S::width + j) * t.b_k + p] : last_lines[j][p];
        const V x = S::load(column);
        unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
          sums.template add<i, block>(S::factor(rows.at(t.a + p * a_k, i)), x);
        });
      });
  };
  if (t.last == S::width) run(std::true_type());
  else run(std::false_type());
  end_tile<activation::Identity>(t, t.c, sums);
}

template <class Tile> struct SkinnyKernels { TileFunction of[most_skinny_rows][most_skinny_blocks]; };

template <class Tile, int Rows, int... Block>
constexpr void add_skinny(SkinnyKernels<Tile> &all, std::integer_sequence<int, Block...>) {
  ((all.of[Rows - 1][Block] = &skinny<Tile, Rows, Block + 1>), ...);
}

template <class Tile, int... Row> constexpr SkinnyKernels<Tile> make_skinny(std::integer_sequence<int, Row...>) {
  constexpr int registers = Transposing<typename Tile::Simd>::registers;
  SkinnyKernels<Tile> all{};
  (add_skinny<Tile, Row + 1>(all, std::make_integer_sequence<int, skinny_blocks(Row + 1, registers)>()), ...);
  return all;
}

template <class Tile>
inline constexpr SkinnyKernels<Tile>
    skinny_kernels = make_skinny<Tile>(std::make_integer_sequence<int, most_skinny_rows>());

} // namespace lanefold::gemm
