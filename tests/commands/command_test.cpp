// The lanefold command as its user sees it: exit codes, streams, and the files that it writes or leaves alone.
#include "support/command.hpp"
#include "support/matrix.hpp"
#include "trainer/checkpoint/checkpoint.hpp"
#include "trainer/training/golden.hpp"

#include <cstdlib>
#include <filesystem>

using namespace lanefold::test;
using namespace lanefold::trainer;

TEST_CASE("without a verb, or with an unknown one, the command lists the verbs") {
  for (const Words &words : {Words{}, Words{"trian"}, Words{"--epochs", "3"}})
    check_refused(words, {"", "train", "eval", "predict", "fold", "study", "plot", "info", "verify", "demo"});
  check_refused({"trian"}, {"'trian'", "did you mean train?"});
  check_refused({"evaluate", "model"}, {"'evaluate'", "did you mean eval?"});
}

TEST_CASE("an unknown option is refused, and the options are listed") {
  check_refused({"train", "--epoch-count", "3"}, {"--epoch-count", "--epochs", "--batch-norm", "--optimizer"});
  check_refused({"train", "--learing-rate=3"}, {"--learing-rate", "did you mean --learning-rate?"});
  check_refused({"eval", "model", "--fold"}, {"--fold", "--folded", "--json"});
  check_refused({"info", "model", "surplus"}, {"surplus", "--json"});
  check_refused({"eval"}, {"model"});
  check_refused({"fold", "model"}, {"--output"});
}

TEST_CASE("an unknown value is refused, and the valid ones are listed") {
  check_refused({"train", "--activation", "sine"},
                {"sine", "identity", "relu", "leaky-relu", "elu", "selu", "tanh", "logistic"});
  check_refused({"train", "--init", "zeros"},
                {"zeros", "he-truncated", "he-normal", "he-uniform", "xavier-normal", "xavier-uniform",
                 "xavier-tanh-normal", "xavier-tanh-uniform", "lecun-normal"});
  check_refused({"train", "--fan", "inn"}, {"'inn'", "did you mean 'in'?", "avg", "out"});
  check_refused({"train", "--schedule", "cosin"}, {"did you mean 'cosine'?", "constant", "step"});
  check_refused({"train", "--activation", "leaky"}, {"did you mean 'leaky-relu'?"});
  check_refused({"train", "--optimizer", "lamb"}, {"lamb", "sgd", "momentum", "nesterov", "adam"});
  check_refused({"train", "--batch-norm", "maybe"}, {"maybe", "on", "off", "hidden"});
}

TEST_CASE("a value that is out of range or no number is refused, and the message names the option") {
  for (const Words &option : {Words{"--learning-rate", "nan"},
                              {"--learning-rate", "inf"},
                              {"--learning-rate", "0"},
                              {"--learning-rate", "-0.1"},
                              {"--learning-rate", ""},
                              {"--learning-rate", "1e400"},
                              {"--epochs", "0"},
                              {"--epochs", "-3"},
                              {"--epochs", "1.5"},
                              {"--epochs", "nan"},
                              {"--epochs", "many"},
                              {"--epochs", "99999999999999999999"},
                              {"--batch-size", "0"},
                              {"--batch-size", "-200"},
                              {"--batch-size", "nan"},
                              {"--hidden", "0"},
                              {"--hidden", "300,-1"},
                              {"--hidden", "300,x"},
                              {"--hidden", "nan"},
                              {"--alpha", "-1"},
                              {"--alpha", "nan"},
                              {"--bn-eps", "0"},
                              {"--bn-eps", "-1"},
                              {"--bn-eps", "nan"},
                              {"--bn-momentum", "1.1"},
                              {"--bn-momentum", "-0.1"},
                              {"--bn-momentum", "nan"},
                              {"--momentum", "1"},
                              {"--momentum", "nan"},
                              {"--beta2", "1"},
                              {"--weight-decay", "-1"},
                              {"--weight-decay", "nan"},
                              {"--warm-up", "-1"},
                              {"--warm-up", "0.5"},
                              {"--step-every", "0"},
                              {"--step-factor", "1.5"},
                              {"--save-every", "0"},
                              {"--keep", "-1"},
                              {"--save", ""},
                              {"--resume", ""},
                              {"--log", ""},
                              {"--network", ""},
                              {"--seed", "nan"},
                              {"--seed", "-1"},
                              {"--seed", "18446744073709551616"},
                              {"--threads", "-1"},
                              {"--threads", "nan"},
                              {"--threads", "1e9"}})
    // The folder does not exist.  A value that the command wrongly accepts then fails with another message.
    check_refused({"train", "--data=/nowhere", option[0] + "=" + option[1]}, {option[0]});
  check_refused({"predict", "model", "--first=-1"}, {"--first"});
  check_refused({"predict", "model", "--count=0"}, {"--count"});
}

