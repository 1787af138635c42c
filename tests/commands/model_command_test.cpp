// Models of every format, as the command takes and makes them.
#include "support/command.hpp"
#include "support/npy.hpp"
#include "trainer/checkpoint/checkpoint.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace lanefold::test;
using namespace lanefold::trainer;

namespace {

// y = (x0 + 2 x1, -x2), which is exact for small integers.
std::vector<lanefold::DenseLayer> small_layers() {
  lanefold::DenseLayer layer(3, 2);
  layer.w = {1, 0, 2, 0, 0, -1};
  return {layer};
}

Json only_line(const Words &words) {
  const Result result = run(words);
  CAPTURE(joined(words));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  return result.lines().at(0);
}

} // namespace

TEST_CASE("eval and predict take each format, and say the same of it") {
  const Place place;
  place.make_model({"--epochs", "3"});
  const std::string onnx = place.models / "m.onnx", folded = place.models / "folded.onnx",
                    weights = place.models / "weights.safetensors", network = place.models / "net.json",
                    imported = place.models / "imported.safetensors";
  REQUIRE(run({"export", place.model, "-o", onnx}).exit_code == 0);
  REQUIRE(run({"export", place.model, "-o", folded, "--folded"}).exit_code == 0);
  REQUIRE(run({"export", place.model, "-o", weights, "--format", "state-dict"}).exit_code == 0);
  // The description of a checkpoint is one of a state_dict too.
  write_file(network, describe(read_checkpoint(place.model).network.description).dump());
  REQUIRE(run({"import", weights, "--network", network, "-o", imported}).exit_code == 0);
  const auto evaluated = [&](Words model) {
    model.insert(model.begin(), "eval");
    model.insert(model.end(), {"--data", place.data.path(), "--json"});
    return only_line(model);
  };
  const Json expected = evaluated({place.model});
  for (const Words &model : {Words{onnx}, Words{imported}, Words{weights, "--network", network}, Words{folded}}) {
    const Json found = evaluated(model);
    CAPTURE(joined(model));
    CHECK(found["test_accuracy"] == expected["test_accuracy"]);
    CHECK(found["loss"].get<double>() == doctest::Approx(expected["loss"].get<double>()).epsilon(1e-5));
    CHECK(found["folded"] == (model[0] == folded));
    Words predict = {"predict", "--data", place.data.path(), "--count", "100", "--json"};
    predict.insert(predict.end(), model.begin(), model.end());
    const std::vector<Json> ours = run(predict).lines(),
                            same =
                                run({"predict", place.model, "--data", place.data.path(), "--count", "100", "--json"})
                                    .lines();
    REQUIRE(ours.size() == 100);
    for (size_t i = 0; i < ours.size(); ++i) CHECK(ours[i]["predicted"] == same.at(i)["predicted"]);
  }
  // Parameters keep their bits on the way through PyTorch's format.
  Network one = read_checkpoint(place.model).network, other = read_checkpoint(imported).network;
  CHECK(sha256(one) == sha256(other));
  const Json described = Json::parse(run({"info", onnx}).out);
  CHECK(described["format"] == "onnx");
  CHECK(described["producer"].get<std::string>().starts_with("lanefold "));
  CHECK(described["features"] == 36);
  CHECK(described["outputs"] == 10);
  CHECK(Json::parse(run({"info", place.model}).out)["training"]["batch_size"].is_number());
  // The export has the description in its metadata, but files of PyTorch have none.
  CHECK(evaluated({weights})["loss"] == evaluated({imported})["loss"]);
  std::string bare = read_file(weights);
  bare.replace(bare.find("\"network\""), 9, "\"nothing\"");
  write_file(weights, bare);
  check_refused({"eval", weights, "--data", place.data.path()}, {weights, "no description of the network"});
  check_refused({"train", "--data", place.data.path(), "--resume", onnx}, {onnx, "no state of training"});
}

