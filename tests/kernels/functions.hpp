// The functions that the numeric contract fixes, as one instruction set computes them.
#pragma once

#include <cstdint>

namespace lanefold::test {

enum class Function {
  exp,
  expm1,
  log,
  elu,
  selu,
  tanh,
  logistic,
  softplus,
  silu,
  hard_swish,
  gelu,
  gelu_tanh,
  cross_entropy_0, // the logistic cross-entropy for the target 0
  cross_entropy_1  // and for the target 1
};

// y[j] = f(x[j]) for n elements, a multiple of 16.
void apply(Function function, const float *x, float *y, int64_t n);

} // namespace lanefold::test
