// One training step: forward, loss, backward, update.  It allocates all its memory at the start.
#pragma once

#include "trainer/data/batches.hpp"
#include "trainer/network/network.hpp"
#include "trainer/training/optimizer.hpp"

namespace lanefold::trainer {

class TrainingStep {
public:
  // Keeps references: context and network outlive it.
  TrainingStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size);

  struct Result {
    float loss;
    int64_t correct;
  };
  // x: rows x features, labels: rows.  rows: at most batch_size, and not 1 under batch normalization.
  Result run(const float *x, const int32_t *labels, int64_t rows);
  Result run(const Batch &batch) { return run(batch.x.data(), batch.labels.data(), batch.rows); }

  // The next steps take this rate.
  void set_learning_rate(float rate) { optimizer_.learning_rate = rate; }

  // What the optimizer remembers, as Network::visit has it: "layers.0.w.m".
  void visit(const Network::Visit &visit);
  // As if so many steps had been made; network and optimizer state are then those after them.
  void restart_after(int64_t steps) { steps_ = steps; }

  // Of the last step: the layer's output, and the gradient that came to it; rows x units.
  const std::vector<float> &output(size_t layer) const { return buffers_[layer].y; }
  const std::vector<float> &output_gradient(size_t layer) const { return buffers_[layer].dy; }

private:
  struct Buffers {
    std::vector<float> z, y, dy;                 // batch x n
    std::vector<float> mean, inv_std;            // n
    std::vector<float> dw, dbias, dgamma, dbeta; // dw: not where the weights descend with it
  };
  struct State {
    std::vector<float> m, v; // of one array of parameters
  };

  // Plain descent of the weights is part of the backward call.
  bool descends() const { return optimizer_.kind == LF_SGD && optimizer_.weight_decay == 0; }
  void forward(size_t layer, const float *x, int64_t m);
  void backward(size_t layer, const float *x, float *dx, int64_t m);
  void update(std::vector<float> &parameters, const std::vector<float> &gradient, State &state, float weight_decay);

  const Context &context_;
  Network &network_;
  Optimizer optimizer_;
  std::vector<Buffers> buffers_;
  std::vector<State> state_; // w, bias, gamma, beta of each layer
  int64_t steps_ = 0;
};

} // namespace lanefold::trainer
