// What the steps of a training share: buffers, the loss, the optimizer and its state.
#pragma once

#include "trainer/data/batches.hpp"
#include "trainer/distributed/ranks.hpp"
#include "trainer/network/network.hpp"
#include "trainer/training/lazy_floats.hpp"
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

// One training step: forward, loss, backward, update.  It allocates all its memory at the start.
class Step {
public:
  struct Result {
    float loss;
    int64_t correct;    // of a classification
    bool stops = false; // a rank wants to stop the training
  };

  virtual ~Step() = default;
  Step(const Step &) = delete;
  Step &operator=(const Step &) = delete;

  // The rows of a batch that this rank needs.
  virtual Share rows(int64_t batch_rows) const { return {0, batch_rows}; }
  // mine: those rows of a batch, which are more than 1 in all if there is batch normalization.
  virtual Result run(const Batch &mine, int64_t batch_rows, bool stops) = 0;

  // Later steps use this learning rate.
  void set_learning_rate(float rate) { optimizer_.learning_rate = rate; }

  // Brings the network and the optimizer state up to date on all ranks, which call it together.
  virtual void assemble() {}
  // Visits the optimizer state as Network::visit does: "layers.0.w.m".
  void visit(const Network::Visit &visit);
  // Continues as after this many steps.  The caller restores the parameters and the optimizer state.
  void restart_after(int64_t steps) { steps_ = steps; }

  // The output of a layer in the last step, and the gradient with respect to it: rows x units.
  const LazyFloats &output(size_t layer) const { return buffers_[layer].y; }
  const LazyFloats &output_gradient(size_t layer) const { return buffers_[layer].dy; }

protected:
  struct Buffers {
    LazyFloats z, y, dy;                     // rows x n
    LazyFloats after_dropout;                // rows x n: y after dropout, if there is any
    LazyFloats dw;                           // empty if the backward call updates the weights
    std::vector<float> dbias, dgamma, dbeta; // n
  };
  struct State {
    std::vector<float> m, v; // of one array of parameters; empty if the optimizer has none
  };

  // rows: the most that this rank has of a batch.  Keeps references to context and network.
  Step(const Context &context, Network &network, const Optimizer &optimizer, int64_t rows, Objective objective,
       bool keeps_dw);

  Matrix matrix(LazyFloats &values, size_t layer, int64_t rows) const {
    return {values.data(), rows, network_.layers[layer].outputs};
  }
  // x, standardized if the network does so.
  ConstMatrix features_of(const float *x, int64_t rows);
  // What a layer gets: the features, or the output of the layer before.
  ConstMatrix input_of(size_t layer, ConstMatrix features);
  bool has_dropout(size_t layer) const { return objective_.dropout > 0 && layer + 1 < buffers_.size(); }
  // first_row: the number of the first row in the batch.
  void apply_dropout(size_t layer, ConstMatrix x, Matrix y, int64_t first_row) const;
  // The loss of these rows, and the gradient of that of the batch with respect to the outputs.  losses, if it is
  // present, gets that of each row.
  Result loss_of(Matrix outputs, const int32_t *labels, const float *targets, int64_t batch_rows, Vector losses = {});
  // Takes a step with elements first..end-1 of one of the arrays of a layer: 0 to 3 for w, bias, gamma and beta.
  void update(size_t layer, size_t array, std::vector<float> &parameters, const float *gradient, size_t first,
              size_t end);
  // Takes a step with all arrays of a layer but w.
  void update_vectors(size_t layer);

  const Context &context_;
  Network &network_;
  Optimizer optimizer_;
  const Objective objective_;
  std::vector<Buffers> buffers_;
  std::vector<State> state_; // w, bias, gamma, beta of each layer
  int64_t steps_ = 0;

private:
  std::vector<float> weights_, targets_; // of the rows, if the objective needs them
  std::vector<float> standardized_;      // rows x features, if the network standardizes them
};

// Whether the backward pass needs x w + bias.
bool needs_z(const DenseLayer &layer);

} // namespace lanefold::trainer
