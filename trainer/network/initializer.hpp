// Initial weights whose variance keeps that of signals and gradients from one layer to the next.
#pragma once

#include "trainer/data/random.hpp"

#include <string>
#include <vector>

namespace lanefold::trainer {

// The variance is scale / fan, where fan is the number of inputs, of outputs, or their average.
//   xavier (Glorot and Bengio 2010, for the logistic function)          scale 1    fan avg
//   xavier-tanh (the same, for tanh: 4 times the standard deviation)    scale 16   fan avg
//   he (He et al. 2015, for ReLU and its kin)                           scale 2    fan in
//   lecun (LeCun et al. 1998, for SELU)                                 scale 1    fan in
struct Initializer {
#define INITIALIZER_FIELD(type, member, initial, ...) type member = initial;
#include "trainer/option_table.inc"
#undef INITIALIZER_FIELD

  double variance(int64_t inputs, int64_t outputs) const; // of the weights that draw() gives
};

const std::vector<std::string> &initializer_names();
const std::vector<std::string> &fan_names();
std::vector<std::vector<std::string>> initializer_table(); // for the manual: name, scale, fan, distribution

// The initializer of this name with its usual fan.
Initializer usual(const std::string &name);

// Draws inputs x outputs weights from the stream's numbers in order, each multiplied by `gain`.
void draw(const Initializer &initializer, int64_t inputs, int64_t outputs, Stream &random, std::vector<float> &weights,
          double gain = 1.0);

} // namespace lanefold::trainer
