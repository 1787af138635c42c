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

// Columns as strips, cut where a vector ends, or a panel or half of one.
template <class Tile> class Strips {
public:
  Strips(Reading b, const EvenParts &tiles, int64_t columns) : end_(columns) {
    const StripWidth &width = strip_width<Tile>(tiles);
    const bool panels = b == Reading::packed || packs_on_the_fly(b, tiles);
    unit_ = panels ? smaller(Tile::columns, width.packed) : lanes_of(b);
    const int64_t widest = b == Reading::transposed ? thin_blocks(static_cast<int>(larger(1, tiles.size(0))),
                                                                  Transposing<typename Tile::Simd>::registers) *
                                                          unit_
                           : panels ? width.packed
                                    : width.direct;
    if (columns <= widest) parts_ = EvenParts(columns > 0, 1), unit_ = columns;
    else parts_ = EvenParts(ceil_div(columns, unit_), widest / unit_);
  }
  int64_t count() const { return parts_.count(); }
  // The column after the last one of a strip that begins at column `first`.
  int64_t end(int64_t strip, int64_t first) const { return smaller(first + parts_.size(strip) * unit_, end_); }

private:
  static constexpr int64_t lanes_of(Reading b) {
    return b == Reading::transposed ? Transposing<typename Tile::Simd>::width : Tile::Simd::width;
  }
  int64_t unit_, end_;
  EvenParts parts_{1, 1};
};

} // namespace lanefold::gemm
