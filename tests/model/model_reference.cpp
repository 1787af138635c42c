// The formulas of include/lanefold/activation.h, layer by layer.
#include "model_reference.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lanefold::test {

namespace {

double activated(int32_t activation, double alpha, double x) {
  const auto logistic = [](double z) { return 1 / (1 + std::exp(-z)); };
  switch (activation) {
  case LF_IDENTITY: return x;
  case LF_RELU: return std::max(x, 0.0);
  case LF_LEAKY_RELU: return x > 0 ? x : alpha * x;
  case LF_ELU: return x > 0 ? x : alpha * std::expm1(x);
  case LF_SELU: return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x));
  case LF_TANH: return std::tanh(x);
  case LF_LOGISTIC: return logistic(x);
  case LF_RELU6: return std::clamp(x, 0.0, 6.0);
  case LF_SOFTPLUS: return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
  case LF_HARD_SIGMOID: return std::clamp(alpha * x + 0.5, 0.0, 1.0);
  case LF_SILU: return x * logistic(x);
  case LF_HARD_SWISH: return x * std::clamp(x + 3, 0.0, 6.0) / 6;
  case LF_GELU: return x * std::erfc(-x / std::numbers::sqrt2) / 2;
  default: return x * logistic(2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x));
  }
}

std::vector<double> outputs_of(const model::Layer &layer, const std::vector<double> &x) {
  const auto k = static_cast<size_t>(layer.k), n = static_cast<size_t>(layer.n);
  std::vector<double> y = layer.has_product() ? std::vector<double>(n) : x;
  if (layer.has_product()) {
    const float *w = layer.w.floats();
    for (size_t i = 0; i < k; ++i)
      for (size_t j = 0; j < n; ++j) y[j] += x[i] * w[layer.transposed ? j * k + i : i * n + j];
  }
  for (size_t j = 0; j < n; ++j) {
    if (!layer.bias.empty()) y[j] += layer.bias.floats()[j];
    if (layer.norm) {
      const model::Norm &norm = *layer.norm;
      y[j] = norm.gamma.floats()[j] * (y[j] - norm.mean.floats()[j]) /
                 std::sqrt(norm.var.floats()[j] + static_cast<double>(norm.eps)) +
             norm.beta.floats()[j];
    }
    y[j] = activated(layer.activation, layer.alpha, y[j]);
  }
  return y;
}

void softmax(std::vector<double> &y, bool is_logarithm) {
  const double most = *std::max_element(y.begin(), y.end());
  double sum = 0;
  for (const double value : y) sum += std::exp(value - most);
  for (double &value : y) value = is_logarithm ? value - most - std::log(sum) : std::exp(value - most) / sum;
}

} // namespace

std::vector<double> evaluate(const model::Model &model, std::vector<double> x, int64_t rows) {
  std::vector<double> result;
  const auto features = static_cast<size_t>(model.features);
  for (size_t i = 0; i < static_cast<size_t>(rows); ++i) {
    std::vector<double> y(x.begin() + static_cast<int64_t>(i * features),
                          x.begin() + static_cast<int64_t>((i + 1) * features));
    for (const model::Layer &layer : model.layers) y = outputs_of(layer, y);
    if (model.output != 0) softmax(y, model.output == 2);
    result.insert(result.end(), y.begin(), y.end());
  }
  return result;
}

} // namespace lanefold::test
