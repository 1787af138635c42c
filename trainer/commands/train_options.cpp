// Options, their conflicts, and their meaning.
#include "trainer/commands/train_options.hpp"

#include "cli/object_reader.hpp"
#include "trainer/training/golden.hpp"

#include <algorithm>
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

Description network_of_file(const std::string &path, const Dataset &data) {
  const int64_t features = data.train.features();
  Description d = read_network_file(path);
  if (d.features == 0) d.features = features;
  if (d.features != features)
    throw cli::UsageError(path + ": is for " + std::to_string(d.features) + " features, but the " +
                          (data.train.numbers ? "rows" : "images") + " of " + data.name + " have " +
                          std::to_string(features));
  if (d.outputs() != data.classes())
    throw cli::UsageError(path + ": the last layer has " + std::to_string(d.outputs()) + " units, but " + data.name +
                          " has " + std::to_string(data.classes()) + " classes");
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
  return plain(data.train.features(), hidden, data.classes(), layer, c.network.batch_norm);
}

// The layers of a model, with a new last one if the classes of the data are others.
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
  if (network.outputs() == data.classes() && (!before || before->schema.classes == data.schema.classes)) return network;
  Description description = network.description;
  const int64_t outputs_before = network.outputs();
  description.layers.back().units = data.classes();
  Network fresh(description);
  initialize(fresh, c.train.seed);
  network.layers.back() = fresh.layers.back();
  network.description = description;
  if (!c.run.quiet)
    std::fprintf(stderr,
                 "%s: the last layer begins with random weights, because the classes of the data differ (the data have "
                 "%lld classes, the model had %lld outputs)\n",
                 path.c_str(), static_cast<long long>(data.classes()), static_cast<long long>(outputs_before));
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
  if (run.save.empty()) return;
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
  if (d.batch_norm() && c.train.batch_size < 2)
    throw cli::UsageError("--batch-size 1 does not go with --batch-norm: one sample has no variance");
  return d;
}

Checkpoint begin(TrainCommand &c, const Dataset &data) {
  if (!c.run.resume.empty()) return resume(c, data);
  const bool has_weights = !c.run.from.empty();
  Checkpoint fresh{has_weights ? network_from(c, data) : Network(describe_network(c, data)), {}, TrainingState{}};
  fresh.training->options = c.train;
  if (!c.run.save.empty()) fresh.training->data_sha256 = sha256(data.train);
  fresh.data = DataDescription{data.name, fresh.training->data_sha256, data.schema};
  if (c.data.standardizes) fresh.network.input_norm = standardization(data);
  if (!has_weights) initialize(fresh.network, fresh.training->options.seed);
  return fresh;
}

} // namespace lanefold::trainer
