// The microkernel: a tile of C stays in registers while k runs.  Every element is one chain of fused multiply-adds over
// ascending k, so tile shapes never change bits.
#pragma once

#include <kernels/gemm/product.hpp>

#include <utility>

namespace lanefold::gemm {

struct TileArgs {
  int64_t kc;
  const float *a;      // a[i * a_line + p * a_k]
  int64_t a_line, a_k; // a_line is read by tiles on rows in place only; elsewhere rows are neighbours
  const float *b;      // b[p * b_k + j], and further panels panel_stride apart
  int64_t b_k, panel_stride;
  float *c; // first element of the tile
  int64_t ldc;
  const float *bias; // of the first column; for Start::bias
  float beta;        // for Start::scaled
  Start start;
  int last; // lanes of the last vector that lie inside the matrix
};

// Rows x (Panels * Vectors * width) elements of C.  Panels > 1 holds the same columns of several neighbouring panels in
// flight: a tile of few rows needs them to hide the latency of its chains.  Gathered: the rows of A are not neighbours.
template <class Tile, int Rows, int Vectors, int Panels, bool Gathered = false> void microkernel(const TileArgs &t) {
  using S = typename Tile::Simd;
  using V = typename S::V;
  constexpr int count = Vectors * Panels;
  V acc[Rows][count];

  const auto load = [&](const float *p, int v) {
    return v == count - 1 && t.last != S::width ? S::load_part(p, t.last) : S::load(p);
  };
  if (t.start == Start::zero) {
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int v = 0; v < count; ++v) acc[i][v] = V(0.0f);
  } else if (t.start == Start::bias) {
#pragma GCC unroll 32
    for (int v = 0; v < count; ++v) {
      const V bias = load(t.bias + v * S::width, v);
#pragma GCC unroll 32
      for (int i = 0; i < Rows; ++i) acc[i][v] = bias;
    }
  } else {
    const V beta(t.start == Start::scaled ? t.beta : 1.0f);
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
      for (int v = 0; v < count; ++v) acc[i][v] = load(t.c + i * t.ldc + v * S::width, v) * beta;
  }

  const float *a = t.a, *b = t.b;
  const int64_t a_k = t.a_k, b_k = t.b_k, a_line = Gathered ? t.a_line : 1, panel_stride = t.panel_stride;
  for (int64_t p = 0; p < t.kc; ++p, a += a_k, b += b_k) {
    V bv[count];
#pragma GCC unroll 32
    for (int v = 0; v < count; ++v) bv[v] = S::load(b + (v / Vectors) * panel_stride + (v % Vectors) * S::width);
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i) {
      const V ai = S::broadcast(a[i * a_line]);
#pragma GCC unroll 32
      for (int v = 0; v < count; ++v) acc[i][v] = S::fma(ai, bv[v], acc[i][v]);
    }
  }

#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 32
    for (int v = 0; v < count; ++v) {
      float *p = t.c + i * t.ldc + v * S::width;
      if (v == count - 1 && t.last != S::width) S::store_part(p, acc[i][v], t.last);
      else S::store(p, acc[i][v]);
    }
}

using TileFunction = void (*)(const TileArgs &);

// Every height, for one panel with each number of vectors in use, and for several whole panels in flight.
template <class Tile> struct Microkernels {
  TileFunction one[Tile::rows][Tile::vectors];
  TileFunction wide[Tile::rows];
  TileFunction gathered_one[most_gathered_rows][Tile::vectors];
  TileFunction gathered_wide[most_gathered_rows];
};

// Panels that a tile of so many rows holds in flight: as many as there are accumulators for, at most four.
template <class Tile> constexpr int panels_in_flight(int rows) {
  const int fit = Tile::accumulators / (rows * Tile::vectors);
  return fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
}

template <class Tile, int Rows, int... Vector>
constexpr void add_height(Microkernels<Tile> &all, std::integer_sequence<int, Vector...>) {
  ((all.one[Rows - 1][Vector] = &microkernel<Tile, Rows, Vector + 1, 1>), ...);
  all.wide[Rows - 1] = &microkernel<Tile, Rows, Tile::vectors, panels_in_flight<Tile>(Rows)>;
  if constexpr (Rows <= most_gathered_rows) {
    ((all.gathered_one[Rows - 1][Vector] = &microkernel<Tile, Rows, Vector + 1, 1, true>), ...);
    all.gathered_wide[Rows - 1] = &microkernel<Tile, Rows, Tile::vectors, panels_in_flight<Tile>(Rows), true>;
  }
}

template <class Tile, int... Row> constexpr Microkernels<Tile> make_microkernels(std::integer_sequence<int, Row...>) {
  Microkernels<Tile> all{};
  (add_height<Tile, Row + 1>(all, std::make_integer_sequence<int, Tile::vectors>()), ...);
  return all;
}

template <class Tile>
inline constexpr Microkernels<Tile>
    microkernels = make_microkernels<Tile>(std::make_integer_sequence<int, Tile::rows>());

} // namespace lanefold::gemm
