// Runs the microkernels over rows times the columns that are in flight at once; and small products as a whole.
#pragma once

#include <kernels/gemm/choose.hpp>
#include <kernels/gemm/even_parts.hpp>
#include <kernels/gemm/microkernel.hpp>
#include <kernels/gemm/pack.hpp>
#include <kernels/gemm/skinny.hpp>
#include <kernels/gemm/turned.hpp>

namespace lanefold::gemm {

// How columns are taken: `units` at once of `unit` columns each.
struct Flight {
  int64_t unit, units;
};

// rows: of the tallest tile; there may be none.
template <class Tile> Flight columns_in_flight(Place place_b, int64_t rows) {
  constexpr int width = Tile::Simd::width;
  const int tallest = static_cast<int>(larger(1, rows));
  if (place_b == Place::in_place) return {width, Tile::in_flight(tallest, false)};
  if (place_b == Place::transposed) return {width, skinny_blocks(tallest, Tile::Simd::registers)};
  return {Tile::columns, Tile::in_flight(tallest, true) / Tile::vectors};
}

// t has what A's place, B's place and the block of k say; this sets what a tile's own place says.
// a_panels: [tile][a_panel_floats] where A is packed, else NULL.
template <class Tile>
[[gnu::always_inline]] inline void run_tiles(const Product &x, TileArgs &t, Place place_b, const EvenParts &tiles,
                                             int64_t row, int64_t k, const float *a_panels, int64_t a_panel_floats,
                                             int64_t column, int64_t columns) {
  constexpr int width = Tile::Simd::width;
  const int64_t vectors = (columns + width - 1) / width;
  t.last = static_cast<int>(columns - (vectors - 1) * width);
  t.bias = x.bias ? x.bias + column : nullptr;
  const TileFunction *kernels = place_b == Place::transposed ? &skinny_kernels<Tile>.of[0][vectors - 1]
                                : place_b == Place::in_place && t.last != width
                                    ? &microkernels<Tile>.part[0][vectors - 1]
                                    : &microkernels<Tile>.whole[0][vectors - 1];
  const int64_t height = place_b == Place::transposed ? most_skinny_blocks : Tile::most_vectors;
  // Tiles of one height follow each other, so one call does them all unless each needs something of its own.
  const bool one_by_one = a_panels || x.c_by_columns || place_b == Place::transposed;
  for (int64_t tile = 0; tile < tiles.count(); tile += t.tiles) {
    const int64_t rows = tiles.size(tile);
    t.tiles = one_by_one ? 1 : tiles.alike(tile);
    t.a = a_panels ? a_panels + tile * a_panel_floats : x.a.at(row, k);
    const TileFunction kernel = kernels[(rows - 1) * height];
    if (x.c_by_columns) {
      run_turned<Tile>(kernel, t, x.c + column * x.ldc + row, x.ldc, static_cast<int>(rows), static_cast<int>(columns));
    } else {
      t.c = x.c + row * x.ldc + column;
      kernel(t);
    }
    row += rows * t.tiles;
  }
}

// Whether multiply_at_once does it: small, and B where it lies, or its panels in flight small enough for the stack.
template <class Tile> bool goes_at_once(const Product &x) {
  if (!is_small<Tile>(x) || place_of_a(x) != Place::in_place) return false;
  if (place_of_b<Tile>(x) != Place::packed) return true;
  const EvenParts tiles(x.m, Tile::rows);
  const Flight flight = columns_in_flight<Tile>(Place::packed, tiles.size(0));
  return flight.units * flight.unit * x.k <= stack_panel_floats;
}

// All of k, all rows and columns, in the calling thread, without scratch memory.
template <class Tile> void multiply_at_once(const Product &x) {
  const Place place_b = place_of_b<Tile>(x);
  const EvenParts tiles(x.m, Tile::rows);
  const Flight flight = columns_in_flight<Tile>(place_b, tiles.size(0));
  const EvenParts steps((x.n + flight.unit - 1) / flight.unit, flight.units);
  const bool packs = place_b == Place::packed;
  alignas(64) float panels[stack_panel_floats];
  TileArgs t;
  t.kc = x.k;
  t.a_line = x.a.line_stride(), t.a_k = x.a.k_stride();
  t.b_k = packs ? Tile::columns : x.b.stride;
  t.panel_stride = packs ? Tile::columns * x.k : Tile::columns;
  t.ldc = x.ldc;
  t.start = x.start, t.beta = x.beta;
  int64_t j = 0;
  for (int64_t step = 0; step < steps.count(); ++step) {
    const int64_t next = smaller(j + steps.size(step) * flight.unit, x.n);
    t.b = packs ? panels : x.b.at(j, 0);
    if (packs)
      for (int64_t first = j; first < next; first += Tile::columns)
        pack_panel<typename Tile::Simd, Tile::columns>(x.b, first, next - first, 0, x.k, 1.0f,
                                                       panels + (first - j) * x.k);
    run_tiles<Tile>(x, t, place_b, tiles, 0, 0, nullptr, 0, j, next - j);
    j = next;
  }
}

} // namespace lanefold::gemm
