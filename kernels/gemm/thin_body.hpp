// The microkernel of thin products.
#pragma once

#include <kernels/activation/functions.hpp>
#include <kernels/gemm/accumulators.hpp>
#include <kernels/gemm/thin.hpp>

namespace lanefold::gemm {

template <class Tile, int rows, int blocks> void thin_microkernel(const TileArgs &t) {
  using S = Transposing<typename Tile::Simd>;
  using V = typename S::V;
  Accumulators<S, rows, blocks, Tail::whole> acc;
  acc.start(t, t.c);
  // A copy whose indices are all constants: compilers keep it in registers from the start.
  V sums[rows][blocks];
  const auto each_sum = [&](const auto &body) __attribute__((always_inline)) {
    simd::unrolled<rows>([&](auto i) __attribute__((always_inline)) {
      simd::unrolled<blocks>([&](auto block) __attribute__((always_inline)) {
        if constexpr (block < blocks - 1) body(sums[i][block], acc.vectors[i][block]);
        else body(sums[i][block], acc.lasts[i]);
      });
    });
  };
  each_sum([](V & sum, const V &start) __attribute__((always_inline)) { sum = start; });
  // += a * b in block `block` of row i.
  const auto add = [&](auto i, auto block, auto a, V b) __attribute__((always_inline)) {
    sums[i][block] = S::fma(a, b, sums[i][block]);
  };

  const int64_t a_k = t.a_k;
  typename S::Lines a_rows(t.a_line), lines(t.b_k);
  // In the last block, the first line stands for lines beyond the matrix; their lanes are not stored.
  const float *last_block = t.b + (blocks - 1) * S::width * t.b_k;
  const float *last_lines[S::width];
  if (t.lanes < S::width)
    for (int j = 0; j < S::width; ++j) last_lines[j] = last_block + (j < t.lanes ? j : 0) * t.b_k;

  // Uses four elements from p of every line, except those before p + first.
  const auto advance = [&](auto whole, int64_t p, int first) __attribute__((always_inline)) {
    const float *a = t.a + p * a_k, *b = t.b + p;
    a_rows.template keep<rows>();
    lines.template keep<S::width>();
    simd::unrolled<blocks>([&](auto block) __attribute__((always_inline)) {
      asm("" : "+r"(b)); // computes addresses from b instead of keeping them: they are too many
      V x[4];
      if constexpr (whole || block < blocks - 1) {
        load_transposed<S>(
            [&](int j) __attribute__((always_inline)) { return lines.at(b, j); }, x);
        b = lines.at(lines.at(b, S::width / 2), S::width / 2);
      } else {
        load_transposed<S>(
            [&](int j) __attribute__((always_inline)) { return last_lines[j] + p; }, x);
      }
      const float *column = a;
      simd::unrolled_for_each_fma<S, 4>([&](auto q) __attribute__((always_inline)) {
        if (q >= first)
          simd::unrolled_for_each_fma<S, rows>([&](auto i) __attribute__((always_inline)) {
            add(i, block, S::factor(a_rows.at(column, i)), x[q]);
          });
        column += a_k;
        // The addresses of more than two rows are too many to keep, so each block computes them again.
        if constexpr (rows > 2) asm volatile("" : "+r"(column));
      });
    });
  };
  const auto run = [&](auto whole) __attribute__((always_inline)) {
    int64_t p = 0;
    for (; p + 4 <= t.kc; p += 4) advance(whole, p, 0);
    if (p == t.kc) return;
    if (t.kc >= 4) return advance(whole, t.kc - 4, static_cast<int>(4 - (t.kc - p)));
    for (; p < t.kc; ++p) {
      simd::unrolled<blocks>([&](auto block) __attribute__((always_inline)) {
        alignas(64) float column[S::width];
        for (int j = 0; j < S::width; ++j)
          column[j] = whole || block < blocks - 1 ? t.b[(block * S::width + j) * t.b_k + p] : last_lines[j][p];
        const V x = S::load(column);
        simd::unrolled_for_each_fma<S, rows>([&](auto i) __attribute__((always_inline)) {
          add(i, block, S::factor(a_rows.at(t.a + p * a_k, i)), x);
        });
      });
    }
  };
  if (t.lanes == S::width) run(std::true_type());
  else run(std::false_type());
  each_sum([](const V &sum, V &result) __attribute__((always_inline)) { result = sum; });
  acc.store(t, activation::Identity{}, t.c);
}

} // namespace lanefold::gemm
