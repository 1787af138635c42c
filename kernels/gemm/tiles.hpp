// Runs the microkernels over rows times the columns that are in flight at once; and small products as a whole.
#pragma once

#include <kernels/gemm/choose.hpp>
#include <kernels/gemm/even_parts.hpp>
#include <kernels/gemm/microkernel.hpp>
#include <kernels/gemm/pack.hpp>
#include <kernels/gemm/skinny.hpp>
#include <kernels/gemm/turned.hpp>

namespace lanefold::gemm {

// Rows in tiles: as high as can be where they then are one or two and not more, or where the columns leave room for it.
// Panels of A have Tile::rows.
template <class Tile> EvenParts tiles_of(int64_t rows, int64_t columns, Place place_a) {
  constexpr int64_t low = Tile::rows, high = Tile::most_rows;
  constexpr int64_t narrow = Tile::vectors / 2 * Tile::Simd::width;
  if (place_a == Place::packed || low == high) return EvenParts(rows, low);
  const bool fewer = rows <= 2 * high && ceil_div(rows, high) < ceil_div(rows, low);
  return EvenParts(rows, fewer || columns <= narrow ? high : low);
}

// Columns in flight for a tile of rows: a table, for a small product has no time to divide.
struct Flight {
  int64_t in_place, panels;
};
template <class Tile, class Row> struct Flights;
template <class Tile, int... Row> struct Flights<Tile, std::integer_sequence<int, Row...>> {
  static constexpr Flight of[] = {
      {Tile::in_flight(Row + 1) * Tile::Simd::width, Tile::in_flight_of_panels(Row + 1) * Tile::Simd::width}...};
};
template <class Tile> const Flight &columns_in_flight(const EvenParts &tiles) {
  return Flights<Tile, std::make_integer_sequence<int, Tile::most_rows>>::of[larger(1, tiles.size(0)) - 1];
}

// Whether the first tile copies what it reads of B: there must be a second one.
inline bool copies(Place place_b, const EvenParts &tiles) { return place_b == Place::in_passing && tiles.count() > 1; }

// How columns are taken: at most so many at once, cut where a vector, or a panel or its half, ends.
template <class Tile> class Steps {
public:
  // tiles: of the rows; columns: how many there are.
  Steps(Place place_b, const EvenParts &tiles, int64_t columns) : end_(columns) {
    const Flight &flight = columns_in_flight<Tile>(tiles);
    const bool panels = place_b == Place::packed || copies(place_b, tiles);
    unit_ = panels ? smaller(Tile::columns, flight.panels) : width_of(place_b);
    const int64_t at_once = place_b == Place::transposed ? skinny_blocks(static_cast<int>(larger(1, tiles.size(0))),
                                                                         Transposing<typename Tile::Simd>::registers) *
                                                               unit_
                            : panels ? flight.panels
                                     : flight.in_place;
    if (columns <= at_once) parts_ = EvenParts(columns > 0, 1), unit_ = columns;
    else parts_ = EvenParts(ceil_div(columns, unit_), at_once / unit_);
  }
  int64_t count() const { return parts_.count(); }
  // Where the step ends that begins at column `first`.
  int64_t end(int64_t step, int64_t first) const { return smaller(first + parts_.size(step) * unit_, end_); }

private:
  static constexpr int64_t width_of(Place place_b) {
    return place_b == Place::transposed ? Transposing<typename Tile::Simd>::width : Tile::Simd::width;
  }
  int64_t unit_, end_;
  EvenParts parts_{1, 1};
};

// Rows of C from `row`, at k.., in even tiles.
struct TileRows {
  const EvenParts &tiles;
  int64_t row, k;
  const float *panels; // a_panels[tile][panel_floats] where A is packed, else NULL
  int64_t panel_floats;
};

// Columns of C that are in flight at once.
struct TileColumns {
  Place place_b;
  int64_t column, count;
  float *copy; // where the first tile copies them to, or NULL
};

// t has what A's place, B's place and the block of k say; this sets what a tile's own place says.
// ending: kernels that end with an activation, for packed B; or NULL.
template <class Tile>
[[gnu::always_inline]] inline void run_tiles(const Product &x, TileArgs &t, const TileRows &rows,
                                             const TileColumns &columns, const KernelSet<Tile> *ending = nullptr) {
  using S = typename Tile::Simd;
  using Skinny = Transposing<typename Tile::Simd>;
  const EvenParts &tiles = rows.tiles;
  Place place_b = columns.place_b;
  const bool transposed = place_b == Place::transposed;
  const int64_t vectors = transposed ? ceil_div(columns.count, Skinny::width) : ceil_div(columns.count, S::width);
  t.last = static_cast<int>(columns.count - (vectors - 1) * (transposed ? Skinny::width : S::width));
  t.bias = x.bias ? x.bias + columns.column : nullptr;

  const auto edge = [&] { return static_cast<int>(edge_of<Tile>(place_b == Place::packed, t.last)); };
  int64_t row = rows.row;
  const auto run = [&](TileFunction kernel, int64_t tile, int64_t count) __attribute__((always_inline)) {
    t.tiles = count;
    t.sums_begin = tile == 0;
    t.a = rows.panels ? rows.panels + tile * rows.panel_floats : x.a.at(row, rows.k);
    if (x.c_by_columns) {
      run_turned<Tile>(kernel, t, x.c + columns.column * x.ldc + row, x.ldc, static_cast<int>(tiles.size(tile)),
                       static_cast<int>(columns.count));
    } else {
      t.c = x.c + row * x.ldc + columns.column;
      kernel(t);
    }
    row += tiles.size(tile) * count;
  };
  int64_t tile = 0;
  if (columns.copy) {
    t.copy = columns.copy;
    run(microkernels<Tile>.copy[edge()][tiles.size(0) - 1][vectors - 1], tile++, 1);
    t.b = columns.copy, t.b_k = Tile::columns;
    place_b = Place::packed;
  }
  // Tiles of one height follow each other, so one call does them all unless each needs something of its own.
  const bool one_by_one = rows.panels || x.c_by_columns || transposed;
  const bool far = place_b == Place::in_place && x.n * x.k > most_near_floats;
  const auto &kernels = (ending ? *ending : far ? microkernels<Tile>.far : microkernels<Tile>.near).of[edge()];
  for (; tile < tiles.count(); tile += t.tiles) {
    const int64_t height = tiles.size(tile);
    run(transposed ? skinny_kernels<Tile>.of[height - 1][vectors - 1] : kernels[height - 1][vectors - 1], tile,
        one_by_one ? 1 : tiles.alike(tile));
  }
}

// A product that is done at once: small, A where it lies, and what is copied of B small enough for the stack.
template <class Tile> struct AtOnce {
  Place place_b;
  EvenParts tiles;
  bool fits;

  explicit AtOnce(const Product &x) : place_b(place_of_b<Tile>(x)), tiles(tiles_of<Tile>(x.m, x.n, Place::in_place)) {
    const bool has_panels = place_b == Place::packed || copies(place_b, tiles);
    fits = is_small<Tile>(x) && place_of_a(x) == Place::in_place &&
           (!has_panels || round_up(columns_in_flight<Tile>(tiles).panels, Tile::columns) * x.k <= stack_panel_floats);
  }
};

// All of k, all rows and columns, in the calling thread, without scratch memory.
template <class Tile> void multiply(const Product &x, const AtOnce<Tile> &how) {
  const Steps<Tile> steps(how.place_b, how.tiles, x.n);
  alignas(64) float panels[stack_panel_floats];
  TileArgs t;
  t.kc = x.k;
  t.a_line = x.a.line_stride(), t.a_k = x.a.k_stride();
  t.ldc = x.ldc;
  t.start = x.start, t.beta = x.beta;
  int64_t j = 0;
  for (int64_t step = 0; step < steps.count(); ++step) {
    const int64_t next = steps.end(step, j);
    if (how.place_b == Place::packed) {
      const int64_t in_panel = j % Tile::columns, end = smaller(round_up(next, Tile::columns), x.n);
      t.b = panels + in_panel, t.b_k = Tile::columns, t.panel_stride = Tile::columns * x.k;
      for (int64_t first = j; in_panel == 0 && first < end; first += Tile::columns)
        pack_panel<typename Tile::Simd, Tile::columns>(x.b, first, end - first, 0, x.k, 1.0f,
                                                       panels + (first - j) * x.k);
    } else {
      t.b = x.b.at(j, 0), t.b_k = x.b.stride, t.panel_stride = Tile::columns;
    }
    run_tiles<Tile>(x, t, {how.tiles, 0, 0, nullptr, 0},
                    {how.place_b, j, next - j, copies(how.place_b, how.tiles) ? panels : nullptr});
    j = next;
  }
}

} // namespace lanefold::gemm
