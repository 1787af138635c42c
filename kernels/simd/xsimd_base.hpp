// What the backends of all instruction sets share: xsimd's batch of floats, and a few operations built on it.  A backend
// (`Simd`) is a struct of static functions, and kernels are templates over it.  Each backend adds the number of its
// registers, and the operations that xsimd has no portable name for: fma, load_part, store_part, load_bytes (as floats),
// bits, from_bits, multiply_wide, transpose and, with more than four lanes, load_transposed.
#pragma once

#include <kernels/simd/lines.hpp>
#include <kernels/simd/unroll.hpp>

#include <xsimd/xsimd.hpp>

#include <cstdint>

namespace lanefold::simd {

// A constant that fma adds, in memory, in all lanes of a vector of 4.  It needs static storage, because neon.hpp loads it
// by inline assembly.
struct Addend {
  alignas(16) float lanes[4];
  constexpr Addend(float x) : lanes{x, x, x, x} {}
};

template <class Architecture> struct XsimdBase {
  using V = xsimd::batch<float, Architecture>;
  using I = xsimd::batch<int32_t, Architecture>;
  using M = typename V::batch_bool_type;
  static constexpr int width = static_cast<int>(V::size);

  using Half = void; // the backend of half a vector, if kernels should use it: see avx512.hpp
  using Lines = ScaledLines;
  static constexpr int in_lockstep = 1; // vectors that advance together in long functions: see lockstep.hpp
  static constexpr bool software_fma = false;

  // A number by which fma multiplies all lanes.
  using Factor = V;
  static Factor factor(const float *p) { return V(*p); }
  static V addend(const Addend &x) { return V(x.lanes[0]); }

  static V load(const float *p) { return V::load_unaligned(p); }
  static void store(float *p, V v) { v.store_unaligned(p); }
  // Stores past the caches, to an address that is a multiple of the vector's size.  Call end_stream() after the last one.
  static void stream(float *p, V v) { v.store_aligned(p); }
  static void end_stream() {}
  static V broadcast(float x) { return V(x); }
  // Reads v once for all its uses.  Otherwise compilers make it a memory operand of each use.
  [[gnu::always_inline]] static V in_register(V v) {
    typename V::register_type data = v;
#if defined(__aarch64__)
    asm("" : "+w"(data));
#else
    asm("" : "+v"(data));
#endif
    return data;
  }
  static V select(M m, V a, V b) { return xsimd::select(m, a, b); }
  // IEEE division and square root.  A backend for which xsimd estimates them has its own.
  static V divide(V a, V b) { return a / b; }
  static V sqrt(V v) { return xsimd::sqrt(v); }
  static V to_float(I i) { return xsimd::to_float(i); }
  // value, or 0 in lanes where x < least, as signed numbers.
  static I zero_below(I x, I least, I value) { return xsimd::select(x < least, I(0), value); }
  // 0, 1, 2 and so on.
  static I lane_numbers() {
    alignas(64) static constexpr int32_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return I::load_aligned(lane);
  }
  // The two halves of 64-bit products of unsigned numbers.
  struct Wide {
    I low, high;
  };

  // True in lanes 0..count-1.
  static M lanes_below(int count) {
    alignas(64) static constexpr float lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return load(lane) < broadcast(static_cast<float>(count));
  }
};

} // namespace lanefold::simd
