// Times the five ways of running each of four networks in turn, round after round, so that whatever disturbs the
// machine disturbs all alike.
#include "costs.hpp"

#include "../inference.hpp"
#include "../random.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>

namespace lanefold::trainer {
namespace {

constexpr int ways = 5, most_rounds = 31, least_rounds = 3;
constexpr double seconds_for_rounds = 8; // a slow CPU takes fewer

// One network and its buffers.
class Subject {
public:
  Subject(const Context &context, bool batch_norm, int32_t activation, const std::vector<float> &x, int64_t m)
      : context_(context), network_(description(batch_norm, activation)), x_(x), m_(m),
        outputs_(network_.layers.size()), z_(outputs_.size()), mean_(outputs_.size()), inv_std_(outputs_.size()) {
    initialize(network_, "he-normal", 1);
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const auto n = static_cast<size_t>(network_.layers[i].n);
      outputs_[i].resize(static_cast<size_t>(m) * n);
      z_[i] = outputs_[i];
      mean_[i].resize(n);
      inv_std_[i].resize(n);
    }
    folded_.emplace(fold(context, network_));
    inference_.emplace(context, *folded_);
  }

  void run(int way) {
    if (way == 4) {
      inference_->logits(x_.data(), m_);
      return;
    }
    const uint32_t flags = way < 2 ? LF_TRAINING : 0;
    const float *x = x_.data();
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (way % 2 == 0) unfused(i, x, flags);
      else fused(i, x, flags);
      x = outputs_[i].data();
    }
  }

private:
  static Description description(bool batch_norm, int32_t activation) {
    Description d;
    d.batch_norm = batch_norm;
    d.activation = activation;
    return d;
  }

  lf_batch_norm norm(size_t i) { return network_.batch_norm(network_.layers[i], mean_[i].data(), inv_std_[i].data()); }

  // Product, normalization and activation, each a call of its own.
  void unfused(size_t i, const float *x, uint32_t flags) {
    const Layer &layer = network_.layers[i];
    const Description &d = network_.description;
    const int32_t activation = d.activation_of(static_cast<int64_t>(i));
    float *y = outputs_[i].data();
    float *z = d.batch_norm ? z_[i].data() : y;
    auto product = args<lf_sgemm_args>();
    product.m = m_, product.n = layer.n, product.k = layer.k, product.alpha = 1.0f;
    product.a = x, product.lda = layer.k, product.b = layer.w.data(), product.ldb = layer.n;
    product.c = z, product.ldc = layer.n;
    context_.sgemm(product);
    if (d.batch_norm) {
      const lf_batch_norm bn = norm(i);
      auto a = args<lf_batch_norm_forward_args>();
      a.flags = flags;
      a.m = m_, a.n = layer.n;
      a.x = z, a.ldx = layer.n, a.y = y, a.ldy = layer.n;
      a.batch_norm = &bn;
      context_.batch_norm_forward(a);
    }
    if (activation == LF_IDENTITY) return;
    auto a = args<lf_activation_forward_args>();
    a.m = m_, a.n = layer.n, a.activation = activation, a.alpha = d.alpha;
    a.x = y, a.ldx = layer.n, a.y = y, a.ldy = layer.n;
    context_.activation_forward(a);
  }

  void fused(size_t i, const float *x, uint32_t flags) {
    const Layer &layer = network_.layers[i];
    const Description &d = network_.description;
    const lf_batch_norm bn = norm(i);
    auto a = args<lf_dense_forward_args>();
    a.flags = flags;
    a.m = m_, a.n = layer.n, a.k = layer.k;
    a.x = x, a.ldx = layer.k, a.w = layer.w.data(), a.ldw = layer.n;
    if (d.batch_norm) {
      a.batch_norm = &bn;
      // Training keeps z for the backward pass.
      if (flags & LF_TRAINING) a.z = z_[i].data(), a.ldz = layer.n;
    }
    a.activation = d.activation_of(static_cast<int64_t>(i)), a.alpha = d.alpha;
    a.y = outputs_[i].data(), a.ldy = layer.n;
    context_.dense_forward(a);
  }

  const Context &context_;
  Network network_;
  const std::vector<float> &x_;
  int64_t m_;
  std::vector<std::vector<float>> outputs_, z_, mean_, inv_std_;
  std::optional<Network> folded_;
  std::optional<Inference> inference_;
};

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<int64_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

} // namespace

std::vector<Costs> measure_costs(const Context &context, int64_t batch_size) {
  std::vector<float> x(static_cast<size_t>(batch_size * Description().sizes[0]));
  Stream random(1, Purpose::weights, 99);
  for (float &v : x) v = static_cast<float>(random.uniform());
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const bool batch_norm : {false, true})
    for (const int32_t activation : {LF_IDENTITY, LF_ELU})
      subjects.push_back(std::make_unique<Subject>(context, batch_norm, activation, x, batch_size));
  std::vector<std::array<std::vector<double>, ways>> times(subjects.size());
  const auto begin = std::chrono::steady_clock::now();
  for (int round = -1; round < most_rounds; ++round) { // the first one warms up
    const std::chrono::duration<double> gone = std::chrono::steady_clock::now() - begin;
    if (round >= least_rounds && gone.count() > seconds_for_rounds) break;
    for (size_t i = 0; i < subjects.size(); ++i)
      for (int way = 0; way < ways; ++way) {
        const auto start = std::chrono::steady_clock::now();
        subjects[i]->run(way);
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        if (round >= 0) times[i][static_cast<size_t>(way)].push_back(spent.count() / static_cast<double>(batch_size));
      }
  }
  const char *names[] = {"dense", "+ELU", "+BN", "+BN+ELU"};
  std::vector<Costs> result;
  for (size_t i = 0; i < subjects.size(); ++i)
    result.push_back({names[i], median(times[i][0]), median(times[i][1]), median(times[i][2]), median(times[i][3]),
                      median(times[i][4])});
  return result;
}

} // namespace lanefold::trainer
