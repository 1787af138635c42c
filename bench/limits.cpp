// Compiled with products and sums fused. A vector's operations are lowered where they stand, before anything is
// inlined: the loop is a macro, for a template would be lowered for the baseline.
#include "limits.hpp"

namespace lanefold::bench {

namespace {

// Latency 4 or 5 times two units asks for 10 chains; 12 leave room for a and b in AVX2's 16 registers.
constexpr int64_t chains = 12;
#define LANEFOLD_EACH_CHAIN(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define LANEFOLD_BEGIN(i) Vector x##i = Vector{} + i; // each its own, or a compiler makes them one
#define LANEFOLD_ADVANCE(i) x##i = x##i * a + b;
#define LANEFOLD_SUM(i)                                                                                                \
  for (int lane = 0; lane < width; ++lane) sum += x##i[lane];

#define LANEFOLD_FMA_PEAK(name, attributes, lanes)                                                                     \
  attributes float name(int64_t steps, float factor, float term) {                                                     \
    constexpr int width = lanes;                                                                                       \
    typedef float Vector __attribute__((vector_size(width * sizeof(float))));                                          \
    const Vector a = Vector{} + factor, b = Vector{} + term;                                                           \
    LANEFOLD_EACH_CHAIN(LANEFOLD_BEGIN)                                                                                \
    for (int64_t step = 0; step < steps; ++step) {                                                                     \
      LANEFOLD_EACH_CHAIN(LANEFOLD_ADVANCE)                                                                            \
    }                                                                                                                  \
    float sum = 0;                                                                                                     \
    LANEFOLD_EACH_CHAIN(LANEFOLD_SUM)                                                                                  \
    return sum;                                                                                                        \
  }

// Eight vectors at a time, each mixed into a register of its own: reads are all that it waits for.
#define LANEFOLD_READ_ALL(name, attributes, lanes)                                                                     \
  attributes int32_t name(const float *data, int64_t count) {                                                          \
    constexpr int width = lanes, vectors = 8;                                                                          \
    typedef int32_t Vector __attribute__((vector_size(width * sizeof(int32_t)), aligned(4), may_alias));               \
    Vector mix[vectors] = {};                                                                                          \
    for (const float *end = data + count; data != end; data += vectors * width) {                                      \
      _Pragma("GCC unroll 8") for (int v = 0; v < vectors; ++v) mix[v] |=                                              \
          *reinterpret_cast<const Vector *>(data + v * width);                                                         \
    }                                                                                                                  \
    int32_t all = 0;                                                                                                   \
    for (int v = 0; v < vectors; ++v)                                                                                  \
      for (int lane = 0; lane < width; ++lane) all |= mix[v][lane];                                                    \
    return all;                                                                                                        \
  }

#if defined(__x86_64__)
LANEFOLD_FMA_PEAK(peak_avx512, __attribute__((target("avx512f,fma"))), 16)
LANEFOLD_FMA_PEAK(peak_avx2, __attribute__((target("avx2,fma"))), 8)
LANEFOLD_READ_ALL(read_avx512, __attribute__((target("avx512f"))), 16)
LANEFOLD_READ_ALL(read_avx2, __attribute__((target("avx2"))), 8)
#elif defined(__aarch64__)
LANEFOLD_FMA_PEAK(peak_neon, , 4)
LANEFOLD_READ_ALL(read_neon, , 4)
#endif

} // namespace

FmaLoop fma_loop(const std::string &isa) {
#if defined(__x86_64__)
  if (isa == "avx512") return {peak_avx512, 16 * chains};
  if (isa == "avx2") return {peak_avx2, 8 * chains};
#elif defined(__aarch64__)
  if (isa == "neon") return {peak_neon, 4 * chains};
#endif
  return {nullptr, 0};
}

ReadLoop read_loop(const std::string &isa) {
#if defined(__x86_64__)
  if (isa == "avx512") return read_avx512;
  if (isa == "avx2") return read_avx2;
#elif defined(__aarch64__)
  if (isa == "neon") return read_neon;
#endif
  return nullptr;
}

} // namespace lanefold::bench
