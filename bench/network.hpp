// The network 784-300-100-10, as an application would run it through the C functions: a training step, and inference
// with folded BN.
#pragma once

#include "peers/peer.hpp"
#include "reference.hpp"

#include <lanefold/lanefold.hpp>

namespace lanefold::bench {

// A network with BN on every layer, or with biases instead.
struct Kind {
  bool batch_norm;
  int32_t activation; // of the hidden layers
};

class Network {
public:
  static constexpr int64_t batch = 200, inputs = 784, classes = 10;
  static constexpr float learning_rate = 0.001f;

  Network(const Context &context, Kind kind);
  Network(const Network &) = delete;

  // Forward, loss, backward, and SGD on every parameter.
  void step();
  // Every parameter, and the loss of the last step.
  Floats state() const;
  // The loss of the next step, in double.
  double expected_loss() const;

  // Folds BN into packed weights.  infer() needs it.
  void fold();
  // For a peer: the network before its first step, and its folded layers.
  TrainingProblem problem() const;
  std::vector<Dense> folded_layers() const;
  // Computes the logits of the first `samples` samples.
  void infer(int64_t samples);
  Floats logits(int64_t samples) const;
  void clear_logits(); // fills them with NaN
  const Floats &samples() const { return x_; }
  Doubles expected_logits(int64_t samples, bool training) const;

  float loss() const { return loss_; }
  double multiply_adds() const; // of all layers, forward, for one sample
  double step_multiply_adds() const;
  double bytes(int64_t samples) const; // of weights, inputs and outputs of all layers

private:
  struct Layer {
    int64_t n, k;
    int32_t activation;
    Floats bias, gamma, beta, running_mean, running_var, mean, inv_std; // bias: only without BN
    Floats z, y, dy, dbias, dgamma, dbeta;
    lf_batch_norm norm;
    std::unique_ptr<PackedWeights> packed; // holds the weights
  };
  Floats weights(const Layer &layer) const;
  void forward(Layer &layer, const float *x);
  void backward(Layer &layer, const float *x, float *dx);
  void update(Floats &values, const Floats &gradient);

  const Context &context_;
  Kind kind_;
  Floats x_;
  std::vector<int32_t> labels_;
  std::vector<Layer> layers_;
  std::unique_ptr<InferenceNetwork> folded_;
  float loss_ = 0;
};

} // namespace lanefold::bench
