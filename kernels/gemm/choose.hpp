// The cost model: how a product is cut into blocks and tasks, and which operands are copied.  Its constants stand here
// (what a tile holds and fetches: tile.hpp, skinny.hpp, microkernel.hpp); docs/tuning.md has the measurements.
//
// C is cut into chunks of rows times groups of column panels; one task computes one chunk of one group over all of k.
// In a task the columns in flight, k_block deep, stay in cache while the chunk's rows of A pass.  Operands that already
// lie well are read where they are: see Place.  Cuts and places never change bits, only speed.
#pragma once

#include <kernels/gemm/product.hpp>
#include <kernels/gemm/skinny.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

// Blocks.  Bytes are those of floats.
inline constexpr int64_t stack_panel_floats = 8192; // panels in flight that are packed to the stack, at most
inline constexpr int64_t most_k_block = 512;        // where A does not stay in the second-level cache
inline constexpr int64_t least_k_block = 256;       // the same, cut so that all rows stay; even parts may be shorter
inline constexpr int64_t a_chunk_bytes = 512 << 10; // chunk_rows * k_block: stays in the second-level cache
inline constexpr int64_t chunk_bytes = 768 << 10; // the same and the chunk's rows of C, which panel by panel come back
inline constexpr int64_t most_c_columns = 256;    // of C that count
inline constexpr int64_t own_panel_bytes = 64 << 10; // what a task packs of B at once, where it must
inline constexpr int64_t most_group_panels = 4;      // panels of a group, where several groups share a chunk of A
inline constexpr int64_t most_shared_rows = 2048;    // rows of A packed at once, for all tasks
inline constexpr int64_t most_pass_columns = 4096;   // columns of B packed at once, for all tasks
inline constexpr int64_t most_pass_depth = 1024;     // k packed at once
inline constexpr int64_t a_rows_at_once = 16; // of an A whose lines are neighbours: its rows, packed for all tiles

// Places.
inline constexpr int64_t most_rows_b_in_place = 1024; // beyond them, packing B costs less than it saves
inline constexpr int64_t most_panel_depth = 256;      // k of panels in the first-level cache: each task copies its own
inline constexpr int64_t least_copied_tiles = 3;      // below each other: fewer read B where it lies
inline constexpr int64_t least_copied_depth = 16;     // of k: below it, so do all
inline constexpr int64_t most_near_floats = 8192;     // of a B in place: rows of a larger one are fetched in advance
inline constexpr int64_t page = 4096 / sizeof(float); // rows whole pages apart put a column into one set of the cache
inline constexpr int64_t most_conflicting_rows = 6;   // of such an A: the first-level cache has 8 or 12 ways
inline constexpr int64_t most_wasted_floats = 12288;  // of an A whose lines are neighbours: a larger one is packed
inline constexpr int64_t least_reading_columns = 256; // of C, to repay packing such an A

// Tasks.
inline constexpr double least_task_per_lane = 1 << 14; // multiply-adds for each lane that repay handing a task over
inline constexpr double least_shared = 2.25; // such tasks that repay a second thread: about 5 microseconds in all

// In multiply-adds, of idle lanes too; reading B is work even for a single row.  In units of the least task.
template <class Tile> double tasks_worth(const Product &x) {
  constexpr int64_t width = Tile::Simd::width;
  return static_cast<double>(x.m + 2) * static_cast<double>((x.n + width - 1) / width) * static_cast<double>(x.k) /
         least_task_per_lane;
}

// One thread does it at once: planning would cost as much as it saves.
template <class Tile> bool is_small(const Product &x) {
  return x.k <= most_pass_depth && x.m <= most_rows_b_in_place && tasks_worth<Tile>(x) < least_shared;
}

// Where an operand is read from.
enum class Place {
  packed,     // copied to panels before
  in_passing, // columns of B that are neighbours: copied to panels by the first tile that reads them
  in_place,   // where it lies: any rows of A; columns of B that are neighbours
  transposed, // columns of B along k, transposed in registers as they are read
};

struct Plan {
  int64_t k_block;
  int64_t chunk_rows, chunks;
  int64_t group_panels, groups;
  Place place_a, place_b;
  int64_t tasks() const { return chunks * groups; }
};

// alpha is applied while packing, so only alpha = 1 leaves A where it is.
inline Place place_of_a(const Product &x) {
  if (x.alpha != 1.0f || x.k == 0) return Place::packed;
  const bool conflict = x.a.stride % page == 0;
  if (conflict && x.m > most_conflicting_rows && x.k > 1) return Place::packed;
  // Of each cache line that a tile reads, some is for other tiles, and is gone before they come; and what is some pages
  // further for each k is not fetched in advance.
  const bool wastes = !x.a.along_k && x.m > most_wasted_floats / x.k && x.n >= least_reading_columns;
  return wastes ? Place::packed : Place::in_place;
}

