// The blocked product: packs what the plan says, runs the microkernels over the strips of each task, and calls the
// epilogue on each finished panel of C.
#pragma once

#include <kernels/gemm/multiply.hpp>
#include <kernels/gemm/pack.hpp>
#include <kernels/gemm/run_tiles.hpp>

namespace lanefold::gemm {

template <class Tile>
Multiply<Tile>::Multiply(const lf_host *host, const Product &product, const Plan &plan, const Epilogue &epilogue)
    : host_(host), x_(product), plan_(plan), epilogue_(epilogue) {
  const bool packs_b = plan.b == Reading::packed && !x_.packed_b;
  packs_a_ = plan.a == Reading::packed;
  shares_b_ = packs_b && plan.row_blocks > 1;
  packs_task_b_ = packs_b && !shares_b_;
  pass_depth_ = larger(1, x_.k), pass_column_blocks_ = plan.column_blocks, pass_row_blocks_ = plan.row_blocks;
  a_panels_per_block_ = ceil_div(plan.mc, Tile::rows);
  if (packs_a_ || shares_b_) { // packs as much together as stays in cache
    if (x_.k > most_shared_depth) pass_depth_ = most_shared_depth / plan.kc * plan.kc;
    if (plan.column_blocks > 1)
      pass_column_blocks_ =
          larger(1, smaller(plan.column_blocks, most_shared_columns / (plan.nc_panels * Tile::columns)));
    if (plan.row_blocks > 1) pass_row_blocks_ = larger(1, smaller(plan.row_blocks, most_shared_rows / plan.mc));
  }
  if (packs_a_) a_floats_ = round_up(pass_row_blocks_ * a_panels_per_block_ * Tile::rows * pass_depth_, 16);
  if (shares_b_) b_floats_ = round_up(pass_column_blocks_ * plan.nc_panels * Tile::columns * pass_depth_, 16);
  if (packs_task_b_ || plan.b == Reading::on_the_fly)
    slot_floats_ = round_up(task_panels() * Tile::columns * plan.kc, 16);
  owns_c_ = epilogue.consumes_c && x_.k <= plan.kc && !x_.c_transposed;
  own_c_ = slot_floats_;
  if (owns_c_) {
    // The last block of rows may have lower tiles, and so wider strips.
    const int64_t last = x_.m - (plan_.row_blocks - 1) * plan_.mc;
    own_ldc_ = round_up(larger(widest_strip(smaller(plan_.mc, x_.m)), widest_strip(last)), 16);
    slot_floats_ += smaller(plan_.mc, x_.m) * own_ldc_;
  }
  slots_ = slot_floats_ > 0 ? smaller(larger(1, host->threads), pass_column_blocks_ * pass_row_blocks_) : 0;
}

template <class Tile> void Multiply<Tile>::run(float *scratch) {
  a_panels_ = scratch;
  b_panels_ = scratch + a_floats_;
  const Slots slots(b_panels_ + b_floats_, slots_, slot_floats_);
  for (int64_t j = 0; j < plan_.column_blocks; j += pass_column_blocks_)
    for (int64_t i = 0; i < plan_.row_blocks; i += pass_row_blocks_)
      for (int64_t k0 = 0; k0 == 0 || k0 < x_.k; k0 += pass_depth_)
        run_pass(slots, {i, smaller(pass_row_blocks_, plan_.row_blocks - i), j,
                         smaller(pass_column_blocks_, plan_.column_blocks - j), k0, smaller(pass_depth_, x_.k - k0)});
}

// A block of rows has even tiles; its panels of A lie as if every tile had MR rows.
template <class Tile> EvenParts Multiply<Tile>::tiles_of(int64_t rows) const {
  return gemm::tiles_of<Tile>(rows, x_.n, plan_.a);
}

// The most columns that a strip has in a block of this many rows.
template <class Tile> int64_t Multiply<Tile>::widest_strip(int64_t rows) const {
  const StripWidth &width = strip_width<Tile>(tiles_of(larger(1, rows)));
  return larger(width.direct, width.packed);
}

// How many panels of B a task packs at a time.  Where it packs before it computes, for a few rows only, it takes several,
// so that it visits each page of B's rows once for all of them.
template <class Tile> int64_t Multiply<Tile>::task_panels() const {
  if (!packs_task_b_) return 1;
  const EvenParts tiles = tiles_of(smaller(plan_.mc, larger(1, x_.m)));
  const int64_t in_strip = ceil_div(strip_width<Tile>(tiles).packed, Tile::columns);
  const int64_t fit = task_panel_bytes / (plan_.kc * Tile::columns * static_cast<int64_t>(sizeof(float)));
  return smaller(plan_.nc_panels, round_up(larger(1, fit), in_strip));
}

template <class Tile> void Multiply<Tile>::run_pass(const Slots &slots, const Pass &pass) {
  const bool shares_a = packs_a_ && pass.column_blocks > 1; // several tasks read a block of rows of A
  const int64_t a_units = shares_a ? pass.row_blocks * a_panels_per_block_ : 0;
  const int64_t b_units = shares_b_ ? pass.column_blocks * plan_.nc_panels : 0;
  if (a_units + b_units > 0) {
    const int64_t pieces = smaller(a_units + b_units, most_tasks(host_->threads));
    for_each_task(host_, pieces, [&](int64_t index) {
      const Range range = piece(a_units + b_units, 1, pieces, index);
      int64_t unit = range.begin;
      for (int64_t next; unit < smaller(range.end, a_units); unit = next) {
        const int64_t row_block = unit / a_panels_per_block_, first = row_block * a_panels_per_block_;
        next = smaller(first + a_panels_per_block_, smaller(range.end, a_units));
        pack_a(pass, row_block, unit - first, next - first);
      }
      for (; unit < range.end; ++unit) pack_shared_b(pass, unit - a_units);
    });
  }
  for_each_task(host_, pass.row_blocks * pass.column_blocks, [&](int64_t index) {
    const int64_t column_block = pass.row_blocks == 1 ? index : index / pass.row_blocks;
    const int64_t row_block = index - column_block * pass.row_blocks;
    if (packs_a_ && !shares_a) pack_a(pass, row_block, 0, a_panels_per_block_);
    compute(slots, pass, row_block, column_block);
  });
}

template <class Tile> float *Multiply<Tile>::a_panel(const Pass &pass, int64_t row_block, int64_t panel) const {
  return a_panels_ + (row_block * a_panels_per_block_ + panel) * Tile::rows * pass.depth;
}

// Packs panels first..end-1 of a block of rows together, so that contiguous lines are read in the order of memory.
template <class Tile>
void Multiply<Tile>::pack_a(const Pass &pass, int64_t row_block, int64_t first, int64_t end) const {
  const int64_t block_row = (pass.first_row_block + row_block) * plan_.mc;
  const EvenParts tiles = tiles_of(smaller(plan_.mc, x_.m - block_row));
  const int64_t last = smaller(end, tiles.count()), first_row = block_row + tiles.begin(first);
  const int64_t together = x_.a.along_k ? larger(1, pass.depth) : a_rows_together;
  for (int64_t p = 0; p < pass.depth; p += together)
    for (int64_t panel = first, row = first_row; panel < last; row += tiles.size(panel++))
      pack_panel<S, Tile::rows>(x_.a, row, x_.m - row, pass.k0 + p, smaller(together, pass.depth - p), x_.alpha,
                                a_panel(pass, row_block, panel) + p * Tile::rows);
}

template <class Tile> void Multiply<Tile>::pack_shared_b(const Pass &pass, int64_t panel) const {
  const int64_t column = (pass.first_column_block * plan_.nc_panels + panel) * Tile::columns;
  if (column < x_.n)
    pack_panel<S, Tile::columns>(x_.b, column, x_.n - column, pass.k0, pass.depth, 1.0f,
                                 b_panels_ + panel * Tile::columns * pass.depth);
}

template <class Tile>
void Multiply<Tile>::pack_task_b(const Block &block, int64_t first, int64_t columns, float *panels) const {
  for (int64_t j = 0; j < columns; j += Tile::columns)
    pack_panel<S, Tile::columns>(x_.b, first + j, columns - j, block.k, block.kc, 1.0f, panels + j * block.kc);
}

// One task: k in blocks; in each block, one strip of B after the other, which stays in cache while all rows pass.
template <class Tile>
void Multiply<Tile>::compute(const Slots &slots, const Pass &pass, int64_t row_block, int64_t column_block) const {
  const int64_t row = (pass.first_row_block + row_block) * plan_.mc;
  const int64_t column = (pass.first_column_block + column_block) * plan_.nc_panels * Tile::columns;
  const int64_t rows = smaller(plan_.mc, x_.m - row);
  const int64_t end = smaller(column + plan_.nc_panels * Tile::columns, x_.n);
  const EvenParts tiles = tiles_of(rows);
  const int64_t together = packs_task_b_ ? task_panels() * Tile::columns : end - column;
  const bool elu = epilogue_.is_elu && microkernels_apply_elu<Tile>(plan_.b, tiles);
  const Slots::Slot slot(slots);
  Product own = x_;
  for (int64_t p = 0; p == 0 || p < pass.depth; p += plan_.kc) {
    const int64_t k = pass.k0 + p;
    const Block block{row_block, row, p, k, smaller(plan_.kc, pass.depth - p)};
    const bool completes = k + block.kc == x_.k;
    for (int64_t first = column; first < end; first += together) {
      const int64_t columns = smaller(together, end - first);
      if (packs_task_b_) pack_task_b(block, first, columns, slot.data());
      const Strips<Tile> strips(plan_.b, tiles, columns);
      for (int64_t strip = 0, j = 0; strip < strips.count(); ++strip) {
        const int64_t next = strips.end(strip, j);
        const Product &x = place_c(row, first + j, slot.data(), own);
        run_strip(x, pass, block, tiles, first + j, next - j,
                  packs_task_b_ ? slot.data() + offset_in_panels<Tile>(j, block.kc) : slot.data(), completes && elu);
        if (completes && epilogue_.run && !elu)
          epilogue_.run(epilogue_.self, {row, rows, first + j, next - j, x.c + row * x.ldc + first + j, x.ldc});
        j = next;
      }
    }
  }
}

// The product, with the task's own memory as C where only the epilogue wants C.
template <class Tile>
const Product &Multiply<Tile>::place_c(int64_t row, int64_t column, float *memory, Product &own) const {
  if (!owns_c_) return x_;
  own.ldc = own_ldc_;
  own.c = memory + own_c_ - (row * own.ldc + column);
  return own;
}

// All tiles of a block of rows over one strip.  panels: the task's own, already packed or to be packed on the fly.
template <class Tile>
void Multiply<Tile>::run_strip(const Product &x, const Pass &pass, const Block &block, const EvenParts &tiles,
                               int64_t column, int64_t columns, float *panels, bool elu) const {
  TileArgs t;
  t.kc = block.kc;
  t.ldc = x.ldc;
  t.beta = x_.beta;
  t.alpha = epilogue_.alpha;
  t.start = block.k == 0 ? x_.start : Start::carry;
  t.a_line = packs_a_ ? 1 : x_.a.line_stride();
  t.a_k = packs_a_ ? Tile::rows : x_.a.k_stride();
  locate_b(pass, block, column, panels, t);
  if (x_.column_sums && block.k + block.kc == x_.k)
    t.column_sums = x_.column_sums + (pass.first_row_block + block.row_block) * x_.sums_stride + column;
  const float *a_panels = packs_a_ ? a_panel(pass, block.row_block, 0) + block.p * Tile::rows : nullptr;
  run_tiles<Tile>(x, t, {tiles, block.row, block.k, a_panels, Tile::rows * pass.depth},
                  {plan_.b, column, columns, packs_on_the_fly(plan_.b, tiles) ? panels : nullptr}, elu);
}

// Sets where the columns from `column` on are read from.
template <class Tile>
void Multiply<Tile>::locate_b(const Pass &pass, const Block &block, int64_t column, const float *panels,
                              TileArgs &t) const {
  if (plan_.b != Reading::packed) {
    t.b = x_.b.at(column, block.k);
    t.b_k = x_.b.stride;
    t.panel_stride = Tile::columns;
    return;
  }
  t.b_k = Tile::columns;
  if (x_.packed_b) {
    t.panel_stride = Tile::columns * x_.k;
    t.b = x_.packed_b + offset_in_panels<Tile>(column, x_.k) + block.k * Tile::columns;
  } else if (packs_task_b_) {
    t.panel_stride = Tile::columns * block.kc;
    t.b = panels;
  } else {
    t.panel_stride = Tile::columns * pass.depth;
    const int64_t first = pass.first_column_block * plan_.nc_panels * Tile::columns;
    t.b = b_panels_ + offset_in_panels<Tile>(column - first, pass.depth) + block.p * Tile::columns;
  }
}

} // namespace lanefold::gemm
