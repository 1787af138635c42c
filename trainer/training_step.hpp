// One training step: forward, loss, backward, update.  All its memory is taken once.
#pragma once

#include "batches.hpp"
#include "network.hpp"

namespace lanefold::trainer {

struct Optimizer {
  int32_t kind = LF_SGD;
  float learning_rate = 0.01f, momentum = 0.9f, beta2 = 0.999f, eps = 1e-8f;
};

class TrainingStep {
public:
  // Keeps references: context and network outlive it.
  TrainingStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size);

  struct Result {
    float loss;
    int64_t hits;
  };
  // x: rows x features, labels: rows.  rows: at most batch_size, and not 1 under batch normalization.
  Result run(const float *x, const int32_t *labels, int64_t rows);
  Result run(const Batch &batch) { return run(batch.x.data(), batch.labels.data(), batch.rows); }

private:
  struct Buffers {
    std::vector<float> z, y, dy;                 // batch x n
    std::vector<float> mean, inv_std;            // n
    std::vector<float> dw, dbias, dgamma, dbeta; // dw: not where the weights descend with it
  };
  struct State {
    std::vector<float> v, s; // of one array of parameters
  };

  bool descends() const { return optimizer_.kind == LF_SGD; }
  void forward(size_t layer, const float *x, int64_t m);
  void backward(size_t layer, const float *x, float *dx, int64_t m);
  void update(std::vector<float> &parameters, const std::vector<float> &gradient, State &state);

  const Context &context_;
  Network &network_;
  Optimizer optimizer_;
  std::vector<Buffers> buffers_;
  std::vector<State> states_; // w, bias, gamma, beta of each layer
  int64_t step_ = 0;
};

} // namespace lanefold::trainer
