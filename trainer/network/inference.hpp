// Outputs of a network.  Batch normalization uses its running statistics.  A network without it (a folded one) runs in
// one call on packed weights.
#pragma once

#include "trainer/data/batches.hpp"
#include "trainer/distributed/ranks.hpp"
#include "trainer/network/network.hpp"

#include <algorithm>
#include <optional>
#include <vector>

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
  Network *network_ = nullptr;                                     // NULL if packed_ has a value
  const BatchNorm *input_norm_ = nullptr, *output_norm_ = nullptr; // of the network, if it has them
  std::vector<float> standardized_;
  std::optional<InferenceNetwork> packed_; // if the network has no normalization
  int64_t features_;
  std::vector<int64_t> widths_;             // the outputs of each layer; a packed network has only the last
  std::vector<std::vector<float>> outputs_; // of each layer; a packed network has only the last
};

// For batches of evaluation_rows in order: calls read(first row, rows), which returns x, and take(first row, rows,
// outputs).  Each rank reads and computes every count-th batch, and takes all of them.
template <class Read, class Take>
void for_each_batch(Inference &inference, Share all, Ranks &ranks, const Read &read, const Take &take) {
  std::vector<float> outputs;
  const auto rows_at = [&](int64_t first) { return std::min(evaluation_rows, all.end - first); };
  for (int64_t group = all.begin; group < all.end; group += evaluation_rows * ranks.count()) {
    const int64_t mine = group + evaluation_rows * ranks.rank();
    const float *values = mine < all.end ? inference.outputs_of(read(mine, rows_at(mine)), rows_at(mine)) : nullptr;
    for (int rank = 0; rank < ranks.count(); ++rank) {
      const int64_t first = group + evaluation_rows * rank;
      if (first >= all.end) return;
      const auto count = static_cast<size_t>(rows_at(first) * inference.outputs());
      if (rank == ranks.rank()) outputs.assign(values, values + count);
      else outputs.resize(count);
      if (ranks.count() > 1) broadcast(ranks, rank, outputs.data(), count * sizeof(float));
      take(first, rows_at(first), outputs.data());
    }
  }
}

struct Evaluation {
  double loss = 0;
  double accuracy = 0, top_k_accuracy = 0; // of a classification
  // classes x classes: how many images of a class were predicted as which class.  Samples whose outputs are all NaN were
  // predicted as none.
  std::vector<int64_t> confusion;
  // Of a regression, in the units of the targets, over all of them.  R2 is the mean of that of each target, which is
  // 1 - sum((t - y)^2) / sum((t - mean t)^2), or 0 if all t are the same and a y differs.
  double r2 = 0, root_mean_square_error = 0, mean_absolute_error = 0;
  std::vector<double> r2_of_targets;
};

// The ranks of an evaluation divide its batches, and all get the result.

// A network with one output has the logit of the second of two classes.
Evaluation evaluate(const Context &context, Network &network, const Samples &images, int64_t k = 1,
                    Ranks &ranks = alone());
// The same of an inference whose outputs are logits.
Evaluation evaluate(const Context &context, Inference &inference, const Samples &images, int64_t k = 1,
                    Ranks &ranks = alone());

// A regression.  The loss is that of the schema, on standardized numbers.
Evaluation evaluate_regression(const Context &context, Network &network, const Samples &samples, const Schema &schema,
                               Ranks &ranks = alone());
// The same of an inference whose outputs are in the units of the targets.
Evaluation evaluate_regression(const Context &context, Inference &inference, const Samples &samples,
                               const Schema &schema, Ranks &ranks = alone());

// (value - mean) / deviation of each target, in place.  values: rows x targets.
void standardize(std::vector<float> &values, const std::vector<Target> &targets);
// The inverse, as Network::output_norm does it.
BatchNorm output_norm_of(const std::vector<Target> &targets);

// The class that ranks highest, which is the prediction: the first of the largest outputs.  A NaN ranks below every
// number; -1 if all outputs are NaN.  A row is correct for lf_top_k_correct with k = 1 if this is its label.
int32_t largest(const float *logits, int64_t n);

} // namespace lanefold::trainer
