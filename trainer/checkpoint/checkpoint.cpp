// Writes the description of a training, and checks whether one that is read can be true.
#include "trainer/checkpoint/checkpoint.hpp"

#include "cli/atomic_file.hpp"
#include "cli/object_reader.hpp"
#include "trainer/fields.hpp"

#include <cmath>
#include <system_error>

namespace lanefold::trainer {
namespace {

constexpr const char *format = "lanefold-3", *generator_name = "philox4x32-10";

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

// Checks the announced size against the file before anything is allocated for it.
void check_size(const SafetensorsReader &reader, const Description &d) {
  int64_t floats = 0;
  for (size_t i = 0; i < d.layers.size(); ++i) {
    floats += d.inputs(i) * d.layers[i].units; // at most 2^48 each
    reader.require(floats <= reader.elements(), "describes more weights than the file holds");
  }
}

// What is wrong with the values of a tensor; "" if training can give them.  They must be finite, and averages of
// squares must not be negative.
std::string fault(const std::string &name, const std::vector<float> &values) {
  const bool squares = name.ends_with("running_var") || name.ends_with(".v");
  for (const float v : values)
    if (!std::isfinite(v) || (squares && v < 0))
      return name + (squares ? " holds a variance" : " holds a value") +
             " that no training can give: " + std::to_string(v);
  return "";
}

std::vector<float> take(SafetensorsReader &reader, const std::string &name, const std::vector<int64_t> &shape) {
  std::vector<float> values = reader.read(name, shape);
  const std::string problem = fault(name, values);
  reader.require(problem.empty(), problem);
  return values;
}

// The names of the optimizer state for an array of parameters.
std::vector<std::string> state_of(const std::string &array, int32_t optimizer) {
  if (optimizer == LF_SGD || array.find("running_") != std::string::npos) return {};
  if (optimizer == LF_ADAM) return {array + ".m", array + ".v"};
  return {array + ".m"};
}

} // namespace

void save(const std::string &path, Network &network, const TrainingState *training) {
  Metadata metadata = {{"format", format},
                       {"numeric_version", numeric_version},
                       {"network", trainer::describe(network.description).dump()}};
  if (training) metadata["training"] = describe(*training).dump();
  std::vector<Tensor> tensors;
  network.visit([&](const std::string &name, const std::vector<int64_t> &shape, std::vector<float> &values) {
    tensors.push_back({name, shape, &values});
  });
  if (training)
    network.visit([&](const std::string &name, const std::vector<int64_t> &shape, std::vector<float> &) {
      for (const std::string &state : state_of(name, training->options.optimizer.kind))
        tensors.push_back({state, shape, &training->optimizer_state.at(state)});
    });
  // A checkpoint that could not be read again must not replace one that can.
  for (const Tensor &tensor : tensors)
    if (const std::string problem = fault(tensor.name, *tensor.values); !problem.empty())
      throw CheckpointError(path + ": is not written, because training diverged: " + problem);
  write_safetensors(path, metadata, tensors);
}

void check_writable(const std::string &path) {
  try {
    cli::check_replaceable(path);
  } catch (const std::system_error &error) {
    throw CheckpointError(path + ": cannot be written: " + error.code().message());
  }
}

Checkpoint read_checkpoint(const std::string &path) {
  SafetensorsReader reader(path);
  reader.require(reader.metadata("format") == format,
                 std::string("is not a checkpoint that this version reads: its format must be ") + format);
  try {
    const std::string &version = reader.metadata("numeric_version");
    const char *what = "the description of the network";
    const Description description = read_description(cli::parse_strictly(reader.metadata("network"), what), what);
    reader.require(description.features > 0, "describes a network without features");
    check_size(reader, description);
    Checkpoint checkpoint{Network(description), {}};
    if (reader.metadata().contains("training")) {
      checkpoint.training =
          read_training(cli::parse_strictly(reader.metadata("training"), "the description of the training"));
      checkpoint.training->version = version;
    }
    size_t tensors = 0;
    checkpoint.network.visit(
        [&](const std::string &name, const std::vector<int64_t> &shape, std::vector<float> &values) {
          values = take(reader, name, shape);
          ++tensors;
          if (!checkpoint.training) return;
          for (const std::string &state : state_of(name, checkpoint.training->options.optimizer.kind)) {
            checkpoint.training->optimizer_state[state] = take(reader, state, shape);
            ++tensors;
          }
        });
    reader.require(reader.names().size() == tensors, "holds tensors that the network does not have");
    return checkpoint;
  } catch (const cli::JsonError &problem) {
    reader.fail(problem.what());
  }
}

} // namespace lanefold::trainer
