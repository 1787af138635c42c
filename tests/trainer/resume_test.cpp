// A training that stops anywhere, is saved, and resumes ends in the bits of a training that never stopped.
#include "cli/words.hpp"
#include "support/images.hpp"
#include "support/matrix.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/training/golden.hpp"

#include <cmath>
#include <filesystem>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::Context;

namespace {

Dataset small_data() {
  Dataset data;
  data.name = "small";
  data.train = make_images(230, 5, 41);
  data.test = make_images(50, 5, 42);
  return data;
}

TrainingState begin(int32_t optimizer, const std::string &schedule = "constant") {
  TrainingState state;
  state.options.epochs = 3, state.options.batch_size = 50, state.options.seed = 7;
  state.options.optimizer.kind = optimizer;
  state.options.optimizer.learning_rate = optimizer == LF_ADAM ? 0.003f : 0.03f;
  state.options.optimizer.weight_decay = optimizer == LF_MOMENTUM ? 0.1f : 0.0f;
  state.options.schedule = {schedule, 3, 1, 0.3f};
  state.data_sha256 = "of the data";
  return state;
}

Network new_network() {
  Network network(plain(25, {12, 9}, 10, {}, "hidden"));
  initialize(network, 7);
  return network;
}

struct Ending {
  std::string hash;
  std::vector<double> figures; // loss, training accuracy, test loss, test accuracy of each epoch
  friend bool operator==(const Ending &, const Ending &) = default;
};

void note(const Epoch &e, Ending &ending) {
  ending.figures.insert(ending.figures.end(), {e.loss, e.train_accuracy, e.test_loss, e.test_accuracy});
}

Ending uninterrupted(const Context &context, const Dataset &data, const TrainingState &state) {
  Network network = new_network();
  Ending ending;
  TrainWatch watch;
  watch.epoch = [&](const Epoch &e) { return note(e, ending), true; };
  CHECK(Training(context, network, data, state).run(watch));
  ending.hash = sha256(network);
  return ending;
}

// Stops after each `every` steps, saves, and continues with what it reads back.
Ending with_stops(const Dataset &data, const TrainingState &first, int every, const std::string &path) {
  {
    Network network = new_network();
    const Context context = lanefold::test::context();
    const TrainingState state = Training(context, network, data, first).state();
    save(path, network, &state);
  }
  Ending ending;
  for (int round = 0;; ++round) {
    Checkpoint checkpoint = read_checkpoint(path);
    REQUIRE(checkpoint.training);
    const Context context = lanefold::test::context(1 + round % 3);
    Training training(context, checkpoint.network, data, *checkpoint.training);
    int steps = 0;
    TrainWatch watch;
    watch.step = [&](const StepFigures &) { ++steps; };
    watch.stop = [&] { return steps == every; };
    watch.epoch = [&](const Epoch &e) { return note(e, ending), true; };
    const bool ended = training.run(watch);
    const TrainingState state = training.state();
    save(path, checkpoint.network, &state);
    if (!ended) continue;
    CHECK(state.position.epoch == first.options.epochs + 1);
    ending.hash = sha256(checkpoint.network);
    return ending;
  }
}

} // namespace

TEST_CASE("stopped anywhere and resumed, each optimizer and schedule ends in the same bits and figures") {
  const TemporaryFolder folder;
  const Dataset data = small_data();
  const Context context = lanefold::test::context(2);
  for (int32_t kind = 0; kind < LF_OPTIMIZER_COUNT; ++kind)
    for (const std::string &schedule : schedule_names()) {
      const TrainingState state = begin(kind, schedule);
      const Ending expected = uninterrupted(context, data, state);
      for (const int every : {1, 2, 5, 7}) { // an epoch has 5 steps
        CAPTURE(kind);
        CAPTURE(schedule);
        CAPTURE(every);
        CHECK(with_stops(data, state, every, folder / "model") == expected);
      }
    }
}

TEST_CASE("the state of a training comes back from its file to the bit") {
  const TemporaryFolder folder;
  const Dataset data = small_data();
  Network network = new_network();
  TrainingState state = begin(LF_ADAM, "cosine");
  const Context context = lanefold::test::context();
  Training training(context, network, data, state);
  int steps = 0;
  TrainWatch watch;
  watch.step = [&](const StepFigures &) { ++steps; };
  watch.stop = [&] { return steps == 8; };
  CHECK_FALSE(training.run(watch));
  state = training.state();
  save(folder / "model", network, &state);
  const TrainingState back = read_checkpoint(folder / "model").training.value();
  CHECK(back.options.epochs == 3);
  CHECK(back.options.batch_size == 50);
  CHECK(back.options.seed == 7);
  CHECK(back.options.optimizer.kind == LF_ADAM);
  CHECK(back.options.optimizer.learning_rate == state.options.optimizer.learning_rate);
  CHECK(back.options.optimizer.beta2 == state.options.optimizer.beta2);
  CHECK(back.options.optimizer.eps == state.options.optimizer.eps);
  CHECK(back.options.schedule.kind == "cosine");
  CHECK(back.options.schedule.warm_up == 3);
  CHECK(back.position.epoch == 2);
  CHECK(back.position.step == 3);
  CHECK(back.position.loss == state.position.loss);
  CHECK(back.position.correct == state.position.correct);
  CHECK(back.position.samples == 150);
  CHECK(back.data_sha256 == "of the data");
  CHECK(back.optimizer_state == state.optimizer_state);
  CHECK(back.optimizer_state.size() ==
        2 * 8); // m and v of w, gamma and beta of two layers, and of w and bias of the last
  CHECK(back.optimizer_state.contains("layers.2.bias.v"));
  const std::string bytes = read_file(folder / "model");
  for (const char *part : {"philox4x32-10", "numeric_version", "layers.0.w.m", "layers.1.gamma.v"})
    CHECK(contains(bytes, part));
}

