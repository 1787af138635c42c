// The activations: the value from x, and the derivative from y.  Every kernel that takes an activation uses this list.
#pragma once

#include <kernels/math/sigmoid.hpp>
#include <kernels/simd/lockstep.hpp>

#include <lanefold/activation.h>

#include <type_traits>

namespace lanefold::activation {

struct Identity {
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const { return x; }
  template <class S> typename S::V derivative(typename S::V) const { return typename S::V(1.0f); }
};

// `high` for y > 0, `low` for y <= 0, NaN where y is NaN.
template <class S> typename S::V step(typename S::V y, float low, float high) {
  using V = typename S::V;
  return S::select(y > V(0.0f), V(high), S::select(y <= V(0.0f), V(low), y));
}

struct Relu {
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const {
    return S::select(x <= typename S::V(0.0f), typename S::V(0.0f), x);
  }
  template <class S> typename S::V derivative(typename S::V y) const { return step<S>(y, 0.0f, 1.0f); }
};

struct LeakyRelu {
  float alpha;
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const {
    using V = typename S::V;
    return S::select(x < V(0.0f), x * V(alpha), x);
  }
  template <class S> typename S::V derivative(typename S::V y) const { return step<S>(y, alpha, 1.0f); }
};

struct Elu {
  float alpha;
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const {
    using V = typename S::V;
    return S::select(x < V(0.0f), V(alpha) * math::expm1_nonpositive<S>(x), x);
  }
  template <class S> typename S::V derivative(typename S::V y) const {
    using V = typename S::V;
    return S::select(y > V(0.0f), V(1.0f), y + V(alpha));
  }
};

struct Selu {
  static constexpr float lambda = 1.05070098735548049342f;
  static constexpr float lambda_alpha = 1.75809934084737685994f;
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const {
    using V = typename S::V;
    return S::select(x < V(0.0f), V(lambda_alpha) * math::expm1_nonpositive<S>(x), V(lambda) * x);
  }
  template <class S> typename S::V derivative(typename S::V y) const {
    using V = typename S::V;
    return S::select(y > V(0.0f), V(lambda), y + V(lambda_alpha));
  }
};

struct Tanh {
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const { return math::tanh<S>(x); }
  template <class S> typename S::V derivative(typename S::V y) const {
    return S::fma(typename S::V(0.0f) - y, y, typename S::V(1.0f));
  }
};

struct Logistic {
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const { return math::logistic<S>(x); }
  template <class S> typename S::V derivative(typename S::V y) const { return y * (typename S::V(1.0f) - y); }
};

template <class Activation> Activation make([[maybe_unused]] float alpha) {
  if constexpr (std::is_empty_v<Activation>) return {};
  else return {alpha};
}

// store(i, act(load(i))) for each i below Count.
template <class S, int Count, class Activation, class Load, class Store>
[[gnu::always_inline]] inline void map(const Activation &act, const Load &load, const Store &store) {
  constexpr int together = Count < S::in_lockstep ? Count : S::in_lockstep;
  static_assert(Count % together == 0);
  LANEFOLD_UNROLL
  for (int first = 0; first < Count; first += together) {
    if constexpr (together == 1) {
      store(first, act.template value<S>(load(first)));
    } else {
      using Group = simd::Lockstep<S, together>;
      const auto y = act.template value<Group>(Group::V::each([&](int i) { return load(first + i); }));
      LANEFOLD_UNROLL
      for (int i = 0; i < together; ++i) store(first + i, y.parts[i]);
    }
  }
}

// Calls body with the activation that the code names.  The library has checked the code.
template <class Body> auto with(int32_t code, float alpha, const Body &body) {
  switch (code) {
  case LF_RELU: return body(Relu{});
  case LF_LEAKY_RELU: return body(LeakyRelu{alpha});
  case LF_ELU: return body(Elu{alpha});
  case LF_SELU: return body(Selu{});
  case LF_TANH: return body(Tanh{});
  case LF_LOGISTIC: return body(Logistic{});
  default: return body(Identity{});
  }
}

} // namespace lanefold::activation
