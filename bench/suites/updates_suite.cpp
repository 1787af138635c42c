// What a training step does beside its layers: the loss and the optimizers.  And folding, which ends a training.
#include "suites.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::bench {
namespace {

constexpr float rate = 1e-3f, momentum = 0.9f, epsilon = 1e-8f;

// x: the gradient, the logits, or the weights to fold: rows x n.  y: the parameters, the gradient of the logits, or the
// folded weights.
struct Operands {
  Operands(int64_t rows, int64_t columns)
      : m(rows), n(columns), x(random_floats(m * n, 1)), y(x.size()), first(x.size()), second(x.size()),
        gamma(random_floats(n, 2, 0.5f, 1.5f)), beta(random_floats(n, 3)), mean(random_floats(n, 4)),
        variance(random_floats(n, 5, 1, 2)), bias(gamma.size()) {
    for (int64_t i = 0; i < m; ++i) labels.push_back(static_cast<int32_t>(i * 7 % n));
    norm.eps = 1e-3f, norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = mean.data(), norm.running_var = variance.data();
  }
  Operands(const Operands &) = delete;
  std::string mismatch_of_step(int32_t optimizer) const {
    Doubles expected = widened(x); // of the first step, which starts from zeros
    for (double &g : expected)
      g *= -rate * (optimizer == LF_NESTEROV ? 1 + momentum : optimizer == LF_ADAM ? 1 / (std::fabs(g) + epsilon) : 1);
    return find_mismatch("w", y, expected, 16);
  }
  std::string mismatch_of_loss() const {
    Doubles expected = widened(x);
    for (int64_t i = 0; i < m; ++i) {
      double *row = expected.data() + i * n, sum = 0;
      for (int64_t j = 0; j < n; ++j) sum += row[j] = std::exp(row[j]);
      for (int64_t j = 0; j < n; ++j)
        row[j] = (row[j] / sum - (j == labels[static_cast<size_t>(i)])) / static_cast<double>(m);
    }
    return find_mismatch("dx", y, expected, n + 16);
  }
  std::string mismatch_of_fold() const {
    Doubles expected = widened(x);
    for (size_t i = 0; i < expected.size(); ++i) {
      const size_t j = i % gamma.size();
      expected[i] *= gamma[j] / std::sqrt(static_cast<double>(variance[j]) + norm.eps);
    }
    return find_mismatch("folded_w", y, expected, 8);
  }

  int64_t m, n;
  Floats x, y, first, second, gamma, beta, mean, variance, bias;
  std::vector<int32_t> labels;
  lf_batch_norm norm = args<lf_batch_norm>();
  float loss = 0;
};

void add(List &list, const std::string &operation, const std::string &size,
         const std::function<void(CaseBuilder &, const Setting &, const std::shared_ptr<Operands> &)> &add_variant,
         int64_t m, int64_t n) {
  list.cases.push_back({operation, size, Extent::costs, {}, [=](const Setting &setting) {
                          const auto operands = std::make_shared<Operands>(m, n);
                          CaseBuilder builder(setting, operands);
                          add_variant(builder, setting, operands);
                          return builder.take();
                        }});
}

void add_step(List &list, const std::string &name, int32_t optimizer, int64_t count) {
  const std::string operation = "optimizer/" + name, size = "n:" + std::to_string(count);
  const auto add_variant = [=](CaseBuilder &builder, const Setting &setting, const std::shared_ptr<Operands> &o) {
    auto call = args<lf_optimizer_step_args>();
    call.optimizer = optimizer, call.n = count, call.w = o->y.data(), call.g = o->x.data();
    call.m = o->first.data(), call.v = o->second.data();
    call.learning_rate = rate, call.momentum = momentum, call.beta2 = 0.999f, call.eps = epsilon, call.step = 1;
    const auto clear = [=] {
      for (Floats *values : {&o->y, &o->first, &o->second}) std::fill(values->begin(), values->end(), 0.0f);
    };
    builder.add("lanefold", operation, size, {}, [=, context = setting.context] { context->optimizer_step(call); },
                {clear, [=] { return o->mismatch_of_step(optimizer); }});
  };
  add(list, operation, size, add_variant, count, 1);
}

void add_loss(List &list, int64_t m, int64_t n) {
  const std::string operation = "loss/softmax_cross_entropy";
  const auto add_variant = [=](CaseBuilder &builder, const Setting &setting, const std::shared_ptr<Operands> &o) {
    auto call = args<lf_softmax_cross_entropy_args>();
    call.m = m, call.n = n, call.x = o->x.data(), call.ldx = n, call.labels = o->labels.data();
    call.loss = &o->loss, call.dx = o->y.data(), call.lddx = n;
    builder.add(
        "lanefold", operation, sizes(m, n), {},
        [=, context = setting.context] { context->softmax_cross_entropy(call); },
        verification({&o->y}, [=] { return o->mismatch_of_loss(); }));
  };
  add(list, operation, sizes(m, n), add_variant, m, n);
}

void add_fold(List &list, int64_t n, int64_t k) {
  const std::string operation = "fold/batch_norm", size = "n:" + std::to_string(n) + "/k:" + std::to_string(k);
  const auto add_variant = [=](CaseBuilder &builder, const Setting &setting, const std::shared_ptr<Operands> &o) {
    auto call = args<lf_fold_batch_norm_args>();
    call.n = n, call.k = k, call.batch_norm = &o->norm, call.w = o->x.data(), call.ldw = n;
    call.folded_w = o->y.data(), call.ldfolded_w = n, call.folded_bias = o->bias.data();
    builder.add(
        "lanefold", operation, size, {}, [=, context = setting.context] { context->fold_batch_norm(call); },
        verification({&o->y}, [=] { return o->mismatch_of_fold(); }));
  };
  add(list, operation, size, add_variant, k, n);
}

} // namespace

void add_update_costs(List &list) {
  constexpr const char *names[LF_OPTIMIZER_COUNT] = {"sgd", "momentum", "nesterov", "adam"}; // by code
  for (int32_t optimizer = 0; optimizer < LF_OPTIMIZER_COUNT; ++optimizer)
    add_step(list, names[optimizer], optimizer, 4096);
  add_loss(list, 200, 10);
  add_fold(list, 48, 64);
}

} // namespace lanefold::bench