TEST_CASE("the version is that of the library") {
  const Result result = run({"--version"});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "lanefold " + Json::parse(run({"info", "--json"}).out)["version"].get<std::string>() + "\n");
}

TEST_CASE("an option that would have no effect is refused") {
  const Place place;
  check_refused(place.train({"--keep", "2"}), {"--keep", "--save"});
  check_refused(place.train({"--save-every", "2"}), {"--save-every", "--save"});
  check_refused(place.train({"--activation", "selu", "--alpha", "3"}), {"--alpha", "selu"});
  check_refused(place.train({"--hidden", "8,,8"}), {"--hidden", "8,,8"});
  check_refused(place.train({"--hidden", "8,"}), {"--hidden"});
  check_refused(place.train({"--save", place.model, "--log", place.models / "./model.safetensors"}), {"--log"});
  std::string many = "1";
  for (int i = 0; i < 999; ++i) many += ",1";
  check_refused(place.train({"--hidden", many}), {"--hidden", "1000 layers"});
  CHECK(place.models.entries() == 0);
}

TEST_CASE("help is not an error") {
  const Result result = run({"train", "--help"});
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "--bn-momentum"));
  CHECK(result.err.empty());
}

TEST_CASE("a batch of one sample is refused with batch normalization, and accepted without") {
  const Place place;
  check_refused(place.train({"--batch-size", "1", "--save", place.model}), {"--batch-size 1", "--batch-norm"});
  CHECK(place.models.entries() == 0);
  CHECK(run(place.train({"--batch-size", "1", "--epochs", "1", "--batch-norm", "off"})).exit_code == 0);
  write_idx(place.data, make_images(1, 6, 1), make_images(1, 6, 2));
  check_refused(place.train(), {place.data.path(), "all training images have the label 0"});
}

TEST_CASE("missing or corrupt data are refused by the name of the file, and nothing is written") {
  const Place place;
  const std::string images = place.data / "train-images-idx3-ubyte", good = read_file(images);
  check_refused({"train", "--data", place.data / "none", "--save", place.model}, {place.data / "none", "No such file"});
  check_refused({"train", "--save", place.model}, {place.data / "none"}, {"LANEFOLD_DATA=" + (place.data / "none")});
  write_file(images, good.substr(0, good.size() - 1));
  check_refused(place.train({"--save", place.model}), {images, "ends too early"});
  write_file(images, good + "x");
  check_refused(place.train({"--save", place.model}), {images, "more than its header announces"});
  std::filesystem::remove(images);
  check_refused(place.train({"--save", place.model}), {images, "no such file"});
  CHECK(place.models.entries() == 0);
  check_refused({"demo", "--data", place.data.path(), "--save", place.model}, {images});
  write_file(images, good);
  const Result demo = run({"demo", "--data", place.data.path(), "--save", place.model});
  CHECK(demo.exit_code == 2);
  CHECK(contains(demo.err, place.data.path()));
  CHECK(contains(demo.err, "28 x 28"));
  CHECK(place.models.entries() == 0);
}

TEST_CASE("if the checkpoint cannot be written, the command neither trains nor writes") {
  const Place place;
  const std::string missing = place.models / "no/such/model";
  check_refused(place.train({"--save", missing}), {missing, "cannot be written"});
  check_refused(place.train({"--save", place.models.path()}), {place.models.path(), "cannot be written"});
  check_refused({"demo", "--data", place.data.path(), "--save", missing}, {missing, "cannot be written"});
  CHECK(place.models.entries() == 0);
  place.make_model();
  check_refused({"fold", place.model, "-o", missing}, {missing, "cannot be written"});
  CHECK(place.models.entries() == 1);
}

