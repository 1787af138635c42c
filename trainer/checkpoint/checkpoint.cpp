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
void read_stored_description(const Model &model, Description &description) {
  const std::optional<std::string> text = model.text("network");
  if (!text) return;
  const char *what = "the description of the network";
  const cli::Json json = cli::parse_strictly(*text, what);
  const std::vector<cli::Json> &layers = json.at("layers").elements();
  for (size_t i = 0; i < layers.size() && i < description.layers.size(); ++i) {
    cli::ObjectReader reader(layers[i], std::string(what) + ": layer " + std::to_string(i));
    read_layer(reader, description.layers[i]);
  }
}

LayerDescription description_of(const Model::Layer &from) {
  LayerDescription layer;
  layer.units = from.layer.n;
  layer.activation = from.layer.activation, layer.alpha = from.layer.alpha;
  layer.batch_norm = from.batch_norm.has_value();
  if (from.batch_norm) layer.bn_momentum = from.batch_norm->momentum, layer.bn_eps = from.batch_norm->eps;
  return layer;
}

// What is wrong with the values of an optimizer state; "" if training can give them.  They must be finite, and averages of
// squares must not be negative.
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

Model model_of(const std::string &path, Network &network) {
  try {
    return Model::of(network.layers);
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

bool has_only_products(const Model &model) {
  const int64_t layers = model.info().layers;
  for (int64_t i = 0; i < layers; ++i)
    if ((model.layer(i).layer.flags & LF_ELEMENTWISE) != 0) return false;
  return true;
}

Network network_of(const Model &model) {
  const lf_model_info info = model.info();
  Description description{info.features, {}};
  std::vector<DenseLayer> layers;
  for (int64_t i = 0; i < info.layers; ++i) {
    const Model::Layer layer = model.layer(i);
    description.layers.push_back(description_of(layer));
    layers.push_back(layer.trainable());
  }
  read_stored_description(model, description);
  return {description, std::move(layers)};
}

void save(const std::string &path, Network &network, const TrainingState *training) {
  Model model = model_of(path, network);
  as_checkpoint_error([&] {
    model.set_text("network", describe(network.description).dump());
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

Checkpoint read_checkpoint(const std::string &path) {
  const Model model = open_model(path);
  const auto require = [&path](bool good, const char *what) {
    if (!good) throw CheckpointError(path + ": " + what);
  };
  require(has_only_products(model), "has a layer without weights, which cannot be trained");
  try {
    Checkpoint checkpoint{network_of(model), {}};
    const std::optional<std::string> text = model.text("training");
    if (!text) return checkpoint;
    TrainingState &training =
        checkpoint.training.emplace(read_training(cli::parse_strictly(*text, "the description of the training")));
    training.version = model.text("numeric_version").value_or("");
    for (const DenseLayer &layer : checkpoint.network.layers)
      require(
          layer.bias.empty() == layer.batch_norm.has_value() && (!layer.batch_norm || layer.batch_norm->flags == 0),
          "has a layer with both a bias and batch normalization, or with an unbiased variance, so the training cannot "
          "continue");
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
