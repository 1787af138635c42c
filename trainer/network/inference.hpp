// Outputs of a network.  Batch normalization uses its running statistics.  A network without it (a folded one) runs in
// one call on packed weights.
#pragma once

#include "trainer/data/batches.hpp"
#include "trainer/network/network.hpp"

#include <optional>

namespace lanefold::trainer {

inline constexpr int64_t evaluation_rows = 500; // the batch size of an evaluation

class Inference {
public:
  // Keeps references to context and network.  It packs copies of the weights, so make a new one after training.
  Inference(const Context &context, Network &network);
  Inference(const Context &&, Network &) = delete; // a reference to a temporary would dangle
  // Runs a network that is folded and packed already.
  Inference(const Context &context, InferenceNetwork network, int64_t features, int64_t outputs);
  Inference(const Context &&, InferenceNetwork, int64_t, int64_t) = delete;

  int64_t features() const { return features_; }
  int64_t outputs() const { return widths_.back(); }

  // Returns the outputs (m x outputs) of x (m x features).  They are valid until the next call.
  const float *outputs_of(const float *x, int64_t m);

private:
  const Context &context_;
  Network *network_ = nullptr;            // NULL if packed_ has a value
  const BatchNorm *input_norm_ = nullptr; // of the network, if it has one
  std::vector<float> standardized_;
  std::optional<InferenceNetwork> packed_; // if the network has no normalization
  int64_t features_;
  std::vector<int64_t> widths_;             // the outputs of each layer; a packed network has only the last
  std::vector<std::vector<float>> outputs_; // of each layer; a packed network has only the last
};

struct Evaluation {
  double loss = 0, accuracy = 0, top_k_accuracy = 0;
  // outputs x outputs: how many images of a class were predicted as which output.  Samples whose outputs are all NaN
  // were predicted as none.
  std::vector<int64_t> confusion;
};

Evaluation evaluate(const Context &context, Network &network, const Samples &images, int64_t k = 1);
// The same of an inference whose outputs are logits.
Evaluation evaluate(const Context &context, Inference &inference, const Samples &images, int64_t k = 1);

// The class that ranks highest, which is the prediction: the first of the largest outputs.  A NaN ranks below every
// number; -1 if all outputs are NaN.  A row is correct for lf_top_k_correct with k = 1 if this is its label.
int32_t largest(const float *logits, int64_t n);

} // namespace lanefold::trainer