TEST_CASE("an unknown instruction set is refused, and the message lists the known ones") {
  check_refused({"train", "--data=/nowhere", "--isa", "mmx"}, {"--isa is 'mmx'", "portable"});
  check_refused({"train", "--data=/nowhere"}, {"LANEFOLD_ISA", "mmx", "portable"}, {"LANEFOLD_ISA=mmx"});
  const Result result = run({"info", "--json", "--isa", "mmx"});
  CHECK(result.exit_code == 2);
  CHECK(contains(result.err, "lanefold: --isa is 'mmx'")); // names the option, not the C function
  const Json info = Json::parse(result.out);               // gives a reason for each plugin that is not used
  CHECK(contains(info["error"], "mmx"));
  for (const Json &plugin : info["plugins"]) CHECK_FALSE(plugin["taken"].get<bool>());
}

TEST_CASE("info names the plugin in use, and portable is always usable") {
  const Result result = run({"info", "--json"});
  CHECK(result.exit_code == 0);
  const Json info = Json::parse(result.out);
  Words taken;
  for (const Json &plugin : info["plugins"]) {
    CHECK_FALSE(plugin["reason"].get<std::string>().empty());
    if (plugin["taken"]) taken.push_back(plugin["name"]);
  }
  CHECK(taken == Words{lanefold::test::context().isa()});
  CHECK(info["threads"] >= 1);
  CHECK_FALSE(info["cpu"].get<std::string>().empty());
  CHECK_FALSE(info["version"].get<std::string>().empty());
  const Result portable = run({"info", "--isa", "portable"}, {"LANEFOLD_ISA="});
  CHECK(portable.exit_code == 0);
  CHECK(contains(portable.out, "* portable"));
}

TEST_CASE("train --json prints a line for each epoch and one for the end, with the documented keys, and nothing else") {
  const Place place;
  const Result result = run(place.train({"--epochs", "4", "--json", "--save", place.model}));
  CHECK(result.exit_code == 0);
  CHECK(contains(result.err, "300 images"));
  const std::vector<Json> lines = result.lines();
  REQUIRE(lines.size() == 5);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(keys(lines[i]) == Words{"event", "epoch", "loss", "train_accuracy", "test_loss", "test_accuracy", "seconds"});
    CHECK(lines[i]["event"] == "epoch");
    CHECK(lines[i]["epoch"] == i + 1);
    CHECK(lines[i]["loss"] > 0);
    CHECK(lines[i]["seconds"] >= 0);
  }
  CHECK(lines[3]["loss"] < lines[0]["loss"]);
  CHECK(lines[3]["test_accuracy"] > 0.9);
  CHECK(keys(lines[4]) == Words{"event", "test_accuracy", "seconds", "parameters_sha256"});
  CHECK(lines[4]["event"] == "done");
  CHECK(lines[4]["test_accuracy"] == lines[3]["test_accuracy"]);
  const std::string hash = lines[4]["parameters_sha256"];
  CHECK(hash.size() == 64);
  CHECK(hash.find_first_not_of("0123456789abcdef") == std::string::npos);
  Network network = read_checkpoint(place.model).network;
  CHECK(sha256(network) == hash);
  CHECK(network.description.shape() == "36-20-15-10");
  CHECK(place.models.entries() == 1);
}

TEST_CASE("the same seed gives the same parameters for any number of threads, and LANEFOLD_DATA stands for --data") {
  const Place place;
  const std::string hash = place.make_model({"--threads", "1"});
  CHECK(place.make_model({"--threads", "3"}) == hash);
  CHECK(place.make_model({"--seed", "2"}) != hash);
  const Result result =
      run({"train", "--hidden", "20,15", "--batch-size", "50", "--learning-rate", "0.1", "--epochs", "2", "--json"},
          {"LANEFOLD_DATA=" + place.data.path()});
  REQUIRE(result.exit_code == 0);
  CHECK(result.lines().back()["parameters_sha256"] == hash);
}

