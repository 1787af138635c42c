// Regressions and two classes from end to end: train, eval, predict, fold, export, and rows without labels.
#include "support/command.hpp"
#include "support/npy.hpp"
#include "trainer/checkpoint/checkpoint.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <sstream>

#include <zip.h>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

// Rows of a house: its area, its town and, with a price, that and its heat.
std::string house_rows(int first, int end, bool priced) {
  std::string text = priced ? "area,town,price,heat\n" : "area,town\n";
  for (int i = first; i < end; ++i) {
    const double area = 40 + i * 37 % 101;
    const bool is_rich = i % 3 == 0;
    text += std::to_string(area) + (is_rich ? ",rich" : ",poor");
    if (priced) text += "," + std::to_string(5000 + area * (is_rich ? 30 : 20)) + "," + std::to_string(0.001 * area);
    text += "\n";
  }
  return text;
}

struct Houses : TemporaryFolder {
  std::string data = *this / "houses.csv", test = *this / "test.csv", rows = *this / "rows.csv",
              model = *this / "m.safetensors";
  Houses() {
    write_file(data, house_rows(0, 300, true));
    write_file(test, house_rows(300, 360, true));
    write_file(rows, house_rows(300, 360, false));
  }
  Words train(const Words &more = {}) const {
    Words words = {"train",       "--data", data,           "--standardize", "--hidden",     "20",
                   "--target",    "price",  "--target",     "heat",          "--batch-size", "20",
                   "--optimizer", "adam",   "--batch-norm", "hidden",        "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

const Words long_enough = {"--epochs", "40", "--learning-rate", "0.01"};

Words with(Words words, const Words &more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

} // namespace

TEST_CASE("train, eval and predict work on a regression table, in the units of its targets") {
  const Houses houses;
  const Result trained = run(with(houses.train({"--save", houses.model, "--test", houses.test}), long_enough));
  REQUIRE(trained.exit_code == 0);
  CHECK(contains(trained.err, "guessed regression, because there are 2 targets; --task sets the task"));
  CHECK(contains(trained.err, "test R2 0."));
  const std::vector<Json> lines = trained.lines();
  CHECK(keys(lines[0]) == Words{"event", "epoch", "loss", "test_loss", "test_r2", "seconds"});
  const Json done = lines.back();
  CHECK(keys(done) == Words{"event", "test_r2", "seconds", "parameters_sha256"});
  CHECK(done["test_r2"] > 0.95);
  CHECK(done["test_r2"] == lines[lines.size() - 2]["test_r2"]);
  const Json tried = last_line({"eval", houses.model, "--data", houses.test, "--json"});
  CHECK(keys(tried) == Words{"event", "rows", "folded", "loss", "test_r2", "root_mean_square_error",
                             "mean_absolute_error", "r2_of_targets", "seconds"});
  CHECK(tried["test_r2"] == done["test_r2"]);
  CHECK(tried["loss"] == lines[lines.size() - 2]["test_loss"]);
  const Json folded = last_line({"eval", houses.model, "--data", houses.test, "--json", "--folded"});
  CHECK(folded["test_r2"].get<double>() == doctest::Approx(tried["test_r2"].get<double>()).epsilon(1e-4));
  CHECK(folded["loss"].get<double>() == doctest::Approx(tried["loss"].get<double>()).epsilon(1e-3));
  CHECK(contains(out_of({"eval", houses.model, "--data", houses.test}), "R2 of heat: 0.9"));
  // Predictions are close to the targets, and the same with targets and without.
  const std::vector<Json> with_targets = run({"predict", houses.model, houses.test, "--json"}).lines(),
                          without = run({"predict", houses.model, houses.rows, "--json"}).lines();
  REQUIRE(with_targets.size() == 60);
  REQUIRE(without.size() == 60);
  CHECK(keys(with_targets[0]) == Words{"index", "values", "targets", "outputs"});
  CHECK(keys(without[0]) == Words{"index", "values", "outputs"});
  double squares = 0;
  for (size_t i = 0; i < 60; ++i) {
    CHECK(with_targets[i]["values"] == without[i]["values"]);
    const double price = without[i]["values"]["price"], right = with_targets[i]["targets"]["price"];
    CHECK(price == doctest::Approx(right).epsilon(0.1));
    squares +=
        std::pow(price - right, 2) +
        std::pow(without[i]["values"]["heat"].get<double>() - with_targets[i]["targets"]["heat"].get<double>(), 2);
  }
  CHECK(tried["root_mean_square_error"].get<double>() == doctest::Approx(std::sqrt(squares / 120)).epsilon(1e-4));
}

TEST_CASE("values are written as a table, CSV and NPY") {
  const Houses houses;
  last_line(houses.train({"--save", houses.model, "--epochs", "2"}));
  const std::string csv = out_of({"predict", houses.model, houses.test, "--format", "csv"});
  CHECK(csv.starts_with("index,price,heat,true_price,true_heat\n0,"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 61);
  CHECK(out_of({"predict", houses.model, houses.rows, "--format", "csv"}).starts_with("index,price,heat\n0,"));
  // The table has the values, and then the true ones.
  const Json one = run({"predict", houses.model, houses.test, "--count", "1", "--json"}).lines().at(0);
  const std::string line = out_of({"predict", houses.model, houses.test, "--count", "1"});
  std::istringstream words(line);
  double index = -1, price_of_table = 0, heat = 0;
  words >> index >> price_of_table >> heat;
  CHECK(index == 0);
  CHECK(static_cast<float>(price_of_table) == static_cast<float>(one["values"]["price"].get<double>()));
  CHECK(static_cast<float>(heat) == static_cast<float>(one["values"]["heat"].get<double>()));
  CHECK(contains(line, "  (is "));
  // Rows may lack their targets, the first one, too.
  const std::string gaps = houses / "gaps.csv";
  write_file(gaps, "area,town,price,heat\n50,rich,,\n60,poor,6200,\n");
  const std::string some = out_of({"predict", houses.model, gaps, "--format", "csv"});
  CHECK(contains(some, ",true_price,true_heat\n"));
  CHECK(contains(some, ",,\n1,"));
  CHECK(some.ends_with(",6200,\n"));
  CHECK(run({"predict", houses.model, gaps, "--json"}).lines().at(1)["targets"] ==
        Json::parse(R"({"price": 6200.0, "heat": null})"));
  const std::string npy = out_of({"predict", houses.model, houses.rows, "--format", "npy"});
  CHECK(contains(npy, "'descr': '<f4', 'fortran_order': False, 'shape': (60, 2), }"));
  const Json first = run({"predict", houses.model, houses.rows, "--json"}).lines().at(0);
  float price;
  std::memcpy(&price, npy.data() + 128, 4);
  CHECK(static_cast<float>(first["values"]["price"].get<double>()) == price);
  for (const char *option : {"--probabilities", "--top-k=2"})
    check_refused({"predict", houses.model, houses.rows, option}, {houses.model, "has no probabilities"});
  for (const char *option : {"--confusion", "--top-k=2"})
    check_refused({"eval", houses.model, "--data", houses.test, option}, {"applies to classification", houses.model});
}

TEST_CASE("a regression is folded, exported, resumed and plotted") {
  const Houses houses;
  const std::string log = houses / "log.jsonl", onnx = houses / "m.onnx", folded = houses / "folded.safetensors";
  const std::string hash = last_line(houses.train({"--save", houses.model, "--epochs", "6", "--loss", "huber",
                                                   "--huber-delta", "0.5", "--dropout", "0.2"}))["parameters_sha256"];
  last_line(houses.train({"--save", houses.model, "--epochs", "3", "--loss", "huber", "--huber-delta", "0.5",
                          "--dropout", "0.2", "--log", log}));
  const Words resume = {"train", "--data", houses.data, "--resume", houses.model, "--epochs",
                        "6",     "--json", "--quiet",   "--log",    log};
  CHECK(last_line(resume)["parameters_sha256"] == hash);
  check_refused(with(resume, {"--loss", "absolute"}), {"--loss", "absolute", "huber"});
  check_refused(with(resume, {"--dropout", "0.3"}), {"--dropout", "0.3", "0.2"});
  CHECK(contains(out_of({"plot", log}), "R2 by epoch"));
  REQUIRE(run({"fold", houses.model, "-o", folded}).exit_code == 0);
  REQUIRE(run({"export", houses.model, "-o", onnx}).exit_code == 0);
  const Json expected = last_line({"eval", houses.model, "--data", houses.test, "--json"});
  for (const std::string &model : {folded, onnx}) {
    CAPTURE(model);
    const Json found = last_line({"eval", model, "--data", houses.test, "--json"});
    CHECK(found["test_r2"].get<double>() == doctest::Approx(expected["test_r2"].get<double>()).epsilon(1e-4));
    CHECK(found["loss"].get<double>() == doctest::Approx(expected["loss"].get<double>()).epsilon(1e-3));
  }
  // Folded, the network has one product for each layer, and nothing else.
  CHECK(read_checkpoint(folded).network.layers.size() == 2);
  CHECK_FALSE(read_checkpoint(folded).network.output_norm);
}

TEST_CASE("train --from replaces the last layer if the targets differ") {
  const Houses houses;
  const std::string town = houses / "town.safetensors";
  last_line(houses.train({"--save", houses.model, "--epochs", "2"}));
  const Words words = {"train",  "--data",     houses.data, "--target", "price",  "--ignore", "heat",
                       "--from", houses.model, "--epochs",  "1",        "--json", "--save",   town};
  const Result result = run(words);
  REQUIRE(result.exit_code == 0);
  CHECK(contains(result.err,
                 "the last layer begins with random weights, because the model was trained on other targets "
                 "than the 1 target of these data"));
  const Network before = read_checkpoint(houses.model).network, after = read_checkpoint(town).network;
  CHECK(before.output_norm.value().gamma.size() == 2);
  CHECK(after.output_norm.value().gamma.size() == 1);
  CHECK(after.outputs() == 1);
  // The same targets keep it.
  const Result same = run(houses.train({"--save", town, "--epochs", "1"}));
  CHECK(same.exit_code == 0);
  CHECK_FALSE(contains(run({"train", "--data", houses.data, "--target", "price", "--target", "heat", "--from",
                            houses.model, "--epochs", "1"})
                           .err,
                       "random weights"));
}

TEST_CASE("a training from a regression in other units begins with its function") {
  const Houses houses;
  last_line(with(houses.train({"--save", houses.model, "--test", houses.test}), long_enough));
  const double before = last_line({"eval", houses.model, "--data", houses.test, "--json"})["test_r2"];
  REQUIRE(before > 0.95);
  const std::string folded = houses / "folded.safetensors", onnx = houses / "m.onnx", begun = houses / "b.safetensors",
                    less = houses / "less.csv";
  REQUIRE(run({"fold", houses.model, "-o", folded}).exit_code == 0);
  REQUIRE(run({"export", houses.model, "-o", onnx, "--folded"}).exit_code == 0);
  write_file(less, house_rows(100, 200, true)); // other means and deviations
  for (const std::string &model : {houses.model, folded, onnx})
    for (const std::string &data : {houses.data, less}) {
      CAPTURE(model);
      CAPTURE(data);
      last_line({"train", "--data", data, "--target", "price", "--target", "heat", "--from", model, "--save", begun,
                 "--epochs", "1", "--learning-rate", "1e-30", "--json"});
      CHECK(last_line({"eval", begun, "--data", houses.test, "--json"})["test_r2"].get<double>() ==
            doctest::Approx(before).epsilon(0.02));
    }
}

TEST_CASE("a model whose description does not fit it is refused") {
  const Houses houses;
  last_line(houses.train({"--save", houses.model, "--epochs", "1"}));
  const std::string bad = houses / "bad.safetensors";
  const auto edited = [&](const std::string &part, const std::string &by) {
    lanefold::Model model = open_model(houses.model);
    std::string text = model.text(LF_DATA_TEXT).value();
    REQUIRE(contains(text, part));
    text.replace(text.find(part), part.size(), by);
    model.set_text(LF_DATA_TEXT, text);
    save_model(model, bad, {});
  };
  edited("\"regression\":", "\"classes\":[\"a\",\"b\",\"c\"],\"unused\":");
  check_refused({"predict", bad, houses.rows}, {bad});
  edited("\"position\":3}]", "\"position\":2}]");
  check_refused({"predict", bad, houses.rows}, {bad, "two targets in one column"});
  edited("\"position\":3}]", "\"position\":0}]");
  check_refused({"predict", bad, houses.rows}, {bad, "a target that is a feature"});
  edited("\"deviations\":[", "\"deviations\":[1,");
  check_refused({"predict", bad, houses.rows}, {bad, "means or deviations"});
  edited("\"loss\":\"squared\"", "\"loss\":\"absolute\"");
  check_refused({"train", "--data", houses.data, "--resume", bad, "--epochs", "2"},
                {bad, "describes other columns, classes or targets"});
  // Three classes with one output.
  Network network(plain(2, {}, 1));
  initialize(network, 1);
  Schema schema;
  schema.classes = {"a", "b", "c"};
  const DataDescription three{"x", "", schema};
  save(bad, network, nullptr, &three);
  check_refused({"predict", bad, houses.rows, "--probabilities"}, {bad, "has 1 output, but describes 3 classes"});
}

TEST_CASE("an activation of the last layer is refused where the output must be a logit or a value") {
  const Houses houses;
  const std::string network = houses / "net.json";
  write_file(network, R"({"layers": [{"units": 8}, {"units": 1, "activation": "logistic"}]})");
  const Words town = {"--target", "town", "--ignore", "heat"}, price = {"--target", "price", "--ignore", "heat"};
  for (const Words &target : {town, price})
    check_refused(with({"train", "--data", houses.data, "--network", network}, target),
                  {network, "the last layer has an activation"});
}

TEST_CASE("a regression does not judge images by their labels") {
  const Houses houses;
  const Place place;
  std::vector<float> x(36 * 40), y;
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 13);
  for (int i = 0; i < 40; ++i) y.push_back(0.5f + static_cast<float>(i));
  const std::string table = houses / "t.npy";
  std::vector<float> rows;
  for (size_t i = 0; i < 40; ++i) {
    rows.insert(rows.end(), x.begin() + static_cast<std::ptrdiff_t>(36 * i),
                x.begin() + static_cast<std::ptrdiff_t>(36 * (i + 1)));
    rows.push_back(y[i]);
  }
  write_file(table, npy<float>("<f4", "(40, 37)", rows));
  last_line({"train", "--data", table, "--epochs", "1", "--batch-size", "20", "--json", "--save", houses.model});
  check_refused({"eval", houses.model, "--data", place.data.path()}, {houses.model, "predicts numbers"});
  // Targets in a vector of their own.
  const std::string features = houses / "x.npy", targets = houses / "y.npy";
  write_file(features, npy<float>("<f4", "(40, 36)", x)), write_file(targets, npy<float>("<f4", "(40,)", y));
  last_line({"train", "--data", features, "--target-file", targets, "--epochs", "1", "--batch-size", "20", "--json",
             "--save", houses.model});
  last_line(
      {"train", "--data", features, "--target-file", targets, "--epochs", "2", "--resume", houses.model, "--json"});
  CHECK(last_line({"eval", houses.model, "--data", features, "--target-file", targets, "--json"})["rows"] == 40);
  CHECK(run({"predict", houses.model, features, "--json"}).lines().size() == 40);
}

TEST_CASE("a model for two classes has one logit, and predict gives both probabilities") {
  const Houses houses;
  const Result trained = run({"train",
                              "--data",
                              houses.data,
                              "--target",
                              "town",
                              "--ignore",
                              "heat",
                              "--standardize",
                              "--epochs",
                              "30",
                              "--hidden",
                              "16",
                              "--batch-size",
                              "20",
                              "--learning-rate",
                              "0.1",
                              "--class-weights",
                              "rich=2",
                              "--save",
                              houses.model,
                              "--json"});
  REQUIRE(trained.exit_code == 0);
  CHECK(contains(trained.err, "guessed classification, because column \"town\" holds words"));
  const Json described = Json::parse(out_of({"info", houses.model}));
  CHECK(described["class_names"] == Json({"poor", "rich"}));
  const Json tried = last_line({"eval", houses.model, "--data", houses.test, "--json", "--confusion", "--top-k", "2"});
  CHECK(tried["test_accuracy"] > 0.9);
  CHECK(tried["top_k_accuracy"] == 1.0);
  REQUIRE(tried["confusion"].size() == 2);
  CHECK(tried["confusion"][0][0].get<int>() + tried["confusion"][0][1].get<int>() == 40);
  CHECK(contains(out_of({"eval", houses.model, "--data", houses.test, "--confusion"}), "   poor   rich\n poor"));
  const std::string csv =
      out_of({"predict", houses.model, houses.test, "--format", "csv", "--probabilities", "--logits", "--top-k", "1"});
  CHECK(csv.starts_with("index,class,label,top_1,probability_1,p_poor,p_rich,logit_rich\n0,rich,rich,rich,"));
  const std::vector<Json> lines = run({"predict", houses.model, houses.test, "--json", "--probabilities"}).lines();
  REQUIRE(lines.size() == 60);
  int right = 0;
  for (const Json &line : lines) {
    const double p = line["probabilities"][1], x = line["outputs"][0];
    CHECK(p == doctest::Approx(1 / (1 + std::exp(-x))).epsilon(1e-5));
    CHECK(line["probabilities"][0].get<double>() + p == doctest::Approx(1).epsilon(1e-6));
    CHECK(line["predicted"] == (x > 0 ? 1 : 0));
    right += line["predicted"] == line["label"];
  }
  CHECK(right / 60.0 == doctest::Approx(tried["test_accuracy"].get<double>()));
  // A network file may have a logit for each class.
  const std::string network = houses / "net.json";
  write_file(network, R"({"layers": [{"units": 8}, {"units": 2}]})");
  CHECK(run({"train", "--data", houses.data, "--target", "town", "--ignore", "heat", "--network", network, "--epochs",
             "1", "--quiet"})
            .exit_code == 0);
  check_refused({"train", "--data", houses.data, "--target", "town", "--ignore", "heat", "--class-weights", "none=2"},
                {"--class-weights", "\"none\" is not a class", "poor, rich"});
}

TEST_CASE("options of a task are refused where they do not fit, and nothing is written") {
  const Houses houses;
  const Place place;
  check_refused(with(place.train(), {"--task", "regression"}), {"--task", "labels of images are classes"});
  check_refused(houses.train({"--class-weights", "balanced", "--save", houses.model}),
                {"--class-weights", "applies to classification"});
  check_refused(houses.train({"--task", "classification", "--save", houses.model}), {houses.data, "has 2 targets"});
  for (const char *option : {"--loss=huber", "--huber-delta=2"})
    check_refused(
        {"train", "--data", houses.data, "--target", "town", "--ignore", "heat", option, "--save", houses.model},
        {"applies to regression", houses.data});
  check_refused(houses.train({"--huber-delta", "2", "--save", houses.model}), {"--huber-delta", "--loss huber"});
  check_refused(houses.train({"--target-file", houses.rows, "--test", houses.test}), {"--target-file", "--test"});
  CHECK(houses.entries() == 3);
}

TEST_CASE("a share of the training images is held out where it is asked for") {
  const Place place;
  const Result result = run(with(place.train(), {"--validation", "0.2"}));
  CHECK(result.exit_code == 0);
  CHECK(contains(result.err, "240 images, 60 to test"));
}

TEST_CASE("rows without labels come from archives and IDX files, too") {
  const Place place;
  place.make_model();
  const std::string images = place.data / "t10k-images-idx3-ubyte";
  const std::vector<Json> labelled =
                              run({"predict", place.model, "--data", place.data.path(), "--count", "100", "--json"})
                                  .lines(),
                          alone = run({"predict", place.model, images, "--json"}).lines();
  REQUIRE(labelled.size() == 100);
  REQUIRE(alone.size() == 100);
  CHECK(keys(alone[0]) == Words{"index", "predicted", "outputs"});
  for (size_t i = 0; i < 100; ++i) CHECK(alone[i]["outputs"] == labelled[i]["outputs"]);
  check_refused({"eval", place.model, "--data", images}, {images, "has no labels"});
  check_refused({"train", "--data", images}, {images, "train takes the folder"});
  // The same bytes in an archive.
  const std::string bytes = read_file(images).substr(16), archive = place.models / "rows.npz";
  const std::string array = npy<char>("|u1", "(100, 6, 6)", {bytes.begin(), bytes.end()});
  int code = 0;
  zip_t *zip = zip_open(archive.c_str(), ZIP_CREATE, &code);
  REQUIRE(zip != nullptr);
  REQUIRE(zip_file_add(zip, "x.npy", zip_source_buffer(zip, array.data(), array.size(), 0), 0) >= 0);
  REQUIRE(zip_close(zip) == 0);
  const std::vector<Json> packed = run({"predict", place.model, archive, "--json"}).lines();
  REQUIRE(packed.size() == 100);
  for (size_t i = 0; i < 100; ++i) CHECK(packed[i]["outputs"] == labelled[i]["outputs"]);
  check_refused({"eval", place.model, "--data", archive}, {archive, "has no arrays of features and labels"});
}

TEST_CASE("a resumed training reads its table as before, without the options that described it") {
  const Houses houses;
  std::string gaps = read_file(houses.data);
  gaps.replace(gaps.find("\n40"), 3, "\n");
  write_file(houses.data, gaps);
  const Words first = {"train",        "--data", houses.data, "--target", "town",
                       "--ignore",     "heat",   "--missing", "mean",     "--standardize",
                       "--batch-size", "20",     "--json",    "--save",   houses.model};
  const std::string hash = last_line(with(first, {"--epochs", "4"}))["parameters_sha256"];
  last_line(with(first, {"--epochs", "2"}));
  const Words resume = {"train", "--data", houses.data, "--resume", houses.model, "--epochs", "4", "--json"};
  CHECK(last_line(resume)["parameters_sha256"] == hash);
  last_line(with(first, {"--epochs", "2"}));
  CHECK(last_line(with(resume, {"--target", "town", "--ignore", "heat", "--missing", "mean"}))["parameters_sha256"] ==
        hash);
  last_line(with(first, {"--epochs", "2"}));
  check_refused(with(resume, {"--target", "town", "--missing", "mean"}), {houses.model, "2 features", houses.data});
}
