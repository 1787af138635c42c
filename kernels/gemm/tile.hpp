// A register tile: MR = rows, NR = columns = vectors * width.  Each plugin names its own.  Up to most_rows rows are one
// tile, of fewer vectors if need be: B is then read once.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lanefold::gemm {

// Vectors in flight for a tile of so many rows: each is loaded once and kept for all rows, and one register holds an
// element of A.  One row needs no copies: its vectors of B are operands in memory.
constexpr int vectors_in_flight(int rows, int registers) {
  constexpr int most = 20; // 8 chains hide the latency; more save passes over A, and cost code
  const int fit = rows == 1 ? registers - 2 : (registers - 1) / (rows + 1);
  return fit < most ? fit : most;
}

template <class S, int Rows, int Vectors, int MostRows = Rows> struct Tile {
  using Simd = S;
  static constexpr int rows = Rows, most_rows = MostRows;
  static constexpr int vectors = Vectors;
  static constexpr int columns = Vectors * S::width;
  static constexpr int most_vectors = vectors_in_flight(1, S::registers);
  static constexpr bool has_halves = !std::is_void_v<typename S::Half>;

  static constexpr int in_flight(int rows_in_use) { return vectors_in_flight(rows_in_use, S::registers); }
  // Where panels are not neighbours: whole ones, or half of one.
  static constexpr int in_flight_of_panels(int rows_in_use) {
    const int fit = in_flight(rows_in_use);
    return fit < Vectors ? Vectors / 2 : fit / Vectors * Vectors;
  }

  static_assert(in_flight_of_panels(Rows) == Vectors, "the tile does not fit the registers, or leaves some unused");
  static_assert(in_flight_of_panels(Rows / 2 + 1) == Vectors, "where rows make several tiles, each has one panel");
  static_assert(MostRows == Rows || Vectors % 2 == 0, "a panel has no halves");
  static_assert(MostRows >= Rows && in_flight(MostRows) >= Vectors / 2, "half a panel does not fit the registers");
};

} // namespace lanefold::gemm