TEST_CASE("options reach the network and the training") {
  const Place place;
  place.make_model({"--activation", "leaky-relu", "--alpha", "0.25", "--bn-eps", "0.01", "--bn-momentum", "0.5",
                    "--batch-norm", "hidden", "--init", "xavier-uniform", "--fan", "out"});
  const Description d = read_checkpoint(place.model).network.description;
  CHECK(d.layers[0].activation == LF_LEAKY_RELU);
  CHECK(d.layers[1].alpha == 0.25f);
  CHECK(d.layers[0].bn_eps == 0.01f);
  CHECK(d.layers[1].bn_momentum == 0.5f);
  CHECK(d.layers[1].batch_norm);
  CHECK_FALSE(d.layers[2].batch_norm);
  CHECK(d.layers[2].init.name == "xavier-uniform");
  CHECK(d.layers[2].init.fan == "out");
  place.make_model({"--batch-norm", "off", "--hidden", "7"});
  CHECK_FALSE(read_checkpoint(place.model).network.description.batch_norm());
  CHECK(read_checkpoint(place.model).network.description.shape() == "36-7-10");
  place.make_model({"--optimizer", "adam", "--momentum", "0.8", "--beta2", "0.99", "--weight-decay", "0.1",
                    "--schedule", "step", "--step-every", "1", "--step-factor", "0.5", "--warm-up", "3"});
  const TrainOptions o = read_checkpoint(place.model).training.value().options;
  CHECK(o.optimizer.kind == LF_ADAM);
  CHECK(o.optimizer.momentum == 0.8f);
  CHECK(o.optimizer.beta2 == 0.99f);
  CHECK(o.optimizer.weight_decay == 0.1f);
  CHECK(o.schedule.kind == "step");
  CHECK(o.schedule.step_every == 1);
  CHECK(o.schedule.step_factor == 0.5f);
  CHECK(o.schedule.warm_up == 3);
  const std::string sgd = place.make_model();
  for (const Words &other :
       {Words{"--optimizer", "adam"}, Words{"--optimizer", "momentum"}, Words{"--optimizer", "nesterov"},
        Words{"--init", "xavier-uniform"}, Words{"--fan", "out"}, Words{"--batch-size", "60"}, Words{"--epochs", "3"},
        Words{"--weight-decay", "0.1"}, Words{"--schedule", "cosine"}, Words{"--warm-up", "4"},
        Words{"--schedule", "step", "--step-every", "1"}, Words{"--batch-norm", "hidden"}}) {
    CAPTURE(joined(other));
    CHECK(place.make_model(other) != sgd);
  }
}

TEST_CASE("a network file gives the network that flags give, and does not go with them") {
  const Place place;
  const std::string file = place.models / "network.json";
  const std::string by_flags =
      place.make_model({"--activation", "selu", "--init", "lecun-normal", "--batch-norm", "hidden"});
  const std::string saved = read_file(place.model);
  write_file(file, R"({"defaults": {"activation": "selu", "init": "lecun-normal", "batch_norm": "hidden"},
                       "layers": [{"units": 20}, {"units": 15}, {"units": 10}]})");
  const Words rest = {"--data", place.data.path(), "--batch-size", "50", "--learning-rate", "0.1", "--epochs", "2"};
  const auto with_file = [&](Words more) {
    more.insert(more.begin(), {"train", "--network", file});
    more.insert(more.end(), rest.begin(), rest.end());
    return more;
  };
  const Result result = run(with_file({"--json", "--save", place.model}));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.lines().back()["parameters_sha256"] == by_flags);
  CHECK(read_file(place.model) == saved);
  check_refused(with_file({"--activation", "relu"}), {"--activation", "--network"});
  write_file(file, R"({"features": 35, "layers": [{"units": 10}]})");
  check_refused(with_file({}), {file, "35 features"});
  write_file(file, R"({"layers": [{"units": 9}]})");
  check_refused(with_file({}), {file, "9 units", "10 classes"});
  write_file(file, R"({"layers": [{"units": 10, "activatoin": "relu"}]})");
  check_refused(with_file({}), {file, "did you mean 'activation'"});
  std::filesystem::remove(file);
  check_refused(with_file({}), {file, "no such file"});
}

