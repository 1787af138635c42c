// The blocked product behind every GEMM-like operation: packs, runs the microkernel over the tiles of each task, and
// lets the caller finish each block of C while it is in cache (activation, batch normalization).
#pragma once

#include <kernels/gemm/choose.hpp>
#include <kernels/gemm/microkernel.hpp>
#include <kernels/gemm/pack.hpp>

namespace lanefold::gemm {

struct Product {
  int64_t m, n, k;
  Operand a; // lines are rows of op(A)
  Operand b; // lines are columns of op(B); not read if packed_b is there
  float alpha = 1.0f;
  Start start = Start::zero;
  float beta = 0.0f;
  const float *bias = nullptr;
  const float *packed_b = nullptr; // b_panels[ceil(n/NR)][k][NR]
  float *c;
  int64_t ldc;
};

// Does nothing with a finished block.
struct Leave {
  void operator()(int64_t, int64_t, int64_t, int64_t) const {}
};

template <class Tile, class Finish> class Multiply {
public:
  Multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish)
      : host_(host), x_(product), plan_(plan), finish_(finish) {
    pass_depth_ = larger(1, smaller(x_.k, most_pass_depth / plan.k_block * plan.k_block));
    pass_groups_ = larger(1, smaller(plan.groups, most_pass_columns / (plan.group_panels * Tile::columns)));
    pass_chunks_ = larger(1, smaller(plan.chunks, most_chunk_rows / plan.chunk_rows));
    chunk_panels_ = ceil_div(plan.chunk_rows, Tile::rows);
    a_floats_ = pass_chunks_ * chunk_panels_ * Tile::rows * pass_depth_;
    b_floats_ = x_.packed_b ? 0 : pass_groups_ * plan.group_panels * Tile::columns * pass_depth_;
  }

  lf_status run() {
    // The second half begins at a multiple of 16 floats, so that vector loads do not straddle cache lines.
    const int64_t b_offset = round_up(a_floats_, 16);
    const Scratch scratch(host_, b_offset + b_floats_);
    if (!scratch.valid()) return scratch.failure();
    a_panels_ = scratch.data();
    b_panels_ = scratch.data() + b_offset;
    for (int64_t g = 0; g < plan_.groups; g += pass_groups_)
      for (int64_t c = 0; c < plan_.chunks; c += pass_chunks_)
        for (int64_t k0 = 0; k0 == 0 || k0 < x_.k; k0 += pass_depth_)
          run_pass({c, smaller(pass_chunks_, plan_.chunks - c), g, smaller(pass_groups_, plan_.groups - g), k0,
                    smaller(pass_depth_, x_.k - k0)});
    return LF_OK;
  }

private:
  // Chunks first_chunk.. times groups first_group.. over k0..k0+depth-1.
  struct Pass {
    int64_t first_chunk, chunks, first_group, groups, k0, depth;
  };

  void run_pass(const Pass &pass) {
    const bool share_a = pass.groups > 1;                 // several tasks read a chunk of A
    const bool share_b = pass.chunks > 1 && !x_.packed_b; // several tasks read a group of B
    const int64_t a_units = share_a ? pass.chunks * chunk_panels_ : 0;
    const int64_t b_units = share_b ? pass.groups * plan_.group_panels : 0;
    if (a_units + b_units > 0) {
      const int64_t pieces = smaller(a_units + b_units, host_->threads <= 1 ? 1 : host_->threads * tasks_per_thread);
      for_each_task(host_, pieces, [&](int64_t index) {
        const Range range = piece(a_units + b_units, 1, pieces, index);
        for (int64_t unit = range.begin; unit < range.end; ++unit) {
          if (unit < a_units) pack_a(pass, unit / chunk_panels_, unit % chunk_panels_);
          else pack_b(pass, unit - a_units);
        }
      });
    }
    for_each_task(host_, pass.chunks * pass.groups, [&](int64_t index) {
      const int64_t chunk = index % pass.chunks, group = index / pass.chunks;
      if (!share_a)
        for (int64_t panel = 0; panel < chunk_panels_; ++panel) pack_a(pass, chunk, panel);
      if (!share_b && !x_.packed_b)
        for (int64_t panel = 0; panel < plan_.group_panels; ++panel) pack_b(pass, group * plan_.group_panels + panel);
      compute(pass, chunk, group);
    });
  }

