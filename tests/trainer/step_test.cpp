// The training step against the textbook's, which this file computes in double: forward, loss, backward and update.  Also
// what evaluate and train make of such steps.
#include "cli/words.hpp"
#include "support/images.hpp"
#include "support/reference.hpp"
#include "trainer/data/random.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/training/training.hpp"
#include "trainer/training/training_step.hpp"

#include <cmath>
#include <map>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::Context;

namespace {

double derivative(int32_t code, double alpha, double x) {
  if (x > 0 || code == LF_IDENTITY) return 1;
  return code == LF_ELU ? alpha * std::exp(x) : alpha;
}

Doubles transposed(const Doubles &a) {
  Doubles t(a.columns, a.rows);
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t j = 0; j < a.columns; ++j) t(j, i) = a(i, j);
  return t;
}

// The arrays of one layer that forward keeps for backward.
struct Pass {
  Doubles x{0, 0}, z{0, 0}, u{0, 0}; // the input, x w + bias, and the input of the activation
};

struct Parameter {
  Doubles value, gradient, v, s;
  explicit Parameter(const Doubles &start)
      : value(start), gradient(start.rows, start.columns), v(gradient), s(gradient) {}
};

// A network in double.  It begins as a copy of the parameters.
class Reference {
public:
  explicit Reference(Network &network) : description_(network.description), passes_(description_.layers.size()) {
    network.visit([&](const std::string &name, const std::vector<int64_t> &shape, std::vector<float> &values) {
      Doubles start(shape.size() == 2 ? shape[0] : 1, shape.back());
      start.values.assign(values.begin(), values.end());
      parameters_.emplace(name, start);
    });
  }

  Doubles forward(Doubles x, bool training) {
    for (int64_t i = 0; i < static_cast<int64_t>(passes_.size()); ++i) {
      const LayerDescription &layer = description_.layers[static_cast<size_t>(i)];
      Pass &pass = passes_[static_cast<size_t>(i)];
      pass.z = product(x, at(i, "w").value);
      pass.x = std::move(x);
      pass.u = pass.z;
      for (int64_t j = 0; j < pass.z.columns; ++j)
        if (layer.batch_norm) normalize(i, j, training);
        else
          for (int64_t r = 0; r < pass.z.rows; ++r) pass.u(r, j) += at(i, "bias").value(0, j);
      x = pass.u;
      for (double &value : x.values) value = activate(layer.activation, layer.alpha, value);
    }
    return x;
  }

  void backward(Doubles dy) {
    for (int64_t i = static_cast<int64_t>(passes_.size()); i-- > 0;) {
      const LayerDescription &layer = description_.layers[static_cast<size_t>(i)];
      const Pass &pass = passes_[static_cast<size_t>(i)];
      for (size_t e = 0; e < dy.values.size(); ++e)
        dy.values[e] *= derivative(layer.activation, layer.alpha, pass.u.values[e]);
      const char *shift = layer.batch_norm ? "beta" : "bias";
      for (int64_t j = 0; j < dy.columns; ++j) {
        double sum = 0;
        for (int64_t r = 0; r < dy.rows; ++r) sum += dy(r, j);
        at(i, shift).gradient(0, j) = sum;
        if (layer.batch_norm) normalize_backward(i, j, dy);
      }
      at(i, "w").gradient = product(transposed(pass.x), dy);
      dy = product(dy, transposed(at(i, "w").value));
    }
  }

  void update(const Optimizer &o) {
    ++step_;
    const double rate = o.learning_rate, beta1 = o.momentum, beta2 = o.beta2;
    for (auto &[name, p] : parameters_)
      for (size_t e = 0; e < p.value.values.size() && !contains(name, "running"); ++e) {
        if (name.ends_with(".w")) p.value.values[e] *= 1 - rate * o.weight_decay;
        double &w = p.value.values[e], &v = p.v.values[e], &s = p.s.values[e];
        const double g = p.gradient.values[e];
        v = beta1 * v + (o.kind == LF_ADAM ? 1 - beta1 : 1) * g;
        s = beta2 * s + (1 - beta2) * g * g;
        switch (o.kind) {
        case LF_SGD: w -= rate * g; break;
        case LF_MOMENTUM: w -= rate * v; break;
        case LF_NESTEROV: w -= rate * (g + beta1 * v); break;
        default: w -= rate * (v / (1 - std::pow(beta1, step_))) / (std::sqrt(s / (1 - std::pow(beta2, step_))) + o.eps);
        }
      }
  }