TEST_CASE("predict prints an object for each row of a file, in any type and order of its numbers") {
  const TemporaryFolder folder;
  const std::string model = folder / "m.safetensors", named = folder / "named.onnx", rows = folder / "rows.npy";
  lanefold::Model::of(small_layers()).save(model);
  lanefold::Model::of(small_layers(), {LF_OUTPUT_SOFTMAX, {}, {"cat", "dog"}}).save(named);
  const std::string expected = "{\"index\":0,\"predicted\":0,\"outputs\":[5.0,-3.0]}\n"
                               "{\"index\":1,\"predicted\":1,\"outputs\":[0.0,7.0]}\n";
  const auto predicted = [&](const std::string &file) {
    write_file(rows, file);
    const Result result = run({"predict", model, rows, "--json"});
    CAPTURE(result.err);
    return result.out;
  };
  CHECK(predicted(npy<float>("<f4", "(2, 3)", {1, 2, 3, 0, 0, -7})) == expected);
  CHECK(predicted(npy<double>("<f8", "(2, 3)", {1, 2, 3, 0, 0, -7})) == expected);
  CHECK(predicted(npy<int64_t>("<i8", "(2, 3)", {1, 2, 3, 0, 0, -7})) == expected);
  CHECK(predicted(npy<int8_t>("|i1", "(2, 3)", {1, 2, 3, 0, 0, -7})) == expected);
  CHECK(predicted(npy<float>("<f4", "(2, 3)", {1, 0, 2, 0, 3, -7}, "True")) == expected);
  CHECK(predicted(npy<float>("<f4", "(3,)", {1, 2, 3})) == expected.substr(0, expected.find('\n') + 1));
  CHECK(predicted(npy<float>("<f4", "(0, 3)", {})).empty());
  write_file(rows, npy<float>("<f4", "(2, 3)", {1, 2, 3, 0, 0, -7}));
  const std::vector<Json> lines = run({"predict", named, rows, "--json"}).lines();
  CHECK(keys(lines.at(0)) == Words{"index", "predicted", "class", "outputs"});
  CHECK(lines[0]["class"] == "cat");
  CHECK(lines[1]["class"] == "dog");
  CHECK(lines[1]["outputs"][1].get<double>() == doctest::Approx(0.999088949));
  CHECK(run({"predict", named, rows}).out == "     0  cat\n     1  dog\n");
  CHECK(run({"predict", named, rows, "--first", "1", "--count", "5"}).out == "     1  dog\n");
  CHECK(run({"predict", named, rows, "--first", "1"}).out == "     1  dog\n");
  write_file(rows, npy<uint8_t>("|u1", "(30, 3)", std::vector<uint8_t>(90, 1)));
  CHECK(run({"predict", named, rows, "--first", "5", "--json"}).lines().size() == 25);
  write_file(rows, npy<float>("<f4", "(2, 3)", {1, 2, 3, 0, 0, -7}));
  check_refused({"predict", named, rows, "--first", "2"}, {"--first 2", "there are 2 rows"});
  check_refused({"predict", named, rows, "--data", "x"}, {"--data", rows});
}

TEST_CASE("one output is a number, or the probability of the second class") {
  const TemporaryFolder folder;
  const std::string rows = folder / "rows.npy";
  write_file(rows, npy<float>("<f4", "(2, 1)", {3, -2}));
  lanefold::DenseLayer layer(1, 1);
  layer.w = {1};
  lanefold::Model::of({layer}).save(folder / "m.onnx");
  CHECK(run({"predict", folder / "m.onnx", rows, "--json"}).out == "{\"index\":0,\"outputs\":[3.0]}\n"
                                                                   "{\"index\":1,\"outputs\":[-2.0]}\n");
  CHECK(run({"predict", folder / "m.onnx", rows}).out == "     0  3\n     1  -2\n");
  check_refused({"predict", folder / "m.onnx", rows, "--logits"}, {"--logits", "one output, which is not a logit"});
  // Without an activation, the output of two classes is a logit.
  lanefold::Model::of({layer}, {LF_OUTPUT_VALUES, {}, {"no", "yes"}}).save(folder / "logit.safetensors");
  const std::string both = run({"predict", folder / "logit.safetensors", rows, "--probabilities", "--logits"}).out;
  CHECK(both == "     0  yes  0.0474  0.9526  3\n     1  no  0.8808  0.1192  -2\n");
  layer.activation.code = LF_LOGISTIC;
  lanefold::Model::of({layer}, {LF_OUTPUT_VALUES, {}, {"no", "yes"}}).save(folder / "m.safetensors");
  CHECK(run({"predict", folder / "m.safetensors", rows}).out == "     0  yes\n     1  no\n");
}

