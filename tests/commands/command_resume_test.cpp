// Trainings that are interrupted or killed, and then resumed, end in the bits of a training without interruption.
#include "support/command.hpp"
#include "support/random.hpp"
#include "trainer/checkpoint/checkpoint.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

// The SHA-256 that a command prints at its end.
std::string hash_of(const Result &result) {
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  return result.lines().back()["parameters_sha256"];
}

Words resume(const Place &place, Words more = {}) {
  more.insert(more.begin(), {"train", "--data", place.data.path(), "--resume", place.model, "--json"});
  return more;
}

} // namespace

TEST_CASE(
    "Ctrl-C saves after the step and ends with 130, and resuming ends in the bits of a training without interruption") {
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    const Place place;
    Process process(place.train({"--epochs", "1000000", "--json", "--save", place.model, "--optimizer", "adam"}));
    REQUIRE(process.wait_for("\"event\":\"epoch\"", 2));
    process.interrupt(signal);
    const Result result = process.wait();
    CAPTURE(result.err);
    CHECK(result.exit_code == 130);
    CHECK(contains(result.err, "interrupted"));
    CHECK(contains(result.err, "--resume " + place.model));
    const Json last = result.lines().back();
    CHECK(last["event"] == "interrupted");
    CHECK(last["saved"] == true);
    CHECK(place.models.entries() == 1);
    const Position position = read_checkpoint(place.model).training.value().position;
    CHECK(last["epoch"] == position.epoch);
    CHECK(last["step"] == position.step);
    const std::string epochs = std::to_string(position.epoch + 1);
    const std::string resumed = hash_of(run(resume(place, {"--epochs", epochs})));
    CHECK(resumed == hash_of(run(place.train({"--json", "--epochs", epochs, "--optimizer", "adam"}))));
    Network network = read_checkpoint(place.model).network;
    CHECK(sha256(network) == resumed);
  }
}

TEST_CASE("Ctrl-C before the first step ends with 130 too, and replaces no file") {
  // These data take a while to load.
  const Place place(28);
  write_idx(place.data, make_images(60000, 28, 1), make_images(10, 28, 2));
  place.make_model({"--batch-size", "30000", "--epochs", "1", "--hidden", "10"});
  const std::string old = read_file(place.model);
  for (const int milliseconds : {30, 60, 100}) {
    Process process(place.train({"--epochs", "1", "--hidden", "30", "--batch-size", "60000", "--save", place.model}));
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    process.interrupt(SIGINT);
    const Result result = process.wait();
    CAPTURE(milliseconds);
    CAPTURE(result.err);
    CHECK((result.exit_code == 130 || result.exit_code == -SIGINT)); // -SIGINT if the signal came before main
    if (contains(result.err, "before the first step")) CHECK(read_file(place.model) == old);
  }
}

TEST_CASE("an interrupted training without --save says that nothing was saved") {
  const Place place;
  Process process(place.train({"--epochs", "1000000", "--json"}));
  REQUIRE(process.wait_for("\"event\":\"epoch\"", 1));
  process.interrupt(SIGINT);
  const Result result = process.wait();
  CHECK(result.exit_code == 130);
  CHECK(contains(result.err, "nothing was saved"));
  CHECK(result.lines().back()["saved"] == false);
}

TEST_CASE("a second Ctrl-C ends the process immediately, by the signal") {
  // One step of this batch takes long enough for two signals.
  const Place place(28);
  write_idx(place.data, make_images(6000, 28, 1), make_images(10, 28, 2));
  Process process(place.train({"--epochs", "1000000", "--hidden", "3000,3000", "--batch-size", "6000", "--threads", "1",
                               "--save", place.model, "--log", place.models / "log"}));
  bool started = false;
  for (int i = 0; i < 3000 && !started; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    started = std::filesystem::exists(place.models / "log") && !read_file(place.models / "log").empty();
  }
  REQUIRE(started);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  process.interrupt(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  process.interrupt(SIGINT);
  const Result result = process.wait();
  CHECK(result.exit_code == -SIGINT);
}

TEST_CASE("a training that is killed many times, and resumed each time, ends in the same bits") {
  const Place place;
  const Words options = {"--epochs",       "60",   "--optimizer", "momentum", "--learning-rate", "0.02",
                         "--weight-decay", "0.01", "--json",      "--quiet"};
  const std::string expected = hash_of(run(place.train(options)));
  Words first = options;
  first.insert(first.end(), {"--save", place.model});
  Random random(61);
  // Each run is killed soon after it has saved once more.
  const auto saved = [&] { return std::filesystem::exists(place.model) ? read_file(place.model) : std::string(); };
  for (int kills = 0; kills < 20; ++kills) {
    const std::string before = saved();
    Process process(before.empty() ? place.train(first) : resume(place, {"--quiet"}));
    for (int i = 0; i < 3000 && saved() == before; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(5000)));
    process.interrupt(SIGKILL);
    process.wait();
  }
  CHECK(hash_of(run(resume(place, {"--quiet"}))) == expected);
  CHECK(place.models.entries() == 1); // the killed runs left no file
}

