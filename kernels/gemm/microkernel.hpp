// The microkernel: a tile of C stays in registers while k runs.  Every element is one chain of fused multiply-adds over
// ascending k, so tile shapes never change bits.
#pragma once

#include <kernels/gemm/product.hpp>
#include <kernels/gemm/tile.hpp>

#include <utility>

namespace lanefold::gemm {

// One or more tiles of the same height, below each other.
struct TileArgs {
  int64_t tiles;
  int64_t kc;
  const float *a; // a[i * a_line + p * a_k]
  int64_t a_line, a_k;
  const float *b; // b[p * b_k + j] for the columns of one panel; further panels lie panel_stride apart
  int64_t b_k, panel_stride;
  float *c; // first element of the tile
  int64_t ldc;
  const float *bias; // of the first column; for Start::bias
  float beta;        // for Start::scaled
  Start start;
  int last; // lanes of the last vector that lie inside the matrix
};

// Addresses of up to 15 lines, `stride` floats apart.  They are more than the general registers hold, so each is a sum of
// few: base, 5 or 10 strides further, and 0, 1, 2, 3 or 4 strides, of which 2 and 4 are scaled by the address itself.
class Lines {
public:
  explicit Lines(int64_t stride) {
    const int64_t bytes = stride * static_cast<int64_t>(sizeof(float));
    one_ = bytes, three_ = 3 * bytes, five_ = 5 * bytes, ten_ = 10 * bytes;
  }
  // The compiler must not keep other multiples in registers of their own: to be called in the loop.
  template <int Count> void keep() {
    if constexpr (Count > 1) asm("" : "+r"(one_));
    if constexpr (Count > 3) asm("" : "+r"(three_));
    if constexpr (Count > 5) asm("" : "+r"(five_));
    if constexpr (Count > 10) asm("" : "+r"(ten_));
  }
  const float *at(const float *base, int i) const {
    const char *p = reinterpret_cast<const char *>(base);
    if (i >= 10) p += ten_, i -= 10;
    else if (i >= 5) p += five_, i -= 5;
    return reinterpret_cast<const float *>(p + (i == 3 ? three_ : i * one_));
  }

private:
  int64_t one_, three_, five_, ten_;
};

// f(0), f(1), ... f(Count - 1) with indices known when compiling: arrays indexed by them stay in registers.
template <int Count, class Function> [[gnu::always_inline]] inline void unrolled(const Function &f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>()), ...);
  }
  (std::make_integer_sequence<int, Count>());
}

// The first values of the tile at `first`: Rows x Count vectors.
template <class S, int Rows, int Count>
[[gnu::always_inline]] inline void begin_tile(const TileArgs &t, const float *first,
                                              typename S::V (&acc)[Rows][Count]) {
  using V = typename S::V;
  const auto load = [&](const float *p, int v) __attribute__((always_inline)) {
    return v == Count - 1 && t.last != S::width ? S::load_part(p, t.last) : S::load(p);
  };
  if (t.start == Start::zero) {
    unrolled<Rows * Count>([&](auto x) __attribute__((always_inline)) { acc[x / Count][x % Count] = V(0.0f); });
  } else if (t.start == Start::bias) {
    unrolled<Count>([&](auto v) __attribute__((always_inline)) {
      const V bias = load(t.bias + v * S::width, v);
      unrolled<Rows>([&](auto i) __attribute__((always_inline)) { acc[i][v] = bias; });
    });
  } else {
    const V beta(t.start == Start::scaled ? t.beta : 1.0f);
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
      const float *c = first + i * t.ldc;
      unrolled<Count>([&](auto v) __attribute__((always_inline)) { acc[i][v] = load(c + v * S::width, v) * beta; });
    });
  }
}

template <class S, int Rows, int Count>
[[gnu::always_inline]] inline void end_tile(const TileArgs &t, float *c, const typename S::V (&acc)[Rows][Count]) {
  if (t.last == S::width) {
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
      unrolled<Count>([&](auto v) __attribute__((always_inline)) { S::store(c + v * S::width, acc[i][v]); });
      c += t.ldc;
    });
  } else {
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
      unrolled<Count - 1>([&](auto v) __attribute__((always_inline)) { S::store(c + v * S::width, acc[i][v]); });
      S::store_part(c + (Count - 1) * S::width, acc[i][Count - 1], t.last);
      c += t.ldc;
    });
  }
}

// Rows x (Count * width) elements of C.  More vectors than a panel has are those of its neighbours: a tile of few rows needs
// them to hide the latency of its chains.  Part: of the last vector of B only `last` lanes may be read.
template <class Tile, int Rows, int Count, bool Part> void microkernel(const TileArgs &t) {
  using S = typename Tile::Simd;
  using V = typename S::V;
  constexpr int panels = (Count + Tile::vectors - 1) / Tile::vectors;
  const int64_t a_k = t.a_k, b_k = t.b_k;
  const int last = t.last;
  Lines rows(t.a_line), further(t.panel_stride);
  const float *b = nullptr;
  const auto vector = [&](auto v) __attribute__((always_inline)) {
    const float *p = further.at(b, v / Tile::vectors) + v % Tile::vectors * S::width;
    return Part && v == Count - 1 ? S::load_part(p, last) : S::load(p);
  };
  const float *first_a = t.a;
  float *c = t.c;
  for (int64_t tile = t.tiles; tile > 0; --tile, first_a += Rows * t.a_line, c += Rows * t.ldc) {
    V acc[Rows][Count];
    begin_tile<S>(t, c, acc);
    const float *a = first_a;
    b = t.b;
    for (int64_t p = t.kc; p > 0; --p, a += a_k, b += b_k) {
      rows.template keep<Rows>();
      further.template keep<panels>();
      if constexpr (Rows == 1) { // each vector is used once, as an operand in memory
        const V ai = S::broadcast(*a);
        unrolled<Count>([&](auto v) __attribute__((always_inline)) { acc[0][v] = S::fma(ai, vector(v), acc[0][v]); });
      } else {
        V bv[Count];
        unrolled<Count>([&](auto v) __attribute__((always_inline)) { bv[v] = vector(v); });
        unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
          const V ai = S::broadcast(*rows.at(a, i));
          unrolled<Count>([&](auto v) __attribute__((always_inline)) { acc[i][v] = S::fma(ai, bv[v], acc[i][v]); });
        });
      }
    }
    end_tile<S>(t, c, acc);
  }
}

using TileFunction = void (*)(const TileArgs &);

// Every height, with every number of vectors that its registers hold.
template <class Tile> struct Microkernels {
  TileFunction whole[Tile::rows][Tile::most_vectors];
  TileFunction part[Tile::rows][Tile::most_vectors];
};

template <class Tile, int Rows, int... Vector>
constexpr void add_height(Microkernels<Tile> &all, std::integer_sequence<int, Vector...>) {
  ((all.whole[Rows - 1][Vector] = &microkernel<Tile, Rows, Vector + 1, false>), ...);
  ((all.part[Rows - 1][Vector] = &microkernel<Tile, Rows, Vector + 1, true>), ...);
}

template <class Tile, int... Row> constexpr Microkernels<Tile> make_microkernels(std::integer_sequence<int, Row...>) {
  Microkernels<Tile> all{};
  (add_height<Tile, Row + 1>(all, std::make_integer_sequence<int, Tile::in_flight(Row + 1, false)>()), ...);
  return all;
}

template <class Tile>
inline constexpr Microkernels<Tile>
    microkernels = make_microkernels<Tile>(std::make_integer_sequence<int, Tile::rows>());

} // namespace lanefold::gemm
