// The blocked product behind every GEMM-like operation: packs what the plan says, runs the microkernel over the tiles
// of each task, and lets the caller finish each panel of C while it is in cache (activation, batch normalization).
#pragma once

#include <kernels/gemm/tiles.hpp>

namespace lanefold::gemm {

// Does nothing with a finished panel.
struct Leave {
  void operator()(int64_t, int64_t, int64_t, int64_t) const {}
};

// A Finish is called as finish(row, rows, column, columns), once for each panel of a chunk of C when it is complete, in
// the task that computed it.  One with takes_c() gets a pointer to the panel and its stride too; where takes_c() is true,
// C is wanted for that alone, and need not be there: a task has memory for a panel of its own.  One that only applies an
// activation names it as Finish::Ending, and has alpha() and in_place(): then tiles apply it themselves where they can.
template <class Tile, class Finish>
const KernelSet<Tile> *ending_kernels(const Finish &finish, Place place_b, const EvenParts &tiles) {
  if constexpr (requires { typename Finish::Ending; }) {
    const bool all = finish.in_place() && tiles.count() > 0 && ends_in_registers<Tile>(tiles.size(0)) &&
                     ends_in_registers<Tile>(tiles.size(tiles.count() - 1));
    if constexpr (in_registers<Tile, typename Finish::Ending>)
      if (place_b == Place::packed && all) return &ending_set<Tile, typename Finish::Ending>;
  }
  return nullptr;
}

template <class Tile, class Finish> class Multiply {
public:
  Multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish = Finish())
      : host_(host), x_(product), plan_(plan), finish_(finish) {
    const bool packs_b = plan.place_b == Place::packed && !x_.packed_b;
    packs_a_ = plan.place_a == Place::packed;
    shares_b_ = packs_b && plan.chunks > 1;
    packs_own_b_ = packs_b && !shares_b_;
    pass_depth_ = larger(1, x_.k), pass_groups_ = plan.groups, pass_chunks_ = plan.chunks;
    chunk_panels_ = ceil_div(plan.chunk_rows, Tile::rows);
    if (packs_a_ || shares_b_) { // as much at once as stays in cache
      if (x_.k > most_pass_depth) pass_depth_ = most_pass_depth / plan.k_block * plan.k_block;
      if (plan.groups > 1)
        pass_groups_ = larger(1, smaller(plan.groups, most_pass_columns / (plan.group_panels * Tile::columns)));
      if (plan.chunks > 1) pass_chunks_ = larger(1, smaller(plan.chunks, most_shared_rows / plan.chunk_rows));
    }
    if (packs_a_) a_floats_ = round_up(pass_chunks_ * chunk_panels_ * Tile::rows * pass_depth_, 16);
    if (shares_b_) b_floats_ = round_up(pass_groups_ * plan.group_panels * Tile::columns * pass_depth_, 16);
    if (packs_own_b_ || plan.place_b == Place::in_passing)
      slot_floats_ = round_up(own_panels() * Tile::columns * plan.k_block, 16);
    if constexpr (requires { finish.takes_c(); })
      owns_c_ = finish.takes_c() && x_.k <= plan.k_block && !x_.c_by_columns;
    own_c_ = slot_floats_;
    if (owns_c_) {
      // The last chunk may have lower tiles, and so more columns in flight.
      const int64_t last = x_.m - (plan_.chunks - 1) * plan_.chunk_rows;
      c_columns_ = round_up(larger(widest_step(smaller(plan_.chunk_rows, x_.m)), widest_step(last)), 16);
      slot_floats_ += smaller(plan_.chunk_rows, x_.m) * c_columns_;
    }
    slots_ = slot_floats_ > 0 ? smaller(larger(1, host->threads), pass_groups_ * pass_chunks_) : 0;
  }

  // Each part begins at a multiple of 16 floats, so that vector loads do not straddle cache lines.
  int64_t scratch_floats() const { return a_floats_ + b_floats_ + Slots::floats(slots_, slot_floats_); }

