// AVX-512: 16 lanes, tails by mask.  Floats and 32-bit integers need no more of xsimd than its avx512f.
#pragma once

#include <kernels/simd/avx2.hpp>

namespace lanefold::simd {

// Eight lanes, 32 registers.  Where the hardware works in halves (Zen 4), half a vector takes half the time; and
// quarters that are joined to whole vectors for transposing cost as much as they save.
struct Avx512Half : Avx2 {
  static constexpr int registers = 32;

  static __mmask8 mask(int count) { return static_cast<__mmask8>((1u << count) - 1u); }
  static V load_part(const float *p, int count) { return _mm256_maskz_loadu_ps(mask(count), p); }
  static void store_part(float *p, V v, int count) { _mm256_mask_storeu_ps(p, mask(count), v); }
};

struct Avx512 : XsimdBase<xsimd::avx512f> {
  using Half = Avx512Half;
  static constexpr int registers = 32;

  static __mmask16 mask(int count) { return static_cast<__mmask16>((1u << count) - 1u); }
  static V load_part(const float *p, int count) { return _mm512_maskz_loadu_ps(mask(count), p); }
  static void store_part(float *p, V v, int count) { _mm512_mask_storeu_ps(p, mask(count), v); }
  static V load_bytes(const uint8_t *p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i_u *>(p))));
  }
  static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static void stream(float *p, V v) { _mm512_stream_ps(p, v); }
  static void end_stream() { _mm_sfence(); }
  static V at_least(V x, V low) { return _mm512_max_ps(low, x); } // the second one if one is NaN
  static Half::V low(V v) { return _mm512_castps512_ps256(v); }
  static I bits(V v) { return _mm512_castps_si512(v); }
  static V from_bits(I i) { return _mm512_castsi512_ps(i); }

  // rows[i][j] becomes rows[j][i]: pairs, then fours, then eights, then halves.
  static void transpose(V (&rows)[16]) {
    __m512 t[16], u[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      t[2 * i] = _mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
      t[2 * i + 1] = _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      u[4 * i] = unpack_pairs_low(t[4 * i], t[4 * i + 2]);
      u[4 * i + 1] = unpack_pairs_high(t[4 * i], t[4 * i + 2]);
      u[4 * i + 2] = unpack_pairs_low(t[4 * i + 1], t[4 * i + 3]);
      u[4 * i + 3] = unpack_pairs_high(t[4 * i + 1], t[4 * i + 3]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm512_shuffle_f32x4(u[i], u[i + 4], 0x88);
      t[i + 4] = _mm512_shuffle_f32x4(u[i], u[i + 4], 0xdd);
      t[i + 8] = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0x88);
      t[i + 12] = _mm512_shuffle_f32x4(u[i + 8], u[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      rows[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
      rows[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
      rows[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
      rows[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
  }

private:
  static __m512 unpack_pairs_low(__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
  static __m512 unpack_pairs_high(__m512 a, __m512 b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  }
};

} // namespace lanefold::simd
