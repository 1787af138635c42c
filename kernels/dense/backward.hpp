// The gradients of a dense layer: dz from dy, through activation and batch normalization; then dx = dz w^T and
// dw = x^T dz, with the SGD update of the weights as its epilogue.
#pragma once

#include <kernels/dense/products.hpp>
#include <kernels/gemm/multiply.hpp>
#include <kernels/norm/column_sums.hpp>

namespace lanefold::dense {

// Writes dz (m x n, stride n) and the gradients of bias, gamma and beta.  Without normalization and activation, dz is dy
// itself and is not written.
template <class S, class Activation>
void make_dz(const lf_host *host, const lf_dense_backward_args *args, float *dz, float *partial) {
  const int64_t m = args->m, n = args->n;
  constexpr bool from_input = activation::derives_from_input<Activation>;
  const norm::Incoming<S, Activation> dt{args->dy,
                                         args->lddy,
                                         from_input ? args->z : args->y,
                                         from_input ? args->ldz : args->ldy,
                                         activation::make<Activation>(args->alpha),
                                         args->batch_norm};
  constexpr bool identity = std::is_same_v<Activation, activation::Identity>;
  if (!args->batch_norm) {
    const norm::ColumnSums<S, Activation> sums{m, n, dt, identity ? nullptr : dz, n, args->dbias, partial};
    if (!identity || args->dbias) norm::run(host, norm::reduction_of(sums), m, n, S::width);
    return;
  }
  const norm::Backward<S, Activation> backward{
      {args->batch_norm, m, n, args->z, args->ldz, dz, n, args->dgamma, args->dbeta, partial, m}, dt};
  norm::run(host, norm::reduction_of(backward), m, n, S::width);
  if (args->dbias) {
    const norm::ColumnSums<S, activation::Identity> sums{m,           n,      {dz, n, nullptr, 0, {}}, nullptr, 0,
                                                         args->dbias, partial};
    norm::run(host, norm::reduction_of(sums), m, n, S::width);
  }
}

// The SGD update, an epilogue of dw: w - rate * dw, to `updated` and to the packed weights.  Columns: NR.
template <class S, int Columns> struct SgdUpdate {
  const float *w;
  float *updated; // k x n, stride ldw; NULL if not wanted
  float *packed;  // b_panels[ceil(n/Columns)][k][Columns]; NULL if not wanted
  int64_t k, ldw;
  float rate;

  void operator()(const gemm::Panel &panel) const {
    const int64_t row = panel.row, rows = panel.rows, first = panel.column, end = first + panel.columns;
    const float *dw = panel.c - first; // column 0 of the panel's first row
    if (updated) step(row, rows, {first, end}, w, updated, ldw, dw, panel.ldc);
    if (!packed || k == 0) return;
    for (int64_t j = first, next; j < end; j = next) {
      const int64_t packed_panel = j / Columns * Columns;
      next = smaller(packed_panel + Columns, end);
      float *values = packed + packed_panel * k - packed_panel; // element (0, 0), if the panel were the whole matrix
      step(row, rows, {j, next}, values, values, Columns, dw, panel.ldc);
    }
  }

private:
  // dw: column 0 of row `row`.
  void step(int64_t row, int64_t rows, Range columns, const float *from, float *to, int64_t stride, const float *dw,
            int64_t lddw) const {
    using V = typename S::V;
    simd::for_columns<S, 2>(columns.begin, columns.end, [&](const auto &column) {
      for (int64_t i = row; i < row + rows; ++i)
        LANEFOLD_UNROLL for (int v = 0; v < std::remove_cvref_t<decltype(column)>::count; ++v)
            column.store(to + i * stride, v,
                         S::fma(V(-rate), column.load(dw + (i - row) * lddw, v), column.load(from + i * stride, v)));
    });
  }
};

// Acquires all scratch memory before it writes anything.
template <class Tile> lf_status backward(const lf_host *host, const lf_dense_backward_args *args) {
  using S = typename Tile::Simd;
  const int64_t m = args->m, n = args->n;
  const bool is_dy = !args->batch_norm && args->activation == LF_IDENTITY;
  const Gradient dy = is_dy ? Gradient{args->dy, args->lddy} : Gradient{nullptr, n};
  gemm::Product dw = weight_gradient(args, dy), dx = input_gradient(args, dy, Tile::columns);
  const gemm::Plan dw_plan = gemm::make_plan<Tile>(dw, host->threads),
                   dx_plan = gemm::make_plan<Tile>(dx, host->threads);
  float *packed = args->flags & LF_UPDATE_PACKED ? reinterpret_cast<float *>(args->packed) : nullptr;
  // The products keep references to what is described here, and their memory comes later.
  const SgdUpdate<S, Tile::columns> update{args->w, args->updated_w, packed, args->k, args->ldw, args->learning_rate};
  gemm::Epilogue epilogue;
  if (args->updated_w || packed) epilogue = gemm::epilogue_of(update);
  epilogue.consumes_c = !args->dw;
  gemm::Multiply<Tile> make_dw(host, dw, dw_plan, epilogue), make_dx(host, dx, dx_plan);

  const int64_t dz_floats = is_dy ? 0 : round_up(m * n, 16);
  const int64_t partial_floats = round_up(norm::BackwardArrays<S>::scratch_floats(m, n), 16);
  const int64_t product_floats = larger(make_dw.scratch_floats(), args->dx ? make_dx.scratch_floats() : 0);
  const int64_t dw_floats = args->dw || !make_dw.needs_c() ? 0 : round_up(args->k * n, 16);
  const Scratch scratch(host, dz_floats + dw_floats + partial_floats + product_floats);
  if (!scratch.valid()) return scratch.failure();
  float *dz = scratch.data(), *partial = dz + dz_floats, *panels = partial + partial_floats;
  if (dw_floats > 0) dw.c = panels + product_floats, dw.ldc = n;
  activation::with(args->activation, args->alpha,
                   [&](const auto &act) { make_dz<S, std::remove_cvref_t<decltype(act)>>(host, args, dz, partial); });
  if (!is_dy) dw.b.data = dx.a.data = dz;
  if (args->dx) make_dx.run(panels); // reads w before the update
  make_dw.run(panels);
  return LF_OK;
}

} // namespace lanefold::dense