TEST_CASE("eval, eval --folded and fold agree on a saved network, and predict prints its labels") {
  const Place place;
  place.make_model({"--epochs", "4"});
  const Words data = {"--data", place.data.path(), "--json"};
  const auto on_data = [&](Words words) {
    words.insert(words.end(), data.begin(), data.end());
    const Result result = run(words);
    CAPTURE(result.err);
    REQUIRE(result.exit_code == 0);
    return result.lines();
  };
  Json plain = on_data({"eval", place.model}).at(0), folded = on_data({"eval", place.model, "--folded"}).at(0);
  CHECK(keys(plain) == Words{"event", "images", "folded", "loss", "test_accuracy", "seconds"});
  CHECK(plain["event"] == "eval");
  CHECK(plain["images"] == 100);
  CHECK(plain["folded"] == false);
  CHECK(folded["folded"] == true);
  CHECK(plain["test_accuracy"] > 0.9);
  CHECK(folded["test_accuracy"] == plain["test_accuracy"]);
  CHECK(folded["loss"].get<double>() == doctest::Approx(plain["loss"].get<double>()).epsilon(1e-4));
  const Json more = on_data({"eval", place.model, "--top-k", "2", "--confusion"}).at(0);
  CHECK(more["top_k"] == 2);
  CHECK(more["top_k_accuracy"] >= plain["test_accuracy"]);
  REQUIRE(more["confusion"].size() == 10);
  int right_ones = 0, all = 0;
  for (size_t i = 0; i < 10; ++i)
    for (size_t j = 0; j < 10; ++j) {
      const int count = more["confusion"][i][j].get<int>();
      all += count, right_ones += i == j ? count : 0;
    }
  CHECK(all == 100);
  CHECK(right_ones / 100.0 == plain["test_accuracy"]);
  const Result text = run({"eval", place.model, "--data", place.data.path(), "--top-k", "10", "--confusion"});
  CHECK(contains(text.out, "among the 10 best: 100.00%"));
  CHECK(contains(text.out, "predicted as"));
  check_refused({"eval", place.model, "--data", place.data.path(), "--top-k", "11"}, {"--top-k: 11", "1 to 10"});
  check_refused({"eval", place.model, "--top-k", "0"}, {"--top-k"});

  const std::string output = place.models / "folded.safetensors";
  REQUIRE(run({"fold", place.model, "-o", output}).exit_code == 0);
  CHECK_FALSE(read_checkpoint(output).network.description.batch_norm());
  Json again = on_data({"eval", output}).at(0);
  again.erase("seconds"), folded.erase("seconds");
  CHECK(again == folded);
  check_refused({"fold", output, "-o", place.models / "again"}, {output, "no batch normalization"});
  CHECK(place.models.entries() == 2);

  const std::vector<Json> predictions = on_data({"predict", place.model, "--first", "3", "--count", "50"});
  REQUIRE(predictions.size() == 50);
  int right = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    CHECK(keys(predictions[i]) == Words{"index", "predicted", "label", "outputs"});
    CHECK(predictions[i]["index"] == i + 3);
    CHECK(predictions[i]["label"] == (i + 3) % 10);
    right += predictions[i]["predicted"] == predictions[i]["label"];
  }
  CHECK(right > 40);
  CHECK(on_data({"predict", place.model, "--first", "95"}).size() == 5);
  check_refused({"predict", place.model, "--data", place.data.path(), "--first", "100"},
                {"--first 100", "100 test images"});
}

TEST_CASE("a checkpoint of another network, or a file that is none, is refused by its name") {
  const Place place, larger(7);
  place.make_model();
  const std::string bytes = read_file(place.model);
  for (const Words &verb : {Words{"eval", place.model}, Words{"predict", place.model}})
    check_refused({verb[0], verb[1], "--data", larger.data.path()}, {place.model, "36 features", "7 x 7"});
  Network seven(plain(36, {5}, 7));
  save(place.model, seven);
  check_refused({"eval", place.model, "--data", place.data.path()}, {place.model, "7 outputs", "10 classes"});
  for (const std::string &file :
       {bytes.substr(0, bytes.size() - 1), bytes.substr(0, 4), std::string("{}"), std::string()}) {
    write_file(place.model, file);
    const std::string output = place.models / "out";
    check_refused({"eval", place.model, "--data", place.data.path()}, {place.model + ": "});
    check_refused({"predict", place.model, "--data", place.data.path()}, {place.model + ": "});
    check_refused({"fold", place.model, "-o", output}, {place.model + ": "});
  }
  check_refused({"eval", place.models / "none", "--data", place.data.path()}, {place.models / "none"});
  CHECK(place.models.entries() == 1);
}

