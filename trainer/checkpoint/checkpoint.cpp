// What a checkpoint says, and whether it can be true.
#include "trainer/checkpoint/checkpoint.hpp"

#include "cli/atomic_file.hpp"
#include "cli/words.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <system_error>

namespace lanefold::trainer {
namespace {

constexpr const char *format = "lanefold-3", *generator_name = "philox4x32-10";

cli::Json describe(const TrainingState &state) {
  const TrainOptions &o = state.options;
  const Position &p = state.position;
  return {
      {"epochs", o.epochs},
      {"batch_size", o.batch_size},
      {"optimizer",
       {{"kind", optimizer_names()[static_cast<size_t>(o.optimizer.kind)]},
        {"learning_rate", cli::shortest(o.optimizer.learning_rate)},
        {"momentum", cli::shortest(o.optimizer.momentum)},
        {"beta2", cli::shortest(o.optimizer.beta2)},
        {"eps", cli::shortest(o.optimizer.eps)},
        {"weight_decay", cli::shortest(o.optimizer.weight_decay)}}},
      {"schedule",
       {{"kind", o.schedule.kind},
        {"warm_up", o.schedule.warm_up},
        {"step_every", o.schedule.step_every},
        {"step_factor", cli::shortest(o.schedule.step_factor)}}},
      {"position", {{"epoch", p.epoch}, {"step", p.step}, {"loss", p.loss}, {"correct", p.hits}, {"samples", p.samples}}},
      // Counter-based: the order of an epoch's samples is a function of these.
      {"generator",
       {{"name", generator_name},
        {"seed", o.seed},
        {"purpose", static_cast<int64_t>(Purpose::shuffle)},
        {"index", p.epoch}}},
      {"data_sha256", state.data_sha256}};
}

TrainingState read_training(const cli::Json &json) {
  constexpr int64_t most = 1'000'000'000;
  TrainingState state;
  TrainOptions &o = state.options;
  cli::Fields fields(json, "the description of the training");
  o.epochs = fields.whole("epochs", 1, most);
  o.batch_size = fields.whole("batch_size", 1, 1 << 24);
  cli::Fields optimizer(fields.at("optimizer"), "the description of the optimizer");
  o.optimizer.kind = cli::code_of(optimizer_names(), optimizer.word("kind", optimizer_names()));
  o.optimizer.learning_rate = optimizer.number("learning_rate", 0, 1e6);
  o.optimizer.momentum = optimizer.number("momentum", 0, 0.99999);
  o.optimizer.beta2 = optimizer.number("beta2", 0, 0.99999);
  o.optimizer.eps = optimizer.number("eps", 1e-30, 1e6);
  o.optimizer.weight_decay = optimizer.number("weight_decay", 0, 1e6);
  optimizer.end();
  cli::Fields schedule(fields.at("schedule"), "the description of the schedule");
  o.schedule.kind = schedule.word("kind", schedule_names());
  o.schedule.warm_up = schedule.whole("warm_up", 0, most);
  o.schedule.step_every = schedule.whole("step_every", 1, most);
  o.schedule.step_factor = schedule.number("step_factor", 0, 1);
  schedule.end();
  cli::Fields position(fields.at("position"), "the position of the training");
  Position &p = state.position;
  p.epoch = position.whole("epoch", 1, most + 1);
  p.step = position.whole("step", 0, most);
  p.loss = position.real("loss");
  p.hits = position.whole("correct", 0, most);
  p.samples = position.whole("samples", p.hits, most);
  position.end();
  cli::Fields generator(fields.at("generator"), "the generator");
  generator.word("name", {generator_name});
  o.seed = static_cast<uint64_t>(generator.whole("seed", 0, INT64_MAX));
  generator.whole("purpose", static_cast<int64_t>(Purpose::shuffle), static_cast<int64_t>(Purpose::shuffle));
  generator.whole("index", p.epoch, p.epoch);
  generator.end();
  state.data_sha256 = fields.text("data_sha256");
  fields.end();
  return state;
}

// Description and file must agree before memory is taken for what the description announces.
void check_size(const SafetensorsReader &reader, const Description &d) {
  int64_t floats = 0;
  for (size_t i = 0; i < d.layers.size(); ++i) {
    floats += d.inputs(i) * d.layers[i].units; // at most 2^48 each
    reader.require(floats <= reader.elements(), "describes more weights than the file holds");
  }
}

// "" if training can give these values: finite ones; those that sum up squares are not negative.
std::string fault(const std::string &name, const std::vector<float> &values) {
  const bool squares = name.ends_with("running_var") || name.ends_with(".v");
  for (const float v : values)
    if (!std::isfinite(v) || (squares && v < 0))
      return name + (squares ? " holds a variance" : " holds a value") +
             " that no training gives: " + std::to_string(v);
  return "";
}

std::vector<float> take(SafetensorsReader &reader, const std::string &name, const std::vector<int64_t> &shape) {
  std::vector<float> values = reader.read(name, shape);
  const std::string problem = fault(name, values);
  reader.require(problem.empty(), problem);
  return values;
}

// Which memories an optimizer has of an array.
std::vector<std::string> memories_of(const std::string &array, int32_t optimizer) {
  if (optimizer == LF_SGD || array.find("running_") != std::string::npos) return {};
  if (optimizer == LF_ADAM) return {array + ".m", array + ".v"};
  return {array + ".m"};
}

std::filesystem::path folder_of(const std::string &path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
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
      for (const std::string &memory : memories_of(name, training->options.optimizer.kind))
        tensors.push_back({memory, shape, &training->memories.at(memory)});
    });
  // What could not be read again must not take the place of what can.
  for (const Tensor &tensor : tensors)
    if (const std::string problem = fault(tensor.name, *tensor.values); !problem.empty())
      throw CheckpointError(path + ": is not written: " + problem + " (training diverged)");
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
                 std::string("is a checkpoint of another kind (its format is not ") + format +
                     ", which this version reads)");
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
          for (const std::string &memory : memories_of(name, checkpoint.training->options.optimizer.kind)) {
            checkpoint.training->memories[memory] = take(reader, memory, shape);
            ++tensors;
          }
        });
    reader.require(reader.names().size() == tensors, "holds tensors that the network does not have");
    return checkpoint;
  } catch (const cli::JsonError &problem) {
    reader.fail(problem.what());
  }
}

std::string numbered(const std::string &path, int64_t epoch) {
  const std::filesystem::path whole(path);
  const std::string name = whole.stem().string() + ".epoch-" + std::to_string(epoch) + whole.extension().string();
  return (whole.parent_path() / name).string();
}

void remove_older(const std::string &path, int64_t epoch, int64_t keep) {
  const std::filesystem::path whole(path);
  const std::string begin = whole.stem().string() + ".epoch-", end = whole.extension().string();
  std::vector<int64_t> there;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(folder_of(path), error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(begin) || !name.ends_with(end) || name.size() <= begin.size() + end.size()) continue;
    const char *first = name.data() + begin.size(), *last = name.data() + name.size() - end.size();
    int64_t number = 0;
    const auto [stopped, problem] = std::from_chars(first, last, number);
    if (problem == std::errc() && stopped == last && number <= epoch && name == numbered(whole.filename(), number))
      there.push_back(number);
  }
  std::sort(there.rbegin(), there.rend());
  for (size_t i = static_cast<size_t>(keep); i < there.size(); ++i)
    std::filesystem::remove(numbered(path, there[i]), error);
}

} // namespace lanefold::trainer
