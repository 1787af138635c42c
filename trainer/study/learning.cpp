// Studies 3 and 4: how well and how robustly networks learn.
#include "trainer/study/study.hpp"

#include "cli/words.hpp"

#include <cmath>

namespace lanefold::trainer::study {
namespace {

constexpr float usual_rate = 0.01f;
constexpr int64_t sensitivity_epochs = 3;

cli::Json number(double x) { return std::isfinite(x) ? cli::Json(x) : cli::Json(); }

cli::Json curves(const std::vector<Epoch> &epochs) {
  cli::Json loss = cli::Json::array(), train = cli::Json::array(), test_loss = cli::Json::array(),
            test = cli::Json::array();
  for (const Epoch &e : epochs) {
    loss.push_back(number(e.loss)), train.push_back(e.train_accuracy);
    test_loss.push_back(number(e.test_loss)), test.push_back(e.test_accuracy);
  }
  return {{"loss", loss}, {"train_accuracy", train}, {"test_loss", test_loss}, {"test_accuracy", test}};
}

// Where a training ended.
cli::Json outcome(const std::vector<Epoch> &epochs) {
  const Epoch &last = epochs.back();
  return {{"diverged", !last.finite}, {"loss", number(last.loss)}, {"test_accuracy", last.test_accuracy}};
}

} // namespace

const std::vector<Subject> &subjects() {
  static const std::vector<Subject> all = {{"elu", "he-truncated"},        {"selu", "lecun-normal"},
                                           {"leaky-relu", "he-truncated"}, {"relu", "he-truncated"},
                                           {"tanh", "xavier-normal"},      {"logistic", "xavier-normal"}};
  return all;
}

Description network_of(const Subject &subject, int64_t features, std::vector<int64_t> hidden,
                       const std::string &batch_norm) {
  LayerDescription layer;
  layer.activation = cli::code_of(activation_names(), subject.activation);
  layer.alpha = activation_of(layer.activation).usual_alpha;
  layer.init = usual(subject.initializer);
  return plain(features, hidden, digit_classes, layer, batch_norm);
}

double variance(const float *values, size_t count) {
  double mean = 0, sum = 0;
  for (size_t i = 0; i < count; ++i) mean += values[i];
  mean /= static_cast<double>(count);
  for (size_t i = 0; i < count; ++i) sum += (values[i] - mean) * (values[i] - mean);
  return sum / static_cast<double>(count);
}

std::vector<Epoch> epochs_of(const Setting &setting, const Description &description, float learning_rate,
                             int64_t epochs, double gain) {
  TrainOptions options;
  options.epochs = epochs;
  options.seed = setting.seed;
  options.optimizer.learning_rate = learning_rate;
  Network network(description);
  initialize(network, setting.seed, gain);
  std::vector<Epoch> result;
  TrainWatch watch;
  watch.stop = setting.interrupted;
  watch.epoch = [&](const Epoch &e) {
    result.push_back(e);
    return e.finite;
  };
  if (!train(setting.context, network, setting.data, options, watch)) throw Interrupted();
  return result;
}

cli::Json learning(const Setting &setting) {
  struct Shape {
    const char *name;
    std::vector<int64_t> hidden;
  };
  const Shape shapes[] = {{"shallow", {300, 100}}, {"deep", std::vector<int64_t>(10, 100)}};
  cli::Json cases = cli::Json::array();
  for (const Shape &shape : shapes)
    for (const Subject &subject : subjects()) {
      if (subject.activation == "selu") continue; // none of the five that the claim orders
      for (const bool batch_norm : {false, true}) {
        setting.note(std::string(shape.name) + ", " + subject.activation + (batch_norm ? ", batch normalization" : ""));
        const Description d =
            network_of(subject, setting.data.train.features(), shape.hidden, batch_norm ? "on" : "off");
        cli::Json one = {{"shape", shape.name},
                         {"network", d.shape()},
                         {"activation", subject.activation},
                         {"init", subject.initializer},
                         {"batch_norm", batch_norm}};
        one.update(curves(epochs_of(setting, d, usual_rate, setting.epochs)));
        cases.push_back(one);
      }
    }
  return {{"epochs", setting.epochs}, {"learning_rate", cli::shortest(usual_rate)}, {"cases", cases}};
}

cli::Json sensitivity(const Setting &setting) {
  cli::Json rates = cli::Json::array(), gains = cli::Json::array();
  for (const bool batch_norm : {false, true}) {
    const Description d =
        network_of(subjects().front(), setting.data.train.features(), {300, 100}, batch_norm ? "on" : "off");
    for (const float rate : {0.001f, 0.01f, 0.1f, 1.0f, 10.0f}) {
      setting.note("learning rate " + cli::Json(cli::shortest(rate)).dump() +
                   (batch_norm ? ", batch normalization" : ""));
      cli::Json one = {{"learning_rate", cli::shortest(rate)}, {"batch_norm", batch_norm}};
      one.update(outcome(epochs_of(setting, d, rate, sensitivity_epochs)));
      rates.push_back(one);
    }
    for (const double gain : {0.01, 0.1, 1.0, 10.0, 100.0}) {
      setting.note("initial weights times " + cli::Json(gain).dump() + (batch_norm ? ", batch normalization" : ""));
      cli::Json one = {{"gain", gain}, {"batch_norm", batch_norm}};
      one.update(outcome(epochs_of(setting, d, 10 * usual_rate, sensitivity_epochs, gain)));
      gains.push_back(one);
    }
  }
  return {{"network", "784-300-100-10"},  {"activation", "elu"},
          {"epochs", sensitivity_epochs}, {"gain_learning_rate", cli::shortest(10 * usual_rate)},
          {"learning_rates", rates},      {"gains", gains}};
}

} // namespace lanefold::trainer::study
