// NEON on AArch64: 4 lanes, tails lane by lane.
#pragma once

#include <kernels/simd/xsimd_base.hpp>

#include <arm_neon.h>

namespace lanefold::simd {

struct Neon : XsimdBase<xsimd::neon64> {
  static constexpr int registers = 32;

  static V load_part(const float *p, int count) {
    if (count == width) return load(p);
    float32x4_t v = vdupq_n_f32(0.0f);
    if (count > 0) v = vld1q_lane_f32(p, v, 0);
    if (count > 1) v = vld1q_lane_f32(p + 1, v, 1);
    if (count > 2) v = vld1q_lane_f32(p + 2, v, 2);
    return v;
  }
  static void store_part(float *p, V v, int count) {
    if (count == width) return store(p, v);
    if (count > 0) vst1q_lane_f32(p, v, 0);
    if (count > 1) vst1q_lane_f32(p + 1, v, 1);
    if (count > 2) vst1q_lane_f32(p + 2, v, 2);
  }
  static V fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
  static V at_least(V x, V low) { return vmaxq_f32(x, low); }
  static V divide(V a, V b) { return vdivq_f32(a, b); }
  static V sqrt(V v) { return vsqrtq_f32(v); }
  static I bits(V v) { return vreinterpretq_s32_f32(v); }
  static V from_bits(I i) { return vreinterpretq_f32_s32(i); }
  static void transpose(V (&rows)[4]) {
    const float32x4x2_t a = vtrnq_f32(rows[0], rows[1]), b = vtrnq_f32(rows[2], rows[3]);
    rows[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    rows[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    rows[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    rows[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
  }
};

} // namespace lanefold::simd
