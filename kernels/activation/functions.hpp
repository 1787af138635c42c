// The activations: the value from x, and the derivative, from y or from x.  Every kernel that takes an activation uses
// this list.
#pragma once

#include <kernels/math/gelu.hpp>
#include <kernels/math/sigmoid.hpp>
#include <kernels/simd/lockstep.hpp>

#include <lanefold/activation.h>

#include <type_traits>

namespace lanefold::activation {

// Whether derivative() takes the input x of the activation instead of its output y.
template <class Activation> inline constexpr bool derives_from_input = requires { Activation::from_input; };

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

struct Relu6 {
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const {
    using V = typename S::V;
    return S::select(V(6.0f) <= x, V(6.0f), S::select(x <= V(0.0f), V(0.0f), x));
  }
  template <class S> typename S::V derivative(typename S::V y) const {
    return S::select(y < typename S::V(6.0f), step<S>(y, 0.0f, 1.0f), step<S>(y, 0.0f, 0.0f)); // NaN stays
  }
};

struct Softplus {
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const { return math::softplus<S>(x); }
  // 1 - exp(-y), which is logistic(x).
  template <class S> typename S::V derivative(typename S::V y) const {
    using V = typename S::V;
    return V(0.0f) - math::expm1_nonpositive<S>(V(0.0f) - y);
  }
};

struct HardSigmoid {
  float alpha;
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const {
    using V = typename S::V;
    const V line = S::fma(V(alpha), x, V(0.5f));
    return S::select(V(1.0f) <= line, V(1.0f), S::select(line <= V(0.0f), V(0.0f), line));
  }
  template <class S> typename S::V derivative(typename S::V y) const {
    return S::select(y < typename S::V(1.0f), step<S>(y, 0.0f, alpha), step<S>(y, 0.0f, 0.0f));
  }
};

struct Silu {
  static constexpr bool from_input = true;
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const { return math::silu<S>(x); }
  template <class S> typename S::V derivative(typename S::V x) const { return math::silu_derivative<S>(x); }
};

struct HardSwish {
  static constexpr bool from_input = true;
  // x min(max(x + 3, 0), 6) / 6, with a quotient that is rounded once.
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const {
    using V = typename S::V;
    const V product = x * (x + V(3.0f)), q = product * V(0x1.555556p-3f);
    const V y = S::fma(S::fma(q, V(-6.0f), product), V(0x1.555556p-3f), q);
    return math::with_sign_of<S>(S::select(V(3.0f) <= x, x, S::select(x <= V(-3.0f), V(0.0f), y)), x);
  }
  template <class S> typename S::V derivative(typename S::V x) const {
    using V = typename S::V;
    const V inside = S::fma(x, V(0x1.555556p-2f), V(0.5f));
    return S::select(V(3.0f) <= x, V(1.0f), S::select(x <= V(-3.0f), V(0.0f), inside));
  }
};

struct Gelu {
  static constexpr bool from_input = true;
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const { return math::gelu<S>(x); }
  template <class S> typename S::V derivative(typename S::V x) const { return math::gelu_derivative<S>(x); }
};

struct GeluTanh {
  static constexpr bool from_input = true;
  template <class S> [[gnu::always_inline]] typename S::V value(typename S::V x) const { return math::gelu_tanh<S>(x); }
  template <class S> typename S::V derivative(typename S::V x) const { return math::gelu_tanh_derivative<S>(x); }
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
  case LF_RELU6: return body(Relu6{});
  case LF_SOFTPLUS: return body(Softplus{});
  case LF_HARD_SIGMOID: return body(HardSigmoid{alpha});
  case LF_SILU: return body(Silu{});
  case LF_HARD_SWISH: return body(HardSwish{});
  case LF_GELU: return body(Gelu{});
  case LF_GELU_TANH: return body(GeluTanh{});
  default: return body(Identity{});
  }
}

} // namespace lanefold::activation
