// Options, their conflicts, and their meaning.
#include "trainer/commands/train_options.hpp"

#include "trainer/training/golden.hpp"
#include "cli/words.hpp"

#include <CLI/CLI.hpp>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lanefold::trainer {
namespace {

constexpr const char *network_flags[] = {"--hidden", "--activation", "--alpha",       "--init",
                                         "--fan",    "--batch-norm", "--bn-momentum", "--bn-eps"};

bool given(const TrainCommand &command, const char *option) { return command.verb->count(option) > 0; }

// "300,100": what is wrong with it, "" if nothing; the numbers go to `widths`, if it is there.
std::string widths_of(const std::string &text, std::vector<int64_t> *widths) {
  const char *at = text.data(), *end = at + text.size();
  for (;;) {
    int64_t width = 0;
    const auto [next, error] = std::from_chars(at, end, width);
    if (error != std::errc() || width < 1 || width > most_units || (next != end && *next != ','))
      return "'" + text + "' is no list of whole numbers in 1.." + std::to_string(most_units) + ", commas between them";
    if (widths) widths->push_back(width);
    if (next == end) return "";
    at = next + 1;
  }
}

void add_network_options(CLI::App &app, TrainCommand &c) {
  app.add_option("--network", c.network_file,
                 "JSON file that describes the network (man page), in place of the options below, up to --bn-eps")
      ->check(not_empty());
  app.add_option("--hidden", c.hidden, "widths of the hidden layers, commas between them")
      ->check(CLI::Validator([](std::string &given) { return widths_of(given, nullptr); }, "1..16777216,..."))
      ->capture_default_str();
  app.add_option("--activation", c.activation, "of the hidden layers")
      ->check(one_of(activation_names()))
      ->capture_default_str();
  app.add_option("--alpha", c.alpha, "of elu (default: 1) and leaky-relu (default: 0.01)")
      ->check(number_between(0, 1e6));
  app.add_option("--init", c.initializer, "initial weights")->check(one_of(initializer_names()))->capture_default_str();
  app.add_option("--fan", c.fan,
                 "inputs, outputs or their mean: what the variance of initial weights is divided by; "
                 "default: avg for xavier, in for the others")
      ->check(one_of(fan_names()));
  app.add_option("--batch-norm", c.batch_norm,
                 "batch normalization before the activation: on every layer, or hidden ones")
      ->check(one_of(switch_names()))
      ->capture_default_str();
  app.add_option("--bn-momentum", c.layer.bn_momentum, "share of the running statistics that a step keeps")
      ->check(number_between(0, 1))
      ->capture_default_str();
  app.add_option("--bn-eps", c.layer.bn_eps, "added to the variance")
      ->check(number_between(1e-30, 1e6))
      ->capture_default_str();
}

void add_optimizer_options(CLI::App &app, TrainCommand &c) {
  Optimizer &o = c.train.optimizer;
  Schedule &s = c.train.schedule;
  app.add_option("--epochs", c.train.epochs, "passes over the training set")
      ->check(whole_number_between(1, 1000000000))
      ->capture_default_str();
  app.add_option("--batch-size", c.train.batch_size, "images a step")
      ->check(whole_number_between(1, 1 << 24))
      ->capture_default_str();
  app.add_option("--seed", c.train.seed, "of weights and shuffling")
      ->check(whole_number_between(0, INT64_MAX))
      ->capture_default_str();
  app.add_option("--optimizer", c.optimizer, "update rule")->check(one_of(optimizer_names()))->capture_default_str();
  app.add_option("--learning-rate", o.learning_rate, "step size")
      ->check(number_between(0, 1e6, true))
      ->capture_default_str();
  app.add_option("--momentum", o.momentum, "of momentum and nesterov; beta1 of adam")
      ->check(number_between(0, 0.99999))
      ->capture_default_str();
  app.add_option("--beta2", o.beta2, "of adam")->check(number_between(0, 0.99999))->capture_default_str();
  app.add_option("--weight-decay", o.weight_decay, "each step first multiplies the weights by 1 - learning rate x this")
      ->check(number_between(0, 1e6))
      ->capture_default_str();
  app.add_option("--schedule", s.kind, "of the learning rate over the epochs")
      ->check(one_of(schedule_names()))
      ->capture_default_str();
  app.add_option("--warm-up", s.warm_up, "steps over which the learning rate grows to its full size")
      ->check(whole_number_between(0, 1000000000))
      ->capture_default_str();
  app.add_option("--step-every", s.step_every, "epochs between two steps of --schedule step")
      ->check(whole_number_between(1, 1000000000))
      ->capture_default_str();
  app.add_option("--step-factor", s.step_factor, "what each of them multiplies the learning rate by")
      ->check(number_between(0, 1))
      ->capture_default_str();
}

// Options that say otherwise than the checkpoint's training.
void check_same(const TrainCommand &c, const Checkpoint &checkpoint, const Dataset &data) {
  const TrainOptions wanted = describe_training(c), &kept = checkpoint.training->options;
  const auto same = [&](const char *option, bool equal) {
    if (given(c, option) && !equal)
      throw UsageError(std::string(option) + ": " + c.resume +
                       " was trained with another value, and would not go on as it began");
  };
  const Optimizer &a = wanted.optimizer, &b = kept.optimizer;
  const Schedule &s = wanted.schedule, &t = kept.schedule;
  same("--batch-size", wanted.batch_size == kept.batch_size);
  same("--seed", wanted.seed == kept.seed);
  same("--optimizer", a.kind == b.kind);
  same("--learning-rate", a.learning_rate == b.learning_rate);
  same("--momentum", a.momentum == b.momentum);
  same("--beta2", a.beta2 == b.beta2);
  same("--weight-decay", a.weight_decay == b.weight_decay);
  same("--schedule", s.kind == t.kind);
  same("--warm-up", s.warm_up == t.warm_up);
  same("--step-every", s.step_every == t.step_every);
  same("--step-factor", s.step_factor == t.step_factor);
  // A cosine ends with the last epoch, so another last epoch is another cosine.
  same("--epochs", t.kind != "cosine" || wanted.epochs == kept.epochs);
  bool described = given(c, "--network");
  for (const char *flag : network_flags) described = described || given(c, flag);
  if (described && describe(describe_network(c, data.train, data.name)) != describe(checkpoint.network.description))
    throw UsageError("the network that the options describe is not that of " + c.resume);
}

Checkpoint resume(TrainCommand &c, const Dataset &data) {
  Checkpoint checkpoint = read_checkpoint(c.resume);
  if (!checkpoint.training) throw CheckpointError(c.resume + ": holds a network, but no training that could go on");
  check_fits(c.resume, checkpoint.network, data);
  check_same(c, checkpoint, data);
  TrainingState &state = *checkpoint.training;
  if (state.version != numeric_version)
    throw CheckpointError(c.resume + ": is a training of numeric version " + state.version + ", not " +
                          numeric_version + ": it would not go on bit for bit");
  if (state.data_sha256 != sha256(data.train))
    throw UsageError(data.name + ": these are not the training images of " + c.resume);
  if (const std::string problem = impossible(state, checkpoint.network.description, data.train); !problem.empty())
    throw CheckpointError(c.resume + ": is no training that could be: " + problem);
  if (given(c, "--epochs")) state.options.epochs = c.train.epochs;
  if (!c.quiet && state.position.epoch > state.options.epochs)
    std::fprintf(stderr, "%s has %lld epochs behind it: there is nothing left to train (--epochs N)\n",
                 c.resume.c_str(), static_cast<long long>(state.position.epoch - 1));
  return checkpoint;
}

std::filesystem::path resolved(const std::string &path) {
  std::error_code error;
  return std::filesystem::weakly_canonical(path, error);
}

} // namespace

