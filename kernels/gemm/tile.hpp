// The register tile of a plugin: MR x NR elements of C, NR = vectors * width.  A product with up to most_rows rows is
// one tile, with fewer vectors if need be, so that B is read once.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lanefold::gemm {

// The number of vectors per row for a tile of `rows` rows.  Each vector of B is loaded once and kept for all rows, and
// one register holds an element of A.  A single row keeps nothing: its vectors of B are memory operands.
constexpr int vectors_that_fit(int rows, int registers) {
  constexpr int most = 20; // 8 chains hide the FMA latency; more chains save passes over A, but cost code
  const int fit = rows == 1 ? registers - 2 : (registers - 1) / (rows + 1);
  return fit < most ? fit : most;
}

template <class Backend, int Rows, int Vectors, int MostRows = Rows> struct Tile {
  using Simd = Backend;
  static constexpr int rows = Rows, most_rows = MostRows;
  static constexpr int vectors = Vectors;
  static constexpr int columns = Vectors * Simd::width;
  static constexpr int most_vectors = vectors_that_fit(1, Simd::registers);
  static constexpr bool has_halves = !std::is_void_v<typename Simd::Half>;

  // Vectors per row of a tile that reads a direct B, whose columns are all contiguous.
  static constexpr int vectors_direct(int rows_in_use) { return vectors_that_fit(rows_in_use, Simd::registers); }
  // Vectors per row of a tile that reads panels, which are not contiguous: whole panels, or half of one.
  static constexpr int vectors_packed(int rows_in_use) {
    const int fit = vectors_direct(rows_in_use);
    return fit < Vectors ? Vectors / 2 : fit / Vectors * Vectors;
  }

  static_assert(vectors_packed(Rows) == Vectors, "the tile does not fit the registers, or leaves some of them unused");
  static_assert(vectors_packed(Rows / 2 + 1) == Vectors, "where rows make several tiles, each tile reads one panel");
  static_assert(MostRows == Rows || Vectors % 2 == 0, "a panel must have two halves");
  static_assert(MostRows >= Rows && vectors_direct(MostRows) >= Vectors / 2, "half a panel does not fit the registers");
};

} // namespace lanefold::gemm
