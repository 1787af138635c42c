// AVX-512: 16 lanes; masks handle tails.  Floats and 32-bit integers need only xsimd's avx512f.
#pragma once

#include <kernels/simd/avx2.hpp>

namespace lanefold::simd {

// Eight lanes, 32 registers.  Where the hardware computes halves (Zen 4), half a vector takes half the time.  Kernels also
// transpose on half vectors: joining quarters to whole vectors costs as much as whole vectors save.
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
  static V at_least(V x, V low) { return _mm512_max_ps(low, x); } // x if either is NaN
  static Half::V low(V v) { return _mm512_castps512_ps256(v); }
  static I bits(V v) { return _mm512_castps_si512(v); }
  static V from_bits(I i) { return _mm512_castsi512_ps(i); }
  static Wide multiply_wide(I a, uint32_t b) {
    const __m512i factor = _mm512_set1_epi32(static_cast<int32_t>(b));
    const __m512i even = _mm512_mul_epu32(a, factor), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), factor);
    return {_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32)),
            _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd)};
  }
};

} // namespace lanefold::simd
