// AVX2 with FMA: 8 lanes.  vmaskmov loads tails; it neither reads nor faults beyond the requested lanes.
#pragma once

#include <kernels/simd/xsimd_base.hpp>

#include <immintrin.h>

namespace lanefold::simd {

struct Avx2 : XsimdBase<xsimd::fma3<xsimd::avx2>> {
  static constexpr int registers = 16;

  static __m256i mask(int count) {
    alignas(32) static constexpr int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(ones + 8 - count));
  }
  static V load_part(const float *p, int count) { return _mm256_maskload_ps(p, mask(count)); }
  // In pieces, because storing by vmaskmov takes tens of cycles on AMD's CPUs.
  static void store_part(float *p, V v, int count) {
    if (count == width) return store(p, v);
    __m128 x = _mm256_castps256_ps128(v);
    if (count & 4) {
      _mm_storeu_ps(p, x);
      p += 4, x = _mm256_extractf128_ps(v, 1);
    }
    if (count & 2) {
      _mm_storel_epi64(reinterpret_cast<__m128i_u *>(p), _mm_castps_si128(x));
      p += 2, x = _mm_movehl_ps(x, x);
    }
    if (count & 1) _mm_store_ss(p, x);
  }
  static V load_bytes(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i_u *>(p))));
  }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static void stream(float *p, V v) { _mm256_stream_ps(p, v); }
  static void end_stream() { _mm_sfence(); }
  static V at_least(V x, V low) { return _mm256_max_ps(low, x); } // x if either is NaN
  static I bits(V v) { return _mm256_castps_si256(v); }
  static V from_bits(I i) { return _mm256_castsi256_ps(i); }
  static I zero_below(I x, I least, I value) { return _mm256_andnot_si256(_mm256_cmpgt_epi32(least, x), value); }
  static Wide multiply_wide(I a, uint32_t b) {
    const __m256i factor = _mm256_set1_epi32(static_cast<int32_t>(b));
    const __m256i even = _mm256_mul_epu32(a, factor), odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), factor);
    return {_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa),
            _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa)};
  }

  // x[q][j] = at(j)[q]: four contiguous elements of each of 8 lines.
  template <class Address> [[gnu::always_inline]] static void load_transposed(const Address &at, V (&x)[4]) {
    const auto pair = [&](int j) __attribute__((always_inline)) {
      return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at(j))), _mm_loadu_ps(at(j + 4)), 1);
    };
    const __m256 z0 = pair(0), z1 = pair(1), z2 = pair(2), z3 = pair(3);
    const __m256 a = _mm256_unpacklo_ps(z0, z1), b = _mm256_unpackhi_ps(z0, z1);
    const __m256 c = _mm256_unpacklo_ps(z2, z3), d = _mm256_unpackhi_ps(z2, z3);
    x[0] = _mm256_shuffle_ps(a, c, 0x44), x[1] = _mm256_shuffle_ps(a, c, 0xee);
    x[2] = _mm256_shuffle_ps(b, d, 0x44), x[3] = _mm256_shuffle_ps(b, d, 0xee);
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
