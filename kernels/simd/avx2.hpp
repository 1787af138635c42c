// AVX2 with FMA: 8 lanes, tails by vmaskmov, which neither reads nor faults beyond the lanes asked for.
#pragma once

#include <kernels/simd/xsimd_base.hpp>

#include <immintrin.h>

namespace lanefold::simd {

struct Avx2 : XsimdBase<xsimd::fma3<xsimd::avx2>> {
  static constexpr const char *name = "avx2";
  static constexpr int registers = 16;

  static __m256i mask(int count) {
    alignas(32) static constexpr int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(ones + 8 - count));
  }
  static V load_part(const float *p, int count) { return _mm256_maskload_ps(p, mask(count)); }
  static void store_part(float *p, V v, int count) { _mm256_maskstore_ps(p, mask(count), v); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static I bits(V v) { return _mm256_castps_si256(v); }
  static V from_bits(I i) { return _mm256_castsi256_ps(i); }

  // Four neighbours each from at(0) and at(1).
  template <class Address> [[gnu::always_inline]] static V load_quads(const Address &at) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at(0))), _mm_loadu_ps(at(1)), 1);
  }
  // In each quad of lanes: rows[i][j] becomes rows[j][i].
  static void transpose_quads(V (&rows)[4]) {
    const __m256 a = _mm256_unpacklo_ps(rows[0], rows[1]), b = _mm256_unpackhi_ps(rows[0], rows[1]);
    const __m256 c = _mm256_unpacklo_ps(rows[2], rows[3]), d = _mm256_unpackhi_ps(rows[2], rows[3]);
    rows[0] = _mm256_shuffle_ps(a, c, 0x44), rows[1] = _mm256_shuffle_ps(a, c, 0xee);
    rows[2] = _mm256_shuffle_ps(b, d, 0x44), rows[3] = _mm256_shuffle_ps(b, d, 0xee);
  }

  // rows[i][j] becomes rows[j][i]: pairs, then fours, then halves.
  static void transpose(V (&rows)[8]) {
    __m256 t[8], u[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      t[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
      t[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
      u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
      u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
      u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      rows[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
      rows[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
  }
};

} // namespace lanefold::simd
