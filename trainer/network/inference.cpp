// A folded network takes one call of the library.  Other networks take one for each layer.
#include "trainer/network/inference.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::trainer {

Inference::Inference(const Context &context, Network &network) : context_(context), features_(network.features()) {
  if (network.input_norm) input_norm_ = &*network.input_norm;
  if (network.output_norm) output_norm_ = &*network.output_norm;
  if (network.description.batch_norm()) {
    network_ = &network;
    for (const DenseLayer &layer : network.layers) widths_.push_back(layer.outputs);
  } else {
    packed_ = context.make_network(std::vector<InferenceLayer>(network.layers.begin(), network.layers.end()));
    widths_ = {network.outputs()};
  }
  outputs_.resize(widths_.size());
}

Inference::Inference(const Context &context, InferenceNetwork network, int64_t features, int64_t outputs)
    : context_(context), packed_(std::move(network)), features_(features), widths_{outputs}, outputs_(1) {}

const float *Inference::outputs_of(const float *x, int64_t m) {
  ConstMatrix input(x, m, features_);
  if (input_norm_ != nullptr) {
    standardized_.resize(std::max(standardized_.size(), static_cast<size_t>(m * features_)));
    const Matrix y(standardized_.data(), m, features_);
    context_.batch_norm_forward(input, input_norm_->view(), y);
    input = y;
  }
  for (size_t i = 0; i < widths_.size(); ++i) {
    outputs_[i].resize(std::max(outputs_[i].size(), static_cast<size_t>(m * widths_[i])));
    const Matrix y(outputs_[i].data(), m, widths_[i]);
    if (packed_) context_.network_infer(input, *packed_, y);
    else context_.dense_forward(input, network_->layers[i], y);
    input = y;
  }
  const Matrix last(outputs_.back().data(), m, outputs());
  if (output_norm_ != nullptr) context_.batch_norm_forward(last, output_norm_->view(), last);
  return last.data;
}

Evaluation evaluate(const Context &context, Network &network, const Samples &images, int64_t k, Ranks &ranks) {
  Inference inference(context, network);
  return evaluate(context, inference, images, k, ranks);
}

namespace {

// The class of one logit of two.
int32_t class_of(float logit) { return std::isnan(logit) ? -1 : logit > 0 ? 1 : 0; }

// Counts what a batch of logits predicts.
class Counts {
public:
  Counts(const Context &context, int64_t outputs, int64_t k) : context_(context), n_(outputs), k_(k) {
    result.confusion.resize(static_cast<size_t>(classes() * classes()));
  }

  void add(const float *logits, const int32_t *of_rows, int64_t rows) {
    const ConstMatrix y(logits, rows, n_);
    const Labels labels(of_rows, rows);
    double loss;
    if (n_ > 1) {
      correct_ += context_.top_k_correct(y, labels);
      if (k_ > 1) top_k_correct_ += context_.top_k_correct(y, labels, k_);
      loss = context_.softmax_cross_entropy(y, labels);
    } else {
      const std::vector<float> targets(of_rows, of_rows + rows);
      loss = context_.elementwise_loss({LF_LOGISTIC_CROSS_ENTROPY}, y, {targets.data(), rows, 1});
    }
    result.loss += loss * static_cast<double>(rows);
    for (int64_t i = 0; i < rows; ++i) {
      const int32_t label = of_rows[i], predicted = n_ > 1 ? largest(logits + i * n_, n_) : class_of(logits[i]);
      if (n_ == 1) correct_ += predicted == label, top_k_correct_ += k_ > 1 ? predicted >= 0 : predicted == label;
      if (predicted >= 0) ++result.confusion[static_cast<size_t>(label * classes() + predicted)];
    }
  }

  Evaluation take(int64_t samples) {
    const auto count = static_cast<double>(samples);
    result.loss /= count;
    result.accuracy = static_cast<double>(correct_) / count;
    result.top_k_accuracy = static_cast<double>(k_ > 1 ? top_k_correct_ : correct_) / count;
    return std::move(result);
  }

private:
  int64_t classes() const { return std::max<int64_t>(n_, 2); }

