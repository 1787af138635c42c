// One list for each kind of word.
#include "names.hpp"

#include <algorithm>

namespace lanefold::trainer {

const std::vector<std::string> &activation_names() {
  static const std::vector<std::string> names = {"identity", "relu", "leaky-relu", "elu", "selu", "tanh", "logistic"};
  return names;
}

const std::vector<std::string> &optimizer_names() {
  static const std::vector<std::string> names = {"sgd", "momentum", "nesterov", "adam"};
  return names;
}

const std::vector<std::string> &initializer_names() {
  static const std::vector<std::string> names = {"he-normal", "he-uniform", "xavier-normal", "xavier-uniform"};
  return names;
}

int32_t code_of(const std::vector<std::string> &names, const std::string &word) {
  const auto at = std::find(names.begin(), names.end(), word);
  return at == names.end() ? -1 : static_cast<int32_t>(at - names.begin());
}

} // namespace lanefold::trainer
