// Peers: other libraries that do what Lanefold does, for comparison.  Each is opened at run time if it is installed.
#pragma once

#include "../products.hpp"
#include "../reference.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lanefold::bench {

// What calls took, and how long their threads waited for a CPU because another program used it.
struct TimedCalls {
  double seconds = 0, waited_seconds = 0;
};

// Something to call many times, on memory that is fixed when the operation is made.
struct Operation {
  std::function<void()> run; // one call, after which the results are in memory
  // Calls it many times.  Only a peer that must time itself has this function.
  std::function<TimedCalls(int64_t iterations)> time_calls;
  explicit operator bool() const { return static_cast<bool>(run); }
};

// A layer of a network: y = activation(x w + bias), with w[k][n] and bias[n].
struct Dense {
  int64_t n, k;
  int32_t activation; // LF_IDENTITY, LF_RELU or LF_ELU with alpha 1
  Floats w, bias;
};

// One step of plain SGD on softmax cross-entropy, averaged over the batch.  Every layer has either batch normalization
// before the activation, or a bias.  Batch normalization starts with gamma 1, beta 0, running mean 0 and running variance
// 1; its momentum is 0.9 for the old value.  The step updates all parameters and running statistics.
struct TrainingProblem {
  bool batch_norm;
  float eps, learning_rate;
  std::vector<Dense> layers; // before the first step
  int64_t m;
  const float *x;        // [m][layers[0].k]
  const int32_t *labels; // [m]
};

// All matrices are row-major and contiguous.  A peer returns an empty operation for what it lacks.  The memory must stay
// valid as long as the operation exists.
class Peer {
public:
  virtual ~Peer() = default;
  virtual std::string name() const = 0;
  virtual std::string version() const = 0; // "" if unknown
  virtual bool times_itself() const { return false; }
  // How it is called, in sentences: functions, layouts, what is prepared before the timed call, kernels and threads.
  virtual std::string how() const = 0;

  // C = op(A) op(B)
  virtual Operation product(const Product &, const float * /*a*/, const float * /*b*/, float * /*c*/) { return {}; }
  // y = x w, with the weights packed once into the layout that is best for the peer.
  virtual Operation packed_product(const Shape &, const float * /*x*/, const float * /*w*/, float * /*y*/) {
    return {};
  }
  // ELU with alpha 1.  The derivative is computed from y.
  virtual Operation elu_forward(int64_t /*count*/, const float * /*x*/, float * /*y*/) { return {}; }
  virtual Operation elu_backward(int64_t /*count*/, const float * /*y*/, const float * /*dy*/, float * /*dx*/) {
    return {};
  }
  struct BatchNorm {
    int64_t m, n;
    float eps;
    const float *x, *gamma, *beta;
  };
  // Uses the statistics of the batch, with biased variance.
  virtual Operation batch_norm_training(const BatchNorm &, float * /*y*/) { return {}; }
  virtual Operation batch_norm_inference(const BatchNorm &, const float * /*mean*/, const float * /*variance*/,
                                         float * /*y*/) {
    return {};
  }
  virtual Operation batch_norm_backward(const BatchNorm &, const float * /*dy*/, float * /*dx*/, float * /*dgamma*/,
                                        float * /*dbeta*/) {
    return {};
  }
  // All layers, in the way that is fastest for this peer: with packed weights and fused activations if it has them.
  virtual Operation folded_network(const std::vector<Dense> &, int64_t /*m*/, const float * /*x*/, float * /*logits*/) {
    return {};
  }
  // The fastest composition of its operations.  run() stores the loss of the step.
  virtual Operation training_step(const TrainingProblem &, float * /*loss*/) { return {}; }
};

inline const std::vector<std::string> &peer_names() {
  static const std::vector<std::string> names = {"openblas", "blis",  "onednn",  "libxsmm",
                                                 "eigen",    "numpy", "pytorch", "onnxruntime"};
  return names;
}

struct PeerOptions {
  std::string isa; // the peers are restricted to it as far as they allow
  int threads = 1;
  std::vector<std::string> names; // of the peers to open
  std::string onnxruntime;        // path of its library, or ""
  std::string folder;             // of the modules that were built for peers
};

struct MissingPeer {
  std::string name, reason; // "libopenblas.so.0 is not installed"
};

// Opens the peers that are installed.  Call it once in a process, because most peers fix instruction set and threads.
std::vector<std::unique_ptr<Peer>> open_peers(const PeerOptions &options, std::vector<MissingPeer> &missing);

} // namespace lanefold::bench