  const Context &context_;
  const int64_t n_, k_;
  int64_t correct_ = 0, top_k_correct_ = 0;
  Evaluation result;
};

// Sums over the samples of each target.
struct Sums {
  double mean = 0, total = 0, squares = 0, magnitudes = 0; // total: of squares of t - mean
};

std::vector<Sums> sums_of_targets(const Samples &samples) {
  const auto n = static_cast<size_t>(samples.outputs);
  std::vector<Sums> sums(n);
  for (size_t i = 0; i < samples.targets.size(); ++i) sums[i % n].mean += static_cast<double>(samples.targets[i]);
  for (Sums &of : sums) of.mean /= static_cast<double>(samples.count());
  for (size_t i = 0; i < samples.targets.size(); ++i) {
    const double d = static_cast<double>(samples.targets[i]) - sums[i % n].mean;
    sums[i % n].total += d * d;
  }
  return sums;
}

template <class Take>
void for_each_batch(const Context &context, Inference &inference, const Samples &samples, Ranks &ranks,
                    const Take &take) {
  Batch batch;
  const auto read = [&](int64_t first, int64_t rows) {
    gather(context, samples, nullptr, first, rows, batch);
    return batch.x.data();
  };
  for_each_batch(inference, {0, samples.count()}, ranks, read, take);
}

} // namespace

Evaluation evaluate(const Context &context, Inference &inference, const Samples &images, int64_t k, Ranks &ranks) {
  Counts counts(context, inference.outputs(), k);
  for_each_batch(context, inference, images, ranks, [&](int64_t first, int64_t rows, const float *outputs) {
    counts.add(outputs, images.labels.data() + first, rows);
  });
  return counts.take(images.count());
}

Evaluation evaluate_regression(const Context &context, Inference &inference, const Samples &samples,
                               const Schema &schema, Ranks &ranks) {
  const auto n = static_cast<size_t>(samples.outputs);
  const auto columns = static_cast<int64_t>(n);
  std::vector<Sums> sums = sums_of_targets(samples);
  std::vector<float> values, targets;
  Evaluation result;
  for_each_batch(context, inference, samples, ranks, [&](int64_t first, int64_t rows, const float *y) {
    const float *of_rows = samples.targets.data() + first * columns;
    values.assign(y, y + rows * columns), targets.assign(of_rows, of_rows + rows * columns);
    for (size_t i = 0; i < values.size(); ++i) {
      const double d = static_cast<double>(values[i]) - static_cast<double>(targets[i]);
      sums[i % n].squares += d * d, sums[i % n].magnitudes += std::abs(d);
    }
    standardize(values, schema.targets), standardize(targets, schema.targets);
    result.loss +=
        context.elementwise_loss(schema.loss, {values.data(), rows, columns}, {targets.data(), rows, columns}) *
        static_cast<double>(rows);
  });
  const auto count = static_cast<double>(samples.count());
  double squares = 0, magnitudes = 0;
  for (const Sums &of : sums) {
    squares += of.squares, magnitudes += of.magnitudes;
    result.r2_of_targets.push_back(of.total > 0 ? 1 - of.squares / of.total : of.squares == 0 ? 1 : 0);
    result.r2 += result.r2_of_targets.back() / static_cast<double>(n);
  }
  result.loss /= count;
  result.root_mean_square_error = std::sqrt(squares / (count * static_cast<double>(n)));
  result.mean_absolute_error = magnitudes / (count * static_cast<double>(n));
  return result;
}

Evaluation evaluate_regression(const Context &context, Network &network, const Samples &samples, const Schema &schema,
                               Ranks &ranks) {
  Inference inference(context, network);
  return evaluate_regression(context, inference, samples, schema, ranks);
}

void standardize(std::vector<float> &values, const std::vector<Target> &targets) {
  for (size_t i = 0; i < values.size(); ++i) {
    const Target &target = targets[i % targets.size()];
    values[i] = (values[i] - target.mean) / target.deviation;
  }
}

BatchNorm output_norm_of(const std::vector<Target> &targets) {
  BatchNorm norm(static_cast<int64_t>(targets.size())); // its statistics are a mean of 0 and a variance of 1
  norm.eps = 1e-30f;
  for (size_t j = 0; j < targets.size(); ++j) norm.gamma[j] = targets[j].deviation, norm.beta[j] = targets[j].mean;
  return norm;
}

int32_t largest(const float *logits, int64_t n) {
  int64_t best = -1;
  for (int64_t j = 0; j < n; ++j)
    if (logits[j] == logits[j] && (best < 0 || logits[j] > logits[best])) best = j;
  return static_cast<int32_t>(best);
}

} // namespace lanefold::trainer
