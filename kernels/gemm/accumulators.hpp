// The accumulators of a register tile: one vector register for each vector of each row, from the initial values of their
// chains to C.  They are plain arrays; every loop over them is unrolled, so that they are registers.
#pragma once

#include <kernels/gemm/microkernel_args.hpp>
#include <kernels/simd/unroll.hpp>

#include <type_traits>

namespace lanefold::gemm {

// Rows x Vectors vectors; with Tail::half the last one of each row is half a vector.
template <class S, int Rows, int Vectors, Tail tail> struct Accumulators {
  static constexpr bool halves = tail == Tail::half;
  static constexpr int whole = Vectors - 1;                     // vectors of a row before the last one
  using Last = std::conditional_t<halves, typename S::Half, S>; // the backend of the last vector
  using Element = std::conditional_t<(Vectors > 1), S, Last>;   // the backend of an element of A

  typename S::V vectors[Rows][whole > 0 ? whole : 1];
  typename Last::V lasts[Rows];

  // The last vector of a row of B at p.
  [[gnu::always_inline]] static typename Last::V load_last(const float *p, int lanes) {
    if constexpr (tail == Tail::whole) return Last::load(p);
    else return Last::load_part(p, lanes);
  }

  // The next link of the chains of row i: += a * b(v), and a * last_b in the last vector.
  template <class LoadB>
  [[gnu::always_inline]] void add(int i, typename Element::Factor a, const LoadB &b, typename Last::V last_b) {
    if constexpr (whole > 0)
      simd::for_each_fma<S, whole>([&](int v) __attribute__((always_inline)) {
        vectors[i][v] = S::fma(a, b(v), vectors[i][v]);
      });
    if constexpr (halves && whole > 0) lasts[i] = Last::fma(S::low(a), last_b, lasts[i]);
    else lasts[i] = Last::fma(a, last_b, lasts[i]);
  }
  // Sets the initial values of a tile whose first element of C is *c.
  [[gnu::always_inline]] void start(const TileArgs &t, const float *c) {
    // C and the bias end with the matrix, even where B may be read beyond it.
    const auto load_end = [&](const float *p) __attribute__((always_inline)) {
      return t.lanes == Last::width ? Last::load(p) : Last::load_part(p, t.lanes);
    };
    if (t.start == Start::zero) {
      LANEFOLD_UNROLL for (int i = 0; i < Rows; ++i) {
        LANEFOLD_UNROLL for (int v = 0; v < whole; ++v) vectors[i][v] = S::broadcast(0.0f);
        lasts[i] = Last::broadcast(0.0f);
      }
    } else if (t.start == Start::bias) {
      LANEFOLD_UNROLL for (int v = 0; v < whole; ++v) {
        const auto bias = S::load(t.bias + v * S::width);
        LANEFOLD_UNROLL for (int i = 0; i < Rows; ++i) vectors[i][v] = bias;
      }
      const auto bias = load_end(t.bias + whole * S::width);
      LANEFOLD_UNROLL for (int i = 0; i < Rows; ++i) lasts[i] = bias;
    } else {
      const float beta = t.start == Start::scaled ? t.beta : 1.0f;
      LANEFOLD_UNROLL for (int i = 0; i < Rows; ++i) {
        const float *row = c + i * t.ldc;
        LANEFOLD_UNROLL for (int v = 0; v < whole; ++v) vectors[i][v] =
            S::load(row + v * S::width) * S::broadcast(beta);
        lasts[i] = load_end(row + whole * S::width) * Last::broadcast(beta);
      }
    }
  }

  // Stores the tile, each element through the activation.
  template <class Activation>
  [[gnu::always_inline]] void store(const TileArgs &t, const Activation &act, float *c) const {
    const auto store_rows = [&](auto all) __attribute__((always_inline)) {
      LANEFOLD_UNROLL for (int i = 0; i < Rows; ++i, c += t.ldc) {
        LANEFOLD_UNROLL for (int v = 0; v < whole; ++v)
            S::store(c + v * S::width, act.template value<S>(vectors[i][v]));
        const auto last = act.template value<Last>(lasts[i]);
        if constexpr (all) Last::store(c + whole * S::width, last);
        else Last::store_part(c + whole * S::width, last, t.lanes);
      }
    };
    if (t.lanes == Last::width) store_rows(std::true_type());
    else store_rows(std::false_type());
  }

  // Adds the rows, in ascending order, to the sums of their columns, or to 0.
  [[gnu::always_inline]] void add_to_columns(const TileArgs &t, bool from_zero) const {
    float *to = t.column_sums;
    LANEFOLD_UNROLL for (int v = 0; v < whole; ++v, to += S::width) {
      auto sum = from_zero ? S::broadcast(0.0f) : S::load(to);
      LANEFOLD_UNROLL for (int i = 0; i < Rows; ++i) sum = sum + vectors[i][v];
      S::store(to, sum);
    }
    auto sum = from_zero ? Last::broadcast(0.0f) : Last::load_part(to, t.lanes);
    LANEFOLD_UNROLL for (int i = 0; i < Rows; ++i) sum = sum + lasts[i];
    Last::store_part(to, sum, t.lanes);
  }
};

} // namespace lanefold::gemm
