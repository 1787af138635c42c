// The blocked product behind every GEMM-like operation: packs, runs the microkernel over the tiles of each task, and
// lets the caller finish each block of C while it is in cache (activation, batch normalization).
#pragma once

#include <kernels/gemm/choose.hpp>
#include <kernels/gemm/microkernel.hpp>
#include <kernels/gemm/pack.hpp>

namespace lanefold::gemm {

// Does nothing with a finished block.
struct Leave {
  void operator()(int64_t, int64_t, int64_t, int64_t) const {}
};

template <class Tile, class Finish> class Multiply {
public:
  Multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish = Finish())
      : host_(host), x_(product), plan_(plan), finish_(finish) {
    pass_depth_ = larger(1, smaller(x_.k, most_pass_depth / plan.k_block * plan.k_block));
    pass_groups_ = larger(1, smaller(plan.groups, most_pass_columns / (plan.group_panels * Tile::columns)));
    pass_chunks_ = larger(1, smaller(plan.chunks, most_chunk_rows / plan.chunk_rows));
    chunk_panels_ = ceil_div(plan.chunk_rows, Tile::rows);
    a_floats_ = plan_.place_a == Place::packed ? pass_chunks_ * chunk_panels_ * Tile::rows * pass_depth_ : 0;
    // In place, the last panel is packed all the same if it is not whole: vectors would read beyond the matrix.
    b_floats_ = x_.packed_b ? 0
                            : (plan_.place_b == Place::packed ? pass_groups_ * plan.group_panels : 1) * Tile::columns *
                                  pass_depth_;
  }

  // The second half begins at a multiple of 16 floats, so that vector loads do not straddle cache lines.
  int64_t scratch_floats() const { return round_up(a_floats_, 16) + b_floats_; }

  void run(float *scratch) {
    a_panels_ = scratch;
    b_panels_ = scratch + round_up(a_floats_, 16);
    for (int64_t g = 0; g < plan_.groups; g += pass_groups_)
      for (int64_t c = 0; c < plan_.chunks; c += pass_chunks_)
        for (int64_t k0 = 0; k0 == 0 || k0 < x_.k; k0 += pass_depth_)
          run_pass({c, smaller(pass_chunks_, plan_.chunks - c), g, smaller(pass_groups_, plan_.groups - g), k0,
                    smaller(pass_depth_, x_.k - k0)});
  }

private:
  // Chunks first_chunk.. times groups first_group.. over k0..k0+depth-1.
  struct Pass {
    int64_t first_chunk, chunks, first_group, groups, k0, depth;
  };

