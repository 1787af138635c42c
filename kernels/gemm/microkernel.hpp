// The microkernel: a tile of C stays in registers while k runs.  Every element is one chain of fused multiply-adds over
// ascending k, so tile shapes never change bits.
#pragma once

#include <kernels/activation/functions.hpp>
#include <kernels/gemm/product.hpp>
#include <kernels/gemm/tile.hpp>
#include <kernels/gemm/unrolled.hpp>

namespace lanefold::gemm {

// One or more tiles of the same height, below each other.
struct TileArgs {
  int64_t tiles;
  int64_t kc;
  const float *a; // a[i * a_line + p * a_k]
  int64_t a_line, a_k;
  const float *b; // b[p * b_k + j] for the columns of one panel; further panels lie panel_stride apart
  int64_t b_k, panel_stride;
  float *copy; // panel[kc][NR] to which b is copied, by kernels that do
  float *c;    // first element of the tile
  int64_t ldc;
  const float *bias;            // of the first column; for Start::bias
  float beta;                   // for Start::scaled
  float alpha = 0;              // of the activation, where the kernel ends with one
  float *column_sums = nullptr; // of the first column, to which the tile's rows are added in ascending order; or NULL
  bool sums_begin = false;      // at the first tile, from 0
  Start start;
  int last; // lanes of the last vector that lie inside the matrix
};

// How the last vector of a tile is read and computed.
enum class Edge {
  whole, // all lanes may be read
  part,  // only `last` lanes may be
  half,  // the same, and they fit half a vector
};

// readable: beyond the matrix, too, as panels are.
template <class Tile> constexpr Edge edge_of(bool readable, int last) {
  if (Tile::has_halves && last <= Tile::Simd::width / 2) return Edge::half;
  return readable || last == Tile::Simd::width ? Edge::whole : Edge::part;
}

// How B is read.
enum class Reading {
  near,   // from the first-level cache, or panels, whose next rows are neighbours
  far,    // some rows are fetched in advance: no prefetcher follows lines that change their page every few rows
  copied, // as `far`, and copied to a panel for the tiles that follow: of several tiles, one fetches what may be near
};
inline constexpr int64_t fetched_ahead = 8;                                                // rows of B
template <class S> inline constexpr int fetched_vectors = S::width < 8 ? 8 / S::width : 1; // 32 bytes by one fetch

// Fetches the line of what lies so many floats after p, which may be beyond the array, where nothing comes of it.
[[gnu::always_inline]] inline void fetch(const float *p, int64_t floats) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(p) + static_cast<uintptr_t>(floats) * sizeof(float);
  __builtin_prefetch(reinterpret_cast<const void *>(address));
}

// Rows x Count sums; the last of each row is half a vector at Edge::half.
template <class S, int Rows, int Count, Edge edge> struct Sums {
  static constexpr bool halves = edge == Edge::half;
  using Last = std::conditional_t<halves, typename S::Half, S>; // the vocabulary of the last vector
  template <int v> using Lane = std::conditional_t<v == Count - 1, Last, S>;
  static constexpr int whole = Count - halves;
  using Element = std::conditional_t<(whole > 0), S, Last>; // the vocabulary of an element of A

  typename S::V vectors[Rows][whole > 0 ? whole : 1];
  typename Last::V lasts[Rows];

  template <int i, int v> [[gnu::always_inline]] auto &at() {
    if constexpr (v < whole) return vectors[i][v];
    else return lasts[i];
  }
  // One link of the chains: += a * x.
  template <int i, int v, class X> [[gnu::always_inline]] void add(typename Element::Factor a, X x) {
    if constexpr (v < whole) vectors[i][v] = S::fma(a, x, vectors[i][v]);
    else if constexpr (whole > 0) lasts[i] = Last::fma(S::low(a), x, lasts[i]);
    else lasts[i] = Last::fma(a, x, lasts[i]);
  }
  template <int v> [[gnu::always_inline]] static auto load(const float *p, int last) {
    if constexpr (v < Count - 1 || edge == Edge::whole) return S::load(p + v * S::width);
    else return Last::load_part(p + v * S::width, last);
  }
};

// The first values of the tile at `first`.
template <class S, int Rows, int Count, Edge edge>
[[gnu::always_inline]] inline void begin_tile(const TileArgs &t, const float *first, Sums<S, Rows, Count, edge> &sums) {
  using All = Sums<S, Rows, Count, edge>;
  // C and bias end with the matrix also where B is read beyond.
  const auto load = [&](const float *p, auto v) __attribute__((always_inline)) {
    using L = typename All::template Lane<v>;
    return v == Count - 1 && t.last != L::width ? L::load_part(p + v * S::width, t.last) : L::load(p + v * S::width);
  };
  if (t.start == Start::zero) {
    unrolled<Rows * Count>([&](auto x) __attribute__((always_inline)) {
      using L = typename All::template Lane<x % Count>;
      sums.template at<x / Count, x % Count>() = L::broadcast(0.0f);
    });
  } else if (t.start == Start::bias) {
    unrolled<Count>([&](auto v) __attribute__((always_inline)) {
      const auto bias = load(t.bias, v);
      unrolled<Rows>([&](auto i) __attribute__((always_inline)) { sums.template at<i, v>() = bias; });
    });
  } else {
    const float beta = t.start == Start::scaled ? t.beta : 1.0f;
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
      const float *c = first + i * t.ldc;
      unrolled<Count>([&](auto v) __attribute__((always_inline)) {
        sums.template at<i, v>() = load(c, v) * All::template Lane<v>::broadcast(beta);
      });
    });
  }
}

