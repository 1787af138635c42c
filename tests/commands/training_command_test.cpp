// Trainings that begin from a model, change when they are resumed, or stop early.
#include "support/command.hpp"
#include "trainer/checkpoint/checkpoint.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

std::vector<Json> lines_of(const Words &words) {
  const Result result = run(words);
  CAPTURE(joined(words));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  REQUIRE_FALSE(result.lines().empty());
  return result.lines();
}

Words resume(const Place &place, Words more = {}) {
  more.insert(more.begin(), {"train", "--data", place.data.path(), "--resume", place.model, "--json"});
  return more;
}

// The layers of a checkpoint have the same weights, up to this one.
bool same_weights(const std::string &one, const std::string &other, size_t layers) {
  const Network a = read_checkpoint(one).network, b = read_checkpoint(other).network;
  for (size_t i = 0; i < layers; ++i)
    if (a.layers.at(i).w != b.layers.at(i).w) return false;
  return true;
}

} // namespace

TEST_CASE("a resumed training takes another rate and schedule, and remembers what changed where") {
  const Place place;
  place.make_model({"--epochs", "2"});
  const Result result = run(resume(place, {"--epochs", "4", "--learning-rate", "0.01", "--schedule", "step"}));
  REQUIRE(result.exit_code == 0);
  CHECK(contains(result.err, "--learning-rate is now 0.01 instead of 0.1"));
  CHECK(contains(result.err, "--schedule is now step instead of constant"));
  const TrainingState state = read_checkpoint(place.model).training.value();
  CHECK(state.options.optimizer.learning_rate == 0.01f);
  REQUIRE(state.changes.size() == 2);
  CHECK(state.changes[0].epoch == 3);
  CHECK(state.changes[0].step == 0);
  CHECK(state.changes[0].option == "--learning-rate");
  CHECK(state.changes[0].from == "0.1");
  CHECK(state.changes[0].to == "0.01");
  // The same in one more process, in between: every step has the rate of its time.
  const std::string hash = result.lines().back()["parameters_sha256"];
  place.make_model({"--epochs", "2"});
  lines_of(resume(place, {"--epochs", "3", "--learning-rate", "0.01", "--schedule", "step"}));
  CHECK(lines_of(resume(place, {"--epochs", "4"})).back()["parameters_sha256"] == hash);
  CHECK(read_checkpoint(place.model).training.value().changes.size() == 2);
  // The same value does not count as a change, and other options are still refused.
  lines_of(resume(place, {"--epochs", "5", "--learning-rate", "0.01"}));
  CHECK(read_checkpoint(place.model).training.value().changes.size() == 2);
  check_refused(resume(place, {"--momentum", "0.5"}), {"--momentum", place.model});
}

TEST_CASE("a training that stops early keeps the epoch with the lowest loss on the test samples") {
  const Place place;
  // This rate is so high that the loss soon rises.
  const Words words = place.train({"--epochs", "60", "--learning-rate", "2", "--batch-norm", "off", "--early-stopping",
                                   "3", "--save", place.model, "--json"});
  const std::vector<Json> lines = lines_of(words);
  const Json done = lines.back();
  std::vector<double> losses;
  for (const Json &line : lines)
    if (line["event"] == "epoch") losses.push_back(line["test_loss"]);
  const auto lowest = std::min_element(losses.begin(), losses.end());
  const int64_t best = lowest - losses.begin() + 1;
  CHECK(done["best_epoch"] == best);
  REQUIRE(losses.size() < 60);
  CHECK(static_cast<int64_t>(losses.size()) == best + 3);
  CHECK(place.models.entries() == 1); // NAME.best.safetensors has become the checkpoint
  Checkpoint kept = read_checkpoint(place.model);
  CHECK(kept.training.value().position.epoch == best + 1);
  CHECK(kept.training.value().best.epoch == best);
  CHECK(sha256(kept.network) == done["parameters_sha256"]);
  const Json evaluated = lines_of({"eval", place.model, "--data", place.data.path(), "--json"}).back();
  CHECK(evaluated["test_accuracy"] == done["test_accuracy"]);
  CHECK(evaluated["loss"].get<double>() == doctest::Approx(*lowest));
  // It ends in the same epoch when it is resumed there.
  CHECK(lines_of(resume(place, {}))[0]["epoch"] == best + 1);
  CHECK(lines_of(resume(place, {})).back()["parameters_sha256"] == done["parameters_sha256"]);
  check_refused(place.train({"--early-stopping", "3"}), {"--early-stopping needs --save"});
}

TEST_CASE("early stopping that never stops a training does not change its result") {
  const Place place;
  const std::string hash = place.make_model({"--epochs", "3"});
  CHECK(place.make_model({"--epochs", "3", "--early-stopping", "50"}) == hash);
}

TEST_CASE("a training begins with the weights of a model of any format") {
  const Place place;
  place.make_model({"--epochs", "2"});
  const std::string begun = place.models / "begun.safetensors", onnx = place.models / "m.onnx";
  REQUIRE(run({"export", place.model, "-o", onnx}).exit_code == 0);
  const auto train_from = [&](const std::string &from, Words more = {}) {
    more.insert(more.begin(), {"train", "--data", place.data.path(), "--from", from, "--save", begun, "--json",
                               "--epochs", "1", "--optimizer", "adam", "--learning-rate", "1e-6"});
    return run(more);
  };
  const Result result = train_from(place.model);
  REQUIRE(result.exit_code == 0);
  // A learning rate of 1e-6 keeps what the model has learned.
  const double before = lines_of({"eval", place.model, "--data", place.data.path(), "--json"}).back()["test_accuracy"];
  CHECK(result.lines().back()["test_accuracy"].get<double>() == doctest::Approx(before).epsilon(0.1));
  CHECK(read_checkpoint(begun).training.value().position.epoch == 2);
  CHECK(read_checkpoint(begun).training.value().options.optimizer.kind == LF_ADAM);
  CHECK(train_from(onnx).lines().back()["parameters_sha256"] == result.lines().back()["parameters_sha256"]);
  check_refused({"train", "--data", place.data.path(), "--from", place.model, "--hidden", "5"},
                {"--hidden does not go with --from"});
  check_refused({"train", "--data", place.data.path(), "--from", place.model, "--resume", place.model}, {"--from"});
  const Place larger(7);
  check_refused({"train", "--data", larger.data.path(), "--from", place.model}, {place.model, "36 features"});
}

TEST_CASE("a model for other classes gets a new last layer, and the command says so") {
  const Place place;
  place.make_model({"--epochs", "2"});
  // The same images with labels of 12 classes.
  std::string labels = read_file(place.data / "train-labels-idx1-ubyte");
  labels[8] = 11;
  write_file(place.data / "train-labels-idx1-ubyte", labels);
  const std::string begun = place.models / "begun.safetensors";
  const Result result = run({"train", "--data", place.data.path(), "--from", place.model, "--save", begun, "--epochs",
                             "1", "--learning-rate", "1e-30", "--json"});
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(contains(result.err,
                 "the last layer begins with random weights, because the model was trained on other classes"));
  CHECK(read_checkpoint(begun).network.outputs() == 12);
  CHECK(same_weights(begun, place.model, 2));
}
