// Compiled with -ffp-contract=fast, so that the compiler fuses multiplications and additions.  The loops are macros: the
// compiler lowers vector operations before it inlines, so a template would be lowered for the baseline.
#include "limits.hpp"

namespace lanefold::bench {

namespace {

#define LANEFOLD_TWELVE_CHAINS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#if defined(__aarch64__)
// Latency 4 times four units needs 16 chains.
constexpr int64_t chains = 24;
#define LANEFOLD_EACH_CHAIN(DO)                                                                                        \
  LANEFOLD_TWELVE_CHAINS(DO)                                                                                           \
  DO(12) DO(13) DO(14) DO(15) DO(16) DO(17) DO(18) DO(19) DO(20) DO(21) DO(22) DO(23)
#else
// Latency 4 or 5 times two units needs 10 chains.  12 chains leave registers for a and b among the 16 of AVX2.
constexpr int64_t chains = 12;
#define LANEFOLD_EACH_CHAIN LANEFOLD_TWELVE_CHAINS
#endif
#define LANEFOLD_BEGIN(i) Vector x##i = Vector{} + i; // different values, so that the compiler cannot merge the chains
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

// Eight vectors at a time.  Each is combined into a register of its own, so that the loop waits only for its reads.
#define LANEFOLD_MEMORY_LOOPS(isa, attributes, lanes)                                                                  \
  typedef float Floats_##isa __attribute__((vector_size(lanes * sizeof(float)), aligned(4), may_alias));               \
  typedef int32_t Bits_##isa __attribute__((vector_size(lanes * sizeof(int32_t)), aligned(4), may_alias));             \
  attributes int32_t read_##isa(const float *data, int64_t count) {                                                    \
    Bits_##isa bits[8] = {};                                                                                           \
    for (const float *end = data + count; data != end; data += 8 * lanes) {                                            \
      _Pragma("GCC unroll 8") for (int v = 0; v < 8; ++v) bits[v] |=                                                   \
          *reinterpret_cast<const Bits_##isa *>(data + v * lanes);                                                     \
    }                                                                                                                  \
    Bits_##isa whole = {};                                                                                             \
    _Pragma("GCC unroll 8") for (int v = 0; v < 8; ++v) whole |= bits[v];                                              \
    int32_t all = 0;                                                                                                   \
    for (int lane = 0; lane < lanes; ++lane) all |= whole[lane];                                                       \
    return all;                                                                                                        \
  }                                                                                                                    \
  attributes void write_##isa(float *data, int64_t count, float value) {                                               \
    const Floats_##isa all = Floats_##isa{} + value;                                                                   \
    for (const float *end = data + count; data != end; data += 8 * lanes) {                                            \
      _Pragma("GCC unroll 8") for (int v = 0; v < 8; ++v) * reinterpret_cast<Floats_##isa *>(data + v * lanes) = all;  \
      asm volatile("" : : : "memory"); /* otherwise it becomes a call of memset */                                     \
    }                                                                                                                  \
  }                                                                                                                    \
  attributes void copy_##isa(const float *from, float *to, int64_t count) {                                            \
    for (const float *end = from + count; from != end; from += 8 * lanes, to += 8 * lanes) {                           \
      _Pragma("GCC unroll 8") for (int v = 0; v < 8; ++v) * reinterpret_cast<Floats_##isa *>(to + v * lanes) =         \
          *reinterpret_cast<const Floats_##isa *>(from + v * lanes);                                                   \
      asm volatile("" : : : "memory"); /* otherwise it becomes a call of memcpy */                                     \
    }                                                                                                                  \
  }
// Uses a builtin of the compiler, because the vector types above have no streaming store.
#ifdef __clang__
#define LANEFOLD_STREAM_STORE(Vector, to, value, store)                                                                \
  __builtin_nontemporal_store(value, reinterpret_cast<Vector *>(to))
#else
#define LANEFOLD_STREAM_STORE(Vector, to, value, store) store(to, value)
#endif
#define LANEFOLD_STREAMING_COPY(isa, attributes, lanes, Vector, store)                                                 \
  attributes void stream_##isa(const float *from, float *to, int64_t count) {                                          \
    for (const float *end = from + count; from != end; from += 8 * lanes, to += 8 * lanes) {                           \
      _Pragma("GCC unroll 8") for (int v = 0; v < 8; ++v) LANEFOLD_STREAM_STORE(                                       \
          Vector, to + v * lanes, (Vector) * reinterpret_cast<const Floats_##isa *>(from + v * lanes), store);         \
    }                                                                                                                  \
    __builtin_ia32_sfence();                                                                                           \
  }

#if defined(__x86_64__)
#define LANEFOLD_AVX512 __attribute__((target("avx512f,fma")))
#define LANEFOLD_AVX2 __attribute__((target("avx2,fma")))
typedef float Aligned16 __attribute__((vector_size(64)));
typedef float Aligned8 __attribute__((vector_size(32)));
LANEFOLD_FMA_PEAK(peak_avx512, LANEFOLD_AVX512, 16)
LANEFOLD_FMA_PEAK(peak_avx2, LANEFOLD_AVX2, 8)
LANEFOLD_MEMORY_LOOPS(avx512, LANEFOLD_AVX512, 16)
LANEFOLD_MEMORY_LOOPS(avx2, LANEFOLD_AVX2, 8)
LANEFOLD_STREAMING_COPY(avx512, LANEFOLD_AVX512, 16, Aligned16, __builtin_ia32_movntps512)
LANEFOLD_STREAMING_COPY(avx2, LANEFOLD_AVX2, 8, Aligned8, __builtin_ia32_movntps256)
#endif
LANEFOLD_FMA_PEAK(peak_baseline, , 4)
LANEFOLD_MEMORY_LOOPS(baseline, , 4)

} // namespace

FmaLoop fma_loop([[maybe_unused]] const std::string &isa) {
#if defined(__x86_64__)
  if (isa == "avx512") return {peak_avx512, 16 * chains};
  if (isa == "avx2") return {peak_avx2, 8 * chains};
#endif
  return {peak_baseline, 4 * chains};
}

MemoryLoops memory_loops([[maybe_unused]] const std::string &isa) {
#if defined(__x86_64__)
  if (isa == "avx512") return {read_avx512, write_avx512, copy_avx512, stream_avx512};
  if (isa == "avx2") return {read_avx2, write_avx2, copy_avx2, stream_avx2};
#endif
  return {read_baseline, write_baseline, copy_baseline, nullptr};
}

} // namespace lanefold::bench
