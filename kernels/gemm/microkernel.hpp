// The microkernels: their arguments, the one list of their names, and the table by which a tile finds its microkernel.
// The list decides which microkernels are compiled; dispatch, tests and `lanefold bench kernels` derive from it.
// The loops are in microkernel_body.hpp and thin_body.hpp.
#pragma once

#include <kernels/gemm/microkernel_args.hpp>
#include <kernels/gemm/thin.hpp>
#include <kernels/gemm/tile.hpp>

#include <array>
#include <utility>

namespace lanefold::gemm {

// C tile = chain over kc of A rows times B columns, each element one chain of fused multiply-adds over ascending k.
// Tile shapes therefore never change bits.
template <class Tile, int rows, int vectors, Tail tail, BLoad b_load, bool elu> void microkernel(const TileArgs &t);

// How the last vector of a row is read if its first `lanes` lanes lie inside the matrix.  A readable B may be read beyond
// the matrix, as panels may.
template <class Tile> constexpr Tail tail_of(bool readable, int lanes) {
  if (Tile::has_halves && lanes <= Tile::Simd::width / 2) return Tail::half;
  return readable || lanes == Tile::Simd::width ? Tail::whole : Tail::partial;
}

// ELU in registers pays for the heights that many rows are cut into.  Where it follows each panel in cache, it costs 1
// to 3% of a product.  The other activations cost less there, or need more registers than a tile leaves.
template <class Tile> constexpr bool has_elu(int64_t rows) {
  using S = typename Tile::Simd;
  // Lockstep needs the registers that hold the tile, and a fused multiply-add in software makes ELU large.
  return S::in_lockstep == 1 && !S::software_fma && 3 * rows >= 2 * Tile::rows;
}

// The vectors per row of microkernels that pack B.  Such a tile is the first of several, so it has more than half of the
// most rows.  A tile higher than MR reads half a panel.
template <class Tile> constexpr int vectors_packing(int rows) {
  return rows <= Tile::rows / 2 ? 0 : rows <= Tile::rows ? Tile::vectors : Tile::vectors / 2;
}

// Calls add(MicrokernelName) for each microkernel of a tile.
template <class Tile, class Add> constexpr void for_each_microkernel(const Add &add) {
  for (const Tail tail : {Tail::whole, Tail::partial, Tail::half}) {
    if (tail == Tail::half && !Tile::has_halves) continue;
    // With fewer than four lanes in a partial vector, only the last strip is read this way, and it needs no
    // prefetching.
    const bool prefetches = tail != Tail::partial || Tile::Simd::width > 4;
    for (int rows = 1; rows <= Tile::most_rows; ++rows) {
      for (int vectors = 1; vectors <= Tile::vectors_direct(rows); ++vectors) {
        add(MicrokernelName{rows, vectors, tail, BLoad::plain, false});
        // A single row has so many loads under way that prefetching gains nothing.
        if (prefetches && rows > 1) add(MicrokernelName{rows, vectors, tail, BLoad::prefetched, false});
        if (vectors <= vectors_packing<Tile>(rows)) add(MicrokernelName{rows, vectors, tail, BLoad::packing, false});
        if (tail != Tail::partial && has_elu<Tile>(rows) && vectors <= Tile::vectors_packed(rows))
          add(MicrokernelName{rows, vectors, tail, BLoad::plain, true});
      }
    }
  }
  constexpr int registers = Transposing<typename Tile::Simd>::registers;
  for (int rows = 1; rows <= most_thin_rows; ++rows)
    for (int blocks = 1; blocks <= thin_blocks(rows, registers); ++blocks)
      add(MicrokernelName{rows, blocks, Tail::whole, BLoad::transposed, false});
}

// The list of names.
template <class Tile> constexpr int count_microkernels() {
  int count = 0;
  for_each_microkernel<Tile>([&](const MicrokernelName &) { ++count; });
  return count;
}
template <class Tile> constexpr auto make_microkernel_names() {
  std::array<MicrokernelName, count_microkernels<Tile>()> names{};
  int count = 0;
  for_each_microkernel<Tile>([&](const MicrokernelName &name) { names[static_cast<size_t>(count++)] = name; });
  return names;
}
template <class Tile> inline constexpr auto microkernel_names = make_microkernel_names<Tile>();

// The microkernel with the index-th name.
template <class Tile, size_t index> constexpr TileFunction microkernel_at() {
  constexpr MicrokernelName name = microkernel_names<Tile>[index];
  if constexpr (name.b_load == BLoad::transposed) return &thin_microkernel<Tile, name.rows, name.vectors>;
  else return &microkernel<Tile, name.rows, name.vectors, name.tail, name.b_load, name.elu>;
}

// Dispatch: the microkernel for each name, NULL where the list has none.
template <class Tile> struct MicrokernelTable {
  // [tail][rows - 1][vectors - 1]
  using Set = TileFunction[3][Tile::most_rows][Tile::most_vectors];
  Set plain, prefetched, packing, elu;
  TileFunction thin[most_thin_rows][most_thin_blocks]; // [rows - 1][blocks - 1]

  constexpr TileFunction &at(const MicrokernelName &name) {
    if (name.b_load == BLoad::transposed) return thin[name.rows - 1][name.vectors - 1];
    Set &set = name.elu                           ? elu
               : name.b_load == BLoad::plain      ? plain
               : name.b_load == BLoad::prefetched ? prefetched
                                                  : packing;
    return set[static_cast<int>(name.tail)][name.rows - 1][name.vectors - 1];
  }
};

template <class Tile, size_t... index> constexpr MicrokernelTable<Tile> make_table(std::index_sequence<index...>) {
  constexpr TileFunction functions[] = {microkernel_at<Tile, index>()...};
  MicrokernelTable<Tile> table{};
  for (size_t i = 0; i < sizeof...(index); ++i) {
    MicrokernelName name = microkernel_names<Tile>[i];
    table.at(name) = functions[i];
    // Where prefetching gains nothing, the plain microkernel serves both.  The list names it before the prefetched one.
    if (name.b_load != BLoad::plain || name.elu) continue;
    name.b_load = BLoad::prefetched;
    table.at(name) = functions[i];
  }
  return table;
}

template <class Tile>
inline constexpr MicrokernelTable<Tile>
    microkernel_table = make_table<Tile>(std::make_index_sequence<microkernel_names<Tile>.size()>());

} // namespace lanefold::gemm