  // Whether C must be there.
  bool needs_c() const { return !owns_c_; }

  void run(float *scratch) {
    a_panels_ = scratch;
    b_panels_ = scratch + a_floats_;
    const Slots slots(b_panels_ + b_floats_, slots_, slot_floats_);
    for (int64_t g = 0; g < plan_.groups; g += pass_groups_)
      for (int64_t c = 0; c < plan_.chunks; c += pass_chunks_)
        for (int64_t k0 = 0; k0 == 0 || k0 < x_.k; k0 += pass_depth_)
          run_pass(slots, {c, smaller(pass_chunks_, plan_.chunks - c), g, smaller(pass_groups_, plan_.groups - g), k0,
                           smaller(pass_depth_, x_.k - k0)});
  }

private:
  using S = typename Tile::Simd;

  // Chunks first_chunk.. times groups first_group.. over k0..k0+depth-1.
  struct Pass {
    int64_t first_chunk, chunks, first_group, groups, k0, depth;
  };

  // A chunk has even tiles; panels of A of one chunk lie as if all had Tile::rows.
  EvenParts tiles_of(int64_t rows) const { return gemm::tiles_of<Tile>(rows, x_.n, plan_.place_a); }

  // Columns that a chunk of so many rows has in flight, at most.
  int64_t widest_step(int64_t rows) const {
    const Flight &flight = columns_in_flight<Tile>(tiles_of(larger(1, rows)));
    return larger(flight.in_place, flight.panels);
  }

  // Where column j of panels of depth rows lies, counted from the first column of the first of them.
  static int64_t in_panels(int64_t j, int64_t depth) {
    const int64_t in_panel = j % Tile::columns;
    return (j - in_panel) * depth + in_panel;
  }

  // Panels of B that a task copies at once for itself.  Where it packs them before, of a few rows only, there are
  // several, so that a row's page is visited once for all.
  int64_t own_panels() const {
    if (!packs_own_b_) return 1;
    const EvenParts tiles = tiles_of(smaller(plan_.chunk_rows, larger(1, x_.m)));
    const int64_t in_flight = ceil_div(columns_in_flight<Tile>(tiles).panels, Tile::columns);
    const int64_t fit = own_panel_bytes / (plan_.k_block * Tile::columns * static_cast<int64_t>(sizeof(float)));
    return smaller(plan_.group_panels, round_up(larger(1, fit), in_flight));
  }

  void run_pass(const Slots &slots, const Pass &pass) {
    const bool shares_a = packs_a_ && pass.groups > 1; // several tasks read a chunk of A
    const int64_t a_units = shares_a ? pass.chunks * chunk_panels_ : 0;
    const int64_t b_units = shares_b_ ? pass.groups * plan_.group_panels : 0;
    if (a_units + b_units > 0) {
      const int64_t pieces = smaller(a_units + b_units, most_tasks(host_->threads));
      for_each_task(host_, pieces, [&](int64_t index) {
        const Range range = piece(a_units + b_units, 1, pieces, index);
        int64_t unit = range.begin;
        for (int64_t next; unit < smaller(range.end, a_units); unit = next) {
          const int64_t chunk = unit / chunk_panels_, first = chunk * chunk_panels_;
          next = smaller(first + chunk_panels_, smaller(range.end, a_units));
          pack_a(pass, chunk, unit - first, next - first);
        }
        for (; unit < range.end; ++unit) pack_shared_b(pass, unit - a_units);
      });
    }
    for_each_task(host_, pass.chunks * pass.groups, [&](int64_t index) {
      const int64_t group = pass.chunks == 1 ? index : index / pass.chunks, chunk = index - group * pass.chunks;
      if (packs_a_ && !shares_a) pack_a(pass, chunk, 0, chunk_panels_);
      compute(slots, pass, chunk, group);
    });
  }

