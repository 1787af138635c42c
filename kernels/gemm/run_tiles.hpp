// Runs the microkernels over one column strip, from the first row to the last.
#pragma once

#include <kernels/gemm/strips.hpp>
#include <kernels/gemm/transposed_tile.hpp>

namespace lanefold::gemm {

// Rows of C from `row`, at k.., in even tiles.
struct TileRows {
  const EvenParts &tiles;
  int64_t row, k;
  const float *panels; // a_panels[tile][panel_floats] where A is packed, else NULL
  int64_t panel_floats;
};

// One strip of columns.
struct TileColumns {
  Reading b;
  int64_t column, count;
  float *packed; // where the first tile packs them, or NULL
};

// t holds what depends on how A and B are read and on the block of k; this sets what depends on the tile.
// elu: the microkernels apply ELU with t.alpha; B must be packed.
template <class Tile>
[[gnu::always_inline]] inline void run_tiles(const Product &x, TileArgs &t, const TileRows &rows,
                                             const TileColumns &columns, bool elu = false) {
  using S = typename Tile::Simd;
  constexpr const MicrokernelTable<Tile> &table = microkernel_table<Tile>;
  const EvenParts &tiles = rows.tiles;
  Reading b = columns.b;
  const bool thin = b == Reading::transposed;
  // Each branch divides by a constant, because a small product has no time for a real division.
  using Thin = Transposing<S>;
  const int64_t vectors = thin ? ceil_div(columns.count, Thin::width) : ceil_div(columns.count, S::width);
  t.lanes = static_cast<int>(columns.count - (vectors - 1) * (thin ? Thin::width : S::width));
  t.bias = x.bias ? x.bias + columns.column : nullptr;

  const auto tail = [&] { return static_cast<int>(tail_of<Tile>(b == Reading::packed, t.lanes)); };
  int64_t row = rows.row;
  const auto run = [&](TileFunction kernel, int64_t tile, int64_t count) __attribute__((always_inline)) {
    t.tiles = count;
    t.sums_begin = tile == 0;
    t.a = rows.panels ? rows.panels + tile * rows.panel_floats : x.a.at(row, rows.k);
    if (x.c_transposed) {
      run_transposed<Tile>(kernel, t, x.c + columns.column * x.ldc + row, x.ldc, static_cast<int>(tiles.size(tile)),
                           static_cast<int>(columns.count));
    } else {
      t.c = x.c + row * x.ldc + columns.column;
      kernel(t);
    }
    row += tiles.size(tile) * count;
  };
  int64_t tile = 0;
  if (columns.packed) {
    t.packed = columns.packed;
    run(table.packing[tail()][tiles.size(0) - 1][vectors - 1], tile++, 1);
    t.b = columns.packed, t.b_k = Tile::columns;
    b = Reading::packed;
  }
  // One call computes all tiles of one height, unless each tile needs arguments of its own.
  const bool one_by_one = rows.panels || x.c_transposed || thin;
  const bool far = b == Reading::direct && x.n * x.k > most_near_floats;
  const auto &kernels = (elu ? table.elu : far ? table.prefetched : table.plain)[tail()];
  for (; tile < tiles.count(); tile += t.tiles) {
    const int64_t height = tiles.size(tile);
    run(thin ? table.thin[height - 1][vectors - 1] : kernels[height - 1][vectors - 1], tile,
        one_by_one ? 1 : tiles.equal_from(tile));
  }
}

} // namespace lanefold::gemm
