// NEON on AArch64: 4 lanes; tails are loaded and stored lane by lane.
#pragma once

#include <kernels/simd/xsimd_base.hpp>

#include <arm_neon.h>
#include <cstring>

namespace lanefold::simd {

struct Neon : XsimdBase<xsimd::neon64> {
  static constexpr int registers = 32;
  using Lines = OffsetLines;
  static constexpr int in_lockstep = 2;

  // Lane 0, which fmla takes as it is.  A load to all lanes would also occupy the vector units, which multiply; compilers
  // choose it nevertheless.
  using Factor = float32x2_t;
  static Factor factor(const float *p) {
    Factor x;
    asm volatile("ldr %s0, %1" : "=w"(x) : "m"(*p)); // keeping it for a second use would take too many registers
    return x;
  }
  static V fma(Factor a, V b, V c) { return vfmaq_lane_f32(c, b, a, 0); }

  // Loaded again for each fma, which overwrites its addend.  A copy of a register would occupy the vector units, too.
  static V addend(const Addend &x) {
    float32x4_t v;
    asm volatile("ldr %q0, [%1]" : "=w"(v) : "r"(&x)); // not a memory operand, because x is constant
    return v;
  }

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
  static V load_bytes(const uint8_t *p) {
    uint32_t bytes;
    std::memcpy(&bytes, p, sizeof bytes);
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes)))));
  }
  static V fma(V a, V b, V c) { return vfmaq_f32(c, a, b); }
  static V at_least(V x, V low) { return vmaxq_f32(x, low); }
  static V divide(V a, V b) { return vdivq_f32(a, b); }
  static V sqrt(V v) { return vsqrtq_f32(v); }
  static I bits(V v) { return vreinterpretq_s32_f32(v); }
  static V from_bits(I i) { return vreinterpretq_f32_s32(i); }
  static Wide multiply_wide(I a, uint32_t b) {
    const uint32x4_t x = vreinterpretq_u32_s32(a), factor = vdupq_n_u32(b);
    const uint32x4_t first = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(x), vget_low_u32(factor)));
    const uint32x4_t last = vreinterpretq_u32_u64(vmull_high_u32(x, factor));
    return {vreinterpretq_s32_u32(vuzp1q_u32(first, last)), vreinterpretq_s32_u32(vuzp2q_u32(first, last))};
  }
  static void transpose(V (&rows)[4]) {
    const V a = vtrn1q_f32(rows[0], rows[1]), b = vtrn2q_f32(rows[0], rows[1]);
    const V c = vtrn1q_f32(rows[2], rows[3]), d = vtrn2q_f32(rows[2], rows[3]);
    const auto low = [](float32x4_t a, float32x4_t b) {
      return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
    };
    const auto high = [](float32x4_t a, float32x4_t b) {
      return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
    };
    rows[0] = low(a, c), rows[1] = low(b, d), rows[2] = high(a, c), rows[3] = high(b, d);
  }
};

} // namespace lanefold::simd