TEST_CASE("verify proves the golden hash, and train ends with it") {
  const std::string isa = std::getenv("LANEFOLD_ISA");
  const Result result = run({"verify", "--threads", "2"}); // on the plugin that LANEFOLD_ISA names
  CAPTURE(result.out);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "\n" + isa));
  CHECK(contains(result.out, "1 runs: the same bits, equal to the golden hash"));
  CHECK(contains(result.out, "23 operations on fixed operands: equal to their golden hashes"));
  if (isa == "portable") return; // with software fma, 300 steps take a minute
  const Json json = Json::parse(run({"verify", "--isa", isa, "--threads", "1,3", "--json"}).out);
  CHECK(json["runs"].size() == 2);
  CHECK(json["equal"] == true);
  CHECK(json["as_promised"] == true);
  CHECK(json["runs"][1]["threads"] == 3);
  CHECK(json["runs"][0]["parameters_sha256"] == json["golden"]);
  const GoldenCase &adam = golden_cases().back();
  CHECK(adam.flags() == "--optimizer adam");
  const auto lines = run({"train", "--epochs", "1", "--optimizer", "adam", "--json"}).lines();
  CHECK(lines.back()["parameters_sha256"] == adam.hashes.back().digits);
}

TEST_CASE("verify finds a plugin in which any one operation of the table is wrong") {
  if (std::string(std::getenv("LANEFOLD_ISA")) == "portable") return; // the stand-in, which is slow
  const Place place;
  write_idx(place.data, make_images(20000, 2, 3), make_images(10, 2, 4)); // drawing digits takes seconds
  TemporaryFolder plugins;
  const Words path = {"LANEFOLD_PLUGIN_PATH=" + plugins.path(), "LANEFOLD_ISA="};
  for (const std::string operation : {"sgemm",
                                      "pack_weights",
                                      "unpack_weights",
                                      "dense_infer",
                                      "dense_forward",
                                      "dense_backward",
                                      "batch_norm_forward",
                                      "batch_norm_backward",
                                      "fold_batch_norm",
                                      "activation_forward",
                                      "activation_backward",
                                      "softmax_cross_entropy",
                                      "top_k_correct",
                                      "optimizer_step",
                                      "gather",
                                      "softmax",
                                      "elementwise_loss",
                                      "dropout",
                                      "batch_norm_moments",
                                      "batch_norm_merge",
                                      "column_sums"}) {
    const std::string name = "lazy-" + operation;
    std::filesystem::copy_file(std::string(std::getenv("LANEFOLD_FAKE_PLUGINS")) + "/fake-" + name + ".so",
                               plugins / (name + ".so"));
    write_file(plugins / (name + ".manifest"), "name " + name + "\nvendor tests\npriority 1000\nneeds\n");
    const Result result = run({"verify", "--data", place.data.path(), "--isa", name, "--threads", "1"}, path);
    CAPTURE(operation);
    CAPTURE(result.out);
    CHECK(result.exit_code == 1);
    const std::string seen = operation == "pack_weights" ? "dense_infer" : operation;
    CHECK(contains(result.out, " " + seen + " DIFFERS"));
  }
}

TEST_CASE("verify reports other bits, a missing golden hash, and a request that it cannot meet") {
  const Place place;
  TemporaryFolder plugins;
  std::filesystem::copy_file(std::string(std::getenv("LANEFOLD_FAKE_PLUGINS")) + "/fake-still.so",
                             plugins / "still.so");
  write_file(plugins / "still.manifest", "name still\nvendor tests\npriority 1\nneeds\n");
  const Samples images = make_images(20000, 2, 3);
  write_idx(place.data, images, make_images(10, 2, 4));
  const Words small = {"verify", "--data", place.data.path(), "--threads", "1"};
  const Words every = {"LANEFOLD_ISA="}, path = {"LANEFOLD_PLUGIN_PATH=" + plugins.path(), "LANEFOLD_ISA="};
  const Result equal = run(small, every);
  CHECK(equal.exit_code == 0);
  CHECK(contains(equal.out, "the same bits; this release knows no golden hash of this data"));
  const Result different = run(small, path);
  CAPTURE(different.out);
  CHECK(different.exit_code == 1);
  CHECK(contains(different.out, "NOT THE SAME BITS"));
  if (std::string(std::getenv("LANEFOLD_ISA")) != "portable") {
    const Result still = run({"verify", "--isa", "still", "--threads", "1", "--json"}, path);
    CHECK(still.exit_code == 1);
    CHECK(Json::parse(still.out)["equal"] == true);
    CHECK(Json::parse(still.out)["as_promised"] == false);
  }
  write_idx(place.data, make_images(100, 2, 3), make_images(10, 2, 4));
  check_refused(small, {"100 steps need 20000 training images"});
  check_refused({"verify", "--isa", "sse9"}, {"sse9"});
  check_refused({"verify", "--threads", "0"}, {"--threads"});
}
