// The blocked product behind every GEMM-like operation: packs what the plan says, runs the microkernel over the tiles of each
// task, and lets the caller finish each panel of C while it is in cache (activation, batch normalization).
#pragma once

#include <kernels/gemm/tiles.hpp>

namespace lanefold::gemm {

// Does nothing with a finished panel.
struct Leave {
  void operator()(int64_t, int64_t, int64_t, int64_t) const {}
};

template <class Tile, class Finish> class Multiply {
public:
  Multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish = Finish())
      : host_(host), x_(product), plan_(plan), finish_(finish) {
    packs_a_ = plan.place_a == Place::packed;
    packs_b_ = plan.place_b == Place::packed && !x_.packed_b;
    if (!packs_a_ && !packs_b_) { // nothing is shared, so all is done at once
      pass_depth_ = larger(1, x_.k), pass_groups_ = plan.groups, pass_chunks_ = plan.chunks;
      return;
    }
    pass_depth_ = x_.k <= most_pass_depth ? larger(1, x_.k) : most_pass_depth / plan.k_block * plan.k_block;
    pass_groups_ =
        plan.groups == 1 ? 1 : larger(1, smaller(plan.groups, most_pass_columns / (plan.group_panels * Tile::columns)));
    pass_chunks_ = plan.chunks == 1 ? 1 : larger(1, smaller(plan.chunks, most_shared_rows / plan.chunk_rows));
    shares_b_ = packs_b_ && plan.chunks > 1;
    chunk_panels_ = ceil_div(plan.chunk_rows, Tile::rows);
    a_floats_ = packs_a_ ? round_up(pass_chunks_ * chunk_panels_ * Tile::rows * pass_depth_, 16) : 0;
    if (packs_b_)
      b_floats_ = shares_b_ ? pass_groups_ * plan.group_panels * Tile::columns * pass_depth_
                            : pass_groups_ * own_panels() * Tile::columns * plan.k_block;
  }

  // The second part begins at a multiple of 16 floats, so that vector loads do not straddle cache lines.
  int64_t scratch_floats() const { return a_floats_ + b_floats_; }

  void run(float *scratch) {
    a_panels_ = scratch;
    b_panels_ = scratch + a_floats_;
    for (int64_t g = 0; g < plan_.groups; g += pass_groups_)
      for (int64_t c = 0; c < plan_.chunks; c += pass_chunks_)
        for (int64_t k0 = 0; k0 == 0 || k0 < x_.k; k0 += pass_depth_)
          run_pass({c, smaller(pass_chunks_, plan_.chunks - c), g, smaller(pass_groups_, plan_.groups - g), k0,
                    smaller(pass_depth_, x_.k - k0)});
  }

private:
  using S = typename Tile::Simd;

  // Chunks first_chunk.. times groups first_group.. over k0..k0+depth-1.
  struct Pass {
    int64_t first_chunk, chunks, first_group, groups, k0, depth;
  };

  // A chunk has even tiles; panels of one chunk lie as if all had Tile::rows.
  EvenParts tiles_of(int64_t rows) const { return EvenParts(rows, Tile::rows); }

  // Panels of B that a task packs at once for itself: of a few rows only, so that a row's page is visited once for several.
  int64_t own_panels() const {
    const EvenParts tiles = tiles_of(smaller(plan_.chunk_rows, larger(1, x_.m)));
    const int64_t in_flight = columns_in_flight<Tile>(Place::packed, tiles.size(0)).units;
    const int64_t fit = own_panel_bytes / (plan_.k_block * Tile::columns * static_cast<int64_t>(sizeof(float)));
    return smaller(plan_.group_panels, round_up(larger(1, fit), in_flight));
  }

  void run_pass(const Pass &pass) {
    const bool shares_a = packs_a_ && pass.groups > 1; // several tasks read a chunk of A
    const int64_t a_units = shares_a ? pass.chunks * chunk_panels_ : 0;
    const int64_t b_units = shares_b_ ? pass.groups * plan_.group_panels : 0;
    if (a_units + b_units > 0) {
      const int64_t pieces = smaller(a_units + b_units, most_tasks(host_->threads));
      for_each_task(host_, pieces, [&](int64_t index) {
        const Range range = piece(a_units + b_units, 1, pieces, index);
        for (int64_t unit = range.begin; unit < range.end; ++unit) {
          if (unit < a_units) pack_a(pass, unit / chunk_panels_, unit % chunk_panels_);
          else pack_shared_b(pass, unit - a_units);
        }
      });
    }
    for_each_task(host_, pass.chunks * pass.groups, [&](int64_t index) {
      const int64_t group = pass.chunks == 1 ? index : index / pass.chunks, chunk = index - group * pass.chunks;
      if (packs_a_ && !shares_a)
        for (int64_t panel = 0; panel < chunk_panels_; ++panel) pack_a(pass, chunk, panel);
      compute(pass, chunk, group);
    });
  }

  float *a_panel(const Pass &pass, int64_t chunk, int64_t panel) const {
    return a_panels_ + (chunk * chunk_panels_ + panel) * Tile::rows * pass.depth;
  }

  void pack_a(const Pass &pass, int64_t chunk, int64_t panel) const {
    int64_t row = (pass.first_chunk + chunk) * plan_.chunk_rows;
    const EvenParts tiles = tiles_of(smaller(plan_.chunk_rows, x_.m - row));
    if (panel >= tiles.count()) return;
    for (int64_t before = 0; before < panel; ++before) row += tiles.size(before);
    pack_panel<S, Tile::rows>(x_.a, row, tiles.size(panel), pass.k0, pass.depth, x_.alpha, a_panel(pass, chunk, panel));
  }

