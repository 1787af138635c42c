// The five studies of `lanefold study`, which measure common claims about BN and ELU.  Each returns JSON.  The Python
// files of this folder draw it, and claims.cpp decides which claims hold.
#pragma once

#include "cli/json.hpp"
#include "trainer/data/dataset.hpp"
#include "trainer/training/training.hpp"

#include <functional>
#include <stdexcept>

namespace lanefold::trainer::study {

// The user stopped the study.
struct Interrupted : std::exception {};

struct Setting {
  const Context &context;
  const Dataset &data;
  uint64_t seed = 1;
  int64_t epochs = 8;                            // of the third study; the fourth has fewer
  std::function<bool()> interrupted;             // called often; if it returns true, the study throws Interrupted
  std::function<void(const std::string &)> note; // told what is measured next
};

// An activation that is compared, and the initializer that is meant for it.
struct Subject {
  std::string activation, initializer;
};
const std::vector<Subject> &subjects();

// 1. Variance of outputs and gradients through 20 layers, for each initializer and activation, before training.
cli::Json signals_at_start(const Setting &setting);
// 2. The same during training, with and without batch normalization.
cli::Json signals_in_training(const Setting &setting);
// 3. Accuracy and loss by epoch: activations, with and without batch normalization, shallow and deep.
cli::Json learning(const Setting &setting);
// 4. Learning rates and initial scales from far too small to far too large.
cli::Json sensitivity(const Setting &setting);
// 5. What a step and a prediction cost.
cli::Json costs(const Setting &setting);

// Common claims beside what the studies found: "claim", "verdict" ("holds", "in part", "does not hold"), "measured" and
// "study".  `studies` is an object with the results of all five, under signals_at_start and so on.
cli::Json claims(const cli::Json &studies);

// A network with these hidden layers, and the activation and initializer of the subject.
Description network_of(const Subject &subject, int64_t features, std::vector<int64_t> hidden,
                       const std::string &batch_norm);

// The variance of all values.
double variance(const float *values, size_t count);

// Trains a new network and returns the figures of each epoch.  A training that diverges ends with an epoch whose loss
// is not finite.
std::vector<Epoch> epochs_of(const Setting &setting, const Description &description, float learning_rate,
                             int64_t epochs, double gain = 1.0);

} // namespace lanefold::trainer::study
