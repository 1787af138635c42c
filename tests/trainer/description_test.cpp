// Descriptions of networks: defaults, changes by layers, JSON and back, and messages about mistakes.  Also the words that
// are near a mistyped one, and the learning rates of schedules.
#include "cli/words.hpp"
#include "support/files.hpp"
#include "trainer/network/description.hpp"
#include "trainer/training/schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace lanefold::test;
using namespace lanefold::trainer;
using lanefold::cli::JsonError;
using lanefold::cli::nearest;
using lanefold::cli::parse_strictly;

namespace {

Description parse(const std::string &text) { return read_description(parse_strictly(text, "the file"), "the file"); }

std::string refusal(const std::string &text) {
  return message_of<JsonError>([&] { parse(text); });
}

} // namespace

TEST_CASE("layers follow the defaults except where they change them, and the last has no activation of its own") {
  const Description d = parse(R"({"features": 20,
    "defaults": {"activation": "selu", "bn_eps": 0.01, "bn_momentum": 0.8, "init": "lecun-normal", "fan": "out"},
    "layers": [{"units": 7}, {"units": 6, "activation": "leaky-relu", "batch_norm": "off"},
               {"units": 5, "activation": "elu", "alpha": 0.5, "init": "xavier-uniform"}, {"units": 3}]})");
  CHECK(d.features == 20);
  CHECK(d.shape() == "20-7-6-5-3");
  REQUIRE(d.layers.size() == 4);
  CHECK(d.layers[0].activation == LF_SELU);
  CHECK(d.layers[0].batch_norm);
  CHECK(d.layers[0].bn_eps == 0.01f);
  CHECK(d.layers[0].bn_momentum == 0.8f);
  CHECK(d.layers[0].init.name == "lecun-normal");
  CHECK(d.layers[0].init.fan == "out");
  CHECK(d.layers[1].activation == LF_LEAKY_RELU);
  CHECK(d.layers[1].alpha == 0.01f); // the default of its own activation
  CHECK_FALSE(d.layers[1].batch_norm);
  CHECK(d.layers[2].alpha == 0.5f);
  CHECK(d.layers[2].init.name == "xavier-uniform");
  CHECK(d.layers[2].init.fan == "avg");
  CHECK(d.layers[3].activation == LF_IDENTITY);
  CHECK(d.layers[3].batch_norm);
  CHECK(d.batch_norm());
}

TEST_CASE("by default the network has ELU, normalization everywhere, and He's truncated weights") {
  const Description d = parse(R"({"layers": [{"units": 300}, {"units": 100}, {"units": 10}]})");
  CHECK(d.features == 0);
  CHECK(describe(d)["layers"] == describe(reference_network())["layers"]);
  const LayerDescription &layer = d.layers[0];
  CHECK(layer.activation == LF_ELU);
  CHECK(layer.alpha == 1);
  CHECK(layer.bn_momentum == 0.9f);
  CHECK(layer.bn_eps == 1e-3f);
  CHECK(layer.init.name == "he-truncated");
  CHECK(layer.init.fan == "in");
}

TEST_CASE("batch normalization is on every layer, on none, or on the hidden ones") {
  for (const std::string &word : batch_norm_words()) {
    CAPTURE(word);
    const Description from_file =
        parse(R"({"defaults": {"batch_norm": ")" + word + R"("}, "layers": [{"units": 4}, {"units": 3}]})");
    const Description from_flags = plain(0, {4}, 3, {}, word);
    CHECK(describe(from_file) == describe(from_flags));
    CHECK(from_file.layers[0].batch_norm == (word != "off"));
    CHECK(from_file.layers[1].batch_norm == (word == "on"));
  }
}

