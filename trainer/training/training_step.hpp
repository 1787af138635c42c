// One training step: forward, loss, backward, update.  It allocates all its memory at the start.
#pragma once

#include "trainer/data/batches.hpp"
#include "trainer/network/network.hpp"
#include "trainer/training/optimizer.hpp"

namespace lanefold::trainer {

// The loss that a training minimizes, with its class weights and dropout.
struct Objective {
  // Softmax cross-entropy, logistic cross-entropy on the logit of the second of two classes, or a loss on numbers.
  enum Kind { multiclass, binary, regression } kind = multiclass;
  Loss loss = {};                        // of numbers
  std::vector<float> class_weights = {}; // one for each class; empty: each is 1
  float dropout = 0;                     // the share of the outputs of each hidden layer that a step drops
  uint64_t dropout_seed = 0;
};

class TrainingStep {
public:
  // Keeps references to context and network.
  TrainingStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
               Objective objective = {});
  TrainingStep(const Context &&, Network &, const Optimizer &, int64_t,
               Objective = {}) = delete; // a reference to a temporary would dangle

  struct Result {
    float loss;
    int64_t correct; // of a classification
  };
  // x: rows x features.  labels: rows, of a classification.  targets: rows x outputs, of a regression.  rows is at most
  // batch_size, and not 1 if there is batch normalization.
  Result run(const float *x, const int32_t *labels, int64_t rows, const float *targets = nullptr);
  Result run(const Batch &batch) { return run(batch.x.data(), batch.labels.data(), batch.rows, batch.targets.data()); }

  // Later steps use this learning rate.
  void set_learning_rate(float rate) { optimizer_.learning_rate = rate; }

  // Visits the optimizer state as Network::visit does: "layers.0.w.m".
  void visit(const Network::Visit &visit);
  // Continues as after this many steps.  The caller restores the parameters and the optimizer state.
  void restart_after(int64_t steps) { steps_ = steps; }

  // The output of a layer in the last step, and the gradient with respect to it: rows x units.
  const std::vector<float> &output(size_t layer) const { return buffers_[layer].y; }
  const std::vector<float> &output_gradient(size_t layer) const { return buffers_[layer].dy; }

private:
  struct Buffers {
    std::vector<float> z, y, dy;                 // batch x n
    std::vector<float> after_dropout;            // batch x n: y after dropout, if there is any
    std::vector<float> dw, dbias, dgamma, dbeta; // dw is empty if the backward call updates the weights
  };
  struct State {
    std::vector<float> m, v; // of one array of parameters; empty if the optimizer has none
  };

  // The backward call also updates the weights, by SGD without weight decay.
  bool updates_in_backward() const { return optimizer_.kind == LF_SGD && optimizer_.weight_decay == 0; }
  void forward(size_t layer, ConstMatrix x);
  bool has_dropout(size_t layer) const { return objective_.dropout > 0 && layer + 1 < buffers_.size(); }
  void apply_dropout(size_t layer, ConstMatrix x, Matrix y) const;
  Result loss_of(Matrix outputs, const int32_t *labels, const float *targets);
  void backward(size_t layer, ConstMatrix x, Matrix dx); // without dx, it is not computed
  void update(std::vector<float> &parameters, const std::vector<float> &gradient, State &state, float weight_decay);

  const Context &context_;
  Network &network_;
  Optimizer optimizer_;
  const Objective objective_;
  std::vector<Buffers> buffers_;
  std::vector<float> weights_, targets_; // of the rows of a batch, if the objective needs them
  std::vector<float> standardized_;      // batch x features, if the network standardizes them
  std::vector<State> state_;             // w, bias, gamma, beta of each layer
  int64_t steps_ = 0;
};

} // namespace lanefold::trainer
