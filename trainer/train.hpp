// Training over epochs: shuffled batches, figures of each epoch, and a way to stop between two steps.
#pragma once

#include "data/dataset.hpp"
#include "training_step.hpp"

#include <functional>

namespace lanefold::trainer {

struct TrainOptions {
  int64_t epochs = 20, batch_size = 200;
  uint64_t seed = 1;
  Optimizer optimizer;
};

struct Epoch {
  int64_t epoch = 0; // from 1
  double loss = 0, train_accuracy = 0, test_accuracy = 0, seconds = 0;
  bool finite = true; // false: the loss, on either set, is not a number
};

struct TrainWatch {
  std::function<bool()> stop;                            // asked after each step; true ends the training
  std::function<void(int64_t step, int64_t steps)> step; // after each step of an epoch
  std::function<bool(const Epoch &)> epoch;              // after each whole epoch; false ends the training
};

// A permutation of the training set for each epoch, from the seed alone.  A last batch of a single sample is left out
// under batch normalization: one sample has no variance.  Returns false if stop() ended it.
bool train(const Context &context, Network &network, const Dataset &data, const TrainOptions &options,
           const TrainWatch &watch);

} // namespace lanefold::trainer