TEST_CASE("a description comes back from its JSON, whose numbers are as short as possible") {
  LayerDescription layer;
  layer.activation = LF_LEAKY_RELU, layer.alpha = 0.01f, layer.bn_eps = 1.7e-5f, layer.bn_momentum = 0.99f;
  layer.init = {"he-uniform", "out"};
  const Description d = plain(9, {8, 7}, 3, layer, "hidden");
  const std::string text = describe(d).dump();
  CHECK(contains(text, "\"alpha\":0.01,"));
  CHECK(contains(text, "\"bn_momentum\":0.99,"));
  CHECK(describe(parse(text)) == describe(d));
  CHECK(parse(text).layers[1].bn_eps == 1.7e-5f);
}

TEST_CASE("mistakes in a description are named, with the nearest known word") {
  CHECK(contains(refusal("{"), "is not JSON"));
  CHECK(contains(refusal("[]"), "not a JSON object"));
  CHECK(contains(refusal("{}"), "lacks \"layers\""));
  CHECK(contains(refusal(R"({"layers": []})"), "layers"));
  CHECK(contains(refusal(R"({"layers": [{"units": 3}], "layer": 1})"), "did you mean 'layers'"));
  CHECK(contains(refusal(R"({"layers": [{"unit": 3}]})"), "units"));
  CHECK(contains(refusal(R"({"layers": [{"units": 3}, {"units": 0}]})"), "layer 1"));
  CHECK(contains(refusal(R"({"layers": [{"units": 3, "activation": "rleu"}]})"), "did you mean 'relu'"));
  CHECK(contains(refusal(R"({"layers": [{"units": 3, "batch_norm": "hidden"}]})"), "unknown batch_norm"));
  CHECK(contains(refusal(R"({"defaults": {"units": 3}, "layers": [{"units": 3}]})"), "units"));
  CHECK(contains(refusal(R"({"layers": [{"units": 3, "units": 3}]})"), "twice"));
  CHECK(contains(refusal(R"({"layers": [{"units": 3, "bn_eps": 0}]})"), "bn_eps"));
  CHECK(contains(refusal(R"({"features": -1, "layers": [{"units": 3}]})"), "features"));
}

TEST_CASE("the nearest word is the one with the fewest mistakes, if any is near") {
  const std::vector<std::string> verbs = {"train", "eval", "predict", "fold", "info", "study"};
  CHECK(nearest("trian", verbs) == "train");
  CHECK(nearest("evaluate", verbs) == "eval");
  CHECK(nearest("pred", verbs) == "predict");
  CHECK(nearest("fodl", verbs) == "fold");
  CHECK(nearest("stdy", verbs) == "study");
  CHECK(nearest("xyzzy", verbs).empty());
  CHECK(nearest("", verbs).empty());
  CHECK(nearest(std::string(100000, 'a'), verbs).empty());
}

TEST_CASE("schedules give the documented rates") {
  Schedule s;
  for (const int64_t step : {0, 1, 599}) CHECK(s.factor(step, 600, 30) == 1);
  s.warm_up = 10;
  CHECK(s.factor(0, 600, 30) == doctest::Approx(0.1));
  CHECK(s.factor(4, 600, 30) == doctest::Approx(0.5));
  CHECK(s.factor(9, 600, 30) == 1);
  CHECK(s.factor(10, 600, 30) == 1);
  s = {"step", 0, 2, 0.5f};
  CHECK(s.factor(59, 600, 30) == 1);
  CHECK(s.factor(60, 600, 30) == 0.5);
  CHECK(s.factor(179, 600, 30) == 0.25);
  CHECK(s.factor(180, 600, 30) == 0.125);
  s = {"cosine", 0, 5, 0.1f};
  CHECK(s.factor(0, 600, 30) == 1);
  for (const int64_t step : {1, 100, 300, 450, 599})
    CHECK(s.factor(step, 600, 30) == doctest::Approx((1 + std::cos(M_PI * static_cast<double>(step) / 600)) / 2));
  s.warm_up = 100;
  CHECK(s.factor(49, 600, 30) == 0.5);
  CHECK(s.factor(100, 600, 30) == 1);
  CHECK(s.factor(350, 600, 30) == doctest::Approx(0.5));
  s.warm_up = 1000; // longer than the training
  CHECK(s.factor(599, 600, 30) == doctest::Approx(0.6));
}
