// Initial weights whose variance keeps that of signals and gradients from one layer to the next.
#pragma once

#include "trainer/data/random.hpp"

#include <string>
#include <vector>

namespace lanefold::trainer {

// Variance scale / fan, where fan is the number of inputs, of outputs, or their mean.
//   xavier (Glorot and Bengio 2010, for the logistic function)  scale 1    fan avg
//   xavier-tanh (the same, for tanh: 4 times the deviation)     scale 16   fan avg
//   he (He et al. 2015, for ReLU and its kin)                   scale 2    fan in
//   lecun (LeCun et al. 1998, for SELU)                         scale 1    fan in
// normal; uniform between -sqrt(3 v) and sqrt(3 v); truncated: normal of variance 1.3 v, cut at two of its deviations,
// which leaves 1.0059 v.
struct Initializer {
  std::string name = "he-truncated", fan = "in";

  double variance(int64_t inputs, int64_t outputs) const; // of what draw() gives
};

const std::vector<std::string> &initializer_names();
const std::vector<std::string> &fan_names();

// That initializer with the fan it is usually drawn for.
Initializer usual(const std::string &name);

// inputs x outputs weights, from the stream's numbers in order, each multiplied by `gain`.
void draw(const Initializer &initializer, int64_t inputs, int64_t outputs, Stream &random, std::vector<float> &weights,
          double gain = 1.0);

} // namespace lanefold::trainer
