// Tasks: what targets mean, and trainings whose outputs are numbers, or one logit for two classes.
#include "support/files.hpp"
#include "support/images.hpp"
#include "support/matrix.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/data/encode.hpp"
#include "trainer/training/golden.hpp"
#include "trainer/training/training_step.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::Context;
using Words = std::vector<std::string>;

namespace {

struct Files : TemporaryFolder {
  DataOptions options;
  explicit Files(const std::string &text, const std::string &targets = "") {
    options.path = *this / "t.csv";
    write_file(options.path, text);
    if (targets.empty()) return;
    options.target_file = *this / "targets.csv";
    write_file(options.target_file, targets);
  }
};

std::string rows_of(const std::string &header, int count, const std::function<std::string(int)> &row) {
  std::string text = header;
  for (int i = 0; i < count; ++i) text += row(i) + "\n";
  return text;
}

// The task that is guessed for a target with these values, and why.
std::pair<Task, std::string> guess(int rows, const std::function<std::string(int)> &target) {
  const Files files(rows_of("x,y\n", rows, [&](int i) { return std::to_string(i) + "," + target(i); }));
  const Dataset data = load(files.options, 1);
  return {data.schema.task, data.reason};
}

std::string number(int i) { return std::to_string(i); }

// Rows of three features and two targets, which are simple functions of them.
std::string plane(int rows, int first = 0) {
  return rows_of("a,b,c,sum,difference\n", rows, [=](int row) {
    const int i = row + first;
    const double a = i % 17 / 17.0, b = i % 23 / 23.0, c = i % 29 / 29.0;
    return std::to_string(a) + "," + std::to_string(b) + "," + std::to_string(c) + "," +
           std::to_string(1000 + 50 * (a + b)) + "," + std::to_string(0.01 * (a - c));
  });
}

Dataset plane_data(int rows = 300) {
  Files files(plane(rows));
  files.options.targets = {"sum", "-1"};
  return load(files.options, 1);
}

Network network_for(const Dataset &data, const std::vector<int64_t> &hidden = {16, 9}) {
  Network network(plain(data.train.features(), hidden, data.schema.outputs(), {}, "hidden"));
  if (data.schema.is_regression()) network.output_norm = output_norm_of(data.schema.targets);
  initialize(network, 5);
  return network;
}

TrainOptions adam(int64_t epochs = 10) {
  TrainOptions options;
  options.epochs = epochs, options.batch_size = 32, options.seed = 5;
  options.optimizer.kind = LF_ADAM, options.optimizer.learning_rate = 0.01f;
  return options;
}

// Images of two classes, three of four in class 0.
Dataset two_classes() {
  Dataset data;
  data.name = "two";
  data.train = make_images(240, 5, 41), data.test = make_images(60, 5, 42);
  for (Samples *part : {&data.train, &data.test})
    for (size_t i = 0; i < part->labels.size(); ++i) part->labels[i] = i % 4 == 0;
  data.schema.classes = {"no", "yes"};
  return data;
}

} // namespace

TEST_CASE("the task follows from the target, and the reason is told") {
  using Guess = std::pair<Task, std::string>;
  CHECK(guess(40, [](int i) { return i % 2 ? "red" : "blue"; }) ==
        Guess{Task::classification, "column \"y\" holds words"});
  CHECK(guess(40, [](int i) { return number(i % 20); }) ==
        Guess{Task::classification, "column \"y\" holds 20 different whole numbers"});
  CHECK(guess(42, [](int i) { return number(i % 21 + 5); }) ==
        Guess{Task::regression, "column \"y\" holds many different whole numbers"});
  CHECK(guess(38, [](int i) { return number(i % 20); }).first == Task::regression);          // fewer than two rows each
  CHECK(guess(441, [](int i) { return number(i % 21 + 5); }).first == Task::classification); // the square root
  CHECK(guess(40, [](int i) { return i % 2 ? "1.5" : "2"; }) ==
        Guess{Task::regression, "column \"y\" holds numbers that are not whole"});
  CHECK(guess(60, [](int i) { return number(i % 30); }).first == Task::classification); // 0, 1, 2 and so on
  CHECK(guess(40, [](int i) { return number(20000000 + 2 * (i % 2)); }) ==
        Guess{Task::regression, "column \"y\" holds whole numbers that are too large for classes"});
  CHECK(plane_data().reason == "there are 2 targets");
}

