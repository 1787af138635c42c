// The matrix products that are measured.  Those of 784-300-100-10 at batch 200 come first; the others have few samples,
// small, square, tall or wide matrices, or odd sizes.
#pragma once

#include <lanefold/gemm.h>

#include <cstdint>
#include <string>

namespace lanefold::bench {

// op(A): m x k, op(B): k x n, C: m x n
struct Shape {
  int64_t m, n, k;
};

// C = op(A) op(B)
struct Product {
  Shape shape;
  uint32_t flags; // LF_TRANSPOSE_*
};

inline constexpr uint32_t nn = 0, tn = LF_TRANSPOSE_A, nt = LF_TRANSPOSE_B, tt = LF_TRANSPOSE_A | LF_TRANSPOSE_B;
inline constexpr const char *transposes[] = {"nn", "tn", "nt", "tt"}; // by flags

inline constexpr Product products[] = {
    {{200, 300, 784}, nn}, {{200, 100, 300}, nn},    {{200, 10, 100}, nn}, // forward, layers 1 to 3
    {{784, 300, 200}, tn}, {{300, 100, 200}, tn},    {{100, 10, 200}, tn}, // their dw
    {{200, 300, 100}, nt}, {{200, 100, 10}, nt},                           // dx of layers 3 and 2
    {{1, 300, 784}, nn},   {{8, 300, 784}, nn},      {{64, 300, 784}, nn}, // few samples
    {{16, 16, 16}, nn},    {{32, 32, 32}, nn},       {{64, 64, 64}, nn},   // small
    {{256, 256, 256}, nn}, {{1024, 1024, 1024}, nn},                       // square
    {{4096, 64, 64}, nn},  {{64, 4096, 64}, nn},                           // tall, wide
    {{333, 777, 555}, nt}, {{333, 777, 555}, tt},                          // odd
};

// "nn/200x300x784"
inline std::string name_of(const Product &p) {
  const auto [m, n, k] = p.shape;
  return std::string(transposes[p.flags]) + "/" + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
}

} // namespace lanefold::bench