  // The largest distance between an array and its reference, or infinity if their sizes differ.
  double distance(const std::string &name, const std::vector<float> &values) const {
    const std::vector<double> &exact = parameters_.at(name).value.values;
    if (exact.size() != values.size()) return INFINITY;
    double most = 0;
    for (size_t e = 0; e < exact.size(); ++e) {
      const double here = std::fabs(values[e] - exact[e]);
      if (!(here <= most)) most = here; // also if it is NaN
    }
    return most;
  }

private:
  Parameter &at(int64_t layer, const std::string &name) {
    return parameters_.at("layers." + std::to_string(layer) + "." + name);
  }

  void normalize(int64_t i, int64_t j, bool training) {
    Pass &pass = passes_[static_cast<size_t>(i)];
    double &mean = at(i, "running_mean").value(0, j), &variance = at(i, "running_var").value(0, j);
    const Moments used = training ? moments(pass.z, j) : Moments{mean, variance};
    const double keep = description_.layers[static_cast<size_t>(i)].bn_momentum, scale = at(i, "gamma").value(0, j);
    for (int64_t r = 0; r < pass.z.rows; ++r)
      pass.u(r, j) = scale * (pass.z(r, j) - used.mean) /
                         std::sqrt(used.variance + description_.layers[static_cast<size_t>(i)].bn_eps) +
                     at(i, "beta").value(0, j);
    if (!training) return;
    mean = keep * mean + (1 - keep) * used.mean;
    variance = keep * variance + (1 - keep) * used.variance;
  }

  // Turns column j of dy into the gradient of z (Ioffe and Szegedy 2015, section 3).
  void normalize_backward(int64_t i, int64_t j, Doubles &dy) {
    const Doubles &z = passes_[static_cast<size_t>(i)].z;
    const Moments batch = moments(z, j);
    const double deviation = std::sqrt(batch.variance + description_.layers[static_cast<size_t>(i)].bn_eps),
                 scale = at(i, "gamma").value(0, j);
    const auto m = static_cast<double>(z.rows);
    double dgamma = 0, dvariance = 0, dmean = 0, centred = 0;
    for (int64_t r = 0; r < z.rows; ++r) {
      const double from_mean = z(r, j) - batch.mean, dxhat = dy(r, j) * scale;
      dgamma += dy(r, j) * from_mean / deviation;
      dvariance += dxhat * from_mean * -0.5 * std::pow(deviation, -3);
      dmean -= dxhat / deviation;
      centred += from_mean;
    }
    dmean += dvariance * -2 * centred / m;
    for (int64_t r = 0; r < z.rows; ++r)
      dy(r, j) = dy(r, j) * scale / deviation + dvariance * 2 * (z(r, j) - batch.mean) / m + dmean / m;
    at(i, "gamma").gradient(0, j) = dgamma;
  }

  Description description_;
  std::vector<Pass> passes_;
  std::map<std::string, Parameter> parameters_;
  int step_ = 0;
};

Doubles inputs(const Batch &batch) {
  Doubles x(batch.rows, static_cast<int64_t>(batch.x.size()) / batch.rows);
  x.values.assign(batch.x.begin(), batch.x.end());
  return x;
}

// softmax(logits) - one-hot label, over the rows
Doubles loss_gradient(const Doubles &logits, const std::vector<int32_t> &labels) {
  Doubles d(logits.rows, logits.columns);
  for (int64_t i = 0; i < d.rows; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < d.columns; ++j) sum += std::exp(logits(i, j));
    for (int64_t j = 0; j < d.columns; ++j)
      d(i, j) = (std::exp(logits(i, j)) / sum - (labels[static_cast<size_t>(i)] == j)) / static_cast<double>(d.rows);
  }
  return d;
}