TEST_CASE("a task that is given is not guessed, and must fit the target") {
  Files files(rows_of("x,y,z\n", 40, [](int i) { return number(i) + "," + number(i % 3) + (i % 2 ? ",a" : ",b"); }));
  files.options.targets = {"y"}, files.options.task = Task::regression;
  const Dataset numbers = load(files.options, 1);
  CHECK(numbers.schema.is_regression());
  CHECK(numbers.reason.empty());
  CHECK(numbers.schema.classes.empty());
  CHECK(numbers.train.labels.empty());
  CHECK(numbers.train.targets.size() == 36);
  const auto message = [&] { return message_of<DataError>([&] { load(files.options, 1); }); };
  files.options.targets = {"z"};
  CHECK(contains(message(), "column \"z\" holds words, but the targets of a regression are numbers"));
  files.options.targets = {"x", "z"}, files.options.task = {};
  CHECK(contains(message(), "column \"z\" holds words"));
  files.options.targets = {"x", "y"}, files.options.task = Task::classification;
  CHECK(contains(message(), "has 2 targets, but classification takes one"));
  files.options.targets = {"x", "1"};
  CHECK(contains(message(), "names the column \"1\" twice"));
  files.options.targets = {"x", "y", "z"}, files.options.task = {};
  files.options.csv.ignored = {"z"}, files.options.targets = {"x", "y"};
  CHECK(contains(message(), "has no column besides the targets"));
}

TEST_CASE("a target that cannot be learned is refused with its row or its name") {
  const auto message = [](const std::function<std::string(int)> &target) {
    Files files(rows_of("x,y\n", 40, [&](int i) { return number(i) + "," + target(i); }));
    files.options.task = Task::regression;
    return message_of<DataError>([&] { load(files.options, 1); });
  };
  CHECK(contains(message([](int i) { return i == 6 ? "" : number(i) + ".5"; }),
                 "row 8, column \"y\": the target is missing"));
  CHECK(contains(message([](int) { return "2.5"; }), "the target \"y\" has a standard deviation of 0"));
  CHECK(contains(message([](int i) { return number(i) + "e30"; }), "too large for 32-bit floats"));
  CHECK(contains(message([](int i) { return number(i) + "e-30"; }), "too small for 32-bit floats"));
}

TEST_CASE("targets are columns of the table or of a file of their own, and their order is that of the options") {
  const Dataset data = plane_data();
  CHECK(data.train.columns == 3);
  REQUIRE(data.schema.targets.size() == 2);
  CHECK(data.schema.targets[0].name == "sum");
  CHECK(data.schema.targets[1].name == "difference");
  CHECK(data.train.count() == 270);
  CHECK(data.test.targets.size() == 60);
  // The same rows with the targets elsewhere, in another order.
  const std::string all = plane(300);
  std::string features, targets;
  for (size_t at = 0; at < all.size();) {
    const size_t end = all.find('\n', at);
    const std::string line = all.substr(at, end - at);
    size_t cut = 0;
    for (int i = 0; i < 3; ++i) cut = line.find(',', cut + 1);
    const std::string pair = line.substr(cut + 1);
    const size_t comma = pair.find(',');
    features += line.substr(0, cut) + "\n";
    targets += pair.substr(comma + 1) + ",unused," + pair.substr(0, comma) + "\n";
    at = end + 1;
  }
  Files files(features, targets);
  files.options.targets = {"sum", "difference"};
  const Dataset apart = load(files.options, 1);
  CHECK(apart.train.targets == data.train.targets);
  CHECK(apart.test.targets == data.test.targets);
  CHECK(sha256(apart.train) == sha256(data.train));
  // Other rows for the model, with and without targets.
  const Dataset test = load_test(files.options, &apart.schema, Need::labels);
  CHECK(test.test.count() == 300);
  CHECK(test.test.targets[0] == 1000.0f);
  DataOptions unlabelled;
  unlabelled.path = files.options.path;
  CHECK(std::isnan(load_test(unlabelled, &apart.schema, Need::features).test.targets.at(1)));
  CHECK(contains(message_of<DataError>([&] { load_test(unlabelled, &apart.schema, Need::labels); }),
                 "lacks the columns sum, difference with the targets"));
  Files shorter(features, "sum,difference\n1,2\n");
  CHECK(contains(message_of<DataError>([&] { load(shorter.options, 1); }), "has 1 row, but"));
  Files same("a,b\n1,2\n3,4\n", "b\n1.5\n2.5\n");
  CHECK(contains(message_of<DataError>([&] { load(same.options, 1); }), "both have a column \"b\""));
}

