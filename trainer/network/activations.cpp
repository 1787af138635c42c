// One line for each activation.
#include "trainer/network/activations.hpp"

#include <lanefold/activation.h>

namespace lanefold::trainer {

const std::vector<ActivationKind> &activations() {
  static const std::vector<ActivationKind> all = {
      {"identity", LF_IDENTITY, 1.0f, false, "identity", "x"},
      {"relu", LF_RELU, 1.0f, false, "ReLU", "x <= 0: 0, else x"},
      {"leaky-relu", LF_LEAKY_RELU, 0.01f, true, "leaky ReLU", "x < 0: alpha x, else x"},
      {"elu", LF_ELU, 1.0f, true, "ELU", "x < 0: alpha (exp(x) - 1), else x"},
      {"selu", LF_SELU, 1.0f, false, "SELU", "x < 0: 1.7581 (exp(x) - 1), else 1.0507 x"},
      {"tanh", LF_TANH, 1.0f, false, "tanh", "tanh(x)"},
      {"logistic", LF_LOGISTIC, 1.0f, false, "logistic", "1 / (1 + exp(-x))"},
      {"relu6", LF_RELU6, 1.0f, false, "ReLU6", "x <= 0: 0, x >= 6: 6, else x"},
      {"softplus", LF_SOFTPLUS, 1.0f, false, "softplus", "log(1 + exp(x))"},
      {"hard-sigmoid", LF_HARD_SIGMOID, 1.0f / 6, true, "hard sigmoid", "alpha x + 1/2, but at least 0 and at most 1"},
      {"silu", LF_SILU, 1.0f, false, "SiLU", "x / (1 + exp(-x))"},
      {"hard-swish", LF_HARD_SWISH, 1.0f, false, "hard swish", "x <= -3: 0, x >= 3: x, else x (x + 3) / 6"},
      {"gelu", LF_GELU, 1.0f, false, "GELU", "x Phi(x), where Phi is the normal distribution"},
      {"gelu-tanh", LF_GELU_TANH, 1.0f, false, "GELU by tanh",
       "x / (1 + exp(-f(x))), f(x) = 2 sqrt(2 / pi) (x + 0.044715 x^3)"},
  };
  return all;
}

const std::vector<std::string> &activation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> words;
    for (const ActivationKind &activation : activations()) words.emplace_back(activation.name);
    return words;
  }();
  return names;
}

std::vector<std::vector<std::string>> activation_table() {
  std::vector<std::vector<std::string>> rows;
  for (const ActivationKind &activation : activations()) rows.push_back({activation.name, activation.formula});
  return rows;
}

const ActivationKind &activation_of(int32_t code) { return activations()[static_cast<size_t>(code)]; }

} // namespace lanefold::trainer
