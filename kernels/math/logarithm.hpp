// log for finite x >= FLT_MIN.  (Softmax calls it on sums of at least 1.)
// x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2);  log(1+f) = f - f^2/2 + f^3 q(f), q minimax of degree 8.
// log of infinity is infinity, and log of NaN is NaN.
#pragma once

#include <cfloat>
#include <initializer_list>

namespace lanefold::math {

template <class S> typename S::V log_normal(typename S::V x) {
  using V = typename S::V;
  using I = typename S::I;
  constexpr int32_t root_half = 0x3f3504f3; // sqrt(1/2)
  const I shifted = S::bits(x) - I(root_half);
  const V e = S::to_float(shifted >> 23);
  const V f = S::from_bits((shifted & I(0x7fffff)) + I(root_half)) - V(1.0f);
  V q = V(0x1.2cb40ep-4f);
  for (const float c : {-0x1.ddb2cep-4f, 0x1.dc75e8p-4f, -0x1.fbbf2ep-4f, 0x1.23de40p-3f, -0x1.556288p-3f,
                        0x1.999d2ap-3f, -0x1.ffffe6p-3f, 0x1.555554p-2f})
    q = S::fma(q, f, V(c));
  const V square = f * f;
  const V low = S::fma(e, V(-0x1.05c610p-29f), S::fma(square * f, q, square * V(-0.5f)));
  const V result = S::fma(e, V(0x1.62e430p-1f), f + low);
  return S::select(x <= V(FLT_MAX), result, x);
}

} // namespace lanefold::math