TEST_CASE("features keep their names, and errors their file, whatever the target file has") {
  const auto features = [](bool swapped) {
    return rows_of(swapped ? "b,a\n" : "a,b\n", 40, [=](int i) {
      return swapped ? number(1000 + i * 7 % 11) + "," + number(i) : number(i) + "," + number(1000 + i * 7 % 11);
    });
  };
  const std::string values = rows_of("", 40, [](int i) { return number(i) + ".5"; });
  Files files(features(false), values), swapped(features(true), values);
  const Dataset data = load(files.options, 1);
  CHECK(data.schema.feature_names() == Words{"a", "b"});
  const Dataset again = load_test(swapped.options, &data.schema, Need::labels);
  std::vector<float> row(2);
  again.test.numbers->copy(3, row.data());
  CHECK(row[0] == 3);
  // A model that was trained with a header in the target file takes one without.
  Files named(features(false), "goal\n" + values);
  const Dataset goal = load(named.options, 1);
  CHECK(goal.schema.targets[0].name == "goal");
  CHECK(load_test(files.options, &goal.schema, Need::labels).test.targets[3] == 3.5f);
  const std::string hole = "goal\n1.5\n\"\"\n" + values.substr(values.find("2.5"));
  Files missing(features(false), hole);
  CHECK(contains(message_of<DataError>([&] { load(missing.options, 1); }),
                 "targets.csv: row 3, column \"goal\": the target is missing"));
}

TEST_CASE("a target file needs no header") {
  Files files(rows_of("", 40, [](int i) { return number(i) + " " + number(i * i); }),
              rows_of("", 40, [](int i) { return number(i) + ".25"; }));
  const Dataset data = load(files.options, 1);
  CHECK(data.schema.is_regression());
  CHECK(data.schema.targets.at(0).name == "target");
  CHECK(data.schema.width == 3);
  CHECK(load_test(files.options, &data.schema, Need::labels).test.count() == 40);
}

TEST_CASE("a regression learns standardized numbers, and predicts in the units of its targets") {
  const Dataset data = plane_data();
  const std::vector<Target> &targets = data.schema.targets;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < data.train.targets.size(); i += 2) sum += static_cast<double>(data.train.targets[i]);
  const double mean = sum / 270;
  for (size_t i = 0; i < data.train.targets.size(); i += 2)
    squares += std::pow(static_cast<double>(data.train.targets[i]) - mean, 2);
  CHECK(targets[0].mean == static_cast<float>(mean));
  CHECK(targets[0].deviation == static_cast<float>(std::sqrt(squares / 270)));
  const Context context = lanefold::test::context();
  Network network = network_for(data);
  std::vector<Epoch> epochs;
  TrainWatch watch;
  watch.epoch = [&](const Epoch &e) { return epochs.push_back(e), true; };
  CHECK(train(context, network, data, adam(60), watch));
  CHECK(epochs.back().task == Task::regression);
  CHECK(epochs.back().loss < 0.05);
  CHECK(epochs.back().test_r2 > 0.95);
  // By hand, from the outputs.
  Inference inference(context, network);
  Batch batch;
  gather(context, data.test, nullptr, 0, 30, batch);
  const float *y = inference.outputs_of(batch.x.data(), 30);
  double loss = 0, r2 = 0, rms = 0, mae = 0;
  for (size_t j = 0; j < 2; ++j) {
    double total = 0, left = 0, average = 0;
    for (size_t i = 0; i < 30; ++i) average += static_cast<double>(data.test.targets[2 * i + j]) / 30;
    for (size_t i = 0; i < 30; ++i) {
      const double t = static_cast<double>(data.test.targets[2 * i + j]), d = static_cast<double>(y[2 * i + j]) - t;
      total += (t - average) * (t - average), left += d * d;
      rms += d * d / 60, mae += std::abs(d) / 60;
      loss += d * d / std::pow(static_cast<double>(targets[j].deviation), 2) / 60;
    }
    r2 += (1 - left / total) / 2;
  }
  const Evaluation result = evaluate_test(context, network, data);
  CHECK(result.loss == doctest::Approx(loss).epsilon(1e-3));
  CHECK(result.r2 == doctest::Approx(r2).epsilon(1e-6));
  CHECK(result.root_mean_square_error == doctest::Approx(std::sqrt(rms)).epsilon(1e-6));
  CHECK(result.mean_absolute_error == doctest::Approx(mae).epsilon(1e-6));
  CHECK(result.r2 == epochs.back().test_r2);
  CHECK(result.r2_of_targets.size() == 2);
}

