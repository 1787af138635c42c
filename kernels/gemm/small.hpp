// The small path: a product without planning, without scratch memory, in the calling thread.
#pragma once

#include <kernels/gemm/pack.hpp>
#include <kernels/gemm/run_tiles.hpp>

namespace lanefold::gemm {

// fits: the product is small, A is direct, and the panels of B that this path packs fit on the stack.
template <class Tile> struct SmallPath {
  Reading b;
  EvenParts tiles;
  bool fits;

  explicit SmallPath(const Product &x) : b(reading_of_b<Tile>(x)), tiles(tiles_of<Tile>(x.m, x.n, Reading::direct)) {
    const bool packs = (b == Reading::packed && !x.packed_b) || packs_on_the_fly(b, tiles);
    fits = is_small<Tile>(x) && reading_of_a(x) == Reading::direct &&
           (!packs || round_up(strip_width<Tile>(tiles).packed, Tile::columns) * x.k <= small_path_floats);
  }
};

// Takes all of k, all rows and all columns.  elu: the microkernels apply ELU with this alpha.
template <class Tile>
void multiply_small(const Product &x, const SmallPath<Tile> &path, bool elu = false, float alpha = 0) {
  const Strips<Tile> strips(path.b, path.tiles, x.n);
  alignas(64) float panels[small_path_floats];
  TileArgs t;
  t.kc = x.k;
  t.a_line = x.a.line_stride(), t.a_k = x.a.k_stride();
  t.ldc = x.ldc;
  t.start = x.start, t.beta = x.beta;
  if (elu) t.alpha = alpha;
  int64_t j = 0;
  for (int64_t strip = 0; strip < strips.count(); ++strip) {
    const int64_t next = strips.end(strip, j);
    if (x.packed_b) {
      t.b = x.packed_b + offset_in_panels<Tile>(j, x.k), t.b_k = Tile::columns, t.panel_stride = Tile::columns * x.k;
    } else if (path.b == Reading::packed) {
      const int64_t in_panel = j % Tile::columns, end = smaller(round_up(next, Tile::columns), x.n);
      t.b = panels + in_panel, t.b_k = Tile::columns, t.panel_stride = Tile::columns * x.k;
      for (int64_t first = j; in_panel == 0 && first < end; first += Tile::columns)
        pack_panel<typename Tile::Simd, Tile::columns>(x.b, first, end - first, 0, x.k, 1.0f,
                                                       panels + (first - j) * x.k);
    } else {
      t.b = x.b.at(j, 0), t.b_k = x.b.stride, t.panel_stride = Tile::columns;
    }
    run_tiles<Tile>(x, t, {path.tiles, 0, 0, nullptr, 0},
                    {path.b, j, next - j, packs_on_the_fly(path.b, path.tiles) ? panels : nullptr}, elu);
    j = next;
  }
}

} // namespace lanefold::gemm
