// What holds of every model, whatever its format.
#include "model/model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

namespace lanefold::model {
namespace {

[[noreturn]] void fail(const std::string &message) { throw ModelError(message); }

std::string number_text(float value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
  return text;
}

// Every value must be finite, and a variance must not be negative.
void check_values(const Tensor &tensor, const std::string &name, bool is_variance) {
  constexpr int64_t most = 1024; // floats that are read at a time
  constexpr int32_t infinity = 0x7f800000;
  for (int64_t first = 0; first < tensor.count(); first += most) {
    float values[most] = {};
    const int64_t count = std::min(most, tensor.count() - first);
    tensor.read(first, count, values);
    int32_t largest = 0; // of the bits without signs, in a loop of a constant length, which the compiler vectorizes
    for (const float value : values) largest = std::max(largest, std::bit_cast<int32_t>(value) & 0x7fffffff);
    for (int64_t i = 0; (is_variance || largest >= infinity) && i < count; ++i)
      if (!std::isfinite(values[i]) || (is_variance && values[i] < 0))
        fail(name + " holds the " + (is_variance ? "variance " : "value ") + number_text(values[i]) + " at index " +
             std::to_string(first + i) +
             (is_variance ? "; expected finite numbers, at least 0" : "; expected finite numbers"));
  }
}

void check_vector(const Tensor &tensor, int64_t n, const std::string &name, bool is_variance = false) {
  if (tensor.count() != n) fail(name + " has the shape " + text_of(tensor.shape()) + "; expected " + std::to_string(n));
  check_values(tensor, name, is_variance);
}

void check_layer(const Layer &layer, int64_t inputs) {
  const std::string &name = layer.name;
  if (layer.k < 1 || layer.n < 1 || layer.k > most_units || layer.n > most_units)
    fail(name + " has " + std::to_string(layer.k) + " inputs and " + std::to_string(layer.n) +
         " outputs; expected 1 to " + std::to_string(most_units));
  if (layer.k != inputs)
    fail(name + " has " + std::to_string(layer.k) + " inputs, but what comes before it has " + std::to_string(inputs) +
         " outputs");
  if (!layer.has_product() && layer.k != layer.n)
    fail(name + " has no weights, but " + std::to_string(layer.k) + " inputs and " + std::to_string(layer.n) +
         " outputs; expected equal numbers");
  if (layer.has_product()) {
    if (layer.w.count() != layer.k * layer.n)
      fail(name + ": the weights have the shape " + text_of(layer.w.shape()) + "; expected " +
           text_of({layer.k, layer.n}));
    check_values(layer.w, name + ".w", false);
  }
  if (!layer.bias.empty()) check_vector(layer.bias, layer.n, name + ".bias");
  if (layer.activation < 0 || layer.activation >= LF_ACTIVATION_COUNT)
    fail(name + " has the activation " + std::to_string(layer.activation) + "; expected 0 to " +
         std::to_string(LF_ACTIVATION_COUNT - 1));
  if (!(layer.alpha >= 0) || !std::isfinite(layer.alpha))
    fail(name + " has alpha " + number_text(layer.alpha) + "; expected a finite number, at least 0");
  if (!layer.norm) return;
  const Norm &norm = *layer.norm;
  if (!(norm.eps > 0) || !std::isfinite(norm.eps))
    fail(name + " has eps " + number_text(norm.eps) + "; expected a finite number above 0");
  if (!(norm.momentum >= 0 && norm.momentum <= 1))
    fail(name + " has momentum " + number_text(norm.momentum) + "; expected 0 to 1");
  check_vector(norm.gamma, layer.n, name + ".gamma");
  check_vector(norm.beta, layer.n, name + ".beta");
  check_vector(norm.mean, layer.n, name + ".running_mean");
  check_vector(norm.var, layer.n, name + ".running_var", true);
}

} // namespace

std::string one_line(std::string text) {
  constexpr size_t most = 1500;
  for (char &c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end; // not within a UTF-8 character
  return text.substr(0, end) + "...";
}

Norm affine(const std::vector<double> &scale, const std::vector<double> &shift) {
  const auto n = static_cast<int64_t>(scale.size());
  std::vector<float> gamma, beta, mean;
  for (size_t j = 0; j < scale.size(); ++j) {
    gamma.push_back(static_cast<float>(scale[j]));
    const double s = static_cast<double>(gamma.back());
    const auto zero = static_cast<float>(-shift[j] / s); // where the line is zero
    mean.push_back(std::abs(shift[j]) > 4 * std::abs(s) && std::isfinite(zero) ? zero : 0.0f);
    beta.push_back(static_cast<float>(shift[j] + s * static_cast<double>(mean.back())));
  }
  Norm norm;
  norm.eps = 1e-30f;
  norm.gamma = Tensor({n}, std::move(gamma)), norm.beta = Tensor({n}, std::move(beta));
  norm.mean = Tensor({n}, std::move(mean));
  norm.var = Tensor({n}, std::vector<float>(static_cast<size_t>(n), 1.0f));
  return norm;
}

void check(const Model &model) {
  if (model.layers.empty() || static_cast<int64_t>(model.layers.size()) > most_layers)
    fail("has " + std::to_string(model.layers.size()) + " layers; expected 1 to " + std::to_string(most_layers));
  if (model.features < 1) fail("has no features");
  int64_t inputs = model.features;
  for (const Layer &layer : model.layers) {
    check_layer(layer, inputs);
    inputs = layer.n;
  }
  const auto features = static_cast<int64_t>(model.feature_names.size());
  if (features != 0 && features != model.features)
    fail("has " + std::to_string(features) + " names of features, but " + std::to_string(model.features) + " features");
  const auto classes = static_cast<int64_t>(model.class_names.size());
  if (classes != 0 && classes != inputs && !(classes == 2 && inputs == 1))
    fail("has " + std::to_string(classes) + " names of classes, but " + std::to_string(inputs) + " outputs");
}

} // namespace lanefold::model
