// Slow and plain code that every verification compares with.
#include "reference.hpp"

#include <lanefold/activation.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <new>

namespace lanefold::bench {
namespace {

constexpr size_t line_bytes = 64, line_choices = 1024;
constexpr double selu_scale = 1.0507009873554804934, selu_alpha = 1.6732632423543772848;

// Nine digits tell any two floats apart.
std::string describe(const char *what, size_t index, double value, double expected) {
  char text[128];
  std::snprintf(text, sizeof text, "%s[%zu] is %.9g, not %.9g", what, index, value, expected);
  return text;
}

} // namespace

// The address of the block stands in front of the array, whose bytes begin in the block's second line or later.
void *Place::allocate(size_t bytes) const {
  const size_t line = lines ? (*lines)() % line_choices : 0;
  char *const block =
      static_cast<char *>(::operator new (bytes + (line + 2) * line_bytes, std::align_val_t{line_bytes}));
  char *const array = block + (line + 1) * line_bytes + placement;
  std::memcpy(array - sizeof block, &block, sizeof block);
  return array;
}

void Place::free(void *memory) {
  char *block = nullptr;
  std::memcpy(&block, static_cast<char *>(memory) - sizeof block, sizeof block);
  ::operator delete (block, std::align_val_t{line_bytes});
}

Floats Memory::floats(int64_t count, float value) const {
  return Floats(static_cast<size_t>(count), value, PlacedAllocator<float>(place));
}

Floats random_floats(int64_t count, uint32_t seed, float low, float high, const Place &place) {
  std::mt19937 random(seed);
  Floats values = Memory{place}.floats(count);
  for (float &value : values) value = low + (high - low) * static_cast<float>(random() >> 8) * 0x1p-24f;
  return values;
}

Doubles product(const Doubles &a, bool transposed_a, const Doubles &b, bool transposed_b, int64_t m, int64_t n,
                int64_t k) {
  Doubles c(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p) {
      const double scale = transposed_a ? a[p * m + i] : a[i * k + p];
      for (int64_t j = 0; j < n; ++j) c[i * n + j] += scale * (transposed_b ? b[j * k + p] : b[p * n + j]);
    }
  return c;
}

namespace {

const double pi = std::acos(-1.0);

double logistic(double x) { return 1 / (1 + std::exp(-x)); }
// GELU by tanh is x logistic(gelu_exponent(x)).
double gelu_exponent(double x) { return std::sqrt(8 / pi) * (x + 0.044715 * x * x * x); }
// The derivative of x logistic(f), where df is the derivative of f.
double product_derivative(double x, double f, double df) {
  const double s = logistic(f);
  return s * (1 + x * df * (1 - s));
}

} // namespace

double activate(int32_t activation, double alpha, double x) {
  switch (activation) {
  case LF_RELU: return x > 0 ? x : 0;
  case LF_LEAKY_RELU: return x > 0 ? x : alpha * x;
  case LF_ELU: return x > 0 ? x : alpha * std::expm1(x);
  case LF_SELU: return selu_scale * (x > 0 ? x : selu_alpha * std::expm1(x));
  case LF_TANH: return std::tanh(x);
  case LF_LOGISTIC: return logistic(x);
  case LF_RELU6: return std::min(std::max(x, 0.0), 6.0);
  case LF_SOFTPLUS: return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  case LF_HARD_SIGMOID: return std::min(std::max(alpha * x + 0.5, 0.0), 1.0);
  case LF_SILU: return x * logistic(x);
  case LF_HARD_SWISH: return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
  case LF_GELU: return x * std::erfc(-x * std::sqrt(0.5)) / 2;
  case LF_GELU_TANH: return x * logistic(gelu_exponent(x));
  default: return x;
  }
}

double derivative(int32_t activation, double alpha, double y) {
  const double x = y;
  switch (activation) {
  case LF_RELU: return y > 0 ? 1 : 0;
  case LF_LEAKY_RELU: return y > 0 ? 1 : alpha;
  case LF_ELU: return y > 0 ? 1 : y + alpha;
  case LF_SELU: return y > 0 ? selu_scale : y + selu_scale * selu_alpha;
  case LF_TANH: return 1 - y * y;
  case LF_LOGISTIC: return y * (1 - y);
  case LF_RELU6: return y > 0 && y < 6 ? 1 : 0;
  case LF_SOFTPLUS: return -std::expm1(-y);
  case LF_HARD_SIGMOID: return y > 0 && y < 1 ? alpha : 0;
  case LF_SILU: return product_derivative(x, x, 1);
  case LF_HARD_SWISH: return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
  case LF_GELU: return std::erfc(-x * std::sqrt(0.5)) / 2 + x * std::exp(-x * x / 2) / std::sqrt(2 * pi);
  case LF_GELU_TANH: return product_derivative(x, gelu_exponent(x), std::sqrt(8 / pi) * (1 + 3 * 0.044715 * x * x));
  default: return 1;
  }
}

Doubles Norm::forward(const Doubles &x, bool training) {
  const size_t n = gamma.size();
  const double rows = static_cast<double>(x.size() / n);
  if (training) {
    mean.assign(n, 0);
    variance.assign(n, 0);
    for (size_t i = 0; i < x.size(); ++i) mean[i % n] += x[i] / rows;
    for (size_t i = 0; i < x.size(); ++i) variance[i % n] += (x[i] - mean[i % n]) * (x[i] - mean[i % n]) / rows;
  }
  Doubles y(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = (x[i] - mean[i % n]) / std::sqrt(variance[i % n] + eps) * gamma[i % n] + beta[i % n];
  return y;
}

Doubles Norm::backward(const Doubles &x, const Doubles &dy, Doubles &dgamma, Doubles &dbeta) const {
  const size_t n = gamma.size();
  const double rows = static_cast<double>(x.size() / n);
  const auto xhat = [&](size_t i) { return (x[i] - mean[i % n]) / std::sqrt(variance[i % n] + eps); };
  dgamma.assign(n, 0);
  dbeta.assign(n, 0);
  for (size_t i = 0; i < x.size(); ++i) {
    dgamma[i % n] += dy[i] * xhat(i);
    dbeta[i % n] += dy[i];
  }
  Doubles dx(x.size());
  for (size_t i = 0; i < x.size(); ++i)
    dx[i] = gamma[i % n] / std::sqrt(variance[i % n] + eps) *
            (dy[i] - dbeta[i % n] / rows - xhat(i) * dgamma[i % n] / rows);
  return dx;
}

std::string find_mismatch(const char *what, const Floats &values, const Doubles &expected, int64_t terms) {
  if (values.size() != expected.size()) return std::string(what) + " has the wrong size";
  double largest = 0;
  for (const double value : expected) largest = std::max(largest, std::fabs(value));
  const double tolerance = static_cast<double>(terms) * 0x1p-24 * largest;
  for (size_t i = 0; i < expected.size(); ++i)
    if (!(std::fabs(values[i] - expected[i]) <= tolerance)) return describe(what, i, values[i], expected[i]);
  return "";
}

std::string find_bit_mismatch(const char *what, const Floats &values, const Floats &expected) {
  if (values.size() != expected.size()) return std::string(what) + " has the wrong size";
  for (size_t i = 0; i < expected.size(); ++i)
    if (std::memcmp(&values[i], &expected[i], sizeof(float)) != 0) return describe(what, i, values[i], expected[i]);
  return "";
}

} // namespace lanefold::bench
