// Options, their conflicts, and their meaning.
#include "trainer/commands/train_options.hpp"

#include "cli/object_reader.hpp"
#include "trainer/distributed/job.hpp"
#include "trainer/training/golden.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace lanefold::trainer {

using cli::any, cli::not_empty, cli::one_of, cli::whole, cli::wholes;

std::vector<Entry> TrainCommand::network_entries() {
  std::vector<Entry> all = {
#define NETWORK_OPTION(type, member, initial, ...) LANEFOLD_ENTRY(network, member, __VA_ARGS__)
#include "trainer/option_table.inc"
#undef NETWORK_OPTION
  };
  for (Entry &entry : entries(layer)) all.push_back(entry);
  return all;
}

std::vector<Entry> TrainCommand::training_entries() {
  std::vector<Entry> all = entries(train);
  for (const auto &more : {generator_entries(train), entries(train.optimizer), entries(train.schedule)})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<Entry> TrainCommand::run_entries() {
  return {
#define RUN_OPTION(type, member, initial, ...) LANEFOLD_ENTRY(run, member, __VA_ARGS__)
#include "trainer/option_table.inc"
#undef RUN_OPTION
  };
}

std::vector<cli::Option> TrainCommand::options() {
  std::vector<cli::Option> all;
  add_data_options(all, data, true);
  add(all, network_entries(), "The network");
  add(all, training_entries(), "The training");
  add(all, run_entries(), "Files and output");
  add_context_options(all, context);
  return all;
}

namespace {

constexpr const char *whole_network = "--network"; // the option that excludes the others of the network

// The name of the first option of the network that was given, but not --network itself; "" if there is none.
std::string network_option_given(TrainCommand &c) {
  for (const Entry &entry : c.network_entries())
    if (entry.option.names != whole_network && c.given->given(entry.option.names)) return entry.option.names;
  return "";
}

// Takes over the options that may change, and records them.
void change_options(TrainCommand &c, TrainingState &state) {
  TrainCommand kept;
  kept.train = state.options;
  const std::vector<Entry> wanted = c.training_entries(), stored = kept.training_entries();
  for (size_t i = 0; i < wanted.size(); ++i) {
    const std::string &name = wanted[i].option.names, from = value_of(stored[i]), to = value_of(wanted[i]);
    if (!may_change(name) || !c.given->given(name) || from == to) continue;
    cli::assign(stored[i].option.target, stored[i].option.range, to);
    state.changes.push_back({state.position.epoch, state.position.step, name, from, to});
    if (!c.run.quiet)
      std::fprintf(stderr, "%s: %s is now %s instead of %s\n", c.run.resume.c_str(), name.c_str(), to.c_str(),
                   from.c_str());
  }
  state.options = kept.train;
}

// Refuses options that contradict the checkpoint's training.
void check_same(TrainCommand &c, Checkpoint &checkpoint, const Dataset &data) {
  TrainCommand kept;
  kept.train = checkpoint.training->options;
  const std::vector<Entry> wanted = c.training_entries(), stored = kept.training_entries();
  for (size_t i = 0; i < wanted.size(); ++i) {
    const std::string &name = wanted[i].option.names;
    if (!c.given->given(name) || value_of(wanted[i]) == value_of(stored[i])) continue;
    // The rates of a cosine depend on the last epoch.  Other trainings may be extended.
    if (name == "--epochs" && kept.train.schedule.kind != "cosine") continue;
    if (may_change(name)) continue;
    throw cli::UsageError(name + ": " + value_of(wanted[i]) + " is not the value of " + c.run.resume + ", which has " +
                          value_of(stored[i]) + ": the training could not continue as it began");
  }
  const std::string described = c.given->given(whole_network) ? whole_network : network_option_given(c);
  if (!described.empty() && !(describe(describe_network(c, data)) == describe(checkpoint.network.description)))
    throw cli::UsageError(described + ": the options describe another network than that of " + c.run.resume);
}

BatchNorm standardization(const Dataset &data) {
  const Moments moments = moments_of(data.train, data.schema);
  BatchNorm norm(data.train.features());
  norm.eps = 1e-30f; // the least that a file may have, and nothing beside these variances
  norm.running_mean = moments.mean, norm.running_var = moments.var;
  return norm;
}

bool is_same(const BatchNorm &one, const BatchNorm &other) {
  return one.gamma == other.gamma && one.beta == other.beta && one.running_mean == other.running_mean &&
         one.running_var == other.running_var && one.eps == other.eps;
}

Checkpoint resume(TrainCommand &c, const Dataset &data) {
  const std::string &path = c.run.resume;
  Checkpoint checkpoint = read_checkpoint(path);
  if (!checkpoint.training) throw CheckpointError(path + ": holds a network but no state of training to resume from");
  check_fits(path, checkpoint.network.features(), checkpoint.network.outputs(), data);
  check_same(c, checkpoint, data);
  if (!checkpoint.data) checkpoint.data = DataDescription{data.name, checkpoint.training->data_sha256, data.schema};
  if (c.data.standardizes && !checkpoint.network.input_norm)
    throw cli::UsageError("--standardize: " + path +
                          " was trained without --standardize: the training could not continue as it began");
  TrainingState &state = *checkpoint.training;
  if (state.version != numeric_version)
    throw CheckpointError(path + ": is a training of numeric version " + state.version + ", not " + numeric_version +
                          ": it could not continue bit for bit");
  if (state.data_sha256 != sha256(data.train))
    throw cli::UsageError(data.name + ": these are not the training " +
                          std::string(data.train.numbers ? "rows" : "images") + " of " + path);
  if (const std::string problem = impossible(state, checkpoint.network.description, data.train); !problem.empty())
    throw CheckpointError(path + ": the state of its training cannot be true: " + problem);
  const bool is_same_schema =
      !checkpoint.data || describe(checkpoint.data->schema).dump() == describe(data.schema).dump();
  const bool is_same_norm = data.schema.is_regression()
                                ? checkpoint.network.output_norm &&
                                      is_same(*checkpoint.network.output_norm, output_norm_of(data.schema.targets))
                                : !checkpoint.network.output_norm;
  if (!is_same_schema || !is_same_norm)
    throw CheckpointError(path + ": describes other columns, classes or targets than those of " + data.name);
  try {
    objective_of(state.options, data, checkpoint.network.outputs());
  } catch (const DataError &problem) {
    throw CheckpointError(path + ": the options of its training cannot be true: " + problem.what());
  }
  change_options(c, state);
  if (c.given->given("--epochs")) state.options.epochs = c.train.epochs;
  if (!c.run.quiet && state.position.epoch > state.options.epochs)
    std::fprintf(stderr, "%s: all its %lld epochs are done; --epochs N asks for more\n", path.c_str(),
                 static_cast<long long>(state.position.epoch - 1));
  return checkpoint;
}

std::filesystem::path resolved(const std::string &path) {
  std::error_code error;
  return std::filesystem::weakly_canonical(path, error);
}

std::vector<int64_t> widths_of(const std::string &text) {
  std::vector<int64_t> widths;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) widths.push_back(std::atoll(word.c_str()));
  return widths;
}

// Two classes take one logit, or one for each.
bool has_right_outputs(int64_t outputs, const Schema &schema) {
  return outputs == schema.outputs() ||
         (!schema.is_regression() && outputs == static_cast<int64_t>(schema.classes.size()));
}

// Whether the loss takes the outputs as they are, so that an activation of the last layer would spoil them.
bool needs_identity(int64_t outputs, const Schema &schema) { return schema.is_regression() || outputs == 1; }

std::string described_outputs(const Schema &schema) {
  return schema.is_regression() ? counted(schema.outputs(), "target")
                                : counted(static_cast<int64_t>(schema.classes.size()), "class");
}

Description network_of_file(const std::string &path, const Dataset &data) {
  const int64_t features = data.train.features();
  Description d = read_network_file(path);
  if (d.features == 0) d.features = features;
  if (d.features != features)
    throw cli::UsageError(path + ": is for " + std::to_string(d.features) + " features, but the " +
                          (data.train.numbers ? "rows" : "images") + " of " + data.name + " have " +
                          std::to_string(features));
  if (!has_right_outputs(d.outputs(), data.schema))
    throw cli::UsageError(path + ": the last layer has " + std::to_string(d.outputs()) + " units, but " + data.name +
                          " has " + described_outputs(data.schema));
  return d;
}

Description network_of_options(const TrainCommand &c, const Dataset &data) {
  LayerDescription layer = c.layer;
  const ActivationKind &activation = activation_of(layer.activation);
  if (!c.given->given("--alpha")) layer.alpha = activation.usual_alpha;
  else if (!activation.has_alpha)
    throw cli::UsageError(std::string("--alpha does not go with --activation ") + activation.name + ", which has none");
  if (!c.given->given("--fan")) layer.init = usual(layer.init.name);
  const std::vector<int64_t> hidden = widths_of(c.network.hidden);
  if (hidden.size() + 1 > static_cast<size_t>(most_layers))
    throw cli::UsageError("--hidden: " + std::to_string(hidden.size()) + " layers and the last one are too many; a " +
                          "network has at most " + std::to_string(most_layers) + " layers");
  return plain(data.train.features(), hidden, data.schema.outputs(), layer, c.network.batch_norm);
}

// Whether the outputs of a model stand for what data have as their targets.
bool has_same_outputs(const Network &network, const std::optional<DataDescription> &before, const Schema &schema) {
  if (!has_right_outputs(network.outputs(), schema)) return false;
  if (needs_identity(network.outputs(), schema) && network.layers.back().activation.code != LF_IDENTITY) return false;
  if (!before) return true;
  const Schema &had = before->schema;
  if (had.task != schema.task || had.classes != schema.classes) return false;
  return !schema.is_regression() ||
         std::equal(had.targets.begin(), had.targets.end(), schema.targets.begin(), schema.targets.end(),
                    [](const Target &a, const Target &b) { return a.name == b.name; });
}

// Changes the last layer so that its outputs are standardized numbers of other targets: they are now in the units of
// output_norm, or in those of the targets.
void change_units(Network &network, const std::vector<Target> &targets) {
  DenseLayer &last = network.layers.back();
  for (size_t j = 0; j < targets.size(); ++j) {
    double scale = 1, shift = 0;
    if (network.output_norm) {
      const BatchNorm &norm = *network.output_norm;
      scale = static_cast<double>(norm.gamma[j]) /
              std::sqrt(static_cast<double>(norm.running_var[j]) + static_cast<double>(norm.eps));
      shift = static_cast<double>(norm.beta[j]) - static_cast<double>(norm.running_mean[j]) * scale;
    }
    const double deviation = static_cast<double>(targets[j].deviation);
    scale /= deviation, shift = (shift - static_cast<double>(targets[j].mean)) / deviation;
    const auto multiply = [=](float &value) { value = static_cast<float>(static_cast<double>(value) * scale); };
    std::vector<float> &additive = last.batch_norm ? last.batch_norm->beta : last.bias;
    additive[j] = static_cast<float>(static_cast<double>(additive[j]) * scale + shift);
    if (last.batch_norm) multiply(last.batch_norm->gamma[j]);
    else
      for (size_t i = j; i < last.w.size(); i += targets.size()) multiply(last.w[i]);
  }
}

// The layers of a model, with a new last one if the classes or targets of the data are others.
Network network_from(TrainCommand &c, const Dataset &data) {
  const std::string &path = c.run.from;
  for (const std::string &other :
       {network_option_given(c), std::string(c.given->given(whole_network) ? whole_network : "")})
    if (!other.empty()) throw cli::UsageError(other + " does not go with --from, whose model determines the layers");
  const Model model = open_model(path);
  if (!is_trainable(model)) throw CheckpointError(path + ": has a layer without weights, which cannot be trained");
  Network network = network_of(model);
  check_can_train(path, network);
  if (network.features() != data.train.features())
    throw cli::UsageError(path + ": is for " + std::to_string(network.features()) + " features, but " + data.name +
                          " has " + std::to_string(data.train.features()));
  const std::optional<DataDescription> before = data_of(model, path);
  const std::vector<std::string> had = before ? before->schema.feature_names() : std::vector<std::string>(),
                                 has = data.schema.feature_names();
  if (!had.empty() && !has.empty() && had != has)
    throw cli::UsageError(path + ": was trained on the features " + shown_list(had) + ", but " + data.name + " has " +
                          shown_list(has));
  // The logistic function of an output is the probability whose logit the training takes.
  if (network.outputs() == 1 && !data.schema.is_regression() && network.layers.back().activation.code == LF_LOGISTIC)
    network.layers.back().activation = {LF_IDENTITY}, network.description.layers.back().activation = LF_IDENTITY;
  if (has_same_outputs(network, before, data.schema)) {
    if (data.schema.is_regression()) change_units(network, data.schema.targets);
    return network;
  }
  Description description = network.description;
  description.layers.back().units = data.schema.outputs();
  if (needs_identity(data.schema.outputs(), data.schema)) description.layers.back().activation = LF_IDENTITY;
  Network fresh(description);
  initialize(fresh, c.train.seed);
  network.layers.back() = fresh.layers.back();
  network.description = description;
  if (!c.run.quiet)
    std::fprintf(stderr,
                 "%s: the last layer begins with random weights, because the model was trained on other %s than the "
                 "%s of these data\n",
                 path.c_str(), data.schema.is_regression() ? "targets" : "classes",
                 described_outputs(data.schema).c_str());
  return network;
}

} // namespace

