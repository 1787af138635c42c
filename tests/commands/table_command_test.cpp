// Tables from end to end: train, eval, predict, resume, fold and export.
#include "support/command.hpp"
#include "trainer/checkpoint/checkpoint.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

// Rows of two numbers and a colour.  The kind follows from them.
std::string rows_of(int first, int end, bool labelled) {
  std::string text = labelled ? "length,colour,width,kind\n" : "length,colour,width\n";
  for (int i = first; i < end; ++i) {
    const int length = i * 37 % 101, width = 1000 + i * 53 % 97;
    const bool red = i % 3 == 0, long_one = length > 50;
    text += std::to_string(length) + (red ? ",red," : ",\"dark, blue\",") + std::to_string(width);
    if (labelled) text += red ? ",rose" : long_one ? ",iris" : ",bell";
    text += "\n";
  }
  return text;
}

struct Table : TemporaryFolder {
  std::string data = *this / "flowers.csv", test = *this / "test.csv", rows = *this / "rows.csv",
              model = *this / "m.safetensors";
  Table() {
    write_file(data, rows_of(0, 300, true));
    write_file(test, rows_of(300, 360, true));
    write_file(rows, rows_of(300, 360, false));
  }
  Words train(const Words &more = {}, int epochs = 30) const {
    Words words = {"train",        "--data", data,       "--standardize",        "--hidden", "30",
                   "--batch-size", "20",     "--epochs", std::to_string(epochs), "--quiet",  "--json"};
    if (epochs == 30) words.insert(words.end(), {"--learning-rate", "0.1"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

} // namespace

TEST_CASE("a table is learned, and a model of it predicts raw rows, with and without labels") {
  const Table table;
  const Json done = last_line(table.train({"--save", table.model, "--test", table.test}));
  CHECK(done["test_accuracy"] > 0.9);
  const Json evaluated = last_line({"eval", table.model, "--data", table.test, "--json", "--confusion"});
  CHECK(evaluated["rows"] == 60);
  CHECK(evaluated["test_accuracy"] == done["test_accuracy"]);
  CHECK(evaluated["confusion"].size() == 3);
  CHECK(last_line({"eval", table.model, "--data", table.test, "--json", "--folded"})["test_accuracy"] ==
        done["test_accuracy"]);
  const std::vector<Json> unlabelled =
      run({"predict", table.model, table.rows, "--json", "--probabilities", "--top-k", "2"}).lines();
  const std::vector<Json> labelled = run({"predict", table.model, table.test, "--json"}).lines();
  REQUIRE(unlabelled.size() == 60);
  REQUIRE(labelled.size() == 60);
  CHECK(keys(unlabelled[0]) == Words{"index", "predicted", "class", "top_k", "probabilities", "outputs"});
  CHECK(keys(labelled[0]) == Words{"index", "predicted", "class", "label", "outputs"});
  int right = 0;
  for (size_t i = 0; i < 60; ++i) {
    CHECK(unlabelled[i]["outputs"] == labelled[i]["outputs"]);
    right += labelled[i]["predicted"] == labelled[i]["label"];
    const Json &p = unlabelled[i]["probabilities"];
    CHECK(p[0].get<double>() + p[1].get<double>() + p[2].get<double>() == doctest::Approx(1));
    CHECK(unlabelled[i]["top_k"][0]["class"] == unlabelled[i]["class"]);
    CHECK(unlabelled[i]["top_k"][0]["probability"] == p[unlabelled[i]["predicted"].get<size_t>()]);
    CHECK(unlabelled[i]["top_k"][0]["probability"] >= unlabelled[i]["top_k"][1]["probability"]);
  }
  CHECK(right / 60.0 == doctest::Approx(done["test_accuracy"].get<double>()));
  const Json described = Json::parse(run({"info", table.model}).out);
  CHECK(described["feature_names"] == Json({"length", "colour=dark, blue", "colour=red", "width"}));
  CHECK(described["data"]["name"] == table.data);
  CHECK(described["data"]["schema"]["targets"][0]["name"] == "kind");
  CHECK(described["class_names"] == Json({"bell", "iris", "rose"}));
}

TEST_CASE("predictions are written as a table, CSV and NPY, to a file or a pipe") {
  const Table table;
  last_line(table.train({"--save", table.model, "--test", table.test}));
  const std::string csv =
      out_of({"predict", table.model, table.test, "--format", "csv", "--probabilities", "--logits", "--top-k", "1"});
  CHECK(csv.starts_with(
      "index,class,label,top_1,probability_1,p_bell,p_iris,p_rose,logit_bell,logit_iris,logit_rose\n0,"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 61);
  const std::string file = table / "out.csv";
  CHECK(out_of({"predict", table.model, table.test, "--format", "csv", "--probabilities", "--logits", "--top-k", "1",
                "-o", file})
            .empty());
  CHECK(read_file(file) == csv);
  CHECK(out_of({"predict", table.model, table.rows, "--count", "1"}).starts_with("     0  "));
  const std::string classes = out_of({"predict", table.model, table.rows, "--format", "npy"}),
                    numbers = out_of({"predict", table.model, table.rows, "--format", "npy", "--probabilities"});
  CHECK(contains(classes, "'descr': '<i4', 'fortran_order': False, 'shape': (60,), }"));
  CHECK(contains(numbers, "'descr': '<f4', 'fortran_order': False, 'shape': (60, 3), }"));
  REQUIRE(classes.size() == 128 + 240);
  REQUIRE(numbers.size() == 128 + 720);
  const std::vector<Json> lines = run({"predict", table.model, table.rows, "--json", "--probabilities"}).lines();
  for (size_t i = 0; i < 60; ++i) {
    int32_t predicted;
    float probability;
    std::memcpy(&predicted, classes.data() + 128 + 4 * i, 4),
        std::memcpy(&probability, numbers.data() + 128 + 12 * i, 4);
    CHECK(lines[i]["predicted"] == predicted);
    CHECK(static_cast<float>(lines[i]["probabilities"][0].get<double>()) == probability);
  }
  // A variable that names other data does not stand in the way of a file.
  CHECK(run({"predict", table.model, table.rows, "--count", "1"}, {"LANEFOLD_DATA=" + table.data}).exit_code == 0);
  check_refused({"predict", table.model, table.rows, "--format", "npy", "--top-k", "2"}, {"--format npy", "one array"});
  check_refused({"predict", table.model, table.rows, "--top-k", "4"}, {"--top-k 4", "3 classes"});
  check_refused({"predict", table.model, table.rows, "--json", "--format", "csv"}, {"--json", "--format"});
}

TEST_CASE("a training on a table resumes bit for bit, with its standardization and its rows") {
  const Table table;
  const Words adam = {"--optimizer", "adam", "--seed", "7", "--save", table.model};
  const std::string whole = last_line(table.train(adam, 10))["parameters_sha256"];
  last_line(table.train(adam, 4));
  const Words resume = {"train", "--data", table.data, "--resume", table.model, "--epochs", "10", "--json", "--quiet"};
  CHECK(last_line(resume)["parameters_sha256"] == whole);
  write_file(table.data, rows_of(1, 301, true));
  check_refused(resume, {table.data, "not the training rows of " + table.model});
}

TEST_CASE("a training that begins with a model needs its features in their order") {
  const Table table;
  last_line(table.train({"--save", table.model}, 2));
  CHECK(run({"train", "--data", table.data, "--from", table.model, "--epochs", "1", "--quiet"}).exit_code == 0);
  std::string text = read_file(table.data);
  text.replace(0, text.find('\n'), "width,colour,length,kind");
  write_file(table.data, text);
  check_refused({"train", "--data", table.data, "--from", table.model, "--epochs", "1"},
                {table.model, "was trained on the features length,", "has width,"});
}

TEST_CASE("without data, a model is only tried on what it was trained on") {
  const Table table;
  last_line(table.train({"--save", table.model}));
  for (const std::string verb : {"eval", "predict"})
    check_refused({verb, table.model}, {table.model, "was trained on " + table.data + "; name the data with --data"});
  check_refused({"eval", table.model, "--data", "digits"}, {table.model, "4 features"});
  const Place place;
  place.make_model();
  check_refused({"eval", place.model}, {place.model, "was trained on " + place.data.path()});
  check_refused({"predict", place.model, table.rows}, {table.rows, "is a table, but the model was trained on images"});
  const std::string exported = table / "exported.onnx", foreign = table / "foreign.onnx";
  REQUIRE(run({"export", place.model, "-o", exported}).exit_code == 0);
  check_refused({"eval", exported}, {exported, "was trained on " + place.data.path()});
  Network network(plain(36, {5}, 10));
  lanefold::Model::of(network.layers).save(foreign);
  check_refused({"eval", foreign}, {foreign, "does not say what it was trained on", "--data digits"});
}

TEST_CASE("options for tables are refused with other data, and bad tables write nothing") {
  const Table table;
  const Place place;
  for (const Words &option :
       {Words{"--target", "1"}, Words{"--target-file", "x"}, Words{"--header", "on"}, Words{"--missing", "mean"}}) {
    Words words = place.train({"--save", place.model});
    words.insert(words.end(), option.begin(), option.end());
    check_refused(words, {option[0], "is for tables", "is a folder"});
  }
  check_refused({"train", "--target", "1"}, {"--target", "built-in digits"}, {"LANEFOLD_DATA="});
  check_refused(table.train({"--test", table.test, "--validation", "0.5"}), {"--validation"});
  check_refused(table.train({"--delimiter", "ab"}), {"--delimiter", "one character"});
  check_refused(table.train({"--target", "none", "--save", table.model}), {table.data, "\"none\"", "columns: length"});
  write_file(table.data, rows_of(0, 300, true) + "1,red,x,rose\n");
  check_refused(table.train({"--save", table.model}), {table.data, "row 302, column \"width\": \"x\" is not a number"});
  CHECK(table.entries() == 3);
}

TEST_CASE("a model of a table is folded and exported, and still takes raw rows") {
  const Table table;
  last_line(table.train({"--save", table.model}));
  const std::string folded = table / "folded.safetensors", onnx = table / "m.onnx";
  REQUIRE(run({"fold", table.model, "-o", folded}).exit_code == 0);
  REQUIRE(run({"export", table.model, "-o", onnx}).exit_code == 0);
  const std::vector<Json> expected = run({"predict", table.model, table.rows, "--json"}).lines();
  REQUIRE(expected.size() == 60);
  for (const std::string &model : {folded, onnx}) {
    CAPTURE(model);
    const std::vector<Json> found = run({"predict", model, table.rows, "--json"}).lines();
    REQUIRE(found.size() == 60);
    for (size_t i = 0; i < 60; ++i) {
      CHECK(found[i]["class"] == expected[i]["class"]);
      for (size_t j = 0; j < 3; ++j)
        CHECK(found[i]["outputs"][j].get<double>() ==
              doctest::Approx(expected[i]["outputs"][j].get<double>()).epsilon(1e-4));
    }
  }
}
