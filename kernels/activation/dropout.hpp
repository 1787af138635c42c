// Dropout: random numbers by counter, so that each element has its own, whatever order and vectors it is processed in.
#pragma once

#include <kernels/simd/columns.hpp>
#include <kernels/tasks.hpp>

#include <lanefold/activation.h>

namespace lanefold::activation {

inline constexpr int64_t least_dropout_elements = 1 << 13; // elements that repay handing a task to another thread

// The Philox blocks that are computed side by side, and the columns that their words serve.
inline constexpr int64_t dropout_blocks = 16, dropout_columns = 4 * dropout_blocks;

// Ten rounds of Philox4x32 on the counters of `groups` vectors of blocks, in place.  A round waits for its products, so
// several groups advance together.
template <class S, int groups>
[[gnu::always_inline]] inline void philox(typename S::I (&word)[groups][4], uint64_t seed) {
  using I = typename S::I;
  I key0(static_cast<int32_t>(seed)), key1(static_cast<int32_t>(seed >> 32));
  for (int round = 0; round < 10; ++round) {
    // Compilers peel the first round off.  Three of its words are the same in all lanes, so it takes half the products.
    if (round > 0) key0 = key0 + I(static_cast<int32_t>(0x9e3779b9)), key1 = key1 + I(static_cast<int32_t>(0xbb67ae85));
    LANEFOLD_UNROLL for (int g = 0; g < groups; ++g) {
      I *const w = word[g];
      const auto a = S::multiply_wide(w[0], 0xd2511f53), b = S::multiply_wide(w[2], 0xcd9e8d57);
      w[0] = b.high ^ (w[1] ^ key0), w[1] = b.low;
      w[2] = a.high ^ (w[3] ^ key1), w[3] = a.low;
    }
  }
}

template <class S> lf_status dropout(const lf_host *host, const lf_dropout_args *args) {
  using V = typename S::V;
  using I = typename S::I;
  constexpr int groups = S::width < dropout_blocks ? 2 : 1; // more would need more than 16 registers
  const lf_dropout_args &a = *args;
  const auto word = [](uint64_t x) { return I(static_cast<int32_t>(static_cast<uint32_t>(x))); };
  const auto below = static_cast<uint64_t>(static_cast<double>(a.rate) * 0x1p32);
  const float scale = 1.0f / (1.0f - a.rate);
  const int64_t pieces =
      larger(1, smaller(smaller(most_tasks(host->threads), a.m), a.m * a.n / least_dropout_elements));
  for_each_task(host, pieces, [&, n = a.n, seed = a.seed](int64_t index) {
    const I flip(INT32_MIN), threshold = word(below) ^ flip; // orders unsigned numbers as signed ones
    const auto drop = [=](const V &v, const I &random) __attribute__((always_inline)) {
      return S::from_bits(S::zero_below(random ^ flip, threshold, S::bits(v * V(scale))));
    };
    const Range rows = piece(a.m, 1, pieces, index);
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const float *const x = a.x + i * a.ldx;
      float *const y = a.y + i * a.ldy;
      for (int64_t first = 0; first < n; first += dropout_columns)
        for (int64_t block = 0; block < smaller(dropout_blocks, n - first); block += groups * S::width) {
          I random[groups][4];
          LANEFOLD_UNROLL for (int g = 0; g < groups; ++g) {
            random[g][0] = word(static_cast<uint64_t>(first / 4 + block + g * S::width)) + S::lane_numbers();
            random[g][1] = word(static_cast<uint64_t>(a.first_row + i));
            random[g][2] = word(a.stream), random[g][3] = word(a.stream >> 32);
          }
          philox<S, groups>(random, seed);
          const int64_t begin = first + block;
          if (n - first >= dropout_columns) {
            LANEFOLD_UNROLL for (int v = 0; v < 4 * groups; ++v) {
              const int64_t j = begin + v / groups * dropout_blocks + v % groups * S::width;
              S::store(y + j, drop(S::load(x + j), random[v % groups][v / groups]));
            }
            continue;
          }
          LANEFOLD_UNROLL for (int v = 0; v < 4 * groups; ++v) {
            const int64_t j = begin + v / groups * dropout_blocks + v % groups * S::width;
            if (j >= n) break;
            const auto count = static_cast<int>(smaller(S::width, n - j));
            S::store_part(y + j, drop(S::load_part(x + j, count), random[v % groups][v / groups]), count);
          }
        }
    }
  });
  return LF_OK;
}

} // namespace lanefold::activation