TEST_CASE("a state that no training can have is refused") {
  const TemporaryFolder folder;
  Network network = new_network();
  const TrainingState state = [&] {
    const Context context = lanefold::test::context();
    const Dataset data = small_data();
    return Training(context, network, data, begin(LF_MOMENTUM)).state();
  }();
  save(folder / "model", network, &state);
  const std::string good = read_file(folder / "model");
  const auto refused = [&](const std::string &from, const std::string &to, const std::string &what) {
    CAPTURE(from);
    std::string bad = good;
    REQUIRE(contains(bad, from));
    bad.replace(bad.find(from), from.size(), to);
    REQUIRE(bad.size() == good.size());
    write_file(folder / "bad", bad);
    const std::string message = message_of<CheckpointError>([&] { read_checkpoint(folder / "bad"); });
    CAPTURE(message);
    CHECK(message.starts_with(folder / "bad: "));
    CHECK(contains(message, what));
  };
  refused("\\\"epoch\\\":1", "\\\"epoch\\\":0", "epoch");
  refused("\\\"index\\\":1", "\\\"index\\\":2", "index");
  refused("philox4x32-10", "philox4x32-12", "generator");
  refused("\\\"momentum\\\",", "\\\"momentun\\\",", "did you mean 'momentum'");
  refused("layers.0.w.m", "layers.0.w.x", "layers.0.w.x");
  refused("layers.0.w.m", "layers.0.w.v", "layers.0.w.m");
  refused("batch_size", "batch-size", "batch_size");
  // A network of another version can be used, but its training cannot resume.
  std::string other = good;
  other.replace(other.find("numeric_version\":\"1\""), 20, "numeric_version\":\"2\"");
  write_file(folder / "other", other);
  CHECK(read_checkpoint(folder / "other").training.value().version == "2");
}

TEST_CASE("a position that no training can have is refused") {
  const Samples images = make_images(230, 5, 41); // batches of 50: five steps
  const Description normalized = plain(25, {9}, 10), plain_one = plain(25, {9}, 10, {}, "off");
  TrainingState state = begin(LF_SGD);
  CHECK(impossible(state, normalized, images).empty());
  state.position = {2, 5, 3.5, 100, 230};
  CHECK(impossible(state, normalized, images).empty());
  for (const Position &position :
       {Position{2, 6, 3.5, 100, 230}, Position{2, 4, 3.5, 100, 230}, Position{2, 5, 3.5, 240, 230},
        Position{2, 5, -1, 100, 230}, Position{2, 0, 1, 0, 0}, Position{2, 0, 0, 1, 0}}) {
    state.position = position;
    CHECK_FALSE(impossible(state, normalized, images).empty());
  }
  state = begin(LF_SGD);
  state.options.batch_size = 1;
  CHECK_FALSE(impossible(state, normalized, images).empty());
  CHECK(impossible(state, plain_one, images).empty());
}

TEST_CASE("--keep removes the oldest numbered checkpoints, and nothing else") {
  const TemporaryFolder folder;
  const std::string path = folder / "model.safetensors";
  CHECK(numbered(path, 3) == folder / "model.epoch-3.safetensors");
  CHECK(numbered("model", 12) == "model.epoch-12");
  for (const int64_t epoch : {1, 2, 3, 9, 10, 11, 12}) write_file(numbered(path, epoch), "x");
  const std::vector<std::string> others = {"model.safetensors",          "model.epoch-.safetensors",
                                           "model.epoch-1x.safetensors", "model.epoch-01.safetensors",
                                           "other.epoch-1.safetensors",  "model.epoch-1"};
  for (const std::string &name : others) write_file(folder / name, "x");
  remove_older(path, 11, 2);
  for (const std::string &name : others) CHECK(std::filesystem::exists(folder / name));
  for (const int64_t epoch : {10, 11, 12})
    CHECK(std::filesystem::exists(numbered(path, epoch))); // 12: of a later training
  for (const int64_t epoch : {1, 2, 3, 9}) CHECK_FALSE(std::filesystem::exists(numbered(path, epoch)));
}