// Stores the sums, each through the activation.
template <class Activation, class S, int Rows, int Count, Edge edge>
[[gnu::always_inline]] inline void end_tile(const TileArgs &t, float *c, Sums<S, Rows, Count, edge> &sums) {
  using Last = typename Sums<S, Rows, Count, edge>::Last;
  const auto act = activation::make<Activation>(t.alpha);
  const auto store = [&](auto whole) __attribute__((always_inline)) {
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
      unrolled<Count - 1>([&](auto v) __attribute__((always_inline)) {
        S::store(c + v * S::width, act.template value<S>(sums.template at<i, v>()));
      });
      float *p = c + (Count - 1) * S::width;
      const auto last = act.template value<Last>(sums.template at<i, Count - 1>());
      if constexpr (whole) Last::store(p, last);
      else Last::store_part(p, last, t.last);
      c += t.ldc;
    });
  };
  if (t.last == Last::width) store(std::true_type());
  else store(std::false_type());
}

// Adds the rows to the sums of their columns.
template <class S, int Rows, int Count, Edge edge>
[[gnu::always_inline]] inline void add_to_columns(const TileArgs &t, bool begin, Sums<S, Rows, Count, edge> &sums) {
  unrolled<Count>([&](auto v) __attribute__((always_inline)) {
    using L = typename Sums<S, Rows, Count, edge>::template Lane<v>;
    float *to = t.column_sums + v * S::width;
    const int lanes = v == Count - 1 ? t.last : L::width;
    auto sum = begin ? L::broadcast(0.0f) : L::load_part(to, lanes);
    unrolled<Rows>([&](auto i) __attribute__((always_inline)) { sum = sum + sums.template at<i, v>(); });
    L::store_part(to, sum, lanes);
  });
}

// Rows x (Count * width) elements of C.  More vectors than a panel has are those of its neighbours: a tile of few rows
// needs them to hide the latency of its chains.
template <class Tile, int Rows, int Count, Edge edge, Reading reading, class Activation = activation::Identity>
void microkernel(const TileArgs &t) {
  using S = typename Tile::Simd;
  using All = Sums<S, Rows, Count, edge>;
  constexpr int panels = (Count + Tile::vectors - 1) / Tile::vectors;
  const int64_t a_k = t.a_k, b_k = t.b_k;
  const int last = t.last;
  typename S::Lines rows(t.a_line), further(t.panel_stride);
  const float *b = nullptr;
  constexpr bool copies = reading == Reading::copied;
  static_assert(!copies || (Rows > 1 && panels == 1), "what is copied is one panel, for more rows to come");
  [[maybe_unused]] float *copy = nullptr;
  if constexpr (copies) copy = t.copy;
  const auto vector = [&](auto v) __attribute__((always_inline)) {
    constexpr int in_panel = v % Tile::vectors;
    return All::template load<v>(further.at(b, v / Tile::vectors) + (in_panel - v) * S::width, last);
  };
  const float *first_a = t.a;
  float *c = t.c;
  for (int64_t tile = t.tiles; tile > 0; --tile, first_a += Rows * t.a_line, c += Rows * t.ldc) {
    All sums;
    begin_tile(t, c, sums);
    const float *a = first_a;
    b = t.b;
    for (int64_t p = t.kc; p > 0; --p, a += a_k, b += b_k) {
      rows.template keep<Rows>();
      further.template keep<panels>();
      if constexpr (Rows == 1) { // each vector is used once, as an operand in memory
        const auto ai = All::Element::factor(a);
        unrolled<Count>([&](auto v) __attribute__((always_inline)) { sums.template add<0, v>(ai, vector(v)); });
      } else {
        Sums<S, 1, Count, edge> bv;
        if constexpr (reading != Reading::near)
          unrolled<Count>([&](auto v) __attribute__((always_inline)) {
            if constexpr (v % fetched_vectors<S> != 0) return; // its line has been asked for
            fetch(further.at(b, v / Tile::vectors), fetched_ahead * b_k + v % Tile::vectors * S::width);
          });
        unrolled<Count>([&](auto v) __attribute__((always_inline)) {
          bv.template at<0, v>() = All::template Lane<v>::in_register(vector(v));
        });
        if constexpr (copies) {
          unrolled<Count>([&](auto v) __attribute__((always_inline)) {
            All::template Lane<v>::store(copy + v * S::width, bv.template at<0, v>());
          });
          copy += Tile::columns;
        }
        unrolled<Rows>([&](auto i) __attribute__((always_inline)) {
          const auto ai = All::Element::factor(rows.at(a, i));
          unrolled<Count>([&](auto v)
                              __attribute__((always_inline)) { sums.template add<i, v>(ai, bv.template at<0, v>()); });
        });
      }
    }
    if (t.column_sums) add_to_columns(t, t.sums_begin && tile == t.tiles, sums);
    end_tile<Activation>(t, c, sums);
  }
}

