// Training as a whole learns with each optimizer and each activation, in the same bits on any number of threads, and
// folding batch normalization changes nothing.
#include "cli/words.hpp"
#include "support/images.hpp"
#include "support/matrix.hpp"
#include "trainer/network/inference.hpp"
#include "trainer/training/training.hpp"

#include <cmath>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::Context;
using lanefold::cli::code_of;

namespace {

const Dataset &digits() {
  static const Dataset data = draw_digits(4000, 1000);
  return data;
}

// The first `count` training digits, and 200 test digits.
Dataset first_digits(int64_t count) {
  Dataset data = digits();
  const auto shorten = [](Samples &images, int64_t to) {
    images.labels.resize(static_cast<size_t>(to));
    images.pixels = images.pixels.first(static_cast<size_t>(to * images.features()));
  };
  shorten(data.train, count);
  shorten(data.test, 200);
  return data;
}

TrainOptions options(int64_t epochs, float learning_rate, int32_t optimizer = LF_SGD) {
  TrainOptions result;
  result.epochs = epochs;
  result.optimizer.kind = optimizer;
  result.optimizer.learning_rate = learning_rate;
  return result;
}

// A smaller network, for quick tests.
Description small_network(int32_t activation = LF_ELU, const std::string &batch_norm = "on") {
  LayerDescription layer;
  layer.activation = activation;
  layer.alpha = activation == LF_LEAKY_RELU ? 0.1f : 1.0f;
  return plain(784, {64, 32}, 10, layer, batch_norm);
}

Network trained(const Context &context, const Description &description, const Dataset &data, const TrainOptions &o,
                std::vector<Epoch> *epochs = nullptr) {
  Network network(description);
  initialize(network, o.seed);
  TrainWatch watch;
  watch.epoch = [&](const Epoch &epoch) {
    if (epochs) epochs->push_back(epoch);
    return true;
  };
  CHECK(train(context, network, data, o, watch));
  return network;
}

bool all_finite(Network &network) {
  bool finite = true;
  network.visit([&](const std::string &, const std::vector<int64_t> &, std::vector<float> &values) {
    for (const float v : values) finite = finite && std::isfinite(v);
  });
  return finite;
}

// Training on all of `data` lowers its loss, and every parameter stays finite.
void check_learns(const Description &description, TrainOptions o) {
  const Context context = lanefold::test::context(2);
  const Dataset data = first_digits(600);
  o.batch_size = 50;
  Network before(description);
  initialize(before, o.seed);
  Network after = trained(context, description, data, o);
  const Evaluation first = evaluate(context, before, data.train), last = evaluate(context, after, data.train);
  CAPTURE(first.loss);
  CAPTURE(last.loss);
  CHECK(last.loss < 0.8 * first.loss);
  CHECK(last.accuracy > 0.4);
  CHECK(all_finite(after));
}

// The largest difference of logits, and the number of predictions that change although the two best logits differ by more
// than `clear`.
struct Difference {
  double largest = 0;
  int64_t changed = 0;
};
Difference compare(const Context &context, Network &a, Network &b, const Samples &images, float clear) {
  Inference first(context, a), second(context, b);
  const int64_t n = a.outputs();
  Difference result;
  Batch batch;
  for (int64_t start = 0; start < images.count(); start += 300) {
    const int64_t rows = std::min<int64_t>(300, images.count() - start);
    gather(context, images, nullptr, start, rows, batch);
    const float *x = first.outputs_of(batch.x.data(), rows), *y = second.outputs_of(batch.x.data(), rows);
    for (int64_t i = 0; i < rows; ++i, x += n, y += n) {
      for (int64_t j = 0; j < n; ++j) {
        const double difference = std::fabs(double{x[j]} - y[j]);
        if (!(difference <= result.largest)) result.largest = difference; // also if it is NaN
      }
      std::vector<float> sorted(x, x + n);
      std::sort(sorted.rbegin(), sorted.rend());
      result.changed += largest(x, n) != largest(y, n) && sorted[0] - sorted[1] > clear;
    }
  }
  return result;
}

} // namespace

