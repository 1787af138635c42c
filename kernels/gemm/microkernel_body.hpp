// The microkernel: a tile of C stays in registers while k runs.
#pragma once

#include <kernels/activation/functions.hpp>
#include <kernels/gemm/accumulators.hpp>
#include <kernels/gemm/microkernel.hpp>

namespace lanefold::gemm {

inline constexpr int64_t prefetched_rows = 8; // rows of B between the one in use and the one being prefetched
// Vectors between two prefetches: one prefetch for 32 bytes or more.
template <class S> inline constexpr int prefetch_step = S::width < 8 ? 8 / S::width : 1;

// Prefetches the cache line at p + floats, which may lie beyond the array: a prefetch never faults.
[[gnu::always_inline]] inline void prefetch(const float *p, int64_t floats) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(p) + static_cast<uintptr_t>(floats) * sizeof(float);
  __builtin_prefetch(reinterpret_cast<const void *>(address));
}

// A tile with more vectors than a panel reads neighbouring panels, too: with few rows, it needs more chains to hide the
// FMA latency.
template <class Tile, int rows, int vectors, Tail tail, BLoad b_load, bool elu> void microkernel(const TileArgs &t) {
  using S = typename Tile::Simd;
  using Acc = Accumulators<S, rows, vectors, tail>;
  using Last = typename Acc::Last;
  constexpr int panels = (vectors + Tile::vectors - 1) / Tile::vectors;
  constexpr bool packs = b_load == BLoad::packing;
  static_assert(!packs || (rows > 1 && panels == 1), "a tile packs one panel, for the tiles below it");
  const int64_t a_k = t.a_k, b_k = t.b_k;
  const int lanes = t.lanes;
  typename S::Lines a_rows(t.a_line), b_panels(t.panel_stride);
  [[maybe_unused]] float *packed = nullptr;
  if constexpr (packs) packed = t.packed;
  const float *first_a = t.a;
  float *c = t.c;
  for (int64_t tile = t.tiles; tile > 0; --tile, first_a += rows * t.a_line, c += rows * t.ldc) {
    Acc acc;
    acc.start(t, c);
    const float *a = first_a, *b = t.b;
    const auto at = [&](int v) __attribute__((always_inline)) {
      return b_panels.at(b, v / Tile::vectors) + v % Tile::vectors * S::width;
    };
    for (int64_t p = t.kc; p > 0; --p, a += a_k, b += b_k) {
      if constexpr (rows == 1) { // each vector of B is used once, as a memory operand
        acc.add(
            0, Acc::Element::factor(a), [&](int v) __attribute__((always_inline)) { return S::load(at(v)); },
            Acc::load_last(at(Acc::whole), lanes));
      } else {
        if constexpr (b_load != BLoad::plain) {
          LANEFOLD_UNROLL for (int v = 0; v < vectors; v += prefetch_step<S>)
              prefetch(b_panels.at(b, v / Tile::vectors), prefetched_rows * b_k + v % Tile::vectors * S::width);
        }
        typename S::V row[Acc::whole > 0 ? Acc::whole : 1];
        LANEFOLD_UNROLL for (int v = 0; v < Acc::whole; ++v) row[v] = S::in_register(S::load(at(v)));
        const auto last = Last::in_register(Acc::load_last(at(Acc::whole), lanes));
        if constexpr (packs) {
          LANEFOLD_UNROLL for (int v = 0; v < Acc::whole; ++v) S::store(packed + v * S::width, row[v]);
          Last::store(packed + Acc::whole * S::width, last);
          packed += Tile::columns;
        }
        simd::for_each_fma<S, rows>([&](int i) __attribute__((always_inline)) {
          acc.add(
              i, Acc::Element::factor(a_rows.at(a, i)), [&](int v) __attribute__((always_inline)) { return row[v]; },
              last);
        });
      }
      a_rows.template keep<rows>();
      b_panels.template keep<panels>();
    }
    if (t.column_sums) acc.add_to_columns(t, t.sums_begin && tile == t.tiles);
    if constexpr (elu) acc.store(t, activation::Elu{t.alpha}, c);
    else acc.store(t, activation::Identity{}, c);
  }
}

} // namespace lanefold::gemm