  float *a_panel(const Pass &pass, int64_t chunk, int64_t panel) const {
    return a_panels_ + (chunk * chunk_panels_ + panel) * Tile::rows * pass.depth;
  }

  // Panels first..end-1 of a chunk, together, so that lines which are neighbours are read in the order of memory.
  void pack_a(const Pass &pass, int64_t chunk, int64_t first, int64_t end) const {
    const int64_t chunk_row = (pass.first_chunk + chunk) * plan_.chunk_rows;
    const EvenParts tiles = tiles_of(smaller(plan_.chunk_rows, x_.m - chunk_row));
    const int64_t last = smaller(end, tiles.count()), first_row = chunk_row + tiles.begin(first);
    const int64_t at_once = x_.a.along_k ? larger(1, pass.depth) : a_rows_at_once;
    for (int64_t p = 0; p < pass.depth; p += at_once)
      for (int64_t panel = first, row = first_row; panel < last; row += tiles.size(panel++))
        pack_panel<S, Tile::rows>(x_.a, row, x_.m - row, pass.k0 + p, smaller(at_once, pass.depth - p), x_.alpha,
                                  a_panel(pass, chunk, panel) + p * Tile::rows);
  }

  void pack_shared_b(const Pass &pass, int64_t panel) const {
    const int64_t column = (pass.first_group * plan_.group_panels + panel) * Tile::columns;
    if (column < x_.n)
      pack_panel<S, Tile::columns>(x_.b, column, x_.n - column, pass.k0, pass.depth, 1.0f,
                                   b_panels_ + panel * Tile::columns * pass.depth);
  }

  // Rows from `row` at k..k+kc-1, which is p.. of the pass.
  struct Block {
    int64_t chunk, row, p, k, kc;
  };

  // One chunk of one group: k in blocks; in each, a step of columns of B stays in cache while all rows pass.
  void compute(const Slots &slots, const Pass &pass, int64_t chunk, int64_t group) const {
    const int64_t row = (pass.first_chunk + chunk) * plan_.chunk_rows;
    const int64_t column = (pass.first_group + group) * plan_.group_panels * Tile::columns;
    const int64_t rows = smaller(plan_.chunk_rows, x_.m - row);
    const int64_t end = smaller(column + plan_.group_panels * Tile::columns, x_.n);
    const EvenParts tiles = tiles_of(rows);
    const int64_t at_once = packs_own_b_ ? own_panels() * Tile::columns : end - column;
    const KernelSet<Tile> *ending = ending_kernels<Tile>(finish_, plan_.place_b, tiles);
    const Slots::Slot own(slots);
    Product mine = x_;
    for (int64_t p = 0; p == 0 || p < pass.depth; p += plan_.k_block) {
      const int64_t k = pass.k0 + p;
      const Block block{chunk, row, p, k, smaller(plan_.k_block, pass.depth - p)};
      const bool completes = k + block.kc == x_.k;
      for (int64_t first = column; first < end; first += at_once) {
        const int64_t columns = smaller(at_once, end - first);
        if (packs_own_b_) pack_own_b(block, first, columns, own.data());
        const Steps<Tile> steps(plan_.place_b, tiles, columns);
        for (int64_t step = 0, j = 0; step < steps.count(); ++step) {
          const int64_t next = steps.end(step, j);
          const Product &x = place_c(row, first + j, own.data(), mine);
          run_step(x, pass, block, tiles, first + j, next - j,
                   packs_own_b_ ? own.data() + in_panels(j, block.kc) : own.data(), completes ? ending : nullptr);
          if (completes && !ending) finish(x, row, rows, first + j, next - j);
          j = next;
        }
      }
    }
  }

  // The product, with the task's own memory in the place of C where that is all that is wanted.
  const Product &place_c(int64_t row, int64_t column, float *own, Product &mine) const {
    if (!owns_c_) return x_;
    mine.ldc = c_columns_;
    mine.c = own + own_c_ - (row * mine.ldc + column);
    return mine;
  }