TEST_CASE("R2 of equal targets is 0 if a prediction differs from them") {
  Dataset data = plane_data();
  std::fill(data.test.targets.begin(), data.test.targets.end(), 1000.0f);
  const Context context = lanefold::test::context();
  Network network = network_for(data);
  CHECK(evaluate_test(context, network, data).r2 == 0);
}

TEST_CASE(
    "each regression loss trains to its own parameters, with the same bits on any plugin and any number of threads") {
  const struct {
    int32_t loss;
    std::string hash;
  } cases[] = {{LF_SQUARED_ERROR, "6a5359807c97e675554e1a4020f7db9cac0b0e8de144fee0e2a0ee74528f2a70"},
               {LF_ABSOLUTE_ERROR, "3a61b1b6b6b933e6f66616c1bdd78431fef354a16474c134f5dd4e0dbbfdfb43"},
               {LF_HUBER_ERROR, "4c3a772283d969224f1070a152db060ceeb59e4dff6b18ec593f8f3d13ac4236"}};
  for (const auto &[loss, hash] : cases) {
    Dataset data = plane_data();
    data.schema.loss = {loss, 0.5f};
    for (const int threads : {1, 3}) {
      CAPTURE(loss);
      const Context context = lanefold::test::context(threads);
      Network network = network_for(data);
      CHECK(train(context, network, data, adam(3), {}));
      CHECK(sha256(network) == hash);
    }
  }
}

TEST_CASE("two classes have one logit, whose gradient is that of softmax on two") {
  const Dataset data = two_classes();
  CHECK(data.schema.outputs() == 1);
  const Context context = lanefold::test::context();
  Network network = network_for(data);
  CHECK(network.outputs() == 1);
  const Evaluation before = evaluate_test(context, network, data);
  CHECK(before.confusion.size() == 4);
  std::vector<Epoch> epochs;
  TrainWatch watch;
  watch.epoch = [&](const Epoch &e) { return epochs.push_back(e), true; };
  CHECK(train(context, network, data, adam(40), watch));
  CHECK(epochs.back().loss < 0.3);
  const Evaluation after = evaluate(context, network, data.train);
  CHECK(after.loss < before.loss);
  CHECK(after.accuracy > 0.9);
  CHECK(after.accuracy ==
        doctest::Approx(static_cast<double>(after.confusion[0] + after.confusion[3]) / 240).epsilon(1e-12));
  CHECK(epochs.back().train_accuracy == doctest::Approx(after.accuracy).epsilon(0.1));
  // Softmax over the logits 0 and x is the logistic function of x.
  const float x[2] = {0, 1.25f}, label = 1;
  float dx[2], d;
  const int32_t labels[1] = {1};
  const float softmax = context.softmax_cross_entropy({x, 1, 2}, labels, {dx, 1, 2});
  const float logistic =
      context.elementwise_loss({LF_LOGISTIC_CROSS_ENTROPY}, {x + 1, 1, 1}, {&label, 1, 1}, {&d, 1, 1});
  CHECK(softmax == doctest::Approx(logistic).epsilon(1e-6));
  CHECK(dx[1] == doctest::Approx(d).epsilon(1e-6));
}

