// lanefold train: trains a network, says how each epoch went, and saves it after each.
#include "../checkpoint.hpp"
#include "../inference.hpp"
#include "../names.hpp"
#include "commands.hpp"
#include "interrupt.hpp"
#include "options.hpp"
#include "progress.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace lanefold::trainer {
namespace {

struct Options {
  ContextOptions context;
  std::string data, activation = "elu", initializer = "he-normal", batch_norm = "on", optimizer = "sgd", save;
  std::vector<int64_t> hidden = {300, 100};
  std::optional<float> alpha;
  Description network;
  TrainOptions train;
  bool json = false;
};

void print(const nlohmann::ordered_json &object) {
  std::printf("%s\n", object.dump().c_str());
  std::fflush(stdout);
}

void report(const Options &o, Progress &progress, const Epoch &e) {
  if (!o.json) return progress.epoch(e);
  print({{"event", "epoch"},
         {"epoch", e.epoch},
         {"loss", e.loss},
         {"train_accuracy", e.train_accuracy},
         {"test_accuracy", e.test_accuracy},
         {"seconds", e.seconds}});
}

void check_together(const Options &o, const Dataset &data) {
  if (!o.network.batch_norm) return;
  if (o.train.batch_size < 2)
    throw UsageError("--batch-size 1 does not go with --batch-norm on: one sample has no variance");
  if (data.train.count() < 2) throw UsageError(data.name + ": one training image does not go with --batch-norm on");
}

int run(Options &o) {
  const Context context = make_context(o.context);
  if (!o.save.empty()) check_writable(o.save);
  const Dataset data = load(o.data);
  o.network.activation = code_of(activation_names(), o.activation);
  o.network.alpha = o.alpha.value_or(default_alpha(o.network.activation));
  o.network.batch_norm = o.batch_norm == "on";
  o.train.optimizer.kind = code_of(optimizer_names(), o.optimizer);
  o.network.sizes = {data.train.features()};
  o.network.sizes.insert(o.network.sizes.end(), o.hidden.begin(), o.hidden.end());
  o.network.sizes.push_back(classes);
  check_together(o, data);

  const auto start = std::chrono::steady_clock::now();
  Network network(o.network);
  initialize(network, o.initializer, o.train.seed);
  std::fprintf(stderr, "training on %s: %lld images, plugin %s, %d threads\n", data.name.c_str(),
               static_cast<long long>(data.train.count()), context.isa().c_str(), context.threads());
  watch_interrupts();
  Progress progress(o.train.epochs);
  int64_t epoch = 1;
  double accuracy = 0;
  TrainWatch watch;
  watch.stop = interrupted;
  watch.step = [&](int64_t step, int64_t steps) { progress.step(epoch, step, steps); };
  watch.epoch = [&](const Epoch &e) {
    check_finite(e);
    report(o, progress, e);
    if (!o.save.empty()) save(o.save, network);
    accuracy = e.test_accuracy;
    ++epoch;
    return true;
  };
  if (!train(context, network, data, o.train, watch)) {
    progress.clear();
    std::fprintf(stderr, "interrupted in epoch %lld; %s\n", static_cast<long long>(epoch),
                 o.save.empty() || epoch == 1 ? "nothing was saved" : (o.save + " holds the epoch before").c_str());
    return interrupted_exit_code;
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::string hash = sha256(network);
  if (o.json)
    print({{"event", "done"}, {"test_accuracy", accuracy}, {"seconds", seconds}, {"parameters_sha256", hash}});
  else
    std::printf("test accuracy %.2f%% after %.1f s; SHA-256 of the parameters %s\n", 100 * accuracy, seconds,
                hash.c_str());
  return 0;
}

void add_options(CLI::App &app, Options &o) {
  add_data_option(app, o.data);
  app.add_option("--hidden", o.hidden, "widths of the hidden layers, commas between them")
      ->delimiter(',')
      ->check(whole_number_between(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--activation", o.activation, "of the hidden layers")
      ->check(CLI::IsMember(activation_names()))
      ->capture_default_str();
  app.add_option("--alpha", o.alpha, "of elu (default: 1) and leaky-relu (default: 0.01)")
      ->check(number_between(0, 1e6));
  app.add_option("--init", o.initializer, "initial weights")
      ->check(CLI::IsMember(initializer_names()))
      ->capture_default_str();
  app.add_option("--batch-norm", o.batch_norm, "batch normalization on every layer, before the activation")
      ->check(CLI::IsMember(std::vector<std::string>{"on", "off"}))
      ->capture_default_str();
  app.add_option("--bn-momentum", o.network.momentum, "share of the running statistics that a step keeps")
      ->check(number_between(0, 1))
      ->capture_default_str();
  app.add_option("--bn-eps", o.network.eps, "added to the variance")
      ->check(number_between(1e-30, 1e6))
      ->capture_default_str();
  app.add_option("--epochs", o.train.epochs, "passes over the training set")
      ->check(whole_number_between(1, 1000000000))
      ->capture_default_str();
  app.add_option("--batch-size", o.train.batch_size, "images a step")
      ->check(whole_number_between(1, 1 << 24))
      ->capture_default_str();
  app.add_option("--learning-rate", o.train.optimizer.learning_rate, "step size")
      ->check(number_between(0, 1e6, true))
      ->capture_default_str();
  app.add_option("--optimizer", o.optimizer, "update rule")
      ->check(CLI::IsMember(optimizer_names()))
      ->capture_default_str();
  app.add_option("--momentum", o.train.optimizer.momentum, "of momentum and nesterov; beta1 of adam")
      ->check(number_between(0, 0.99999))
      ->capture_default_str();
  app.add_option("--seed", o.train.seed, "of weights and shuffling")
      ->check(whole_number_between(0, INT64_MAX))
      ->capture_default_str();
  app.add_option("--save", o.save, "checkpoint (safetensors), written after each epoch")->check(not_empty());
  app.add_flag("--json", o.json, "one JSON object a line on standard output");
  add_context_options(app, o.context);
}

} // namespace

void add_train(CLI::App &app, Run &run_verb) {
  CLI::App *verb = app.add_subcommand("train", "train a network");
  const auto options = std::make_shared<Options>();
  add_options(*verb, *options);
  verb->callback([=, &run_verb] { run_verb = [=] { return run(*options); }; });
}

} // namespace lanefold::trainer
