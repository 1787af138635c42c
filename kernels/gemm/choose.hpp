// The cost model: how a product is cut into blocks and tasks.  All its constants stand here.
//
// C is cut into chunks of rows times groups of column panels; one task computes one chunk of one group over all of k.
// Small or skinny products leave operands where they lie: see Place.
// In a task a block of B (k_block x group) stays in the second-level cache, a panel of A (MR x k_block) in the first.
// Cuts never change bits, only speed.
#pragma once

#include <kernels/gemm/product.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

inline constexpr int64_t b_panel_bytes = 32
                                         << 10; // k_block * NR floats: the first-level cache holds one beside A's panel
inline constexpr int64_t most_group_panels = 4; // panels of B that one panel of A is used for while in cache
inline constexpr int64_t most_chunk_rows = 1024;   // A's chunk, k_pass deep, is 4 MB at most
inline constexpr int64_t most_pass_columns = 4096; // columns packed at once
inline constexpr int64_t most_pass_depth = 1024;   // k packed at once
inline constexpr int64_t least_task = 1 << 18;     // fused multiply-adds that repay handing a task to another thread

inline constexpr int most_gathered_rows = 6;        // rows of A in place: there are address registers for as many
inline constexpr int64_t most_rows_b_in_place = 28; // with few rows, packing B costs more than it saves
inline constexpr int64_t page = 4096;               // bytes: a stride of whole pages lands in few sets of the cache

// Where an operand is read from.
enum class Place {
  packed,   // copied to panels
  in_place, // lines (rows of A, columns of B) are neighbours, as in a panel
  gathered, // rows of A, each along k
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
  if (x.a.along_k) return x.m <= most_gathered_rows ? Place::gathered : Place::packed;
  return x.a.stride * static_cast<int64_t>(sizeof(float)) % page == 0 ? Place::packed : Place::in_place;
}

inline Place place_of_b(const Product &x, int64_t chunks) {
  if (x.packed_b || x.k == 0 || x.b.along_k || chunks > 1 || x.m > most_rows_b_in_place) return Place::packed;
  return Place::in_place;
}

// chunk_unit: chunks begin at multiples of it.
template <class Tile> Plan choose(const Product &x, int64_t threads, int64_t chunk_unit = Tile::rows) {
  const int64_t m = x.m, n = x.n, k = x.k;
  constexpr int64_t k_most = b_panel_bytes / (Tile::columns * static_cast<int64_t>(sizeof(float)));
  const int64_t panels = larger(1, ceil_div(n, Tile::columns));
  const int64_t blocks = larger(1, ceil_div(smaller(k, most_pass_depth), k_most));
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const double repaid = work / static_cast<double>(least_task);
  const int64_t most = most_tasks(threads);
  const int64_t wanted = repaid < static_cast<double>(most) ? larger(1, static_cast<int64_t>(repaid)) : most;

  Plan plan{};
  plan.k_block = larger(1, ceil_div(smaller(k, most_pass_depth), blocks));
  plan.group_panels = larger(1, smaller(most_group_panels, panels / wanted));
  plan.groups = ceil_div(panels, plan.group_panels);
  const int64_t least_chunks = ceil_div(m, round_up(most_chunk_rows, chunk_unit));
  const int64_t chunks = larger(least_chunks, smaller(ceil_div(wanted, plan.groups), ceil_div(m, chunk_unit)));
  plan.chunk_rows = round_up(ceil_div(larger(1, m), larger(1, chunks)), chunk_unit);
  plan.chunks = ceil_div(m, plan.chunk_rows);
  plan.place_a = place_of_a(x);
  plan.place_b = place_of_b(x, plan.chunks);
  return plan;
}

} // namespace lanefold::gemm