  void finish(const Product &x, int64_t row, int64_t rows, int64_t column, int64_t columns) const {
    if constexpr (requires { finish_.takes_c(); })
      finish_(row, rows, column, columns, x.c + row * x.ldc + column, x.ldc);
    else finish_(row, rows, column, columns);
  }

  // All tiles of the chunk over the columns of a step.  own: the task's panels of them, packed or to be copied to.
  void run_step(const Product &x, const Pass &pass, const Block &block, const EvenParts &tiles, int64_t column,
                int64_t columns, float *own, const KernelSet<Tile> *ending) const {
    TileArgs t;
    t.kc = block.kc;
    t.ldc = x.ldc;
    t.beta = x_.beta;
    t.start = block.k == 0 ? x_.start : Start::carry;
    t.a_line = packs_a_ ? 1 : x_.a.line_stride();
    t.a_k = packs_a_ ? Tile::rows : x_.a.k_stride();
    read_b(pass, block, column, own, t);
    if (x_.column_sums && block.k + block.kc == x_.k)
      t.column_sums = x_.column_sums + (pass.first_chunk + block.chunk) * x_.sums_line + column;
    if constexpr (requires { finish_.alpha(); }) t.alpha = finish_.alpha();
    const float *a_panels = packs_a_ ? a_panel(pass, block.chunk, 0) + block.p * Tile::rows : nullptr;
    run_tiles<Tile>(x, t, {tiles, block.row, block.k, a_panels, Tile::rows * pass.depth},
                    {plan_.place_b, column, columns, copies(plan_.place_b, tiles) ? own : nullptr}, ending);
  }

  // Where the columns from j are read from.
  void read_b(const Pass &pass, const Block &block, int64_t j, const float *own, TileArgs &t) const {
    if (plan_.place_b != Place::packed) {
      t.b = x_.b.at(j, block.k);
      t.b_k = x_.b.stride;
      t.panel_stride = Tile::columns;
      return;
    }
    t.b_k = Tile::columns;
    if (x_.packed_b) {
      t.panel_stride = Tile::columns * x_.k;
      t.b = x_.packed_b + in_panels(j, x_.k) + block.k * Tile::columns;
    } else if (packs_own_b_) {
      t.panel_stride = Tile::columns * block.kc;
      t.b = own;
    } else {
      t.panel_stride = Tile::columns * pass.depth;
      const int64_t first = pass.first_group * plan_.group_panels * Tile::columns;
      t.b = b_panels_ + in_panels(j - first, pass.depth) + block.p * Tile::columns;
    }
  }

  void pack_own_b(const Block &block, int64_t first, int64_t columns, float *own) const {
    for (int64_t j = 0; j < columns; j += Tile::columns)
      pack_panel<S, Tile::columns>(x_.b, first + j, columns - j, block.k, block.kc, 1.0f, own + j * block.kc);
  }

  const lf_host *host_;
  const Product &x_;
  const Plan &plan_;
  const Finish finish_;
  bool packs_a_, shares_b_, packs_own_b_;
  int64_t pass_depth_, pass_groups_, pass_chunks_, chunk_panels_, a_floats_ = 0, b_floats_ = 0;
  int64_t slots_, slot_floats_ = 0, own_c_ = 0, c_columns_ = 0; // own_c_: where a slot's part of C begins
  bool owns_c_ = false;
  float *a_panels_ = nullptr, *b_panels_ = nullptr;
};

// C = chain from `start` over k of (alpha * A) * B.
template <class Tile, class Finish = Leave>
lf_status multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish = Finish()) {
  Multiply<Tile, Finish> multiply(host, product, plan, finish);
  const Scratch scratch(host, multiply.scratch_floats());
  if (!scratch.valid()) return scratch.failure();
  multiply.run(scratch.data());
  return LF_OK;
}

} // namespace lanefold::gemm
