// Gradients of a dense layer: dz from dy through activation and batch normalization, then dx = dz w^T and dw = x^T dz,
// with which the weights may descend.
#pragma once

#include <kernels/gemm/multiply.hpp>
#include <kernels/norm/column_sums.hpp>

#include <lanefold/dense.h>

namespace lanefold::dense {

struct Gradient {
  const float *data;
  int64_t stride;
};

// Writes dz to scratch (m x n, stride n), and the gradients of the vectors.  Without a normalization and an activation
// dz is dy itself.
template <class Tile, class Activation>
void make_dz(const lf_host *host, const lf_dense_backward_args *args, const Activation &act, float *dz,
             float *partial) {
  using S = typename Tile::Simd;
  const int64_t m = args->m, n = args->n;
  const norm::Incoming<S, Activation> dt{args->dy, args->lddy, args->y, args->ldy, act};
  constexpr bool identity = std::is_same_v<Activation, activation::Identity>;
  if (!args->batch_norm) {
    if (!identity || args->dbias)
      norm::run<S>(host, norm::ColumnSums<S, Activation>{m, n, dt, identity ? nullptr : dz, n, args->dbias, partial}, m,
                   n);
    return;
  }
  const norm::Backward<S, Activation> backward{args->batch_norm, m,           n,      args->z, args->ldz, dt, dz, n,
                                               args->dgamma,     args->dbeta, partial};
  norm::run<S>(host, backward, m, n);
  if (args->dbias) {
    const norm::Incoming<S, activation::Identity> through{dz, n, nullptr, 0, {}};
    norm::run<S>(host, norm::ColumnSums<S, activation::Identity>{m, n, through, nullptr, 0, args->dbias, partial}, m,
                 n);
  }
}

inline gemm::Product weight_gradient(const lf_dense_backward_args *args, Gradient dz) {
  return {.m = args->k,
          .n = args->n,
          .k = args->m,
          .a = {args->x, gemm::stride_of(args->m, args->k, args->ldx), false},
          .b = {dz.data, gemm::stride_of(args->m, args->n, dz.stride), false},
          .c = args->dw,
          .ldc = gemm::stride_of(args->k, args->n, args->lddw)};
}

// Of packed weights the transpose is packed again, from panels of panel_columns.
inline gemm::Product input_gradient(const lf_dense_backward_args *args, Gradient dz, int64_t panel_columns) {
  const gemm::Operand plain{args->w, gemm::stride_of(args->k, args->n, args->ldw), true};
  const gemm::Operand packed{reinterpret_cast<const float *>(args->packed), 0, true, panel_columns, args->k};
  return {.m = args->m,
          .n = args->k,
          .k = args->n,
          .a = {dz.data, gemm::stride_of(args->m, args->n, dz.stride), true},
          .b = args->packed ? packed : plain,
          .c = args->dx,
          .ldc = gemm::stride_of(args->m, args->k, args->lddx)};
}

// w - rate * dw for a panel of dw that is still in cache, to `updated` and to the packed weights.
template <class S, int Panel> struct Descend {
  const float *w;
  float *updated; // NULL: not wanted
  float *packed;  // b_panels[ceil(n/Panel)][k][Panel]; NULL: not wanted
  int64_t k, ldw;
  float rate;
  bool alone; // nobody else wants dw

  bool takes_c() const { return alone; }
  // dw: that of rows `row`.. and columns `first`..
  void operator()(int64_t row, int64_t rows, int64_t first, int64_t columns, const float *dw, int64_t lddw) const {
    if (updated) step(row, rows, {first, first + columns}, w, updated, ldw, dw - first, lddw);
    if (!packed || k == 0) return;
    for (int64_t j = first, next; j < first + columns; j = next) {
      const int64_t panel = j / Panel * Panel;
      next = smaller(panel + Panel, first + columns);
      float *values = packed + panel * k - panel; // where column 0 of row 0 would lie, were the panel a matrix
      step(row, rows, {j, next}, values, values, Panel, dw - first, lddw);
    }
  }

private:
  // dw: where column 0 of row `row` would lie.
  void step(int64_t row, int64_t rows, Range columns, const float *from, float *to, int64_t stride, const float *dw,
            int64_t lddw) const {
    using V = typename S::V;
    simd::for_columns<S, 2>(columns.begin, columns.end, [&](const auto &column) {
      for (int64_t i = row; i < row + rows; ++i)
        for (int v = 0; v < std::remove_cvref_t<decltype(column)>::count; ++v)
          column.store(to + i * stride, v,
                       S::fma(V(-rate), column.load(dw + (i - row) * lddw, v), column.load(from + i * stride, v)));
    });
  }
};

// All scratch memory is had before anything is written.
template <class Tile> lf_status backward(const lf_host *host, const lf_dense_backward_args *args) {
  using S = typename Tile::Simd;
  const int64_t m = args->m, n = args->n;
  const bool is_dy = !args->batch_norm && args->activation == LF_IDENTITY;
  const Gradient place = is_dy ? Gradient{args->dy, args->lddy} : Gradient{nullptr, n};
  gemm::Product dw = weight_gradient(args, place), dx = input_gradient(args, place, Tile::columns);
  const gemm::Plan dw_plan = gemm::choose<Tile>(dw, host->threads), dx_plan = gemm::choose<Tile>(dx, host->threads);
  using Step = Descend<S, Tile::columns>;
  float *packed = args->flags & LF_UPDATE_PACKED ? reinterpret_cast<float *>(args->packed) : nullptr;
  // Products and steps are described before their scratch memory is had: these are references.
  const Step descend{args->w, args->updated_w, packed, args->k, args->ldw, args->learning_rate, !args->dw};
  gemm::Multiply<Tile, Step> make_dw(host, dw, dw_plan, descend);
  gemm::Multiply<Tile, gemm::Leave> make_dx(host, dx, dx_plan);

  const int64_t dz_floats = is_dy ? 0 : round_up(m * n, 16);
  const int64_t partial_floats = round_up(norm::Backward<S, activation::Identity>::scratch_floats(m, n), 16);
  const int64_t product_floats = larger(make_dw.scratch_floats(), args->dx ? make_dx.scratch_floats() : 0);
  const int64_t dw_floats = args->dw || !make_dw.needs_c() ? 0 : round_up(args->k * n, 16);
  const Scratch scratch(host, dz_floats + dw_floats + partial_floats + product_floats);
  if (!scratch.valid()) return scratch.failure();
  float *dz = scratch.data(), *partial = dz + dz_floats, *panels = partial + partial_floats;
  if (dw_floats > 0) dw.c = panels + product_floats, dw.ldc = n;
  activation::with(args->activation, args->alpha,
                   [&](const auto &act) { make_dz<Tile>(host, args, act, dz, partial); });
  if (!is_dy) dw.b.data = dx.a.data = dz;
  if (args->dx) make_dx.run(panels); // from w as it was
  make_dw.run(panels);
  return LF_OK;
}

} // namespace lanefold::dense
