// Walks along a row in vectors: several at a time, to hide latency, then half as many, down to one, then the tail.
#pragma once

#include <kernels/simd/unroll.hpp>

#include <cstdint>

namespace lanefold::simd {

// Count vectors at columns first...  If Whole is false, the last one has only its first `part` lanes.
template <class S, int Count, bool Whole> struct Columns {
  using V = typename S::V;
  static constexpr int count = Count;
  int64_t first;
  int part;

  V load(const float *row, int v) const {
    const float *p = row + first + v * S::width;
    return Whole ? S::load(p) : S::load_part(p, part);
  }
  void store(float *row, int v, V value) const {
    float *p = row + first + v * S::width;
    if constexpr (Whole) S::store(p, value);
    else S::store_part(p, value, part);
  }
};

// On x86, a body that is passed by value stalls on its way through memory, so the walk is inlined.  On AArch64, its
// loops would then share a function and spill, which tests/arm/bounds.py notices.
#ifdef __aarch64__
#define LANEFOLD_WALK
#else
#define LANEFOLD_WALK [[gnu::always_inline]] inline
#endif

// Calls body(Columns) until columns begin..end-1 are covered.  What the body captures by value stays in registers, because
// no store of its own can change it.
template <class S, int Most, class Body> LANEFOLD_WALK void for_columns(int64_t begin, int64_t end, const Body body) {
  // A fused multiply-add in software takes longer than several vectors could hide, and would make their code large.
  if constexpr (S::software_fma && Most > 1) return for_columns<S, 1>(begin, end, body);
  for (const int64_t last = end - Most * S::width; begin <= last; begin += Most * S::width)
    body(Columns<S, Most, true>{begin, S::width});
  if constexpr (Most > 1) for_columns<S, Most / 2>(begin, end, body);
  else if (begin < end) body(Columns<S, 1, false>{begin, static_cast<int>(end - begin)});
}

#undef LANEFOLD_WALK

} // namespace lanefold::simd