void check_files(TrainCommand &c) {
  RunOptions &run = c.run;
  if (run.save.empty()) run.save = run.resume;
  for (const char *option : {"--save-every", "--keep", "--early-stopping"})
    if (run.save.empty() && c.given->given(option)) throw cli::UsageError(std::string(option) + " needs --save");
  if (!run.log.empty() && !run.save.empty() &&
      (resolved(run.log) == resolved(run.save) || resolved(run.log) == resolved(run.resume)))
    throw cli::UsageError("--log: " + run.log + " is the file of the checkpoint");
  if (run.save.empty() || !job().is_first()) return;
  check_writable(run.save);
  if (run.keep > 0) check_writable(numbered(run.save, c.train.epochs));
  if (c.train.early_stopping > 0) check_writable(best_of(run.save));
}

bool may_change(const std::string &name) {
  static const std::vector<std::string> names = {"--learning-rate", "--schedule",    "--warm-up",
                                                 "--step-every",    "--step-factor", "--early-stopping"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

Description read_network_file(const std::string &path) {
  try {
    return read_description(cli::parse_strictly(read_text(path), "the file"), "the file");
  } catch (const cli::JsonError &problem) {
    throw cli::UsageError(path + ": " + problem.what());
  }
}

Description describe_network(TrainCommand &c, const Dataset &data) {
  const bool from_file = !c.network.file.empty();
  if (const std::string other = network_option_given(c); from_file && !other.empty())
    throw cli::UsageError(other + " does not go with --network, whose file describes the whole network");
  const Description d = from_file ? network_of_file(c.network.file, data) : network_of_options(c, data);
  if (from_file && needs_identity(d.outputs(), data.schema) && d.layers.back().activation != LF_IDENTITY)
    throw cli::UsageError(c.network.file + ": the last layer has an activation, but the output of " +
                          (data.schema.is_regression() ? "a regression" : "two classes") + " has none");
  if (d.batch_norm() && c.train.batch_size < 2)
    throw cli::UsageError("--batch-size 1 does not go with --batch-norm: one sample has no variance");
  return d;
}

Checkpoint begin(TrainCommand &c, const Dataset &data) {
  if (!c.run.resume.empty()) return resume(c, data);
  const bool has_weights = !c.run.from.empty();
  Checkpoint fresh{has_weights ? network_from(c, data) : Network(describe_network(c, data)), {}, TrainingState{}};
  fresh.training->options = c.train;
  for (const char *option : {"--loss", "--huber-delta"})
    if (c.given->given(option) && !data.schema.is_regression())
      throw cli::UsageError(std::string(option) + ": applies to regression, but the task on " + data.name +
                            " is classification, which has the cross-entropy as its loss");
  if (c.given->given("--huber-delta") && c.train.loss != LF_HUBER_ERROR)
    throw cli::UsageError("--huber-delta: goes with --loss huber");
  if (!c.run.save.empty()) fresh.training->data_sha256 = sha256(data.train);
  fresh.data = DataDescription{data.name, fresh.training->data_sha256, data.schema};
  fresh.network.output_norm.reset(); // of a model whose training had other targets
  if (data.schema.is_regression()) fresh.network.output_norm = output_norm_of(data.schema.targets);
  if (c.data.standardizes) fresh.network.input_norm = standardization(data);
  if (!has_weights) initialize(fresh.network, fresh.training->options.seed);
  return fresh;
}

} // namespace lanefold::trainer