  void run_pass(const Pass &pass) {
    const bool pack_a_at_all = plan_.place_a == Place::packed, pack_b_at_all = !x_.packed_b;
    const bool share_a = pass.groups > 1 && pack_a_at_all; // several tasks read a chunk of A
    const bool share_b = pass.chunks > 1 && pack_b_at_all; // several tasks read a group of B
    const int64_t a_units = share_a ? pass.chunks * chunk_panels_ : 0;
    const int64_t b_units = share_b ? pass.groups * plan_.group_panels : 0;
    if (a_units + b_units > 0) {
      const int64_t pieces = smaller(a_units + b_units, most_tasks(host_->threads));
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
      if (pack_a_at_all && !share_a)
        for (int64_t panel = 0; panel < chunk_panels_; ++panel) pack_a(pass, chunk, panel);
      if (pack_b_at_all && !share_b)
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
    if (column >= x_.n) return;
    if (plan_.place_b == Place::in_place) {
      if (x_.n - column >= Tile::columns) return;
      panel = 0; // the only one
    }
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
    for (int64_t p = 0; p == 0 || p < pass.depth; p += plan_.k_block) {
      TileArgs tile{};
      tile.kc = smaller(plan_.k_block, pass.depth - p);
      tile.a_line = x_.a.stride;
      tile.a_k = plan_.place_a == Place::packed ? Tile::rows : plan_.place_a == Place::in_place ? x_.a.stride : 1;
      tile.ldc = x_.ldc;
      tile.beta = x_.beta;
      tile.start = pass.k0 + p == 0 ? x_.start : Start::carry;
      Columns columns_of_b{};
      columns_of_b.first = column, columns_of_b.count = columns;
      if (plan_.place_b == Place::in_place) {
        columns_of_b.b = x_.b.at(column, pass.k0 + p);
        columns_of_b.b_k = x_.b.stride, columns_of_b.panel_stride = Tile::columns;
        columns_of_b.tail = b_panels_ + p * Tile::columns;
      } else {
        columns_of_b.b = (x_.packed_b ? x_.packed_b + column / Tile::columns * panel_stride + pass.k0 * Tile::columns
                                      : b_panels_ + group * plan_.group_panels * panel_stride) +
                         p * Tile::columns;
        columns_of_b.b_k = Tile::columns, columns_of_b.panel_stride = panel_stride;
      }
      for (int64_t panel = 0; panel * Tile::rows < rows; ++panel) {
        tile.a = plan_.place_a == Place::packed ? a_panel(pass, chunk, panel) + p * Tile::rows
                                                : x_.a.at(row + panel * Tile::rows, pass.k0 + p);
        const int tile_rows = static_cast<int>(smaller(Tile::rows, rows - panel * Tile::rows));
        run_row(tile, tile_rows, row + panel * Tile::rows, columns_of_b);
      }
    }
    if (pass.k0 + pass.depth == x_.k) finish_(row, rows, column, columns);
  }

  // Columns first.. of B at one block of k.
  struct Columns {
    int64_t first, count;
    const float *b;
    int64_t b_k, panel_stride;
    const float *tail; // the last panel if it is not whole and the others are in place
  };

  // The tiles of one panel of A along the group's columns.
  void run_row(TileArgs tile, int rows, int64_t row, const Columns &columns) const {
    const auto &kernels = microkernels<Tile>;
    const bool gathered = plan_.place_a == Place::gathered;
    const int wide = panels_in_flight<Tile>(rows);
    tile.last = S::width;
    tile.b_k = columns.b_k;
    tile.panel_stride = columns.panel_stride;
    for (int64_t j = 0; j < columns.count;) {
      tile.b = columns.b + j / Tile::columns * tile.panel_stride;
      tile.c = x_.c + row * x_.ldc + columns.first + j;
      tile.bias = x_.bias ? x_.bias + columns.first + j : nullptr;
      if (wide > 1 && columns.count - j >= wide * Tile::columns) {
        (gathered ? kernels.gathered_wide : kernels.wide)[rows - 1](tile);
        j += wide * Tile::columns;
        continue;
      }
      const int64_t width = smaller(Tile::columns, columns.count - j);
      const int64_t vectors = ceil_div(width, S::width);
      tile.last = static_cast<int>(width - (vectors - 1) * S::width);
      if (columns.tail && width < Tile::columns) {
        tile.b = columns.tail;
        tile.b_k = Tile::columns;
      }
      (gathered ? kernels.gathered_one : kernels.one)[rows - 1][vectors - 1](tile);
      j += Tile::columns;
    }
  }

  using S = typename Tile::Simd;
  const lf_host *host_;
  const Product &x_;
  const Plan &plan_;
  const Finish finish_;
  int64_t pass_depth_, pass_groups_, pass_chunks_, chunk_panels_, a_floats_, b_floats_;
  float *a_panels_ = nullptr, *b_panels_ = nullptr;
};

// C = chain from `start` over k of (alpha * A) * B; finish(row, rows, column, columns) is called once for each block of
// C when it is complete, in the task that computed it.
template <class Tile, class Finish = Leave>
lf_status multiply(const lf_host *host, const Product &product, const Plan &plan, const Finish &finish = Finish()) {
  Multiply<Tile, Finish> multiply(host, product, plan, finish);
  const Scratch scratch(host, multiply.scratch_floats());
  if (!scratch.valid()) return scratch.failure();
  multiply.run(scratch.data());
  return LF_OK;
}

} // namespace lanefold::gemm