using TileFunction = void (*)(const TileArgs &);

inline constexpr int edges = 3;

// Every height, with every number of vectors that its registers hold.
template <class Tile> struct KernelSet { TileFunction of[edges][Tile::most_rows][Tile::most_vectors]; };

template <class Tile, Edge edge, Reading reading, class Activation, int Rows, int... Vector>
constexpr void add_height(KernelSet<Tile> &set, std::integer_sequence<int, Vector...>) {
  ((set.of[static_cast<int>(edge)][Rows - 1][Vector] = &microkernel<Tile, Rows, Vector + 1, edge, reading, Activation>),
   ...);
}

// One row has so many loads under way that fetching in advance wins nothing.
constexpr Reading reading_of(int rows, Reading reading) { return rows == 1 ? Reading::near : reading; }

template <class Tile, Edge edge, Reading reading, int... Row>
constexpr void add_heights(KernelSet<Tile> &set, std::integer_sequence<int, Row...>) {
  (add_height<Tile, edge, reading_of(Row + 1, reading), activation::Identity, Row + 1>(
       set, std::make_integer_sequence<int, Tile::in_flight(Row + 1)>()),
   ...);
}

// And those that copy.
template <class Tile> struct Microkernels {
  KernelSet<Tile> near, far;
  TileFunction copy[edges][Tile::most_rows][Tile::vectors];
};

template <class Tile, Edge edge, int Rows, int... Vector>
constexpr void add_copying([[maybe_unused]] Microkernels<Tile> &all, std::integer_sequence<int, Vector...>) {
  ((all.copy[static_cast<int>(edge)][Rows - 1][Vector] = &microkernel<Tile, Rows, Vector + 1, edge, Reading::copied>),
   ...);
}

// The first of several tiles has more than half of the most rows: no other copies.  A higher one has half a panel.
template <class Tile> constexpr int copied_vectors(int rows) {
  return rows <= Tile::rows / 2 ? 0 : rows <= Tile::rows ? Tile::vectors : Tile::vectors / 2;
}

template <class Tile, Edge edge, int... Row>
constexpr void add_edge(Microkernels<Tile> &all, std::integer_sequence<int, Row...> rows) {
  add_heights<Tile, edge, Reading::near>(all.near, rows);
  // Where a part of a vector is less than four floats, the last panel alone is read so, and not worth its own kernels.
  constexpr bool fetches = edge != Edge::part || Tile::Simd::width > 4;
  add_heights<Tile, edge, fetches ? Reading::far : Reading::near>(all.far, rows);
  (add_copying<Tile, edge, Row + 1>(all, std::make_integer_sequence<int, copied_vectors<Tile>(Row + 1)>()), ...);
}

template <class Tile> constexpr Microkernels<Tile> make_microkernels() {
  Microkernels<Tile> all{};
  constexpr auto rows = std::make_integer_sequence<int, Tile::most_rows>();
  add_edge<Tile, Edge::whole>(all, rows);
  add_edge<Tile, Edge::part>(all, rows);
  if constexpr (Tile::has_halves) add_edge<Tile, Edge::half>(all, rows);
  return all;
}

template <class Tile> inline constexpr Microkernels<Tile> microkernels = make_microkernels<Tile>();

// Kernels for packed B that end with an activation, in registers: for the heights that many rows are cut into, and for
// ELU, which costs 1 to 3% of a product where it follows each panel in cache.  The others cost less, or take more
// registers than a tile leaves.
template <class Tile> constexpr bool ends_in_registers(int64_t rows) { return 3 * rows >= 2 * Tile::rows; }

// (Nor where functions run in lockstep, which takes registers that the sums have.)
template <class Tile, class Activation>
inline constexpr bool in_registers = std::is_same_v<Activation, activation::Elu> &&Tile::Simd::in_lockstep == 1;

template <class Tile, class Activation> constexpr KernelSet<Tile> make_ending() {
  KernelSet<Tile> set{};
  const auto add = [&]<int... Row>(std::integer_sequence<int, Row...>) {
    const auto one = [&]<int R>(std::integral_constant<int, R>) {
      if constexpr (ends_in_registers<Tile>(R)) {
        constexpr auto vectors = std::make_integer_sequence<int, Tile::in_flight_of_panels(R)>();
        add_height<Tile, Edge::whole, Reading::near, Activation, R>(set, vectors);
        if constexpr (Tile::has_halves) add_height<Tile, Edge::half, Reading::near, Activation, R>(set, vectors);
      }
    };
    (one(std::integral_constant<int, Row + 1>()), ...);
  };
  add(std::make_integer_sequence<int, Tile::most_rows>());
  return set;
}

template <class Tile, class Activation> inline constexpr KernelSet<Tile> ending_set = make_ending<Tile, Activation>();

} // namespace lanefold::gemm