int64_t count_hits(const Doubles &logits, const std::vector<int32_t> &labels) {
  int64_t count = 0;
  for (int64_t i = 0; i < logits.rows; ++i) {
    const auto row = logits.values.begin() + i * logits.columns;
    count += std::max_element(row, row + logits.columns) - row == labels[static_cast<size_t>(i)];
  }
  return count;
}

// Every parameter is random, so that none is 0 or 1.
Network random_network(const Description &description, uint64_t seed) {
  Network network(description);
  Random random(seed);
  network.visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
    const bool positive = contains(name, "gamma") || contains(name, "running_var");
    for (float &value : values) value = positive ? random.uniform(0.5f, 1.5f) : random.uniform(-0.7f, 0.7f);
  });
  return network;
}

Batch random_batch(Random &random, int64_t rows, int64_t features, int64_t outputs) {
  Batch batch;
  batch.rows = rows;
  for (int64_t i = 0; i < rows * features; ++i) batch.x.push_back(random.uniform(-1.0f, 1.0f));
  for (int64_t i = 0; i < rows; ++i) batch.labels.push_back(static_cast<int32_t>(random.below(outputs)));
  return batch;
}

Description description_of(const std::vector<int64_t> &sizes, const std::string &batch_norm,
                           int32_t activation = LF_ELU) {
  LayerDescription layer;
  layer.activation = activation;
  layer.alpha = activation == LF_ELU ? 0.7f : 0.2f;
  layer.bn_eps = 0.01f;
  layer.bn_momentum = 0.8f;
  return plain(sizes.front(), {sizes.begin() + 1, sizes.end() - 1}, sizes.back(), layer, batch_norm);
}

// Three steps, the last on a smaller batch.
void compare_steps(const Context &context, const Description &description, const Optimizer &optimizer) {
  Network network = random_network(description, 11);
  Reference reference(network);
  TrainingStep step(context, network, optimizer, 7);
  Random random(12);
  for (const int64_t rows : {7, 7, 5}) {
    const Batch batch = random_batch(random, rows, network.features(), network.outputs());
    const TrainingStep::Result result = step.run(batch);
    const Doubles logits = reference.forward(inputs(batch), true);
    reference.backward(loss_gradient(logits, batch.labels));
    reference.update(optimizer);
    CHECK(std::fabs(result.loss - cross_entropy(logits, batch.labels)) < 1e-4);
    CHECK(result.correct == count_hits(logits, batch.labels));
    network.visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
      CAPTURE(name);
      CHECK(reference.distance(name, values) < 1e-4);
    });
  }
}

// The figures of one epoch that changes nothing: 201 images in batches of 200, at a rate too small to change a weight.
Epoch still_epoch(const Context &context, Network network, const Dataset &data, int64_t &steps) {
  TrainOptions options;
  options.epochs = 1;
  options.batch_size = 200;
  options.optimizer.learning_rate = 1e-30f;
  Epoch figures;
  TrainWatch watch;
  watch.step = [&](const StepFigures &f) { steps = f.steps; };
  watch.epoch = [&](const Epoch &epoch) {
    figures = epoch;
    return true;
  };
  CHECK(train(context, network, data, options, watch));
  return figures;
}

} // namespace

TEST_CASE("three training steps are those of the textbook, with each optimizer, decay, and kind of normalization") {
  const Context context = lanefold::test::context();
  for (int32_t kind = 0; kind < LF_OPTIMIZER_COUNT; ++kind)
    for (const std::string &batch_norm : batch_norm_words())
      for (const int32_t activation : {LF_ELU, LF_LEAKY_RELU}) {
        CAPTURE(optimizer_names()[static_cast<size_t>(kind)]);
        CAPTURE(batch_norm);
        CAPTURE(activation_name(activation));
        Optimizer optimizer;
        optimizer.kind = kind;
        optimizer.learning_rate = 0.1f;
        optimizer.beta2 = 0.9f, optimizer.momentum = 0.8f, optimizer.eps = 1e-4f;
        for (const float decay : {0.0f, 0.3f}) {
          optimizer.weight_decay = decay;
          compare_steps(context, description_of({6, 5, 4, 3}, batch_norm, activation), optimizer);
        }
      }
}

