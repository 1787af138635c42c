// Few rows times an operand that lies along k: a matrix and a vector, mostly.  Packing would cost more than the product, so
// blocks of width x width are transposed in registers and used at once.
#pragma once

#include <kernels/gemm/microkernel.hpp>

namespace lanefold::gemm {

inline constexpr int most_skinny_rows = 4, most_skinny_blocks = 4;

// Blocks of lines side by side, so that the chains of one block hide the latency of another's.
constexpr int skinny_blocks(int rows) { return rows == 1 ? 4 : 2; }

// As microkernel, but column j of B lies at b[j * b_k + p].
template <class Tile, int Rows, int Blocks> void skinny(const TileArgs &t) {
  using S = typename Tile::Simd;
  using V = typename S::V;
  V acc[Rows][Blocks];
  begin_tile<S>(t, acc);

  const auto advance = [&](int64_t p, auto whole, auto block) __attribute__((always_inline)) {
    const int deep = whole ? S::width : static_cast<int>(t.kc - p);
    const int lines = block == Blocks - 1 ? t.last : S::width;
    const float *line = t.b + block * S::width * t.b_k + p;
    V x[S::width];
    unrolled<S::width>([&](auto j) __attribute__((always_inline)) {
      x[j] = j >= lines ? V(0.0f) : whole ? S::load(line) : S::load_part(line, deep);
      line += t.b_k;
    });
    S::transpose(x);
    const float *a = t.a + p * t.a_k;
    unrolled<S::width>([&](auto q) __attribute__((always_inline)) {
      if (q >= deep) return;
      unrolled<Rows>([&](auto i) __attribute__((always_inline)) { acc[i][block] = S::fma(S::broadcast(a[i * t.a_line]), x[q], acc[i][block]); });
      a += t.a_k;
    });
  };
  int64_t p = 0;
  for (; t.kc - p >= S::width; p += S::width)
    unrolled<Blocks>([&](auto block) __attribute__((always_inline)) { advance(p, std::true_type(), block); });
  if (p < t.kc) unrolled<Blocks>([&](auto block) __attribute__((always_inline)) { advance(p, std::false_type(), block); });
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
