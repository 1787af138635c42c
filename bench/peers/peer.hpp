// Other libraries that do what Lanefold does, to be measured beside it.  Each is opened at run time if it is there.
#pragma once

#include "../products.hpp"
#include "../reference.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

// Something that a peer does over and over, on memory that was named when it was made.
struct Operation {
  std::function<void()> run;                   // once; the results are in memory afterwards
  std::function<double(int64_t runs)> seconds; // that so many runs take, where a peer must time itself; else empty
  explicit operator bool() const { return static_cast<bool>(run); }
};

// A layer of a network: y = activation(x w + bias); w[k][n], bias[n].
struct Dense {
  int64_t n, k;
  int32_t activation; // LF_IDENTITY, LF_RELU or LF_ELU with alpha 1
  Floats w, bias;
};

// One step of plain SGD on softmax cross-entropy (mean over the batch).  With batch normalization on every layer
// (before the activation, gamma 1, beta 0, running mean 0, running variance 1, momentum 0.9 for the old value, biases
// not used) or with biases instead.  Everything is updated, running statistics too.
struct TrainingProblem {
  bool batch_norm;
  float eps, learning_rate;
  std::vector<Dense> layers; // as they are before the first step
  int64_t m;
  const float *x;        // [m][layers[0].k]
  const int32_t *labels; // [m]
};

// All matrices row-major, without gaps.  A function that a peer does not have answers an empty operation; the memory
// stays where it is while the operation lives.
class Peer {
public:
  virtual ~Peer() = default;
  virtual std::string name() const = 0;
  virtual std::string version() const = 0; // "" if it does not tell

  // C = op(A) op(B)
  virtual Operation product(const Product &, const float * /*a*/, const float * /*b*/, float * /*c*/) { return {}; }
  // y = x w, with the weights brought once into the form that the peer likes best.
  virtual Operation packed_product(const Shape &, const float * /*x*/, const float * /*w*/, float * /*y*/) {
    return {};
  }
  // alpha 1; the slope comes from y.
  virtual Operation elu_forward(int64_t /*count*/, const float * /*x*/, float * /*y*/) { return {}; }
  virtual Operation elu_backward(int64_t /*count*/, const float * /*y*/, const float * /*dy*/, float * /*dx*/) {
    return {};
  }
  struct BatchNorm {
    int64_t m, n;
    float eps;
    const float *x, *gamma, *beta;
  };
  // Statistics of the batch (biased variance).
  virtual Operation batch_norm_training(const BatchNorm &, float * /*y*/) { return {}; }
  virtual Operation batch_norm_inference(const BatchNorm &, const float * /*mean*/, const float * /*variance*/,
                                         float * /*y*/) {
    return {};
  }
  virtual Operation batch_norm_backward(const BatchNorm &, const float * /*dy*/, float * /*dx*/, float * /*dgamma*/,
                                        float * /*dbeta*/) {
    return {};
  }
  // All layers, in the way that is fastest for this peer: weights packed once, activations fused where it can.
  virtual Operation folded_network(const std::vector<Dense> &, int64_t /*m*/, const float * /*x*/, float * /*logits*/) {
    return {};
  }
  // The best composition of its operations; run() leaves the loss of that step.
  virtual Operation training_step(const TrainingProblem &, float * /*loss*/) { return {}; }
};

inline const std::vector<std::string> &peer_names() {
  static const std::vector<std::string> names = {"openblas", "blis", "onednn", "eigen", "pytorch", "onnxruntime"};
  return names;
}

struct PeerOptions {
  std::string isa; // they are held to it, as far as they let themselves
  int threads = 1;
  std::vector<std::string> names; // of those that are wanted
  std::string onnxruntime;        // its library, or ""
  std::string folder;             // where the modules lie that were built for peers
};

struct MissingPeer {
  std::string name, why; // "libopenblas.so.0 is not installed"
};

// Opens those that are there, once in the life of a process: most settle instruction set and threads for good.
std::vector<std::unique_ptr<Peer>> open_peers(const PeerOptions &options, std::vector<MissingPeer> &missing);

} // namespace lanefold::bench