TEST_CASE("three epochs on 4,000 built-in digits reach 90%, and folding changes no logit by more than 1e-4") {
  const Context context = lanefold::test::context(2);
  std::vector<Epoch> epochs;
  TrainOptions o = options(3, 0.1f);
  o.batch_size = 50; // 240 steps
  Network network = trained(context, reference_network(), digits(), o, &epochs);
  REQUIRE(epochs.size() == 3);
  CHECK(epochs.back().test_accuracy > 0.9);
  CHECK(epochs.back().train_accuracy > 0.8);
  for (size_t i = 0; i < epochs.size(); ++i) {
    CHECK(epochs[i].epoch == static_cast<int64_t>(i) + 1);
    CHECK(epochs[i].seconds > 0);
    if (i > 0) CHECK(epochs[i].loss < epochs[i - 1].loss);
  }
  CHECK(evaluate(context, network, digits().test).accuracy == epochs.back().test_accuracy);

  Network folded = fold(context, network);
  CHECK_FALSE(folded.description.batch_norm());
  const Difference difference = compare(context, network, folded, digits().test, 1e-4f);
  CHECK(difference.largest <= 1e-4);
  CHECK(difference.largest > 0); // the two ways of computing differ
  CHECK(difference.changed == 0);
  Network again = fold(context, folded);
  CHECK(sha256(again) == sha256(folded));
}

TEST_CASE("training ends in the same bits for 1, 2, 3 and 7 threads, and in others for another seed") {
  const Dataset data = first_digits(600);
  TrainOptions o = options(1, 0.1f);
  const auto hash = [&](int threads) {
    Network network = trained(lanefold::test::context(threads), reference_network(), data, o);
    return sha256(network);
  };
  const std::string expected = hash(1);
  CHECK(expected.size() == 64);
  for (const int threads : {1, 2, 3, 7}) {
    CAPTURE(threads);
    CHECK(hash(threads) == expected);
  }
  o.seed = 2;
  CHECK(hash(1) != expected);
}

TEST_CASE("each optimizer lowers the loss, with and without batch normalization") {
  for (const std::string &name : optimizer_names())
    for (const bool batch_norm : {true, false}) {
      CAPTURE(name);
      CAPTURE(batch_norm);
      const int32_t kind = code_of(optimizer_names(), name);
      const Description description = small_network(LF_ELU, batch_norm ? "on" : "off");
      check_learns(description, options(2, kind == LF_SGD ? 0.1f : kind == LF_ADAM ? 0.003f : 0.03f, kind));
    }
}

TEST_CASE("each activation lowers the loss, with and without batch normalization") {
  for (const std::string &name : activation_names())
    for (const std::string &batch_norm : batch_norm_words()) {
      CAPTURE(name);
      CAPTURE(batch_norm);
      const Description description = small_network(code_of(activation_names(), name), batch_norm);
      check_learns(description, options(3, 0.005f, LF_ADAM));
    }
}

TEST_CASE("folding agrees for each activation") {
  const Context context = lanefold::test::context(2);
  const Dataset data = first_digits(400);
  for (const std::string &name : activation_names()) {
    CAPTURE(name);
    const Description description = small_network(code_of(activation_names(), name), name == "elu" ? "hidden" : "on");
    Network network = trained(context, description, data, options(2, 0.1f));
    Network folded = fold(context, network);
    const Difference difference = compare(context, network, folded, data.test, 1e-4f);
    CHECK(difference.largest <= 1e-4);
    CHECK(difference.changed == 0);
  }
}

TEST_CASE("a last batch of one sample is left out under batch normalization, and only there") {
  const Context context = lanefold::test::context();
  const auto steps_of = [&](int64_t count, int64_t batch_size, bool batch_norm) {
    const Description description = small_network(LF_ELU, batch_norm ? "on" : "off");
    Network network(description);
    initialize(network, 1);
    TrainOptions o = options(1, 0.1f);
    o.batch_size = batch_size;
    std::vector<int64_t> steps, announced;
    TrainWatch watch;
    watch.step = [&](const StepFigures &f) { steps.push_back(f.step), announced.push_back(f.steps); };
    CHECK(train(context, network, first_digits(count), o, watch));
    CHECK(all_finite(network));
    for (size_t i = 0; i < steps.size(); ++i) {
      CHECK(steps[i] == static_cast<int64_t>(i) + 1);
      CHECK(announced[i] == static_cast<int64_t>(steps.size()));
    }
    return steps.size();
  };
  CHECK(steps_of(201, 200, true) == 1);
  CHECK(steps_of(201, 200, false) == 2);
  CHECK(steps_of(202, 200, true) == 2);
  CHECK(steps_of(200, 200, true) == 1);
  CHECK(steps_of(50, 200, true) == 1); // fewer samples than a batch
  CHECK(steps_of(5, 2, true) == 2);
}

