// The trainer's network 784-300-100-10 with a batch of samples.  The trainer's step trains it, and the library's
// networks infer with it.  Here is what verifies them, and what peers need to do the same.
#pragma once

#include "../peers/peer.hpp"
#include "../reference.hpp"

#include "trainer/training/training_step.hpp"

namespace lanefold::bench {

// A network with BN on every layer, or with biases instead.
struct Kind {
  bool batch_norm;
  int32_t activation; // of the hidden layers
};

struct ReferenceNetwork {
  static constexpr int64_t batch = 200, features = 784, classes = 10;
  static constexpr float learning_rate = 0.001f;

  ReferenceNetwork(const Context &context, Kind kind);
  ReferenceNetwork(const ReferenceNetwork &) = delete;

  // One step on the batch.
  void step() { result = training.run(batch_of_samples); }
  // Every parameter, and the loss of the last step.
  Floats state();
  // In double: the loss of the next step, and the logits of the first `samples` samples.
  double expected_loss() const;
  Doubles expected_logits(int64_t samples, bool is_training) const;

  // For a peer: the network as it is, with its samples.
  TrainingProblem problem() const;

  trainer::Network network;
  trainer::TrainingStep training;
  trainer::Batch batch_of_samples;
  trainer::TrainingStep::Result result{};
};

// The layers of a network without BN, for a peer.
std::vector<Dense> dense_layers(const trainer::Network &network);

} // namespace lanefold::bench
