// Studies 1 and 2: how signals and gradients change from layer to layer.
#include "trainer/study/study.hpp"
#include "trainer/training/training_step.hpp"

#include <algorithm>
#include <cmath>

namespace lanefold::trainer::study {
namespace {

constexpr size_t depth = 20;
constexpr int64_t width = 100, rows = 500, draws = 5;
constexpr double far = 100; // a change over the layers by more than this factor is vanishing or exploding

std::string verdict(double change) {
  return !(change < far) ? "explode" : change < 1 / far ? "vanish" : "stay"; // NaN counts as exploding
}

struct Variances {
  std::vector<double> outputs = std::vector<double>(depth), gradients = std::vector<double>(depth);
};

// The variances of the hidden layers, after a step.
Variances variances_of(const Step &step, int64_t samples) {
  Variances v;
  for (size_t i = 0; i < depth; ++i) {
    const auto count = static_cast<size_t>(samples * width);
    v.outputs[i] = variance(step.output(i).data(), count);
    v.gradients[i] = variance(step.output_gradient(i).data(), count);
  }
  return v;
}

cli::Json finite(const std::vector<double> &values) {
  cli::Json array = cli::Json::array();
  for (const double v : values) array.push_back(std::isfinite(v) ? cli::Json(v) : cli::Json());
  return array;
}

// The change of outputs is from the first layer to the last one, that of gradients from the last to the first.
cli::Json describe(const Variances &v) {
  const double outputs = v.outputs.back() / v.outputs.front(), gradients = v.gradients.front() / v.gradients.back();
  return {{"output_variance", finite(v.outputs)},
          {"gradient_variance", finite(v.gradients)},
          {"output_change", finite({outputs}).elements()[0]},
          {"gradient_change", finite({gradients}).elements()[0]},
          {"outputs", verdict(outputs)},
          {"gradients", verdict(gradients)}};
}

// Runs one step on random samples and labels, with learning rate 0.
Variances at_start(const Setting &setting, const Description &description, uint64_t seed) {
  Network network(description);
  initialize(network, seed);
  Optimizer still;
  still.learning_rate = 0;
  TrainingStep step(setting.context, network, still, rows);
  Stream random(seed, Purpose::study, 0);
  std::vector<float> x(static_cast<size_t>(rows * width));
  for (float &v : x) v = static_cast<float>(random.normal());
  std::vector<int32_t> labels(static_cast<size_t>(rows));
  for (int32_t &label : labels) label = static_cast<int32_t>(random.below(digit_classes));
  step.run(x.data(), labels.data(), rows);
  return variances_of(step, rows);
}

// The share of a layer's units whose output is the same for every sample.
double dead_share(const LazyFloats &y, int64_t samples) {
  int64_t dead = 0;
  for (int64_t j = 0; j < width; ++j) {
    bool same = true;
    for (int64_t i = 1; i < samples && same; ++i)
      same = y[static_cast<size_t>(i * width + j)] == y[static_cast<size_t>(j)];
    dead += same;
  }
  return static_cast<double>(dead) / width;
}

constexpr int64_t marks[] = {1, 10, 100, 300}; // steps after which variances are taken

cli::Json in_training(const Setting &setting, const Subject &subject, bool batch_norm) {
  const Description description =
      network_of(subject, setting.data.train.features(), std::vector<int64_t>(depth, width), batch_norm ? "on" : "off");
  TrainOptions options;
  options.epochs = 1;
  options.seed = setting.seed;
  Network network(description);
  initialize(network, setting.seed);
  Training training(setting.context, network, setting.data, {options, {}, "", {}, numeric_version});
  cli::Json taken = cli::Json::array();
  cli::Json result = {{"activation", subject.activation}, {"init", subject.initializer}, {"batch_norm", batch_norm}};
  TrainWatch watch;
  watch.stop = setting.interrupted;
  watch.step = [&](const StepFigures &f) {
    if (std::find(std::begin(marks), std::end(marks), f.step) == std::end(marks) && f.step != f.steps) return;
    cli::Json at = describe(variances_of(training.step(), f.samples));
    at["step"] = f.step;
    at["loss"] = std::isfinite(f.loss) ? cli::Json(f.loss) : cli::Json();
    at["dead_units"] = dead_share(training.step().output(depth - 1), f.samples);
    taken.push_back(at);
  };
  watch.epoch = [&](const Epoch &e) {
    result["test_accuracy"] = e.test_accuracy;
    return true;
  };
  if (!training.run(watch)) throw Interrupted();
  result["at"] = taken;
  return result;
}

} // namespace

cli::Json signals_at_start(const Setting &setting) {
  cli::Json cases = cli::Json::array();
  for (const std::string &initializer : initializer_names())
    for (const Subject &subject : subjects()) {
      setting.note(initializer + ", " + subject.activation);
      Variances mean;
      for (int64_t draw = 0; draw < draws; ++draw) {
        if (setting.interrupted()) throw Interrupted();
        const Description d =
            network_of({subject.activation, initializer}, width, std::vector<int64_t>(depth, width), "off");
        const Variances v = at_start(setting, d, setting.seed + static_cast<uint64_t>(draw));
        for (size_t i = 0; i < depth; ++i)
          mean.outputs[i] += v.outputs[i] / draws, mean.gradients[i] += v.gradients[i] / draws;
      }
      cli::Json one = {
          {"init", initializer}, {"activation", subject.activation}, {"meant", initializer == subject.initializer}};
      one.update(describe(mean));
      cases.push_back(one);
    }
  return {{"layers", depth}, {"width", width}, {"rows", rows}, {"draws", draws}, {"far", far}, {"cases", cases}};
}

cli::Json signals_in_training(const Setting &setting) {
  cli::Json cases = cli::Json::array();
  for (const Subject &subject : subjects())
    for (const bool batch_norm : {false, true}) {
      setting.note(subject.activation + (batch_norm ? ", batch normalization" : ""));
      cases.push_back(in_training(setting, subject, batch_norm));
    }
  return {{"layers", depth}, {"width", width}, {"learning_rate", 0.01}, {"batch_size", 200}, {"cases", cases}};
}

} // namespace lanefold::trainer::study
