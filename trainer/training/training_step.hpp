// The step of a training on one rank, which has each batch as a whole.
#pragma once

#include "trainer/training/step.hpp"

namespace lanefold::trainer {

class TrainingStep : public Step {
public:
  // Keeps references to context and network.
  TrainingStep(const Context &context, Network &network, const Optimizer &optimizer, int64_t batch_size,
               Objective objective = {});
  TrainingStep(const Context &&, Network &, const Optimizer &, int64_t,
               Objective = {}) = delete; // a reference to a temporary would dangle

  // x: rows x features.  labels: rows, of a classification.  targets: rows x outputs, of a regression.  rows is at most
  // batch_size, and not 1 if there is batch normalization.
  Result run(const float *x, const int32_t *labels, int64_t rows, const float *targets = nullptr);
  Result run(const Batch &batch) { return run(batch.x.data(), batch.labels.data(), batch.rows, batch.targets.data()); }
  Result run(const Batch &batch, int64_t batch_rows, bool stops) override;

private:
  // The backward call also updates the weights, by SGD without weight decay.
  bool updates_in_backward() const { return updates_in_backward(optimizer_); }
  static bool updates_in_backward(const Optimizer &optimizer) {
    return optimizer.kind == LF_SGD && optimizer.weight_decay == 0;
  }
  void forward(size_t layer, ConstMatrix x);
  void backward(size_t layer, ConstMatrix x, Matrix dx); // without dx, it is not computed
};

} // namespace lanefold::trainer