void check_files(TrainCommand &c) {
  if (c.save.empty()) c.save = c.resume;
  for (const char *option : {"--save-every", "--keep"})
    if (c.save.empty() && given(c, option)) throw UsageError(std::string(option) + " needs --save");
  if (!c.log.empty() && !c.save.empty() &&
      (resolved(c.log) == resolved(c.save) || resolved(c.log) == resolved(c.resume)))
    throw UsageError("--log " + c.log + ": is the checkpoint's file");
  if (c.save.empty()) return;
  check_writable(c.save);
  if (c.keep > 0) check_writable(numbered(c.save, c.train.epochs));
}

void add_train_options(CLI::App &app, TrainCommand &c) {
  c.verb = &app;
  add_data_option(app, c.data);
  add_network_options(app, c);
  add_optimizer_options(app, c);
  app.add_option("--save", c.save,
                 "checkpoint (safetensors), written as training goes on; default with --resume: that file")
      ->check(not_empty());
  app.add_option("--save-every", c.save_every, "epochs from one checkpoint to the next; the last epoch has one anyway")
      ->check(whole_number_between(1, 1000000000))
      ->capture_default_str();
  app.add_option(
         "--keep", c.keep,
         "so many checkpoints of past epochs are kept beside it, as NAME.epoch-N.safetensors; older ones are removed")
      ->check(whole_number_between(0, 1000000000))
      ->capture_default_str();
  app.add_option("--resume", c.resume,
                 "go on with the training that this checkpoint holds, bit for bit; network and "
                 "training options are its own, data is given again")
      ->check(not_empty());
  app.add_option("--log", c.log, "file of JSON lines, for `lanefold plot`; with --resume it is continued")
      ->check(not_empty());
  app.add_flag("--quiet", c.quiet, "no progress on standard error");
  app.add_flag("--json", c.json, "one JSON object a line on standard output");
  add_context_options(app, c.context);
}

