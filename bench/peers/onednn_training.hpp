// A training step composed of oneDNN's primitives.
#pragma once

#include "onednn_engine.hpp"
#include "peer.hpp"

namespace lanefold::bench::onednn {

class TrainingStep {
public:
  virtual ~TrainingStep() = default;
  virtual float run() = 0; // the loss
};

// Weights as they are given, the other way round, or as the forward products like them best: whichever was fastest
// when they were timed here.
std::shared_ptr<TrainingStep> fastest_training_step(const std::shared_ptr<const Engine> &engine,
                                                    const TrainingProblem &problem);

} // namespace lanefold::bench::onednn
