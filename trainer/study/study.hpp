// The five studies of `lanefold study`: what the notes on vanishing gradients claim, measured.  Each answers JSON, which
// charts/ draws and claims.cpp judges.
#pragma once

#include "trainer/data/dataset.hpp"
#include "cli/json.hpp"
#include "trainer/training/training.hpp"

#include <functional>
#include <stdexcept>

namespace lanefold::trainer::study {

// Somebody wants to leave.
struct Interrupted : std::exception {};

struct Setting {
  const Context &context;
  const Dataset &data;
  uint64_t seed = 1;
  int64_t epochs = 8;                            // of the third study; the fourth takes fewer
  std::function<bool()> interrupted;             // asked often; then Interrupted is thrown
  std::function<void(const std::string &)> note; // what is being done
};

// The activations that are compared, and the initializer that is meant for each.
struct Subject {
  std::string activation, initializer;
};
const std::vector<Subject> &subjects();

// 1. Variance of outputs and gradients through 20 layers, for each initializer and activation, before training.
cli::Json signals_at_start(const Setting &setting);
// 2. The same while training goes on, with and without batch normalization.
cli::Json signals_in_training(const Setting &setting);
// 3. Accuracy and loss by epoch: activations, with and without batch normalization, shallow and deep.
cli::Json learning(const Setting &setting);
// 4. Learning rates and initial scales from far too small to far too large.
cli::Json sensitivity(const Setting &setting);
// 5. What a step and a prediction cost.
cli::Json costs(const Setting &setting);

// The claims of the notes beside what the studies found: "claim", "verdict" ("holds", "in part", "does not hold"),
// "measured", "data", "study".  studies: an object with the five under signals_at_start and so on.
cli::Json claims(const cli::Json &studies);

// A network of `hidden` layers of `width` units with a subject's activation and initializer.
Description network_of(const Subject &subject, int64_t features, std::vector<int64_t> hidden,
                       const std::string &batch_norm);

// Variance of all values about their mean.
double variance(const float *values, size_t count);

// Trains a new network; per-epoch figures, the last one perhaps not finite, where it ends.
std::vector<Epoch> epochs_of(const Setting &setting, const Description &description, float learning_rate,
                             int64_t epochs, double gain = 1.0);

} // namespace lanefold::trainer::study
