// Times each way of running each network in turn, round after round, so that disturbances of the machine affect all of
// them alike.
#include "trainer/study/costs.hpp"

#include "trainer/network/inference.hpp"
#include "trainer/training/training_step.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>

namespace lanefold::trainer {
namespace {

constexpr int64_t features = 784;
enum Way {
  training_unfused,
  training_fused,
  inference_unfused,
  inference_fused,
  inference_folded,
  whole_step,
  single,
  ways
};
constexpr int most_rounds = 101, least_rounds = 3;
constexpr double seconds_for_rounds = 8; // a slow CPU runs fewer rounds
constexpr int64_t single_samples = 100;  // predicted one by one in a round

// One network and its buffers.
class Subject {
public:
  Subject(const Context &context, const CostCase &of, const std::vector<float> &x, const std::vector<int32_t> &labels,
          int64_t m)
      : context_(context), network_(description(of)), trained_(network_.description), x_(x), labels_(labels), m_(m),
        outputs_(network_.layers.size()), z_(outputs_.size()) {
    initialize(network_, 1);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      outputs_[i].resize(static_cast<size_t>(m * network_.layers[i].outputs));
      z_[i] = outputs_[i];
    }
    folded_.emplace(fold(context, network_));
    inference_.emplace(context, *folded_);
    initialize(trained_, 1);
    step_.emplace(context, trained_, Optimizer(), m);
  }

  void run(int way) {
    if (way == inference_folded) {
      inference_->outputs_of(x_.data(), m_);
      return;
    }
    if (way == whole_step) {
      step_->run(x_.data(), labels_.data(), m_);
      return;
    }
    if (way == single) {
      for (int64_t i = 0; i < single_samples; ++i) inference_->outputs_of(x_.data() + i % m_ * features, 1);
      return;
    }
    const uint32_t flags = way == training_unfused || way == training_fused ? LF_TRAINING : 0;
    const float *x = x_.data();
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (way == training_unfused || way == inference_unfused) unfused(i, x, flags);
      else fused(i, x, flags);
      x = outputs_[i].data();
    }
  }

private:
  static Description description(const CostCase &of) {
    LayerDescription layer;
    layer.activation = of.activation;
    return plain(features, {300, 100}, digit_classes, layer, of.batch_norm ? "on" : "off");
  }

  // The product, the normalization and the activation are separate calls.
  void unfused(size_t i, const float *input, uint32_t flags) {
    DenseLayer &layer = network_.layers[i];
    const ConstMatrix x(input, m_, layer.inputs);
    const Matrix y(outputs_[i].data(), m_, layer.outputs), z(z_[i].data(), m_, layer.outputs);
    context_.sgemm(x, layer.weights(), layer.batch_norm ? z : y);
    if (layer.batch_norm) context_.batch_norm_forward(z, layer.batch_norm->view(), y, flags);
    if (layer.activation.code != LF_IDENTITY) context_.activation_forward(layer.activation, y, y);
  }

  // Training keeps z for the backward pass.
  void fused(size_t i, const float *input, uint32_t flags) {
    DenseLayer &layer = network_.layers[i];
    const Matrix y(outputs_[i].data(), m_, layer.outputs), z(z_[i].data(), m_, layer.outputs);
    const bool keeps_z = layer.batch_norm && (flags & LF_TRAINING);
    context_.dense_forward({input, m_, layer.inputs}, layer.view(), y, keeps_z ? z : Matrix(), flags);
  }

  const Context &context_;
  Network network_, trained_;
  const std::vector<float> &x_;
  const std::vector<int32_t> &labels_;
  int64_t m_;
  std::vector<std::vector<float>> outputs_, z_;
  std::optional<Network> folded_;
  std::optional<Inference> inference_;
  std::optional<TrainingStep> step_;
};

// The lower quartile, because disturbances only make a sample slower.
double typical(std::vector<double> times) {
  const size_t quarter = times.size() / 4;
  std::nth_element(times.begin(), times.begin() + static_cast<int64_t>(quarter), times.end());
  return times[quarter];
}

} // namespace

std::vector<Costs> measure_costs(const Context &context, int64_t batch_size, const std::vector<CostCase> &cases,
                                 const std::function<bool()> &stop) {
  std::vector<float> x(static_cast<size_t>(batch_size * features));
  std::vector<int32_t> labels(static_cast<size_t>(batch_size));
  Stream random(1, Purpose::study, 99);
  for (float &v : x) v = static_cast<float>(random.uniform());
  for (int32_t &label : labels) label = static_cast<int32_t>(random.below(digit_classes));
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const CostCase &of : cases) subjects.push_back(std::make_unique<Subject>(context, of, x, labels, batch_size));
  std::vector<std::array<std::vector<double>, ways>> times(subjects.size());
  const auto begin = std::chrono::steady_clock::now();
  for (int round = -1; round < most_rounds; ++round) { // round -1 warms up
    const std::chrono::duration<double> gone = std::chrono::steady_clock::now() - begin;
    if (round >= least_rounds && (gone.count() > seconds_for_rounds || (stop && stop()))) break;
    for (size_t turn = 0; turn < subjects.size(); ++turn)
      for (int way = 0; way < ways; ++way) {
        const size_t i = (turn + static_cast<size_t>(round + 1)) % subjects.size(); // another one begins each round
        const auto start = std::chrono::steady_clock::now();
        subjects[i]->run(way);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        if (round >= 0) times[i][static_cast<size_t>(way)].push_back(spent.count());
      }
  }
  std::vector<Costs> result;
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto each = [&](Way way) { return typical(times[i][way]) / static_cast<double>(batch_size); };
    result.push_back({cases[i], each(training_unfused), each(training_fused), each(inference_unfused),
                      each(inference_fused), each(inference_folded), typical(times[i][whole_step]),
                      typical(times[i][single]) / static_cast<double>(single_samples)});
  }
  return result;
}

} // namespace lanefold::trainer