Description read_network_file(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) throw UsageError(path + ": no such file");
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) throw UsageError(path + ": cannot be read");
  try {
    return read_description(cli::parse_strictly(text.str(), "the file"), "the file");
  } catch (const cli::JsonError &problem) {
    throw UsageError(path + ": " + problem.what());
  }
}

Description describe_network(const TrainCommand &c, const Images &images, const std::string &data_name) {
  Description d;
  if (!c.network_file.empty()) {
    for (const char *flag : network_flags)
      if (given(c, flag)) throw UsageError(std::string(flag) + " does not go with --network: the file says it all");
    d = read_network_file(c.network_file);
    if (d.features == 0) d.features = images.features();
    if (d.features != images.features())
      throw UsageError(c.network_file + ": is for " + std::to_string(d.features) + " features, but the images of " +
                       data_name + " have " + std::to_string(images.features()));
    if (d.outputs() != classes)
      throw UsageError(c.network_file + ": the last layer has " + std::to_string(d.outputs()) + " units, but " +
                       data_name + " has " + std::to_string(classes) + " classes");
  } else {
    LayerDescription layer = c.layer;
    layer.activation = cli::code_of(activation_names(), c.activation);
    if (c.alpha && layer.activation != LF_ELU && layer.activation != LF_LEAKY_RELU)
      throw UsageError("--alpha does not go with --activation " + c.activation + ", which has none");
    layer.alpha = c.alpha.value_or(activation_of(layer.activation).usual_alpha);
    layer.init = usual(c.initializer);
    if (!c.fan.empty()) layer.init.fan = c.fan;
    std::vector<int64_t> hidden;
    widths_of(c.hidden, &hidden);
    if (hidden.size() + 1 > static_cast<size_t>(most_layers))
      throw UsageError("--hidden: a network has at most " + std::to_string(most_layers) + " layers");
    d = plain(images.features(), hidden, classes, layer, c.batch_norm);
  }
  if (d.batch_norm() && c.train.batch_size < 2)
    throw UsageError("--batch-size 1 does not go with --batch-norm: one sample has no variance");
  if (d.batch_norm() && images.count() < 2)
    throw UsageError(data_name + ": one training image does not go with --batch-norm");
  return d;
}

TrainOptions describe_training(const TrainCommand &c) {
  TrainOptions options = c.train;
  options.optimizer.kind = cli::code_of(optimizer_names(), c.optimizer);
  return options;
}

Checkpoint begin(TrainCommand &c, const Dataset &data) {
  if (!c.resume.empty()) return resume(c, data);
  Checkpoint fresh{Network(describe_network(c, data.train, data.name)), TrainingState{}};
  fresh.training->options = describe_training(c);
  if (!c.save.empty()) fresh.training->data_sha256 = sha256(data.train);
  initialize(fresh.network, fresh.training->options.seed);
  return fresh;
}

} // namespace lanefold::trainer
