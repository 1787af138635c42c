// A training step composed of oneDNN primitives.
#pragma once

#include "onednn_engine.hpp"
#include "peer.hpp"

namespace lanefold::bench::onednn {

class TrainingStep {
public:
  virtual ~TrainingStep() = default;
  virtual float run() = 0; // returns the loss
};

// Times three layouts of the weights (as given, transposed, chosen by the forward product) and returns the fastest step.
std::shared_ptr<TrainingStep> fastest_training_step(const std::shared_ptr<const Engine> &engine,
                                                    const TrainingProblem &problem);

} // namespace lanefold::bench::onednn
