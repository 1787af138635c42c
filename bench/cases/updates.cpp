// What a training step does beside its layers: the losses, dropout and the optimizers.  And folding, which ends a training.
#include "cases.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::bench {
namespace {

constexpr float rate = 1e-3f, momentum = 0.9f, epsilon = 1e-8f;

// x: the gradient, the logits, or the weights to fold: rows x n.  y: the parameters, the gradient of the logits, or the
// folded weights.
struct Operands {
  Operands(int64_t rows, int64_t columns, Memory memory)
      : m(rows), n(columns), x(memory.random(m * n, 1)), y(memory.floats(m * n)), first(y), second(y),
        gamma(memory.random(n, 2, 0.5f, 1.5f)), beta(memory.random(n, 3)), mean(memory.random(n, 4)),
        variance(memory.random(n, 5, 1, 2)), bias(memory.floats(n)) {
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

using OperandsPointer = std::shared_ptr<Operands>;

// m and n: the sizes of x.
void add_update(List &list, const Fields &fields, int64_t m, int64_t n,
                const std::function<void(CaseBuilder &, const OperandsPointer &)> &add_variant) {
  Case bench_case;
  bench_case.variants = {{"lanefold", fields, {}, ""}};
  bench_case.extent = Extent::costs;
  bench_case.make = [=](CaseBuilder &builder) { add_variant(builder, builder.keep<Operands>(m, n, builder.memory)); };
  list.cases.push_back(bench_case);
}

void add_optimizer(List &list, const std::string &name, int32_t optimizer, int64_t count) {
  Fields fields;
  fields.family = "update", fields.op = "optimizer", fields.form = name, fields.n = count;
  add_update(list, fields, count, 1, [=](CaseBuilder &builder, const OperandsPointer &o) {
    auto call = args<lf_optimizer_step_args>();
    call.optimizer = optimizer, call.n = count, call.w = o->y.data(), call.g = o->x.data();
    call.m = o->first.data(), call.v = o->second.data();
    call.learning_rate = rate, call.momentum = momentum, call.beta2 = 0.999f, call.eps = epsilon, call.step = 1;
    const auto clear = [=] {
      for (Floats *values : {&o->y, &o->first, &o->second}) std::fill(values->begin(), values->end(), 0.0f);
    };
    builder.add("lanefold", [=, context = builder.setting.context] { context->optimizer_step(call); },
                {{}, clear, [=] { return o->mismatch_of_step(optimizer); }});
  });
}

void add_loss(List &list, int64_t m, int64_t n) {
  Fields fields;
  fields.family = "update", fields.op = "loss", fields.form = "softmax_cross_entropy", fields.m = m, fields.n = n;
  add_update(list, fields, m, n, [=](CaseBuilder &builder, const OperandsPointer &o) {
    auto call = args<lf_softmax_cross_entropy_args>();
    call.m = m, call.n = n, call.x = o->x.data(), call.ldx = n, call.labels = o->labels.data();
    call.loss = &o->loss, call.dx = o->y.data(), call.lddx = n;
    builder.add("lanefold", [=, context = builder.setting.context] { context->softmax_cross_entropy(call); },
                {{&o->y}, {}, [=] { return o->mismatch_of_loss(); }});
  });
}

void add_fold(List &list, int64_t n, int64_t k) {
  Fields fields;
  fields.family = "update", fields.op = "fold", fields.bn = true, fields.n = n, fields.k = k;
  add_update(list, fields, k, n, [=](CaseBuilder &builder, const OperandsPointer &o) {
    auto call = args<lf_fold_batch_norm_args>();
    call.n = n, call.k = k, call.batch_norm = &o->norm, call.w = o->x.data(), call.ldw = n;
    call.folded_w = o->y.data(), call.ldfolded_w = n, call.folded_bias = o->bias.data();
    builder.add("lanefold", [=, context = builder.setting.context] { context->fold_batch_norm(call); },
                {{&o->y}, {}, [=] { return o->mismatch_of_fold(); }});
  });
}

// The predictions of a batch, their targets and the gradient; or what dropout reads and writes.
struct Batch {
  Batch(int64_t rows, int64_t columns, Memory memory)
      : m(rows), n(columns), x(memory.random(m * n, 1, -2, 2)), targets(memory.random(m * n, 2, 0, 1)),
        y(memory.floats(m * n)) {}
  Batch(const Batch &) = delete;
  std::string mismatch_of_loss(int32_t function) const {
    Doubles expected = widened(x);
    for (size_t i = 0; i < expected.size(); ++i) {
      const double d = expected[i] - targets[i];
      const double derivative = function == LF_SQUARED_ERROR    ? 2 * d
                                : function == LF_ABSOLUTE_ERROR ? (d > 0) - (d < 0)
                                : function == LF_HUBER_ERROR    ? std::clamp(d, -1.0, 1.0)
                                                                : 1 / (1 + std::exp(-expected[i])) - targets[i];
      expected[i] = derivative / static_cast<double>(m * n);
    }
    return find_mismatch("dx", y, expected, 16);
  }
  // Whether an element is dropped shows in y.  tests/kernels/dropout_test.cpp checks that it is the right one.
  std::string mismatch_of_dropout() const {
    Doubles expected = widened(x);
    int64_t dropped = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      dropped += y[i] == 0;
      expected[i] = y[i] == 0 ? 0 : 2 * expected[i];
    }
    if (std::abs(2 * dropped - m * n) > m * n / 16) return "y has " + std::to_string(dropped) + " dropped elements";
    return find_mismatch("y", y, expected, 1);
  }

  int64_t m, n;
  Floats x, targets, y;
  float loss = 0;
};

// Adds a case that reads and writes `arrays` matrices of m x n, and takes `call`.
void add_timed(List &list, Fields fields, const Shape &shape, double arrays,
               const std::function<void(CaseBuilder &, const std::shared_ptr<Batch> &)> &add_variant) {
  const double count = static_cast<double>(shape.m * shape.n);
  fields.family = "update", fields.m = shape.m, fields.n = shape.n;
  Case bench_case;
  bench_case.variants = {{"lanefold", fields, {0, 4 * arrays * count, count}, ""}};
  bench_case.ratios = {{"over-copy", Ratio::times, "lanefold", "copies"}};
  bench_case.make = [=](CaseBuilder &builder) {
    add_variant(builder, builder.keep<Batch>(shape.m, shape.n, builder.memory));
    builder.add_copies(shape.m * shape.n / 128 * 128);
  };
  list.cases.push_back(bench_case);
}

void add_elementwise_loss(List &list, const char *name, int32_t function, const Shape &shape) {
  Fields fields;
  fields.op = "loss", fields.form = name;
  add_timed(list, fields, shape, 3, [=](CaseBuilder &builder, const std::shared_ptr<Batch> &b) {
    auto call = args<lf_elementwise_loss_args>();
    call.function = function, call.delta = 1, call.m = b->m, call.n = b->n, call.x = b->x.data(), call.ldx = b->n;
    call.targets = b->targets.data(), call.ldtargets = b->n, call.loss = &b->loss;
    call.dx = b->y.data(), call.lddx = b->n;
    builder.add("lanefold", [=, context = builder.setting.context] { context->elementwise_loss(call); },
                {{&b->y}, {}, [=] { return b->mismatch_of_loss(function); }});
  });
}

void add_dropout(List &list, const Shape &shape) {
  Fields fields;
  fields.op = "dropout";
  add_timed(list, fields, shape, 2, [=](CaseBuilder &builder, const std::shared_ptr<Batch> &b) {
    auto call = args<lf_dropout_args>();
    call.m = b->m, call.n = b->n, call.x = b->x.data(), call.ldx = b->n, call.y = b->y.data(), call.ldy = b->n;
    call.rate = 0.5f, call.seed = 1;
    builder.add("lanefold", [=, context = builder.setting.context] { context->dropout(call); },
                {{&b->y}, {}, [=] { return b->mismatch_of_dropout(); }});
  });
}

} // namespace

void add_updates(List &list) {
  constexpr const char *names[LF_LOSS_COUNT] = {"squared", "absolute", "huber", "logistic"}; // by code
  for (int32_t function = 0; function < LF_LOSS_COUNT; ++function)
    add_elementwise_loss(list, names[function], function, {200, 10, 0});
  add_elementwise_loss(list, names[LF_SQUARED_ERROR], LF_SQUARED_ERROR, {200, 1, 0});
  add_dropout(list, {200, 300, 0});
}

void add_update_costs(List &list) {
  constexpr const char *names[LF_OPTIMIZER_COUNT] = {"sgd", "momentum", "nesterov", "adam"}; // by code
  for (int32_t optimizer = 0; optimizer < LF_OPTIMIZER_COUNT; ++optimizer)
    add_optimizer(list, names[optimizer], optimizer, 4096);
  add_loss(list, 200, 10);
  add_fold(list, 48, 64);
}

} // namespace lanefold::bench
