// The functions of the kernels on one instruction set, each by itself.
#include LANEFOLD_PLUGIN_TILE

#include "functions.hpp"

#include <kernels/activation/functions.hpp>
#include <kernels/loss/elementwise.hpp>
#include <kernels/math/logarithm.hpp>

namespace lanefold::test {
namespace {

using S = PluginTile::Simd;

template <class F> void apply_to_all(const float *x, float *y, int64_t n, const F &f) {
  for (int64_t j = 0; j < n; j += S::width) S::store(y + j, f(S::load(x + j)));
}

} // namespace

void apply(Function function, const float *x, float *y, int64_t n) {
  using V = S::V;
  switch (function) {
  case Function::exp: return apply_to_all(x, y, n, [](V v) { return math::exp_nonpositive<S>(v); });
  case Function::expm1: return apply_to_all(x, y, n, [](V v) { return math::expm1_nonpositive<S>(v); });
  case Function::log: return apply_to_all(x, y, n, [](V v) { return math::log_normal<S>(v); });
  case Function::elu: return apply_to_all(x, y, n, [](V v) { return activation::Elu{1.0f}.value<S>(v); });
  case Function::selu: return apply_to_all(x, y, n, [](V v) { return activation::Selu{}.value<S>(v); });
  case Function::tanh: return apply_to_all(x, y, n, [](V v) { return math::tanh<S>(v); });
  case Function::logistic: return apply_to_all(x, y, n, [](V v) { return math::logistic<S>(v); });
  case Function::softplus: return apply_to_all(x, y, n, [](V v) { return math::softplus<S>(v); });
  case Function::silu: return apply_to_all(x, y, n, [](V v) { return math::silu<S>(v); });
  case Function::hard_swish: return apply_to_all(x, y, n, [](V v) { return activation::HardSwish{}.value<S>(v); });
  case Function::gelu: return apply_to_all(x, y, n, [](V v) { return math::gelu<S>(v); });
  case Function::gelu_tanh: return apply_to_all(x, y, n, [](V v) { return math::gelu_tanh<S>(v); });
  case Function::cross_entropy_0:
    return apply_to_all(x, y, n, [](V v) { return loss::LogisticCrossEntropy{}.value<S>(v, V(0.0f)); });
  case Function::cross_entropy_1:
    return apply_to_all(x, y, n, [](V v) { return loss::LogisticCrossEntropy{}.value<S>(v, V(1.0f)); });
  }
}

} // namespace lanefold::test
