// A backend that applies each operation of another backend to several vectors in turn.  A function of a dozen dependent
// operations leaves the execution units idle unless several vectors are under way.  A CPU finds the next vector by itself
// only if it looks far enough ahead.
#pragma once

#include <kernels/simd/unroll.hpp>
#include <kernels/simd/xsimd_base.hpp>

#include <type_traits>

namespace lanefold::simd {

// Count vectors, masks or vectors of integers.
template <class T, int Count> struct Together {
  T parts[Count];

  Together() = default;
  template <class Scalar>
  requires std::is_arithmetic_v<Scalar>
  explicit Together(Scalar x) {
    for (T &part : parts) part = T(x);
  }

  template <class Operation> [[gnu::always_inline]] static Together each(const Operation &operation) {
    Together result;
    LANEFOLD_UNROLL for (int i = 0; i < Count; ++i) result.parts[i] = operation(i);
    return result;
  }

  [[gnu::always_inline]] friend Together operator+(const Together &a, const Together &b) {
    return each([&](int i) { return a.parts[i] + b.parts[i]; });
  }
  [[gnu::always_inline]] friend Together operator-(const Together &a, const Together &b) {
    return each([&](int i) { return a.parts[i] - b.parts[i]; });
  }
  [[gnu::always_inline]] friend Together operator*(const Together &a, const Together &b) {
    return each([&](int i) { return a.parts[i] * b.parts[i]; });
  }
  [[gnu::always_inline]] friend Together operator&(const Together &a, const Together &b) {
    return each([&](int i) { return a.parts[i] & b.parts[i]; });
  }
  [[gnu::always_inline]] friend Together operator|(const Together &a, const Together &b) {
    return each([&](int i) { return a.parts[i] | b.parts[i]; });
  }
  [[gnu::always_inline]] friend Together operator<<(const Together &a, int bits) {
    return each([&](int i) { return a.parts[i] << bits; });
  }
  [[gnu::always_inline]] friend auto operator<(const Together &a, const Together &b) {
    return Together<decltype(a.parts[0] < b.parts[0]), Count>::each([&](int i) { return a.parts[i] < b.parts[i]; });
  }
  [[gnu::always_inline]] friend auto operator<=(const Together &a, const Together &b) {
    return Together<decltype(a.parts[0] <= b.parts[0]), Count>::each([&](int i) { return a.parts[i] <= b.parts[i]; });
  }
};

template <class S, int Count> struct Lockstep {
  using V = Together<typename S::V, Count>;
  using I = Together<typename S::I, Count>;
  using M = Together<typename S::M, Count>;

  [[gnu::always_inline]] static V fma(const V &a, const V &b, const V &c) {
    return V::each([&](int i) { return S::fma(a.parts[i], b.parts[i], c.parts[i]); });
  }
  [[gnu::always_inline]] static V addend(const Addend &x) {
    return V::each([&](int) { return S::addend(x); });
  }
  [[gnu::always_inline]] static V select(const M &m, const V &a, const V &b) {
    return V::each([&](int i) { return S::select(m.parts[i], a.parts[i], b.parts[i]); });
  }
  [[gnu::always_inline]] static V at_least(const V &x, const V &low) {
    return V::each([&](int i) { return S::at_least(x.parts[i], low.parts[i]); });
  }
  [[gnu::always_inline]] static V divide(const V &a, const V &b) {
    return V::each([&](int i) { return S::divide(a.parts[i], b.parts[i]); });
  }
  [[gnu::always_inline]] static I bits(const V &v) {
    return I::each([&](int i) { return S::bits(v.parts[i]); });
  }
  [[gnu::always_inline]] static V from_bits(const I &x) {
    return V::each([&](int i) { return S::from_bits(x.parts[i]); });
  }
};

} // namespace lanefold::simd
