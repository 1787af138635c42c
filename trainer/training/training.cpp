// The loop over epochs and batches.
#include "trainer/training/training.hpp"

#include "trainer/distributed/column_step.hpp"
#include "trainer/distributed/divided_step.hpp"
#include "trainer/training/training_step.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <sstream>

namespace lanefold::trainer {
namespace {

int64_t batch_size(const Samples &images, const TrainOptions &options) {
  return std::min(options.batch_size, images.count());
}

int64_t steps_of(const Description &description, const Samples &images, const TrainOptions &options) {
  const int64_t count = images.count(), size = batch_size(images, options);
  const bool drop_last = description.batch_norm() && count % size == 1;
  return (count + size - 1) / size - (drop_last ? 1 : 0);
}

} // namespace

namespace {

// One for each class, or nothing if each is 1.
std::vector<float> class_weights_of(const std::string &text, const Dataset &data) {
  const std::vector<std::string> &classes = data.schema.classes;
  if (text == "none") return {};
  std::vector<float> weights(classes.size(), 1.0f);
  if (text == "balanced") {
    std::vector<int64_t> counts(classes.size());
    for (const int32_t label : data.train.labels) ++counts[static_cast<size_t>(label)];
    for (size_t i = 0; i < weights.size(); ++i) // a class without training samples keeps 1
      if (counts[i] > 0)
        weights[i] = static_cast<float>(static_cast<double>(data.train.count()) /
                                        (static_cast<double>(classes.size()) * static_cast<double>(counts[i])));
    return weights;
  }
  std::vector<bool> is_given(classes.size());
  std::istringstream stream(text + ','); // so that an empty text is an empty word
  for (std::string word; std::getline(stream, word, ',');) {
    const size_t equals = word.rfind('=');
    const std::string name = word.substr(0, equals),
                      number = equals == std::string::npos ? "" : word.substr(equals + 1);
    const auto at = std::find(classes.begin(), classes.end(), name);
    float weight = 0;
    const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), weight);
    if (error != std::errc() || stop != number.data() + number.size() || !(weight >= 0) || !std::isfinite(weight))
      throw DataError("--class-weights: " + shown(word) +
                      " is not valid; expected none, balanced, or CLASS=X[,CLASS=X]... with a finite X of at least 0");
    if (at == classes.end())
      throw DataError("--class-weights: " + shown(name) + " is not a class of " + data.name + ", which has " +
                      shown_list(classes));
    const auto index = static_cast<size_t>(at - classes.begin());
    if (is_given[index]) throw DataError("--class-weights: names the class " + shown(name) + " twice");
    weights[index] = weight, is_given[index] = true;
  }
  if (std::all_of(weights.begin(), weights.end(), [](float weight) { return weight == 0; }))
    throw DataError("--class-weights: all weights are 0; expected one above 0");
  return weights;
}

} // namespace

Objective objective_of(const TrainOptions &options, const Dataset &data, int64_t outputs) {
  Objective objective;
  const Schema &schema = data.schema;
  if (schema.is_regression()) objective.kind = Objective::regression, objective.loss = schema.loss;
  else if (outputs == 1) objective.kind = Objective::binary;
  if (schema.is_regression() && options.class_weights != "none")
    throw DataError("--class-weights: applies to classification, but the task on " + data.name + " is regression");
  objective.class_weights = class_weights_of(options.class_weights, data);
  objective.dropout = options.dropout;
  Stream random(options.seed, Purpose::dropout, 0);
  const uint64_t high = random.bits();
  objective.dropout_seed = high << 32 | random.bits();
  return objective;
}

Evaluation evaluate_test(const Context &context, Network &network, const Dataset &data, Ranks &ranks) {
  return data.schema.is_regression() ? evaluate_regression(context, network, data.test, data.schema, ranks)
                                     : evaluate(context, network, data.test, 1, ranks);
}

std::string impossible(const TrainingState &state, const Description &description, const Samples &images) {
  const TrainOptions &options = state.options;
  const Position &p = state.position;
  const int64_t size = batch_size(images, options);
  if (description.batch_norm() && size < 2) return "it has batches of one sample with batch normalization";
  const int64_t steps = steps_of(description, images, options);
  if (p.step > steps)
    return "it is at step " + std::to_string(p.step) + " of an epoch that has " + std::to_string(steps);
  const int64_t samples = std::min(p.step * size, images.count());
  if (p.samples != samples || p.correct > samples || !(p.loss >= 0) || (p.step == 0 && p.loss != 0))
    return "its sums do not come from " + std::to_string(p.step) + " steps";
  return "";
}

void Tenth::add(const StepFigures &f) {
  loss += static_cast<double>(f.loss) * static_cast<double>(f.samples);
  correct += f.correct;
  samples += f.samples;
}

bool Tenth::ends_with(const StepFigures &f) const { return f.step * 10 / f.steps != (f.step - 1) * 10 / f.steps; }

