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

enum class Weights { as_given, transposed, chosen }; // chosen by the forward product

Layout layout_of(const Engine &engine, int64_t n, int64_t k, Weights weights);

std::shared_ptr<TrainingStep> make_training_step(const std::shared_ptr<const Engine> &engine,
                                                 const TrainingProblem &problem, Weights weights);

} // namespace lanefold::bench::onednn
