// SSE2, the x86-64 baseline: 4 lanes.  Where the compiler may use no FMA instruction, software computes a correct one.
#pragma once

#include <kernels/simd/xsimd_base.hpp>

#include <cfloat>
#include <cstring>
#include <immintrin.h>

namespace lanefold::simd {

struct Sse2 : XsimdBase<xsimd::sse2> {
  static constexpr int registers = 16;
#ifndef __FMA__
  static constexpr bool software_fma = true;
#endif

  // By an integer type that may alias floats and need not be aligned.
  static __m128 load_pair(const float *p) {
    return _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i_u *>(p)));
  }
  static void store_pair(float *p, __m128 v) {
    _mm_storel_epi64(reinterpret_cast<__m128i_u *>(p), _mm_castps_si128(v));
  }
  static V load_part(const float *p, int count) {
    switch (count) {
    case 0: return _mm_setzero_ps();
    case 1: return _mm_load_ss(p);
    case 2: return load_pair(p);
    case 3: return _mm_movelh_ps(load_pair(p), _mm_load_ss(p + 2));
    default: return load(p);
    }
  }
  static void store_part(float *p, V v, int count) {
    switch (count) {
    case 0: return;
    case 1: return _mm_store_ss(p, v);
    case 2: return store_pair(p, v);
    case 3: store_pair(p, v); return _mm_store_ss(p + 2, _mm_movehl_ps(v, v));
    default: return store(p, v);
    }
  }
  static V load_bytes(const uint8_t *p) {
    int32_t bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    const __m128i zero = _mm_setzero_si128(), words = _mm_unpacklo_epi8(_mm_cvtsi32_si128(bytes), zero);
    return _mm_cvtepi32_ps(_mm_unpacklo_epi16(words, zero));
  }
  static void stream(float *p, V v) { _mm_stream_ps(p, v); }
  static void end_stream() { _mm_sfence(); }
  static V at_least(V x, V low) { return _mm_max_ps(low, x); } // x if either is NaN
  static I bits(V v) { return _mm_castps_si128(v); }
  static V from_bits(I i) { return _mm_castsi128_ps(i); }
  static Wide multiply_wide(I a, uint32_t b) {
    const __m128i factor = _mm_set1_epi32(static_cast<int32_t>(b)), low_half = _mm_set1_epi64x(0xffffffff);
    const __m128i even = _mm_mul_epu32(a, factor), odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), factor);
    return {_mm_or_si128(_mm_and_si128(even, low_half), _mm_slli_epi64(odd, 32)),
            _mm_or_si128(_mm_srli_epi64(even, 32), _mm_andnot_si128(low_half, odd))};
  }
  static void transpose(V (&rows)[4]) {
    __m128 a = rows[0], b = rows[1], c = rows[2], d = rows[3];
    _MM_TRANSPOSE4_PS(a, b, c, d);
    rows[0] = a, rows[1] = b, rows[2] = c, rows[3] = d;
  }

#ifdef __FMA__
  static V fma(V a, V b, V c) { return _mm_fmadd_ps(a, b, c); }
#else
  // In double, the product of two floats is exact, so a * b + c is rounded twice: to double, then to float.  That differs
  // from one rounding only if the double lies half-way between two floats (its low 29 bits are 1 0...0), or if the float
  // is subnormal and has fewer bits.  Both are rare, and fma_rounded_once handles them.  A float of 0 is right, because a
  // sum that small of a float and a product of two floats is exact in double.
  static V fma(V a, V b, V c) {
    const __m128d low = add_product(a, b, c);
    const __m128d high = add_product(_mm_movehl_ps(a, a), _mm_movehl_ps(b, b), _mm_movehl_ps(c, c));
    const __m128 r = _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
    const __m128i last = _mm_castps_si128(_mm_shuffle_ps(_mm_castpd_ps(low), _mm_castpd_ps(high), 0x88));
    const __m128i half = _mm_cmpeq_epi32(_mm_and_si128(last, _mm_set1_epi32(0x1fffffff)), _mm_set1_epi32(0x10000000));
    const __m128 tiny = _mm_and_ps(_mm_cmple_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), r), _mm_set1_ps(FLT_MIN)),
                                   _mm_cmpneq_ps(r, _mm_setzero_ps()));
    if (__builtin_expect(_mm_movemask_ps(_mm_or_ps(tiny, _mm_castsi128_ps(half))), 0)) return fma_rounded_once(a, b, c);
    return r;
  }

private:
  static __m128d add_product(__m128 a, __m128 b, __m128 c) {
    return _mm_add_pd(_mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)), _mm_cvtps_pd(c));
  }

  // Boldo and Melquiond 2008: rounding the sum to odd in double, then to nearest in float, equals one rounding.
  static __m128 round_to_odd(__m128 a, __m128 b, __m128 c) {
    const __m128d p = _mm_mul_pd(_mm_cvtps_pd(a), _mm_cvtps_pd(b)), d = _mm_cvtps_pd(c);
    const __m128d s = _mm_add_pd(p, d), t = _mm_sub_pd(s, p);
    const __m128d error = _mm_add_pd(_mm_sub_pd(p, _mm_sub_pd(s, t)), _mm_sub_pd(d, t)); // exact (Knuth's TwoSum)
    const __m128d magnitude = _mm_andnot_pd(_mm_set1_pd(-0.0), s);
    const __m128d inexact =
        _mm_and_pd(_mm_cmpneq_pd(error, _mm_setzero_pd()), _mm_cmplt_pd(magnitude, _mm_set1_pd(__builtin_inf())));
    const __m128i sign = _mm_srai_epi32(_mm_castpd_si128(_mm_xor_pd(error, s)), 31);
    const __m128i too_far =
        _mm_and_si128(_mm_shuffle_epi32(sign, 0xf5), _mm_castpd_si128(inexact)); // -1 where |s| > |sum|
    const __m128i odd = _mm_srli_epi64(_mm_castpd_si128(inexact), 63);
    const __m128i truncated = _mm_add_epi64(_mm_castpd_si128(s), too_far);
    return _mm_cvtpd_ps(_mm_castsi128_pd(_mm_or_si128(truncated, odd)));
  }
  __attribute__((noinline, cold)) static __m128 fma_rounded_once(__m128 a, __m128 b, __m128 c) {
    return _mm_movelh_ps(round_to_odd(a, b, c),
                         round_to_odd(_mm_movehl_ps(a, a), _mm_movehl_ps(b, b), _mm_movehl_ps(c, c)));
  }
#endif
};

} // namespace lanefold::simd
