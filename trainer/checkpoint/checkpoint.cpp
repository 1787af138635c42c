// Writes the description of a training, and checks whether one that is read can be true.
#include "trainer/checkpoint/checkpoint.hpp"

#include "cli/atomic_file.hpp"
#include "cli/object_reader.hpp"
#include "trainer/fields.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <system_error>

namespace lanefold::trainer {
namespace {

constexpr const char *generator_name = "philox4x32-10";

cli::Json describe(const TrainingState &state) {
  TrainOptions o = state.options;
  const Position &p = state.position;
  cli::Json training = cli::Json::object(), optimizer = training, schedule = training, generator = training;
  write(training, entries(o));
  write(optimizer, entries(o.optimizer));
  write(schedule, entries(o.schedule));
  training["optimizer"] = optimizer;
  training["schedule"] = schedule;
  training["position"] = {
      {"epoch", p.epoch}, {"step", p.step}, {"loss", p.loss}, {"correct", p.correct}, {"samples", p.samples}};
  // The generator is counter-based: the order of an epoch's samples is a function of these.
  generator["name"] = generator_name;
  write(generator, generator_entries(o));
  generator["purpose"] = static_cast<int64_t>(Purpose::shuffle);
  generator["index"] = p.epoch;
  training["generator"] = generator;
  training["data_sha256"] = state.data_sha256;
  // Fields that older checkpoints lack are written only if they differ from their defaults.
  if (o.early_stopping > 0)
    training["early_stopping"] = {{"patience", o.early_stopping},
                                  {"best_epoch", state.best.epoch},
                                  {"best_loss", state.best.loss},
                                  {"best_score", state.best.score}};
  if (o.dropout > 0) training["dropout"] = cli::shortest(o.dropout);
  if (o.class_weights != TrainOptions().class_weights) training["class_weights"] = o.class_weights;
  if (o.loss != LF_SQUARED_ERROR || o.huber_delta != TrainOptions().huber_delta)
    training["regression"] = {{"loss", loss_names()[static_cast<size_t>(o.loss)]},
                              {"delta", cli::shortest(o.huber_delta)}};
  cli::Json changes = cli::Json::array();
  for (const Change &c : state.changes)
    changes.push_back({{"epoch", c.epoch}, {"step", c.step}, {"option", c.option}, {"from", c.from}, {"to", c.to}});
  if (!state.changes.empty()) training["changes"] = changes;
  return training;
}

TrainingState read_training(const cli::Json &json) {
  TrainingState state;
  TrainOptions &o = state.options;
  cli::ObjectReader training(json, "the description of the training");
  read(training, entries(o));
  cli::ObjectReader optimizer(training.at("optimizer"), "the description of the optimizer");
  read(optimizer, entries(o.optimizer));
  optimizer.end();
  cli::ObjectReader schedule(training.at("schedule"), "the description of the schedule");
  read(schedule, entries(o.schedule));
  schedule.end();
  constexpr int64_t most = 1'000'000'000;
  cli::ObjectReader position(training.at("position"), "the position of the training");
  Position &p = state.position;
  p.epoch = position.whole("epoch", 1, most + 1);
  p.step = position.whole("step", 0, most);
  p.loss = position.real("loss");
  p.correct = position.whole("correct", 0, most);
  p.samples = position.whole("samples", p.correct, most);
  position.end();
  cli::ObjectReader generator(training.at("generator"), "the generator");
  generator.word("name", {generator_name});
  read(generator, generator_entries(o));
  generator.whole("purpose", static_cast<int64_t>(Purpose::shuffle), static_cast<int64_t>(Purpose::shuffle));
  generator.whole("index", p.epoch, p.epoch);
  generator.end();
  state.data_sha256 = training.text("data_sha256");
  if (training.has("early_stopping")) {
    cli::ObjectReader stopping(training.at("early_stopping"), "the description of early stopping");
    o.early_stopping = stopping.whole("patience", 1, most);
    state.best = {stopping.whole("best_epoch", 0, p.epoch - 1), stopping.real("best_loss"),
                  stopping.real("best_score")};
    stopping.end();
  }
  if (training.has("dropout")) o.dropout = training.number("dropout", cli::number(0, 0.99));
  if (training.has("class_weights")) o.class_weights = training.text("class_weights");
  if (training.has("regression")) {
    cli::ObjectReader regression(training.at("regression"), "the description of the loss");
    const std::string loss = regression.word("loss", loss_names());
    o.loss = static_cast<int32_t>(std::find(loss_names().begin(), loss_names().end(), loss) - loss_names().begin());
    o.huber_delta = regression.number("delta", cli::above(0, 1e6));
    regression.end();
  }
  if (training.has("changes"))
    for (const cli::Json &one : training.at("changes").elements()) {
      cli::ObjectReader change(one, "a change of the training");
      state.changes.push_back({change.whole("epoch", 1, p.epoch), change.whole("step", 0, most), change.text("option"),
                               change.text("from"), change.text("to")});
      change.end();
    }
  training.end();
  return state;
}

// The names of the optimizer state for an array of parameters.
std::vector<std::string> state_of(const std::string &array, int32_t optimizer) {
  if (optimizer == LF_SGD || array.find("running_") != std::string::npos) return {};
  if (optimizer == LF_ADAM) return {array + ".m", array + ".v"};
  return {array + ".m"};
}

// Reads what the description has and the layers lack, such as how a training drew the first weights.
// `skipped`: the layers before those of the description.
void read_stored_description(const Model &model, size_t skipped, Description &description) {
  const std::optional<std::string> text = model.text("network");
  if (!text) return;
  const char *what = "the description of the network";
  const cli::Json json = cli::parse_strictly(*text, what);
  const std::vector<cli::Json> &layers = json.at("layers").elements();
  for (size_t i = 0; i + skipped < layers.size() && i < description.layers.size(); ++i) {
    cli::ObjectReader reader(layers[i + skipped], std::string(what) + ": layer " + std::to_string(i + skipped));
    read_layer(reader, description.layers[i]);
  }
}

bool is_elementwise(const Model::Layer &layer) { return (layer.layer.flags & LF_ELEMENTWISE) != 0; }

bool is_norm_alone(const Model::Layer &layer) {
  return is_elementwise(layer) && layer.batch_norm && layer.layer.activation == LF_IDENTITY;
}

// Whether the model begins with a normalization of its features, as --standardize makes it.
bool has_input_norm(const Model &model) { return model.info().layers > 1 && is_norm_alone(model.layer(0)); }

// Whether the model ends with a normalization of its outputs, as a model for regression does.
bool has_output_norm(const Model &model) {
  const int64_t layers = model.info().layers;
  return layers > (has_input_norm(model) ? 2 : 1) && is_norm_alone(model.layer(layers - 1));
}

BatchNorm norm_of(const Model::Layer &layer) {
  const lf_batch_norm &from = *layer.batch_norm;
  BatchNorm norm(layer.layer.n);
  norm.eps = from.eps, norm.momentum = from.momentum;
  const int64_t n = layer.layer.n;
  norm.gamma.assign(from.gamma, from.gamma + n), norm.beta.assign(from.beta, from.beta + n);
  norm.running_mean.assign(from.running_mean, from.running_mean + n);
  norm.running_var.assign(from.running_var, from.running_var + n);
  return norm;
}

cli::Json describe(const BatchNorm &norm) {
  return {{"units", static_cast<int64_t>(norm.gamma.size())}, {"activation", "identity"},          {"batch_norm", "on"},
          {"bn_momentum", cli::shortest(norm.momentum)},      {"bn_eps", cli::shortest(norm.eps)}, {"weights", "off"}};
}

// The description of the network with all that the file has: the normalizations around it, and names.
cli::Json describe(const Network &network, const Schema *schema) {
  const cli::Json plain = describe(network.description);
  cli::Json layers = cli::Json::array();
  if (network.input_norm) layers.push_back(describe(*network.input_norm));
  for (const cli::Json &layer : plain.at("layers").elements()) layers.push_back(layer);
  if (network.output_norm) layers.push_back(describe(*network.output_norm));
  cli::Json whole = {{"features", network.features()}, {"layers", layers}};
  if (schema == nullptr) return whole;
  if (const std::vector<std::string> names = schema->feature_names(); !names.empty()) whole["feature_names"] = names;
  const auto classes = static_cast<int64_t>(schema->classes.size());
  if ((classes == network.outputs() || (classes == 2 && network.outputs() == 1)) && schema->has_names())
    whole["class_names"] = schema->classes;
  return whole;
}

LayerDescription description_of(const Model::Layer &from) {
  LayerDescription layer;
  layer.units = from.layer.n;
  layer.activation = from.layer.activation, layer.alpha = from.layer.alpha;
  layer.batch_norm = from.batch_norm.has_value();
  if (from.batch_norm) layer.bn_momentum = from.batch_norm->momentum, layer.bn_eps = from.batch_norm->eps;
  return layer;
}

// What is wrong with the values of an optimizer state; "" if training can give them.  They must be finite, and averages
// of squares must not be negative.
std::string fault(const std::string &state, const std::vector<float> &values) {
  const bool is_square = state.ends_with(".v");
  for (const float v : values)
    if (!std::isfinite(v) || (is_square && v < 0))
      return state + " holds the value " + std::to_string(v) + ", which no training gives";
  return "";
}

// The optimizer state of every parameter must be there, and no other.
void take_state(const Model &model, const std::string &name, const std::vector<float> &values,
                TrainingState &training) {
  const std::vector<std::string> wanted = state_of(name, training.options.optimizer.kind);
  for (const char *end : {".m", ".v"}) {
    const std::string state = name + end;
    const bool is_wanted = std::find(wanted.begin(), wanted.end(), state) != wanted.end();
    std::optional<std::vector<float>> found = model.tensor(state);
    if (!found && !is_wanted) continue;
    if (!is_wanted) throw cli::JsonError("holds tensors that the network does not have: " + state);
    if (!found) throw cli::JsonError("lacks the tensor " + state);
    if (found->size() != values.size()) throw cli::JsonError(state + " has another shape than its parameter");
    if (const std::string problem = fault(state, *found); !problem.empty()) throw cli::JsonError(problem);
    training.optimizer_state[state] = std::move(*found);
  }
}

// What a call throws, as a CheckpointError.
template <class Body> auto as_checkpoint_error(const Body &body) {
  try {
    return body();
  } catch (const Error &error) {
    if (error.status == LF_OUT_OF_MEMORY) throw std::bad_alloc();
    throw CheckpointError(error.what());
  }
}

Model model_of(const std::string &path, const Network &network) {
  MakeOptions options;
  if (network.input_norm) options.input_norm = &*network.input_norm;
  if (network.output_norm) options.output_norm = &*network.output_norm;
  try {
    return Model::of(network.layers, options);
  } catch (const Error &error) {
    if (error.status == LF_OUT_OF_MEMORY) throw std::bad_alloc();
    // A checkpoint that could not be read again must not replace one that can.
    throw CheckpointError(path + ": is not written: " + error.what());
  }
}

} // namespace

Model open_model(const std::string &path, const OpenOptions &options) {
  return as_checkpoint_error([&] { return Model::open(path, options); });
}

void save_model(const Model &model, const std::string &path, const SaveOptions &options) {
  as_checkpoint_error([&] { model.save(path, options); });
}

bool is_trainable(const Model &model) {
  const int64_t layers = model.info().layers - has_output_norm(model);
  for (int64_t i = has_input_norm(model) ? 1 : 0; i < layers; ++i)
    if (is_elementwise(model.layer(i))) return false;
  return true;
}

bool has_logit(const Model &model) { return model.layer(model.info().layers - 1).layer.activation == LF_IDENTITY; }

std::optional<DataDescription> data_of(const Model &model, const std::string &path) {
  const std::optional<std::string> text = model.text(LF_DATA_TEXT);
  if (!text) return {};
  try {
    const cli::Json json = cli::parse_strictly(*text, "the description of the data");
    cli::ObjectReader object(json, "the description of the data");
    DataDescription data{object.text("name"), object.text("sha256"), read_schema(object.at("schema"))};
    object.end();
    const int64_t outputs = model.info().outputs, classes = static_cast<int64_t>(data.schema.classes.size());
    if (outputs != data.schema.outputs() && (data.schema.is_regression() || outputs != classes))
      throw CheckpointError(
          path + ": has " + counted(outputs, "output") + ", but describes " +
          (data.schema.is_regression() ? counted(data.schema.outputs(), "target") : counted(classes, "class")));
    return data;
  } catch (const cli::JsonError &problem) {
    throw CheckpointError(path + ": " + problem.what());
  }
}

Network network_of(const Model &model) {
  const lf_model_info info = model.info();
  Description description{info.features, {}};
  std::vector<DenseLayer> layers;
  const bool normalizes = has_input_norm(model);
  const int64_t end = info.layers - has_output_norm(model);
  for (int64_t i = normalizes ? 1 : 0; i < end; ++i) {
    const Model::Layer layer = model.layer(i);
    description.layers.push_back(description_of(layer));
    layers.push_back(layer.trainable());
  }
  read_stored_description(model, normalizes ? 1 : 0, description);
  Network network(description, std::move(layers));
  if (normalizes) network.input_norm = norm_of(model.layer(0));
  if (end < info.layers) network.output_norm = norm_of(model.layer(end));
  return network;
}

void save(const std::string &path, Network &network, const TrainingState *training, const DataDescription *data) {
  Model model = model_of(path, network);
  as_checkpoint_error([&] {
    model.set_text("network", describe(network, data != nullptr ? &data->schema : nullptr).dump());
    if (data)
      model.set_text(
          LF_DATA_TEXT,
          cli::Json({{"name", data->name}, {"sha256", data->sha256}, {"schema", describe(data->schema)}}).dump());
    if (training) model.set_text("training", describe(*training).dump());
    if (training)
      network.visit([&](const std::string &name, const std::vector<int64_t> &shape, std::vector<float> &) {
        for (const std::string &state : state_of(name, training->options.optimizer.kind)) {
          const std::vector<float> &values = training->optimizer_state.at(state);
          if (const std::string problem = fault(state, values); !problem.empty())
            throw CheckpointError(path + ": is not written: " + problem);
          model.set_tensor(state, shape, values);
        }
      });
    model.save(path, {.format = LF_FORMAT_SAFETENSORS});
  });
}

void check_writable(const std::string &path) {
  try {
    cli::check_replaceable(path);
  } catch (const std::system_error &error) {
    throw CheckpointError(path + ": cannot be written: " + error.code().message());
  }
}

TrainOptions options_of(const Model &model, const std::string &path) {
  const std::optional<std::string> text = model.text("training");
  if (!text) return {}; // read_checkpoint() says what is wrong
  try {
    return read_training(cli::parse_strictly(*text, "the description of the training")).options;
  } catch (const cli::JsonError &problem) {
    throw CheckpointError(path + ": " + problem.what());
  }
}

void check_can_train(const std::string &path, const Network &network) {
  for (const DenseLayer &layer : network.layers)
    if (layer.bias.empty() != layer.batch_norm.has_value() || (layer.batch_norm && layer.batch_norm->flags != 0))
      throw CheckpointError(path + ": has a layer with both a bias and batch normalization, or with an unbiased "
                                   "variance, so it cannot be trained");
}

Checkpoint read_checkpoint(const std::string &path) {
  const Model model = open_model(path);
  const auto require = [&path](bool good, const char *what) {
    if (!good) throw CheckpointError(path + ": " + what);
  };
  require(is_trainable(model), "has a layer without weights, which cannot be trained");
  try {
    Checkpoint checkpoint{network_of(model), data_of(model, path), {}};
    const std::optional<std::string> text = model.text("training");
    if (!text) return checkpoint;
    TrainingState &training =
        checkpoint.training.emplace(read_training(cli::parse_strictly(*text, "the description of the training")));
    training.version = model.text("numeric_version").value_or("");
    check_can_train(path, checkpoint.network);
    require(model.info().output == LF_OUTPUT_VALUES, "has a softmax at its end, so the training cannot continue");
    checkpoint.network.visit([&](const std::string &name, const std::vector<int64_t> &, std::vector<float> &values) {
      take_state(model, name, values, training);
    });
    return checkpoint;
  } catch (const cli::JsonError &problem) {
    throw CheckpointError(path + ": " + problem.what());
  }
}

} // namespace lanefold::trainer