  float *a_panel(const Pass &pass, int64_t chunk, int64_t panel) const {
    return a_panels_ + (chunk * chunk_panels_ + panel) * Tile::rows * pass.depth;
  }

  void pack_a(const Pass &pass, int64_t chunk, int64_t panel) const {
    const int64_t first = (pass.first_chunk + chunk) * plan_.chunk_rows;
    const int64_t row = first + panel * Tile::rows, end = smaller(x_.m, first + plan_.chunk_rows);
    if (row < end)
      pack_panel<S, Tile::rows>(x_.a, row, end - row, pass.k0, pass.depth, x_.alpha, a_panel(pass, chunk, panel));
  }

  void pack_b(const Pass &pass, int64_t panel) const {
    const int64_t column = (pass.first_group * plan_.group_panels + panel) * Tile::columns;
    if (column < x_.n)
      pack_panel<S, Tile::columns>(x_.b, column, x_.n - column, pass.k0, pass.depth, 1.0f,
                                   b_panels_ + panel * Tile::columns * pass.depth);
  }

  // One chunk of one group: k in blocks, so that a panel of B stays in the first-level cache over all rows.
  void compute(const Pass &pass, int64_t chunk, int64_t group) const {
    const int64_t row = (pass.first_chunk + chunk) * plan_.chunk_rows;
    const int64_t rows = smaller(plan_.chunk_rows, x_.m - row);
    const int64_t column = (pass.first_group + group) * plan_.group_panels * Tile::columns;
    const int64_t columns = smaller(plan_.group_panels * Tile::columns, x_.n - column);
    const int64_t panel_stride = Tile::columns * (x_.packed_b ? x_.k : pass.depth);
    const float *b = x_.packed_b ? x_.packed_b + column / Tile::columns * panel_stride + pass.k0 * Tile::columns
                                 : b_panels_ + group * plan_.group_panels * panel_stride;
    for (int64_t p = 0; p == 0 || p < pass.depth; p += plan_.k_block) {
      TileArgs tile{};
      tile.kc = smaller(plan_.k_block, pass.depth - p);
      tile.panel_stride = panel_stride;
      tile.ldc = x_.ldc;
      tile.beta = x_.beta;
      tile.start = pass.k0 + p == 0 ? x_.start : Start::carry;
      for (int64_t panel = 0; panel * Tile::rows < rows; ++panel) {
        tile.a = a_panel(pass, chunk, panel) + p * Tile::rows;
        const int tile_rows = static_cast<int>(smaller(Tile::rows, rows - panel * Tile::rows));
        run_row(tile, tile_rows, row + panel * Tile::rows, column, columns, b + p * Tile::columns);
      }
    }
    if (pass.k0 + pass.depth == x_.k) finish_(row, rows, column, columns);
  }

  // The tiles of one panel of A along the group's columns.
  void run_row(TileArgs tile, int rows, int64_t row, int64_t column, int64_t columns, const float *b) const {
    const auto &kernels = microkernels<Tile>;
    const int wide = panels_in_flight<Tile>(rows);
    tile.last = S::width;
    for (int64_t j = 0; j < columns;) {
      tile.b = b + j / Tile::columns * tile.panel_stride;
      tile.c = x_.c + row * x_.ldc + column + j;
      tile.bias = x_.bias ? x_.bias + column + j : nullptr;
      if (wide > 1 && columns - j >= wide * Tile::columns) {
        kernels.wide[rows - 1](tile);
        j += wide * Tile::columns;
        continue;
      }
      const int64_t width = smaller(Tile::columns, columns - j);
      const int64_t vectors = ceil_div(width, S::width);
      tile.last = static_cast<int>(width - (vectors - 1) * S::width);
      kernels.one[rows - 1][vectors - 1](tile);
      j += Tile::columns;
    }
  }

  using S = typename Tile::Simd;
  const lf_host *host_;
  const Product &x_;
  const Plan &plan_;
  const Finish &finish_;
  int64_t pass_depth_, pass_groups_, pass_chunks_, chunk_panels_, a_floats_, b_floats_;
  float *a_panels_ = nullptr, *b_panels_ = nullptr;
};

// C = chain from `start` over k of (alpha * A) * B; finish(row, rows, column, columns) is called once for each block of
// C when it is complete, in the task that computed it.
template <class Tile, class Finish = Leave>
lf_status multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish = Finish()) {
  return Multiply<Tile, Finish>(host, product, plan, finish).run();
}

} // namespace lanefold::gemm
