// The blocked product behind every GEMM-like operation, and the epilogue that an operation adds to it.  The product is
// declared here, and compiled once per plugin (multiply_body.hpp) for all epilogues.
#pragma once

#include <kernels/gemm/parts.hpp>
#include <kernels/gemm/plan.hpp>

namespace lanefold::gemm {

// A finished panel of C: all of k has been summed for these rows and columns.
struct Panel {
  int64_t row, rows, column, columns;
  float *c; // the panel's first element
  int64_t ldc;
};

// What runs on each finished panel while it is in cache, in the task that computed it: activation, statistics, update.
struct Epilogue {
  void (*run)(const void *self, const Panel &panel) = nullptr; // NULL: nothing follows the product
  const void *self = nullptr;
  // Only the epilogue wants C.  Then C may be absent, and a task uses memory of its own for a panel.
  bool consumes_c = false;
  // run applies ELU with this alpha to C in place.  Then microkernels apply it in registers where they can.
  bool is_elu = false;
  float alpha = 0;
};

// An epilogue that calls function(panel); the function object must outlive it.
template <class Function> Epilogue epilogue_of(const Function &&) = delete; // a temporary does not
template <class Function> Epilogue epilogue_of(const Function &function) {
  return {[](const void *self, const Panel &panel) { (*static_cast<const Function *>(self))(panel); }, &function};
}

// Keeps references to the product and the plan.  The product's data pointers may change before run().
template <class Tile> class Multiply {
public:
  Multiply(const lf_host *host, const Product &product, const Plan &plan, const Epilogue &epilogue = {});

  // Each part of the scratch memory begins at a multiple of 16 floats, so that vector loads do not straddle cache lines.
  int64_t scratch_floats() const { return a_floats_ + b_floats_ + Slots::floats(slots_, slot_floats_); }
  bool needs_c() const { return !owns_c_; } // whether the product's C must be present

  void run(float *scratch);

private:
  using S = typename Tile::Simd;

  // Row blocks from first_row_block times column blocks from first_column_block, over k0..k0+depth-1.
  struct Pass {
    int64_t first_row_block, row_blocks, first_column_block, column_blocks, k0, depth;
  };
  // Rows from `row` at k..k+kc-1, which is p.. of the pass.
  struct Block {
    int64_t row_block, row, p, k, kc;
  };

  EvenParts tiles_of(int64_t rows) const;
  int64_t widest_strip(int64_t rows) const;
  int64_t task_panels() const;

  void run_pass(const Slots &slots, const Pass &pass);
  float *a_panel(const Pass &pass, int64_t row_block, int64_t panel) const;
  void pack_a(const Pass &pass, int64_t row_block, int64_t first, int64_t end) const;
  void pack_shared_b(const Pass &pass, int64_t panel) const;
  void pack_task_b(const Block &block, int64_t first, int64_t columns, float *panels) const;

  void compute(const Slots &slots, const Pass &pass, int64_t row_block, int64_t column_block) const;
  const Product &place_c(int64_t row, int64_t column, float *memory, Product &own) const;
  void run_strip(const Product &x, const Pass &pass, const Block &block, const EvenParts &tiles, int64_t column,
                 int64_t columns, float *panels, bool elu) const;
  void locate_b(const Pass &pass, const Block &block, int64_t column, const float *panels, TileArgs &t) const;

  const lf_host *host_;
  const Product &x_;
  const Plan &plan_;
  const Epilogue epilogue_;
  bool packs_a_, shares_b_, packs_task_b_;
  int64_t pass_depth_, pass_column_blocks_, pass_row_blocks_; // what is packed together
  int64_t a_panels_per_block_, a_floats_ = 0, b_floats_ = 0;
  int64_t slots_, slot_floats_ = 0;
  int64_t own_c_ = 0, own_ldc_ = 0; // where a slot's panel of C begins, and its stride
  bool owns_c_ = false;
  float *a_panels_ = nullptr, *b_panels_ = nullptr;
};

// C = chain over k, from the initial value, of (alpha * A) * B; then the epilogue.
template <class Tile>
lf_status multiply(const lf_host *host, const Product &product, const Plan &plan, const Epilogue &epilogue = {}) {
  Multiply<Tile> multiply(host, product, plan, epilogue);
  const Scratch scratch(host, multiply.scratch_floats());
  if (!scratch.valid()) return scratch.failure();
  multiply.run(scratch.data());
  return LF_OK;
}

} // namespace lanefold::gemm
