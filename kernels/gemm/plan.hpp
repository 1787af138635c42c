// The cost model: how a product is cut into blocks and tasks, and how each operand is read.  All its constants are here,
// except what a tile holds (tile.hpp), what a thin product holds (thin.hpp) and how far B is prefetched
// (microkernel_body.hpp).  docs/gemm.md explains them.
//
// One task computes mc rows x nc columns of C over all of k.  Inside a task, one column strip of B, kc deep, stays in
// cache while all rows of A pass.  Plans change speed; they never change bits.
#pragma once

#include <kernels/gemm/product.hpp>
#include <kernels/gemm/thin.hpp>
#include <kernels/tasks.hpp>

namespace lanefold::gemm {

// Cache blocks.  Sizes in bytes count floats of 4 bytes.
inline constexpr int64_t small_path_floats = 8192; // most floats that the small path packs, on the stack
inline constexpr int64_t most_kc = 1024;
inline constexpr int64_t most_kc_beyond_l2 = 512;   // most kc where A does not fit L2
inline constexpr int64_t least_kc_in_l2 = 256;      // least kc that is worth keeping all rows of A in L2
inline constexpr int64_t a_block_bytes = 512 << 10; // mc x kc of A stays in L2
// MC rows of A and the same rows of C stay in L2, because every column strip of B revisits them.
inline constexpr int64_t l2_block_bytes = 768 << 10;
inline constexpr int64_t most_c_columns = 256;        // the columns of C that l2_block_bytes includes
inline constexpr int64_t task_panel_bytes = 64 << 10; // what one task packs of B at a time
inline constexpr int64_t most_nc_panels = 4;          // panels per block of columns, where blocks share rows of A
inline constexpr int64_t most_shared_rows = 2048;     // rows of A that are packed together, for all tasks
inline constexpr int64_t most_shared_columns = 4096;  // columns of B that are packed together, for all tasks
inline constexpr int64_t most_shared_depth = most_kc; // the depth of what is packed together
inline constexpr int64_t a_rows_together = 16; // rows of an A with contiguous lines that all panels pack in one go

// Operands.
inline constexpr int64_t most_rows_direct_b = 1024; // with more rows, packing B costs less than it saves
inline constexpr int64_t most_l1_depth = 256;       // a panel up to this depth fits L1, so each task packs its own
inline constexpr int64_t least_tiles_to_pack = 3;   // tiles below each other that repay packing B on the fly
inline constexpr int64_t least_depth_to_pack = 16;  // k that repays packing B on the fly
inline constexpr int64_t most_near_floats = 8192;   // rows of a direct B larger than this are prefetched
inline constexpr int64_t page = 4096 / sizeof(float);
// Rows of A that lie whole pages apart map to the same L1 set, and L1 has only 8 or 12 ways.
inline constexpr int64_t most_conflicting_rows = 6;
inline constexpr int64_t most_strided_floats = 12288; // an A with contiguous lines that is larger is packed ...
inline constexpr int64_t least_strided_columns = 256; // ... if C has at least this many columns to repay it

// Tasks.
inline constexpr double least_task_per_lane = 1 << 14; // multiply-adds per SIMD lane that repay handing over a task
inline constexpr double least_shared = 2.25; // tasks of that size that repay a second thread: about 5 microseconds

// The work in units of the least task.  It counts multiply-adds, idle lanes included; the 2 rows stand for reading B,
// which is work even for a single row.
template <class Tile> double tasks_worth(const Product &x) {
  constexpr int64_t width = Tile::Simd::width;
  return static_cast<double>(x.m + 2) * static_cast<double>((x.n + width - 1) / width) * static_cast<double>(x.k) /
         least_task_per_lane;
}

// Whether planning would cost as much as it saves, so that one thread takes the small path.
template <class Tile> bool is_small(const Product &x) {
  return x.k <= most_kc && x.m <= most_rows_direct_b && tasks_worth<Tile>(x) < least_shared;
}

// How an operand is read.
enum class Reading {
  packed,     // from panels that were packed before
  on_the_fly, // a B with contiguous columns: the first tile that reads a panel packs it for the others
  direct,     // from the matrix: any A, or a B with contiguous columns
  transposed, // a B that lies along k: transposed in registers as it is read
};

struct Plan {
  int64_t kc;
  int64_t mc, row_blocks;
  int64_t nc_panels, column_blocks; // NC = nc_panels * NR
  Reading a, b;
  int64_t tasks() const { return row_blocks * column_blocks; }
};

// Packing applies alpha, so only alpha = 1 allows a direct A.
inline Reading reading_of_a(const Product &x) {
  if (x.alpha != 1.0f || x.k == 0) return Reading::packed;
  const bool conflict = x.a.stride % page == 0;
  if (conflict && x.m > most_conflicting_rows && x.k > 1) return Reading::packed;
  // A tile uses a part of each cache line of a large transposed A, and the line is evicted before the next tile needs the
  // rest.  No hardware prefetcher follows steps of several pages along k.
  const bool strided = !x.a.along_k && x.m > most_strided_floats / x.k && x.n >= least_strided_columns;
  return strided ? Reading::packed : Reading::direct;
}

template <class Tile> Reading reading_of_b(const Product &x) {
  if (x.packed_b || x.k == 0 || x.b.panel > 0) return Reading::packed;
  if (x.b.along_k) return x.m <= most_thin_rows ? Reading::transposed : Reading::packed;
  if (x.m > most_rows_direct_b) return x.k <= most_l1_depth ? Reading::on_the_fly : Reading::packed;
  return x.m > (least_tiles_to_pack - 1) * Tile::most_rows && x.k >= least_depth_to_pack ? Reading::on_the_fly
                                                                                         : Reading::direct;
}

// The vectors that a row of n elements takes; half vectors count as 0.5.
template <class Tile> double vectors_of(int64_t n) {
  constexpr int64_t width = Tile::Simd::width;
  if constexpr (Tile::has_halves) return 0.5 * static_cast<double>((2 * n + width - 1) / width);
  else return static_cast<double>((n + width - 1) / width);
}

// About how many vector instructions m x n chains of k take: multiply-adds, and transposing elements of B or C.
template <class Tile> double cost(int64_t m, int64_t n, int64_t k, bool b_along_k, bool transposes_c) {
  constexpr double transposing = 3.0 / Tile::Simd::width;
  const double rows = static_cast<double>(m), columns = static_cast<double>(n), depth = static_cast<double>(k);
  double instructions = rows * vectors_of<Tile>(n) * depth;
  if (b_along_k) instructions += transposing * columns * depth;
  if (transposes_c) instructions += transposing * rows * columns;
  return instructions;
}

// Transposes the problem where that costs at least 10% less: vectors run along the columns of C, or along its rows.
template <class Tile> void transpose_if_cheaper(Product &x) {
  if (x.alpha != 1.0f) return;        // alpha scales A
  const bool has_columns = x.ldc > 1; // a C of one contiguous column lies by rows and by columns
  const double before = cost<Tile>(x.m, x.n, x.k, x.b.along_k, x.c_transposed && has_columns);
  const double after = cost<Tile>(x.n, x.m, x.k, x.a.along_k, !x.c_transposed && has_columns);
  if (after <= 0.9 * before) transpose_problem(x);
  if (x.m == 1 && x.ldc == 1) x.c_transposed = false; // one contiguous column is as good as a row
}

// The plan for this many threads.  Blocks of rows begin at multiples of row_unit.
template <class Tile> Plan make_plan(const Product &x, int64_t threads, int64_t row_unit = Tile::rows) {
  const int64_t m = x.m, n = x.n, k = x.k;
  const int64_t panels = larger(1, ceil_div(n, Tile::columns));
  Plan plan{};
  plan.a = reading_of_a(x);
  plan.b = reading_of_b<Tile>(x);
  constexpr int64_t a_floats = a_block_bytes / sizeof(float), floats = l2_block_bytes / sizeof(float);
  int64_t most_k = most_kc;
  if (m * smaller(k, most_k) > a_floats) { // cut k so that all rows stay in L2, unless kc would become too small
    const int64_t fit = smaller(a_floats / m, floats / m - smaller(n, most_c_columns));
    most_k = fit >= least_kc_in_l2 ? smaller(most_kc_beyond_l2, fit) : most_kc_beyond_l2;
  }
  plan.kc = larger(1, ceil_div(k, larger(1, ceil_div(k, most_k))));
  const int64_t fit = smaller(a_floats / plan.kc, floats / (plan.kc + smaller(n, most_c_columns)));
  const int64_t most_mc = larger(1, fit / row_unit) * row_unit;
  const double worth = threads <= 1 ? 1.0 : tasks_worth<Tile>(x);
  if (worth < least_shared && m <= most_mc) {
    plan.mc = larger(1, m), plan.row_blocks = 1;
    plan.nc_panels = panels, plan.column_blocks = 1;
    return plan;
  }
  const int64_t most = most_tasks(threads);
  const int64_t wanted = worth < static_cast<double>(most) ? larger(1, static_cast<int64_t>(worth)) : most;
  const int64_t least_row_blocks = ceil_div(m, most_mc);
  plan.nc_panels =
      least_row_blocks > 1 ? larger(1, smaller(most_nc_panels, panels / wanted)) : larger(1, panels / wanted);
  plan.nc_panels = ceil_div(panels, ceil_div(panels, plan.nc_panels)); // even
  plan.column_blocks = ceil_div(panels, plan.nc_panels);
  const int64_t row_blocks =
      larger(least_row_blocks, smaller(ceil_div(wanted, plan.column_blocks), ceil_div(m, row_unit)));
  plan.mc = round_up(ceil_div(larger(1, m), larger(1, row_blocks)), row_unit);
  plan.row_blocks = ceil_div(m, plan.mc);
  if (plan.b == Reading::on_the_fly && plan.mc <= (least_tiles_to_pack - 1) * Tile::most_rows) plan.b = Reading::direct;
  return plan;
}

} // namespace lanefold::gemm