TEST_CASE("the figures of an epoch are means over the samples that were seen") {
  // The step is too small to change anything.  Each batch sees the first network, so the means are those of all samples.
  const Context context = lanefold::test::context();
  const Description description = small_network(LF_ELU, "off");
  const Dataset data = first_digits(450);
  std::vector<Epoch> epochs;
  Network network = trained(context, description, data, options(1, 1e-12f), &epochs);
  const Evaluation train = evaluate(context, network, data.train), test = evaluate(context, network, data.test);
  CHECK(epochs[0].loss == doctest::Approx(train.loss).epsilon(1e-5));
  CHECK(epochs[0].train_accuracy == doctest::Approx(train.accuracy).epsilon(0.01));
  CHECK(epochs[0].test_accuracy == test.accuracy);
}

TEST_CASE("each epoch sees the samples in another order, which depends on the seed") {
  // The step is too small to change anything, so the loss of an epoch's one full batch shows which samples it has.  Batch
  // normalization leaves out one sample of 201, another one each time.
  const Context context = lanefold::test::context();
  const auto losses = [&](uint64_t seed) {
    TrainOptions o = options(3, 1e-12f);
    o.seed = seed;
    Network network(small_network());
    initialize(network, 1);
    std::vector<double> result;
    TrainWatch watch;
    watch.epoch = [&](const Epoch &epoch) { return result.push_back(epoch.loss), true; };
    train(context, network, first_digits(201), o, watch);
    return result;
  };
  const std::vector<double> first = losses(1), second = losses(2);
  CHECK(first[0] != first[1]);
  CHECK(first[1] != first[2]);
  CHECK(first[0] != second[0]);
  CHECK(first == losses(1));
}

TEST_CASE("training stops after the step, or after the epoch, that the watch says") {
  const Context context = lanefold::test::context();
  const Dataset data = first_digits(1000);
  Network network(small_network());
  initialize(network, 1);
  int steps = 0, epochs = 0;
  TrainWatch watch;
  watch.step = [&](const StepFigures &) { ++steps; };
  watch.stop = [&] { return steps == 7; };
  watch.epoch = [&](const Epoch &) { return ++epochs, true; };
  CHECK_FALSE(train(context, network, data, options(3, 0.1f), watch));
  CHECK(steps == 7);
  CHECK(epochs == 1);
  steps = 100, epochs = 0;
  watch.epoch = [&](const Epoch &) { return ++epochs < 2; };
  CHECK(train(context, network, data, options(5, 0.1f), watch));
  CHECK(epochs == 2);
}

TEST_CASE("pixels become numbers from 0 to 1, in the requested order") {
  const Samples images = make_images(30, 4, 1);
  const uint32_t order[] = {7, 3, 29, 0, 3};
  Batch batch;
  gather(lanefold::test::context(), images, order, 1, 4, batch);
  CHECK(batch.rows == 4);
  CHECK(batch.labels == std::vector<int32_t>{3, 9, 0, 3});
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t j = 0; j < 16; ++j)
      CHECK(batch.x[static_cast<size_t>(i * 16 + j)] == static_cast<float>(images.image(order[i + 1])[j]) / 255.0f);
  gather(lanefold::test::context(), images, nullptr, 28, 2, batch);
  CHECK(batch.labels == std::vector<int32_t>{8, 9});
}

TEST_CASE("two epochs on MNIST reach 95.5%") {
  const std::string folder = real_data();
  if (folder.empty()) return;
  std::vector<Epoch> epochs;
  trained(lanefold::test::context(0), reference_network(), read_idx(folder + "/mnist"), options(2, 0.1f), &epochs);
  MESSAGE("test accuracy " << epochs.back().test_accuracy);
  CHECK(epochs.back().test_accuracy >= 0.955);
}