TEST_CASE("a training is resumed to more epochs, with its own options, and refuses others") {
  const Place place;
  const std::string whole = hash_of(run(place.train({"--json", "--epochs", "5"})));
  place.make_model({"--epochs", "2"});
  const std::string two = read_file(place.model);
  CHECK(hash_of(run(resume(place, {"--epochs", "5"}))) == whole);
  // The same command again, with --resume, is valid too.
  write_file(place.model, two);
  Words again = place.train({"--epochs", "5", "--json", "--resume", place.model, "--save", place.models / "other"});
  CHECK(hash_of(run(again)) == whole);
  CHECK(read_file(place.model) == two); // --save names the file
  check_refused(resume(place, {"--beta2", "0.5"}), {"--beta2", place.model});
  check_refused(resume(place, {"--optimizer", "adam"}), {"--optimizer", place.model});
  check_refused(resume(place, {"--seed", "2"}), {"--seed"});
  check_refused(resume(place, {"--hidden", "8"}), {"network", place.model});
  check_refused(resume(place, {"--activation", "relu"}), {"network", place.model});
  check_refused({"train", "--data", place.data.path(), "--resume", place.models / "none"}, {place.models / "none"});
  CHECK(read_file(place.model) == two);
  // A training that is complete has nothing to do, and reports its accuracy.
  const Result end = run(resume(place));
  CHECK(end.exit_code == 0);
  CHECK(end.lines().size() == 1);
  CHECK(end.lines()[0]["test_accuracy"] > 0.5);
  // But with another --save, it saves there.
  REQUIRE(run(resume(place, {"--save", place.models / "elsewhere"})).exit_code == 0);
  CHECK(read_file(place.models / "elsewhere") == two);
  // Other images are refused, and so is a network without the state of a training.
  const Place elsewhere;
  write_idx(elsewhere.data, make_images(300, 6, 99), make_images(100, 6, 2));
  check_refused({"train", "--data", elsewhere.data.path(), "--resume", place.model}, {"not the training images"});
  REQUIRE(run({"fold", place.model, "-o", place.models / "folded"}).exit_code == 0);
  check_refused({"train", "--data", place.data.path(), "--resume", place.models / "folded"}, {"no state of training"});
}

TEST_CASE("a cosine schedule resumes to its own last epoch, and to no other") {
  const Place place;
  place.make_model({"--schedule", "cosine", "--epochs", "3"});
  check_refused(resume(place, {"--epochs", "4"}), {"--epochs", place.model});
  CHECK(run(resume(place, {"--epochs", "3"})).exit_code == 0);
}

TEST_CASE("--save-every writes a checkpoint every few epochs and at the end, and only the newest are kept") {
  const Place place;
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto &entry : std::filesystem::directory_iterator(place.models.path()))
      all.push_back(entry.path().filename().string());
    std::sort(all.begin(), all.end());
    return all;
  };
  place.make_model({"--epochs", "7", "--save-every", "2", "--keep", "2"});
  CHECK(names() == Words{"model.epoch-6.safetensors", "model.epoch-7.safetensors", "model.safetensors"});
  CHECK(read_file(numbered(place.model, 7)) == read_file(place.model));
  CHECK(read_checkpoint(numbered(place.model, 6)).training.value().position.epoch == 7); // the next epoch
  CHECK(run(resume(place, {"--epochs", "9", "--keep", "2"})).exit_code == 0);
  CHECK(names() == Words{"model.epoch-8.safetensors", "model.epoch-9.safetensors", "model.safetensors"});
}

TEST_CASE("training that diverges is an error, and the last good checkpoint stays") {
  const Place place;
  place.make_model();
  const std::string good = read_file(place.model);
  const Result result =
      run(place.train({"--learning-rate", "1e6", "--batch-norm", "off", "--epochs", "5", "--save", place.model}));
  CHECK(result.exit_code == 2);
  CHECK(contains(result.err, "diverged"));
  CHECK(read_file(place.model) == good);
}