TEST_CASE("files of rows that cannot be used are refused by name") {
  const TemporaryFolder folder;
  const std::string model = folder / "m.safetensors", rows = folder / "rows.npy";
  lanefold::Model::of(small_layers()).save(model);
  const auto refused = [&](const std::string &file, const std::string &what) {
    write_file(rows, file);
    check_refused({"predict", model, rows}, {rows + ": ", what});
  };
  const std::string good = npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6});
  refused("", "too short");
  refused("not at all NumPy's", "is not an NPY file");
  refused(good.substr(0, good.size() - 1), "bytes long; its header says");
  refused(good + "1", "bytes long; its header says");
  refused(good.substr(0, 40), "longer than the file");
  refused(npy<float>("<f4", "(3, 2)", {1, 2, 3, 4, 5, 6}), "rows of 2 numbers, but");
  refused(npy<float>("<f4", "(1, 2, 3)", {1, 2, 3, 4, 5, 6}), "3 dimensions");
  refused(npy<float>("<f4", "()", {1}), "0 dimensions");
  refused(npy<float>(">f4", "(2, 3)", {1, 2, 3, 4, 5, 6}), "type >f4");
  refused(npy<float>("<c8", "(1, 3)", {1, 2, 3, 4, 5, 6}), "type <c8");
  refused(npy<float>("|O", "(2, 3)", {1, 2, 3, 4, 5, 6}), "type |O");
  refused(npy<float>("<f4", "(9999999999999999999, 3)", {}), "too large");
  refused(npy<float>("<f4", "(99999999999, 99999999999)", {}), "too many elements");
  refused(npy<float>("<f4", "(-2, 3)", {}), "shape");
  refused(npy<float>("<f4", "(" + std::string(30000, ',') + ")", {1}), "0 dimensions");
  refused(npy<float>("<f4", "(2, 3" + std::string(30000, ' '), {}), "shape");
  check_refused({"predict", model, folder / "none.npy"}, {folder / "none.npy"});
}

TEST_CASE("import and export refuse what they cannot do, and leave no file") {
  const TemporaryFolder folder;
  const std::string model = folder / "m.safetensors", output = folder / "out.bin";
  lanefold::Model::of(small_layers()).save(model);
  check_refused({"export", model, "-o", output}, {output, "neither in .safetensors nor in .onnx"});
  check_refused({"export", model, "-o", output, "--format", "pickle"}, {"--format", "safetensors, state-dict, onnx"});
  check_refused({"export", model}, {"--output"});
  check_refused({"import", model, "-o", folder / "m.onnx"}, {"m.onnx", "lanefold export"});
  check_refused({"fold", model, "-o", folder / "m.onnx"}, {"m.onnx", "lanefold export"});
  check_refused({"import", folder / "none", "-o", output}, {folder / "none"});
  check_refused({"import", model, "--network", folder / "none", "-o", output}, {folder / "none", "no such file"});
  write_file(folder / "bad.json", "{\"layers\": [{\"units\": 2, \"activation\": \"sine\"}]}");
  check_refused({"import", model, "--network", folder / "bad.json", "-o", output}, {model, "describes its network"});
  const std::string weights = folder / "weights.safetensors";
  REQUIRE(run({"export", model, "-o", weights, "--format", "state-dict"}).exit_code == 0);
  check_refused({"import", weights, "--network", folder / "bad.json", "-o", output}, {"activation", "gelu"});
  write_file(folder / "bad.onnx", "\x08\x08\x3a\x7fgarbage");
  check_refused({"import", folder / "bad.onnx", "-o", output}, {folder / "bad.onnx: "});
  check_refused({"info", folder / "bad.onnx"}, {folder / "bad.onnx: "});
  CHECK_FALSE(std::filesystem::exists(output));
}

TEST_CASE("an option on the command line counts more than its environment variable") {
  const Place place;
  const std::string none = place.data / "none";
  CHECK(run(place.train({"--epochs", "1"}), {"LANEFOLD_DATA=" + none}).exit_code == 0);
  check_refused({"train"}, {none}, {"LANEFOLD_DATA=" + none});
}