TEST_CASE("class weights multiply the loss of their samples") {
  const Dataset data = two_classes();
  TrainOptions options = adam(1);
  const auto weights = [&](const std::string &text, int64_t outputs = 1) {
    options.class_weights = text;
    return objective_of(options, data, outputs).class_weights;
  };
  CHECK(weights("none").empty());
  CHECK(weights("balanced") == std::vector<float>{240 / 360.0f, 2});
  CHECK(weights("yes=3") == std::vector<float>{1, 3});
  CHECK(weights("yes=0.5,no=2e1") == std::vector<float>{20, 0.5f});
  const auto refusal = [&](const std::string &text) { return message_of<DataError>([&] { weights(text); }); };
  CHECK(contains(refusal("maybe=2"), "--class-weights: \"maybe\" is not a class of two, which has no, yes"));
  CHECK(contains(refusal("yes=0,no=0"), "all weights are 0"));
  CHECK(contains(refusal("yes=1,yes=2"), "names the class \"yes\" twice"));
  for (const char *text : {"yes", "yes=", "yes=-1", "yes=nan", "yes=inf", "yes=1x", "=2", ""}) {
    CAPTURE(text);
    CHECK(contains(refusal(text), "--class-weights"));
  }
  // A weight of 2 for all is the training with twice the loss; SGD with half the rate takes the same steps.
  for (const int64_t outputs : {1, 2}) {
    const auto trained = [&](const std::string &text, float rate) {
      options = adam(1);
      options.optimizer.kind = LF_SGD, options.optimizer.learning_rate = rate, options.class_weights = text;
      const Context context = lanefold::test::context();
      Network network(plain(25, {12}, outputs, {}, "off"));
      initialize(network, 5);
      CHECK(train(context, network, data, options, {}));
      return sha256(network);
    };
    CHECK(trained("no=2,yes=2", 0.05f) == trained("none", 0.1f));
    CHECK(trained("no=2", 0.05f) != trained("none", 0.1f));
  }
  Dataset numbers = plane_data();
  options.class_weights = "balanced";
  CHECK(contains(message_of<DataError>([&] { objective_of(options, numbers, 2); }), "the task on"));
}

TEST_CASE("balanced weights find more of a rare class") {
  const Dataset data = two_classes();
  const auto found = [&](const std::string &text) {
    TrainOptions options = adam(2);
    options.class_weights = text;
    const Context context = lanefold::test::context();
    Network network = network_for(data);
    CHECK(train(context, network, data, options, {}));
    return evaluate(context, network, data.train).confusion[3];
  };
  CHECK(found("balanced") > found("none"));
}

TEST_CASE("dropout changes hidden layers in training only, and drops the same elements on any number of threads") {
  const Dataset data = two_classes();
  const auto trained = [&](float rate, int threads, uint64_t seed = 5) {
    TrainOptions options = adam(2);
    options.dropout = rate, options.seed = seed;
    const Context context = lanefold::test::context(threads);
    Network network = network_for(data, {30, 20});
    CHECK(train(context, network, data, options, {}));
    return sha256(network);
  };
  const std::string hash = trained(0.4f, 1);
  CHECK(hash == "4b23c13d6f5f41c278785ca67e1f5f4f2a83ac47b610f77b350e088a7d822039");
  CHECK(hash == trained(0.4f, 3));
  CHECK(hash != trained(0.3f, 1));
  CHECK(trained(0, 1) != hash);
  // Without a hidden layer, nothing is dropped.
  const auto shallow = [&](float rate) {
    TrainOptions options = adam(1);
    options.dropout = rate;
    const Context context = lanefold::test::context();
    Network network = network_for(data, {});
    CHECK(train(context, network, data, options, {}));
    return sha256(network);
  };
  CHECK(shallow(0.5f) == shallow(0));
}

TEST_CASE("the backward pass drops what the forward pass did") {
  const Dataset data = two_classes();
  const Context context = lanefold::test::context();
  Network network = network_for(data, {40});
  Batch batch;
  gather(context, data.train, nullptr, 0, 32, batch);
  TrainingStep step(context, network, {LF_SGD, 0}, 32, {Objective::binary, {}, {}, 0.5f, 77});
  step.run(batch);
  const LazyFloats &gradient = step.output_gradient(0);
  std::vector<float> ones(gradient.size(), 1.0f), kept(gradient.size());
  context.dropout({0.5f, 77, 0, 0}, {ones.data(), 32, 40}, {kept.data(), 32, 40});
  size_t dropped = 0;
  for (size_t i = 0; i < gradient.size(); ++i) {
    CHECK((gradient[i] == 0) == (kept[i] == 0));
    dropped += kept[i] == 0;
  }
  CHECK(dropped > 500);
  CHECK(dropped < 780);
}

