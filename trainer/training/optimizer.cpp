// The list of optimizers.
#include "trainer/training/optimizer.hpp"

namespace lanefold::trainer {

const std::vector<std::string> &optimizer_names() {
  static const std::vector<std::string> names = {"sgd", "momentum", "nesterov", "adam"};
  return names;
}

} // namespace lanefold::trainer