template <class Tile> Place place_of_b(const Product &x) {
  if (x.packed_b || x.k == 0 || x.b.panel > 0) return Place::packed;
  if (x.b.along_k) return x.m <= most_skinny_rows ? Place::transposed : Place::packed;
  if (x.m > most_rows_b_in_place) return x.k <= most_panel_depth ? Place::in_passing : Place::packed;
  return x.m > (least_copied_tiles - 1) * Tile::most_rows && x.k >= least_copied_depth ? Place::in_passing
                                                                                       : Place::in_place;
}

// Vectors, and half ones, that a row of n elements takes.
template <class Tile> double vectors_of(int64_t n) {
  constexpr int64_t width = Tile::Simd::width;
  if constexpr (Tile::has_halves) return 0.5 * static_cast<double>((2 * n + width - 1) / width);
  else return static_cast<double>((n + width - 1) / width);
}

// Vector instructions, about: multiply-adds, and what it takes to transpose an element of an operand or C.
template <class Tile> double cost(const Product &x) {
  const double m = static_cast<double>(x.m), n = static_cast<double>(x.n), k = static_cast<double>(x.k);
  constexpr double transposing = 3.0 / Tile::Simd::width;
  double instructions = m * vectors_of<Tile>(x.n) * k;
  if (x.b.along_k) instructions += transposing * n * k;
  if (x.c_by_columns && x.ldc > 1) instructions += transposing * m * n;
  return instructions;
}

// Turns the product if that costs less: vectors run along the columns of C, or along its rows.
template <class Tile> void orient(Product &x) {
  if (x.alpha != 1.0f) return; // it is A that is scaled
  const double as_it_is = cost<Tile>(x);
  turn(x);
  if (cost<Tile>(x) > 0.9 * as_it_is) turn(x);
  if (x.m == 1 && x.ldc == 1) x.c_by_columns = false; // one column of neighbours is as good as a row
}

// chunk_unit: chunks begin at multiples of it.
template <class Tile> Plan choose(const Product &x, int64_t threads, int64_t chunk_unit = Tile::rows) {
  const int64_t m = x.m, n = x.n, k = x.k;
  const int64_t panels = larger(1, ceil_div(n, Tile::columns));
  Plan plan{};
  plan.place_a = place_of_a(x);
  plan.place_b = place_of_b<Tile>(x);
  constexpr int64_t a_floats = a_chunk_bytes / sizeof(float), floats = chunk_bytes / sizeof(float);
  int64_t most_k = most_pass_depth;
  if (m * smaller(k, most_k) > a_floats) { // cut so that all rows stay, if that does not take too much
    const int64_t staying = smaller(a_floats / m, floats / m - smaller(n, most_c_columns));
    most_k = staying >= least_k_block ? smaller(most_k_block, staying) : most_k_block;
  }
  plan.k_block = larger(1, ceil_div(k, larger(1, ceil_div(k, most_k))));
  const int64_t fit = smaller(a_floats / plan.k_block, floats / (plan.k_block + smaller(n, most_c_columns)));
  const int64_t most_rows = larger(1, fit / chunk_unit) * chunk_unit;
  const double worth = threads <= 1 ? 1.0 : tasks_worth<Tile>(x);
  if (worth < least_shared && m <= most_rows) {
    plan.chunk_rows = larger(1, m), plan.chunks = 1;
    plan.group_panels = panels, plan.groups = 1;
    return plan;
  }
  const int64_t most = most_tasks(threads);
  const int64_t wanted = worth < static_cast<double>(most) ? larger(1, static_cast<int64_t>(worth)) : most;
  const int64_t least_chunks = ceil_div(m, most_rows);
  plan.group_panels =
      least_chunks > 1 ? larger(1, smaller(most_group_panels, panels / wanted)) : larger(1, panels / wanted);
  plan.group_panels = ceil_div(panels, ceil_div(panels, plan.group_panels)); // even
  plan.groups = ceil_div(panels, plan.group_panels);
  const int64_t chunks = larger(least_chunks, smaller(ceil_div(wanted, plan.groups), ceil_div(m, chunk_unit)));
  plan.chunk_rows = round_up(ceil_div(larger(1, m), larger(1, chunks)), chunk_unit);
  plan.chunks = ceil_div(m, plan.chunk_rows);
  if (plan.place_b == Place::in_passing && plan.chunk_rows <= (least_copied_tiles - 1) * Tile::most_rows)
    plan.place_b = Place::in_place;
  return plan;
}

} // namespace lanefold::gemm