TEST_CASE("a regression with dropout, and a weighted classification, resume bit for bit") {
  const TemporaryFolder folder;
  const std::string path = folder / "m.safetensors";
  for (const bool numbers : {true, false}) {
    CAPTURE(numbers);
    Dataset data = numbers ? plane_data() : two_classes();
    TrainingState first;
    first.options = adam(3);
    first.options.dropout = 0.25f;
    if (numbers) first.options.loss = LF_HUBER_ERROR, first.options.huber_delta = 0.75f;
    else first.options.class_weights = "balanced";
    if (numbers) data.schema.loss = {LF_HUBER_ERROR, 0.75f};
    const DataDescription description{data.name, "", data.schema};
    std::string hash;
    {
      const Context context = lanefold::test::context();
      Network network = network_for(data);
      CHECK(Training(context, network, data, first).run({}));
      hash = sha256(network);
      Network fresh = network_for(data);
      const TrainingState state = Training(context, fresh, data, first).state();
      save(path, fresh, &state, &description);
    }
    for (bool done = false; !done;) {
      Checkpoint checkpoint = read_checkpoint(path);
      REQUIRE(checkpoint.training);
      const TrainOptions &options = checkpoint.training->options;
      CHECK(options.dropout == 0.25f);
      CHECK(options.huber_delta == (numbers ? 0.75f : 1.0f));
      CHECK(options.class_weights == (numbers ? "none" : "balanced"));
      CHECK(checkpoint.network.output_norm.has_value() == numbers);
      const Context context = lanefold::test::context(2);
      Training training(context, checkpoint.network, data, *checkpoint.training);
      int steps = 0;
      TrainWatch watch;
      watch.stop = [&] { return ++steps == 4; };
      done = training.run(watch);
      const TrainingState state = training.state();
      save(path, checkpoint.network, &state, &description);
      if (done) CHECK(sha256(checkpoint.network) == hash);
    }
  }
}

TEST_CASE("the description of a regression survives writing and reading, and a damaged one is refused") {
  Dataset data = plane_data();
  data.schema.loss = {LF_HUBER_ERROR, 0.5f};
  const std::string good = describe(data.schema).dump();
  const Schema again = read_schema(lanefold::cli::parse_strictly(good, "it"));
  CHECK(again.is_regression());
  CHECK(again.loss.code == LF_HUBER_ERROR);
  CHECK(again.loss.delta == 0.5f);
  REQUIRE(again.targets.size() == 2);
  for (size_t j = 0; j < 2; ++j) {
    CHECK(again.targets[j].name == data.schema.targets[j].name);
    CHECK(again.targets[j].position == data.schema.targets[j].position);
    CHECK(again.targets[j].mean == data.schema.targets[j].mean);
    CHECK(again.targets[j].deviation == data.schema.targets[j].deviation);
  }
  const std::pair<const char *, const char *> faults[] = {
      {"\"means\":[", "\"means\":[1,"},
      {"\"deviations\":[", "\"deviations\":[-1,"},
      {"\"deviations\":[", "\"deviations\":[0,"},
      {"\"delta\":0.5", "\"delta\":0"},
      {"\"loss\":\"huber\"", "\"loss\":\"log\""},
      {"\"means\":[", "\"means\":1,\"x\":["},
      {"\"targets\":[", "\"targets\":[{\"name\":\"z\",\"position\":1},"},
      {"\"targets\":[", "\"targets\":1,\"x\":["},
      {"\"means\":[", "\"means\":[1e300,"}};
  for (const auto &[part, by] : faults) {
    CAPTURE(by);
    std::string text = good;
    REQUIRE(contains(text, part));
    text.replace(text.find(part), std::string(part).size(), by);
    CHECK(message_of<lanefold::cli::JsonError>([&] { read_schema(lanefold::cli::parse_strictly(text, "it")); }) !=
          "nothing thrown");
  }
}
