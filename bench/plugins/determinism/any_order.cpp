// Matrix products that sum in any order, which the "one chain" contract forbids.  Small products have too few chains to
// hide the latency of a multiply-add.  This plugin therefore splits each sum over k into several chains.  If both
// operands are contiguous along k, it sums whole vectors.  It exists only to measure the cost of determinism.  It
// handles the shapes that may gain, and leaves the others to the next plugin.
#include LANEFOLD_PLUGIN_TILE

#include <kernels/gemm/product.hpp>
#include <kernels/gemm/sgemm.hpp>

#include <cstring>

namespace lanefold {
namespace {

using S = PluginTile::Simd;
using V = S::V;

constexpr int max_sums = S::registers * 3 / 4;

float sum_of(V v) {
  float lane[S::width], sum = 0;
  S::store(lane, v);
  for (const float x : lane) sum += x;
  return sum;
}

// Rows x Columns elements of C, each summed in vectors along k.
template <int Rows, int Columns> void dots(const gemm::Product &x, int64_t i0, int64_t j0) {
  constexpr int chains = Rows * Columns >= 8 ? 1 : Rows * Columns >= 4 ? 2 : 8 / (Rows * Columns);
  V sums[Rows][Columns][chains];
  for (auto &row : sums)
    for (auto &sum : row)
      for (V &part : sum) part = V(0.0f);
  const auto add = [&](int chain, int64_t p, int there) __attribute__((always_inline)) {
    V b[Columns];
    for (int j = 0; j < Columns; ++j) b[j] = S::load_part(x.b.at(j0 + j, p), there);
    for (int i = 0; i < Rows; ++i) {
      const V a = S::load_part(x.a.at(i0 + i, p), there);
      for (int j = 0; j < Columns; ++j) sums[i][j][chain] = S::fma(a, b[j], sums[i][j][chain]);
    }
  };
  int64_t p = 0;
  for (; p + chains * S::width <= x.k; p += chains * S::width)
    LANEFOLD_UNROLL for (int c = 0; c < chains; ++c) add(c, p + c * S::width, S::width);
  for (; p < x.k; p += S::width) add(0, p, static_cast<int>(smaller(S::width, x.k - p)));
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Columns; ++j) {
      for (int c = 1; c < chains; ++c) sums[i][j][0] = sums[i][j][0] + sums[i][j][c];
      x.c[(i0 + i) * x.ldc + j0 + j] = sum_of(sums[i][j][0]);
    }
}

void all_dots(const gemm::Product &x) {
  for (int64_t i = 0; i < x.m;) {
    const int rows = x.m - i >= 4 ? 4 : x.m - i >= 2 ? 2 : 1;
    for (int64_t j = 0; j < x.n;) {
      const int columns = x.n - j >= 4 ? 4 : x.n - j >= 2 ? 2 : 1;
      const auto run = [&]<int R>(std::integral_constant<int, R>) {
        if (columns == 4) dots<R, 4>(x, i, j);
        else if (columns == 2) dots<R, 2>(x, i, j);
        else dots<R, 1>(x, i, j);
      };
      if (rows == 4) run(std::integral_constant<int, 4>());
      else if (rows == 2) run(std::integral_constant<int, 2>());
      else run(std::integral_constant<int, 1>());
      j += columns;
    }
    i += rows;
  }
}

// Rows x Vectors vectors of C, each summed in `chains` separate chains over k.
template <int Rows, int Vectors> void chains_over_k(const gemm::Product &x, int64_t i0, int64_t j0, int last) {
  constexpr int useful = 16 / (Rows * Vectors), fitting = max_sums / (Rows * Vectors);
  constexpr int limit = useful < fitting ? useful : fitting;
  constexpr int chains = limit >= 4 ? 4 : limit >= 2 ? 2 : 1;
  V sums[chains][Rows][Vectors];
  for (auto &chain : sums)
    for (auto &row : chain)
      for (V &sum : row) sum = V(0.0f);
  const auto add = [&](int chain, int64_t p) __attribute__((always_inline)) {
    V b[Vectors];
    for (int v = 0; v < Vectors; ++v) {
      const float *from = x.b.at(j0, p) + v * S::width;
      b[v] = v == Vectors - 1 && last < S::width ? S::load_part(from, last) : S::load(from);
    }
    for (int i = 0; i < Rows; ++i) {
      const V a = V(*x.a.at(i0 + i, p));
      for (int v = 0; v < Vectors; ++v) sums[chain][i][v] = S::fma(a, b[v], sums[chain][i][v]);
    }
  };
  int64_t p = 0;
  for (; p + chains <= x.k; p += chains) LANEFOLD_UNROLL for (int c = 0; c < chains; ++c) add(c, p + c);
  for (; p < x.k; ++p) add(0, p);
  for (int i = 0; i < Rows; ++i)
    for (int v = 0; v < Vectors; ++v) {
      for (int c = 1; c < chains; ++c) sums[0][i][v] = sums[0][i][v] + sums[c][i][v];
      S::store_part(x.c + (i0 + i) * x.ldc + j0 + v * S::width, sums[0][i][v], v == Vectors - 1 ? last : S::width);
    }
}

void all_chains(const gemm::Product &x) {
  for (int64_t j = 0; j < x.n;) {
    const int64_t left = ceil_div(x.n - j, S::width);
    const int vectors = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    const int last = static_cast<int>(smaller(S::width, x.n - j - (vectors - 1) * S::width));
    for (int64_t i = 0; i < x.m;) {
      const int rows = x.m - i >= 4 ? 4 : x.m - i >= 2 ? 2 : 1;
      const auto run = [&]<int R>(std::integral_constant<int, R>) {
        if (vectors == 4) chains_over_k<R, 4>(x, i, j, last);
        else if (vectors == 2) chains_over_k<R, 2>(x, i, j, last);
        else chains_over_k<R, 1>(x, i, j, last);
      };
      if (rows == 4) run(std::integral_constant<int, 4>());
      else if (rows == 2) run(std::integral_constant<int, 2>());
      else run(std::integral_constant<int, 1>());
      i += rows;
    }
    j += vectors * S::width;
  }
}

lf_status sgemm(const lf_host *, const lf_sgemm_args *args) {
  gemm::Product x = gemm::sgemm_product(args);
  if (x.alpha != 1.0f || x.start != gemm::Start::zero || x.k < 2) return LF_UNSUPPORTED;
  const bool a_along_k = x.a.along_k || (x.m == 1 && x.a.stride == 1);
  const bool b_along_k = x.b.along_k || (x.n == 1 && x.b.stride == 1);
  if (a_along_k && b_along_k && smaller(x.m, x.n) <= 8) {
    if (!x.a.along_k) x.a = {x.a.data, x.k, true};
    if (!x.b.along_k) x.b = {x.b.data, x.k, true};
    all_dots(x);
    return LF_OK;
  }
  if (!x.b.along_k && smaller(8, x.m) * ceil_div(x.n, S::width) < max_sums) {
    all_chains(x);
    return LF_OK;
  }
  return LF_UNSUPPORTED;
}

lf_status fill(const lf_host *, lf_kernel_table *table) {
  table->sgemm = sgemm;
  return LF_OK;
}

} // namespace
} // namespace lanefold

extern "C" constexpr lf_plugin_entry lf_plugin_entry_v1 = {
    sizeof(lf_plugin_entry), -1, LANEFOLD_NAME, "lanefold", LANEFOLD_NEEDS, lanefold::fill};