  void pack_shared_b(const Pass &pass, int64_t panel) const {
    const int64_t column = (pass.first_group * plan_.group_panels + panel) * Tile::columns;
    if (column < x_.n)
      pack_panel<S, Tile::columns>(x_.b, column, x_.n - column, pass.k0, pass.depth, 1.0f,
                                   b_panels_ + panel * Tile::columns * pass.depth);
  }

  // One chunk of one group: k in blocks; in each, a step of panels of B stays in cache while all rows pass.
  void compute(const Pass &pass, int64_t chunk, int64_t group) const {
    const int64_t row = (pass.first_chunk + chunk) * plan_.chunk_rows;
    const int64_t column = (pass.first_group + group) * plan_.group_panels * Tile::columns;
    const int64_t rows = smaller(plan_.chunk_rows, x_.m - row);
    const int64_t columns = smaller(plan_.group_panels * Tile::columns, x_.n - column);
    const EvenParts tiles = tiles_of(rows);
    const Flight flight = columns_in_flight<Tile>(plan_.place_b, tiles.size(0));
    const bool own = packs_b_ && !shares_b_;
    const int64_t at_once = own ? own_panels() * Tile::columns : columns;
    for (int64_t p = 0; p == 0 || p < pass.depth; p += plan_.k_block) {
      Block block{};
      block.chunk = chunk, block.row = row, block.p = p, block.k = pass.k0 + p;
      block.kc = smaller(plan_.k_block, pass.depth - p);
      const bool completes = block.k + block.kc == x_.k;
      for (int64_t first = column; first < column + columns; first += at_once) {
        const int64_t end = smaller(first + at_once, column + columns);
        if (own) pack_own_b(block, group, first, end - first);
        const EvenParts steps((end - first + flight.unit - 1) / flight.unit, flight.units);
        int64_t j = first;
        for (int64_t step = 0; step < steps.count(); ++step) {
          const int64_t next = smaller(j + steps.size(step) * flight.unit, end);
          run_step(pass, block, tiles, own ? own_b(group, block, j - first) : nullptr, j, next - j);
          if (completes) finish_(row, rows, j, next - j);
          j = next;
        }
      }
    }
  }

  // Rows from `row` at k..k+kc-1, which is p.. of the pass.
  struct Block {
    int64_t chunk, row, p, k, kc;
  };

  // All tiles of the chunk over columns j.., which are in flight at once.  own: their panels, if the task has packed them.
  void run_step(const Pass &pass, const Block &block, const EvenParts &tiles, const float *own, int64_t j,
                int64_t columns) const {
    TileArgs t;
    t.kc = block.kc;
    t.ldc = x_.ldc;
    t.beta = x_.beta;
    t.start = block.k == 0 ? x_.start : Start::carry;
    t.a_line = packs_a_ ? 1 : x_.a.line_stride();
    t.a_k = packs_a_ ? Tile::rows : x_.a.k_stride();
    place_b(pass, block, own, j, t);
    run_tiles<Tile>(x_, t, plan_.place_b, tiles, block.row, block.k,
                    packs_a_ ? a_panel(pass, block.chunk, 0) + block.p * Tile::rows : nullptr, Tile::rows * pass.depth,
                    j, columns);
  }

  // Where the columns from j of B are read from.
  void place_b(const Pass &pass, const Block &block, const float *own, int64_t j, TileArgs &t) const {
    if (plan_.place_b != Place::packed) {
      t.b = x_.b.at(j, block.k);
      t.b_k = x_.b.stride;
      t.panel_stride = Tile::columns;
      return;
    }
    t.b_k = Tile::columns;
    if (x_.packed_b) {
      t.panel_stride = Tile::columns * x_.k;
      t.b = x_.packed_b + j / Tile::columns * t.panel_stride + block.k * Tile::columns;
    } else if (own) {
      t.panel_stride = Tile::columns * block.kc;
      t.b = own;
    } else {
      t.panel_stride = Tile::columns * pass.depth;
      const int64_t first = pass.first_group * plan_.group_panels * Tile::columns;
      t.b = b_panels_ + (j - first) * pass.depth + block.p * Tile::columns;
    }
  }

  float *own_b(int64_t group, const Block &block, int64_t column) const {
    return b_panels_ + group * own_panels() * Tile::columns * plan_.k_block + column * block.kc;
  }

  void pack_own_b(const Block &block, int64_t group, int64_t first, int64_t columns) const {
    for (int64_t j = 0; j < columns; j += Tile::columns)
      pack_panel<S, Tile::columns>(x_.b, first + j, columns - j, block.k, block.kc, 1.0f, own_b(group, block, j));
  }

  const lf_host *host_;
  const Product &x_;
  const Plan &plan_;
  const Finish finish_;
  bool packs_a_, packs_b_, shares_b_ = false;
  int64_t pass_depth_, pass_groups_, pass_chunks_, chunk_panels_ = 0, a_floats_ = 0, b_floats_ = 0;
  float *a_panels_ = nullptr, *b_panels_ = nullptr;
};

// C = chain from `start` over k of (alpha * A) * B; finish(row, rows, column, columns) is called once for each panel of a
// chunk of C when it is complete, in the task that computed it.
template <class Tile, class Finish = Leave>
lf_status multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish = Finish()) {
  Multiply<Tile, Finish> multiply(host, product, plan, finish);
  const Scratch scratch(host, multiply.scratch_floats());
  if (!scratch.valid()) return scratch.failure();
  multiply.run(scratch.data());
  return LF_OK;
}

} // namespace lanefold::gemm