TEST_CASE("each layer does what its own description says") {
  const Context context = lanefold::test::context();
  Description d = description_of({6, 5, 4, 3}, "on");
  d.layers[0].activation = LF_LEAKY_RELU, d.layers[0].alpha = 0.3f;
  d.layers[1].batch_norm = false, d.layers[1].alpha = 1.5f;
  d.layers[2].bn_eps = 0.1f, d.layers[2].bn_momentum = 0.5f;
  Optimizer optimizer;
  optimizer.learning_rate = 0.1f;
  compare_steps(context, d, optimizer);
}

TEST_CASE("evaluate counts the images whose largest logit is the label's, and averages their losses") {
  const Context context = lanefold::test::context();
  const Samples images = make_images(1203, 3, 21); // two batches of 500 and a smaller one
  Batch all;
  gather(context, images, nullptr, 0, images.count(), all);
  for (const bool batch_norm : {false, true}) {
    CAPTURE(batch_norm);
    Network network = random_network(description_of({9, 7, 10}, batch_norm ? "on" : "off"), 22);
    const Evaluation result = evaluate(context, network, images);
    Inference inference(context, network);
    const float *logits = inference.outputs_of(all.x.data(), all.rows);
    int64_t right = 0;
    for (int64_t i = 0; i < all.rows; ++i)
      right += largest(logits + i * network.outputs(), network.outputs()) == all.labels[static_cast<size_t>(i)];
    CHECK(right > 0);
    CHECK(right < all.rows);
    CHECK(result.accuracy == static_cast<double>(right) / static_cast<double>(all.rows));
    const Doubles exact = Reference(network).forward(inputs(all), false);
    CHECK(right == count_hits(exact, all.labels));
    CHECK(std::fabs(result.loss - cross_entropy(exact, all.labels)) < 1e-5);
    int64_t sum = 0, diagonal = 0;
    for (int64_t i = 0; i < digit_classes; ++i)
      for (int64_t j = 0; j < digit_classes; ++j) {
        const int64_t count = result.confusion[static_cast<size_t>(i * digit_classes + j)];
        sum += count, diagonal += i == j ? count : 0;
      }
    CHECK(sum == all.rows);
    CHECK(diagonal == right);
    CHECK(result.confusion[3] == std::count_if(all.labels.begin(), all.labels.end(), [&, i = 0](int32_t label) mutable {
            return largest(logits + 10 * i++, 10) == 3 && label == 0;
          }));
    CHECK(evaluate(context, network, images, 10).top_k_accuracy == 1);
    const double among_three = evaluate(context, network, images, 3).top_k_accuracy;
    CHECK(among_three > result.accuracy);
    CHECK(among_three < 1);
  }
}

TEST_CASE("the figures of an epoch are means over the images seen, without one that normalization leaves out") {
  const Context context = lanefold::test::context();
  Dataset data;
  data.train = make_images(201, 3, 31);
  data.test = make_images(20, 3, 32);
  const auto order = permutation(201, Stream(TrainOptions().seed, Purpose::shuffle, 1));
  for (const bool batch_norm : {false, true}) {
    CAPTURE(batch_norm);
    Network network = random_network(description_of({9, 7, 10}, batch_norm ? "on" : "off"), 33);
    int64_t steps = 0;
    const Epoch epoch = still_epoch(context, network, data, steps);
    Optimizer still;
    still.learning_rate = 1e-30f;
    TrainingStep step(context, network, still, 200);
    Batch batch;
    gather(context, data.train, order.data(), 0, 200, batch);
    const TrainingStep::Result most = step.run(batch);
    double loss = most.loss, correct_share = static_cast<double>(most.correct) / 200;
    if (!batch_norm) {
      gather(context, data.train, order.data(), 200, 1, batch);
      const TrainingStep::Result last = step.run(batch);
      loss = (200.0 * most.loss + last.loss) / 201;
      correct_share = static_cast<double>(most.correct + last.correct) / 201;
    }
    CHECK(steps == (batch_norm ? 1 : 2));
    CHECK(std::fabs(epoch.loss - loss) < 1e-12);
    CHECK(epoch.train_accuracy == correct_share);
  }
}