Training::Training(const Context &context, Network &network, const Dataset &data, const TrainingState &state,
                   Ranks &ranks, const DivisionOptions &division)
    : context_(context), network_(network), data_(data), options_(state.options), position_(state.position),
      best_(state.best), changes_(state.changes), data_sha256_(state.data_sha256),
      batch_size_(batch_size(data.train, state.options)),
      steps_(steps_of(network.description, data.train, state.options)), ranks_(ranks),
      link_(division.link       ? *division.link
            : ranks.count() > 1 ? measure_link(ranks)
                                : Link()),
      divided_by_(division.by ? *division.by
                              : step_costs(Division{batch_size_, ranks.count(), 0}, network, link_).cheaper()) {
  const Objective objective = objective_of(options_, data, network.outputs());
  if (ranks.count() == 1)
    step_ = std::make_unique<TrainingStep>(context, network, options_.optimizer, batch_size_, objective);
  else if (divided_by_ == DividedBy::columns)
    step_ = std::make_unique<ColumnStep>(context, network, options_.optimizer, batch_size_, objective, ranks);
  else
    step_ = std::make_unique<DividedStep>(context, network, options_.optimizer, batch_size_, objective, ranks, link_);
  step_->restart_after((position_.epoch - 1) * steps_ + position_.step);
  step_->visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
    const auto kept = state.optimizer_state.find(name);
    if (kept != state.optimizer_state.end()) values = kept->second;
  });
}

std::string Training::division() const {
  return ranks_.count() > 1 ? explain({batch_size_, ranks_.count(), ranks_.rank()}, divided_by_, network_, link_) : "";
}

TrainingState Training::state() {
  TrainingState state{options_, position_, data_sha256_, {}, numeric_version, best_, changes_};
  step_->visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
    state.optimizer_state[name] = values;
  });
  return state;
}

bool Training::stops_early() const {
  return options_.early_stopping > 0 && best_.epoch > 0 && position_.epoch - 1 - best_.epoch >= options_.early_stopping;
}

bool Training::run(const TrainWatch &watch) {
  wants_stop_ = false;
  while (position_.epoch <= options_.epochs && !stops_early()) {
    Epoch figures;
    const bool is_complete = run_epoch(watch, figures);
    step_->assemble();
    if (!is_complete) return false;
    need_same(ranks_, "parameters", sha256(network_));
    const Evaluation test = evaluate_test(context_, network_, data_, ranks_);
    figures.task = data_.schema.task;
    figures.test_loss = test.loss, figures.test_accuracy = test.accuracy, figures.test_r2 = test.r2;
    figures.finite = std::isfinite(figures.loss) && std::isfinite(test.loss);
    figures.best = best_.epoch == 0 || test.loss < best_.loss;
    if (figures.best) best_ = {position_.epoch, test.loss, data_.schema.is_regression() ? test.r2 : test.accuracy};
    position_ = {position_.epoch + 1, 0, 0, 0, 0};
    if (watch.epoch && !watch.epoch(figures)) return true;
  }
  return true;
}

bool Training::run_epoch(const TrainWatch &watch, Epoch &figures) {
  const auto start = std::chrono::steady_clock::now();
  const auto order = permutation(static_cast<uint32_t>(data_.train.count()),
                                 Stream(options_.seed, Purpose::shuffle, static_cast<uint32_t>(position_.epoch)));
  while (position_.step < steps_) {
    run_step(order.data(), watch);
    if (stops_) return false;
  }
  figures.epoch = position_.epoch;
  figures.loss = position_.loss / static_cast<double>(position_.samples);
  figures.train_accuracy = static_cast<double>(position_.correct) / static_cast<double>(position_.samples);
  figures.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return true;
}

void Training::run_step(const uint32_t *order, const TrainWatch &watch) {
  const int64_t first = position_.step * batch_size_;
  const int64_t rows = std::min(batch_size_, data_.train.count() - first);
  const double factor =
      options_.schedule.factor((position_.epoch - 1) * steps_ + position_.step, options_.epochs * steps_, steps_);
  const float rate = static_cast<float>(options_.optimizer.learning_rate * factor);
  step_->set_learning_rate(rate);
  const Share mine = step_->rows(rows);
  gather(context_, data_.train, order, first + mine.begin, mine.size(), batch_);
  standardize(batch_.targets, data_.schema.targets);
  const auto wants_stop = [&] { return watch.stop && watch.stop(); };
  // A rank without rows in this step is heard in the next one.
  wants_stop_ = ranks_.count() > 1 && (wants_stop_ || wants_stop());
  const Step::Result result = step_->run(batch_, rows, wants_stop_);
  ++position_.step;
  position_.loss += static_cast<double>(result.loss) * static_cast<double>(rows);
  position_.correct += result.correct;
  position_.samples += rows;
  if (watch.step)
    watch.step({position_.epoch, position_.step, steps_, result.loss, rate, result.correct, rows, data_.schema.task});
  stops_ = ranks_.count() > 1 ? result.stops : wants_stop();
}

bool train(const Context &context, Network &network, const Dataset &data, const TrainOptions &options,
           const TrainWatch &watch) {
  TrainingState state;
  state.options = options;
  return Training(context, network, data, state).run(watch);
}

} // namespace lanefold::trainer
