// Predictions of a network: with normalization by its running statistics, or, without normalization (folded), in one
// call on packed weights.
#pragma once

#include "trainer/data/batches.hpp"
#include "trainer/network/network.hpp"

#include <optional>

namespace lanefold::trainer {

inline constexpr int64_t evaluation_rows = 500; // samples that are taken at once where there are many

class Inference {
public:
  // Keeps references: context and network outlive it.  What it packs are copies; make a new one after training.
  Inference(const Context &context, Network &network);

  // Logits, m x outputs, of x, m x features; valid until the next call.
  const float *logits(const float *x, int64_t m);

private:
  const Context &context_;
  Network &network_;
  std::optional<InferenceNetwork> packed_;  // if there is no normalization
  std::vector<std::vector<float>> outputs_; // one a layer; of a packed network only the last
};

struct Evaluation {
  double loss = 0, accuracy = 0, top_k_accuracy = 0;
  std::vector<int64_t> confusion; // classes x outputs: images of the first that were taken for the second
};

Evaluation evaluate(const Context &context, Network &network, const Images &images, int64_t k = 1);

// Rows in which the label is among the k largest logits.
int64_t correct_predictions(const Context &context, const float *logits, int64_t m, int64_t n, const int32_t *labels, int64_t k);

// Mean softmax cross-entropy; the gradient goes to dx unless it is NULL.
float cross_entropy(const Context &context, const float *logits, int64_t m, int64_t n, const int32_t *labels,
                    float *dx);

// Index of the largest of n.
int32_t largest(const float *logits, int64_t n);

} // namespace lanefold::trainer
