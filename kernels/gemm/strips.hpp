// How rows are cut into tiles and columns into strips.  A column strip is what a row of tiles computes at once.
#pragma once

#include <kernels/gemm/microkernel.hpp>
#include <kernels/gemm/parts.hpp>
#include <kernels/gemm/plan.hpp>

namespace lanefold::gemm {

// Rows as even tiles: as high as possible where that makes one or two tiles instead of more, or where the columns leave
// registers for it.  Panels of A always have MR rows.
template <class Tile> EvenParts tiles_of(int64_t rows, int64_t columns, Reading a) {
  constexpr int64_t low = Tile::rows, high = Tile::most_rows;
  constexpr int64_t narrow = Tile::vectors / 2 * Tile::Simd::width;
  if (a == Reading::packed || low == high) return EvenParts(rows, low);
  const bool fewer = rows <= 2 * high && ceil_div(rows, high) < ceil_div(rows, low);
  return EvenParts(rows, fewer || columns <= narrow ? high : low);
}

// The widest strip of a tile, in columns, for a direct B and for panels.  A table, because a small product has no time to
// divide.
struct StripWidth {
  int64_t direct, packed;
};
template <class Tile, class Row> struct StripWidths;
template <class Tile, int... row> struct StripWidths<Tile, std::integer_sequence<int, row...>> {
  static constexpr StripWidth of[] = {
      {Tile::vectors_direct(row + 1) * Tile::Simd::width, Tile::vectors_packed(row + 1) * Tile::Simd::width}...};
};
template <class Tile> const StripWidth &strip_width(const EvenParts &tiles) {
  return StripWidths<Tile, std::make_integer_sequence<int, Tile::most_rows>>::of[larger(1, tiles.size(0)) - 1];
}

// Whether the first tile packs what it reads of B: only if a second tile follows.
inline bool packs_on_the_fly(Reading b, const EvenParts &tiles) {
  return b == Reading::on_the_fly && tiles.count() > 1;
}

// Whether all tiles of these rows have microkernels that apply ELU.
template <class Tile> bool microkernels_apply_elu(Reading b, const EvenParts &tiles) {
  return b == Reading::packed && tiles.count() > 0 && has_elu<Tile>(tiles.size(0)) &&
         has_elu<Tile>(tiles.size(tiles.count() - 1));
}

// The offset of column j from the first column of the first panel, in floats.  Each panel has this depth.
template <class Tile> int64_t offset_in_panels(int64_t j, int64_t depth) {
  const int64_t in_panel = j % Tile::columns;
  return (j - in_panel) * depth + in_panel;
}

// Columns as strips, cut where a vector ends, or a panel or half of one.
template <class Tile> class Strips {
public:
  Strips(Reading b, const EvenParts &tiles, int64_t columns) : end_(columns) {
    using Thin = Transposing<typename Tile::Simd>;
    constexpr int64_t half_panel = Tile::vectors / 2 * Tile::Simd::width;
    const StripWidth &width = strip_width<Tile>(tiles);
    if (b == Reading::transposed)
      cut<Thin::width>(thin_blocks(static_cast<int>(larger(1, tiles.size(0))), Thin::registers));
    else if (b != Reading::packed && !packs_on_the_fly(b, tiles))
      cut<Tile::Simd::width>(width.direct / Tile::Simd::width);
    else if (width.packed >= Tile::columns) cut<Tile::columns>(width.packed / Tile::columns);
    else cut<larger(1, half_panel)>(1);
  }
  int64_t count() const { return parts_.count(); }
  // The column after the last one of a strip that begins at column `first`.
  int64_t end(int64_t strip, int64_t first) const { return smaller(first + parts_.size(strip) * unit_, end_); }

private:
  // Cuts the columns into strips of at most `most` units.  The unit is a constant, because a small product has no time
  // for a real division.
  template <int64_t unit> void cut(int64_t most) {
    unit_ = unit;
    if (end_ <= most * unit) parts_ = EvenParts(end_ > 0, 1), unit_ = end_;
    else parts_ = EvenParts(ceil_div(end_, unit), most);
  }

  int64_t unit_, end_;
  EvenParts parts_{1, 1};
};

} // namespace lanefold::gemm
