// The update rules of the library, and their options.
#pragma once

#include <lanefold/optimizer.h>

#include <string>
#include <vector>

namespace lanefold::trainer {

struct Optimizer {
  int32_t kind = LF_SGD;
  float learning_rate = 0.01f, momentum = 0.9f, beta2 = 0.999f, eps = 1e-8f;
  float weight_decay = 0.0f; // of the weights alone
};

const std::vector<std::string> &optimizer_names(); // in the order of their codes, LF_SGD first

} // namespace lanefold::trainer
