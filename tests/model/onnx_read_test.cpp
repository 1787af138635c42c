// The reader of ONNX files makes the layers that a graph stands for.
#include "onnx_support.hpp"

#include <cmath>

using namespace lanefold::test;
using lanefold::model::Layer;
using lanefold::model::Model;

TEST_CASE("Gemm with transB becomes a transposed layer whose weights keep their bytes") {
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}).output("y").floats("w", {2, 3}, {1, 2, 3, 4, 5, 6}).floats("b", {2}, {7, 8});
  file.node("Gemm", {"x", "w", "b"}, {"z"}, {{"transB", int64_t{1}}}, "fc").node("Relu", {"z"}, {"y"});
  const Model model = read(file);
  REQUIRE(model.layers.size() == 1);
  const Layer &layer = model.layers[0];
  CHECK(layer.name == "fc");
  CHECK(layer.transposed);
  CHECK(layer.k == 3);
  CHECK(layer.n == 2);
  CHECK(layer.w.read() == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(layer.bias.read() == std::vector<float>{7, 8});
  CHECK(layer.activation == LF_RELU);
}

TEST_CASE("the bias of MatMul + Add is a bias, in both orders and with a leading 1") {
  for (const bool is_first : {false, true}) {
    OnnxFile file = small_file().floats("row", {1, 2}, {4, 5});
    file.node("MatMul", {"x", "w"}, {"z"});
    file.node("Add", is_first ? std::vector<std::string>{"row", "z"} : std::vector<std::string>{"z", "row"}, {"y"});
    const Model model = read(file);
    REQUIRE(model.layers.size() == 1);
    CHECK(model.layers[0].bias.read() == std::vector<float>{4, 5});
    CHECK_FALSE(model.layers[0].norm);
  }
}

TEST_CASE("alpha and beta of Gemm count") {
  const Model model = read(small_file().node("Gemm", {"x", "w", "b"}, {"y"}, {{"alpha", 0.5f}, {"beta", 2.0f}}));
  const std::vector<double> y = evaluate(model, {1, 2, 4}, 1);
  CHECK(y[0] == doctest::Approx(0.5 * (1 + 1 - 4) + 1));
  CHECK(y[1] == doctest::Approx(0.5 * (-2 + 6 + 1) - 1.5));
}

TEST_CASE("batch normalization goes into the layer before it, or into one of its own") {
  OnnxFile file = small_file(9);
  for (const char *n : {"s", "m"}) file.floats(n, {2}, {2, 3}).floats(n + std::string("3"), {3}, {1, 2, 3});
  file.node("BatchNormalization", {"x", "s3", "m3", "m3", "s3"}, {"first"}, {{"epsilon", 0.5f}, {"momentum", 0.75f}});
  file.node("Gemm", {"first", "w", "b"}, {"z"});
  file.node("BatchNormalization", {"z", "s", "m", "m", "s"}, {"second"});
  file.node("Elu", {"second"}, {"act"}, {{"alpha", 0.25f}});
  file.node("BatchNormalization", {"act", "s", "m", "m", "s"}, {"third"});
  file.node("BatchNormalization", {"third", "s", "m", "m", "s"}, {"y"});
  const Model model = read(file);
  REQUIRE(model.layers.size() == 4);
  CHECK_FALSE(model.layers[0].has_product());
  CHECK(model.layers[0].norm->eps == 0.5f);
  CHECK(model.layers[0].norm->momentum == 0.75f);
  CHECK(model.layers[1].has_product());
  CHECK(model.layers[1].norm->momentum == 0.9f);
  CHECK(model.layers[1].activation == LF_ELU);
  CHECK(model.layers[1].alpha == 0.25f);
  CHECK_FALSE(model.layers[2].has_product());
  CHECK(model.layers[3].norm);
}

TEST_CASE("Sub and Div before the first layer become an elementwise layer") {
  OnnxFile file = small_file().floats("mean", {3}, {1, 2, 3}).floats("std", {1, 3}, {2, 4, 8});
  file.node("Sub", {"x", "mean"}, {"c"}).node("Div", {"c", "std"}, {"n"}).node("Gemm", {"n", "w", "b"}, {"y"});
  const Model model = read(file);
  REQUIRE(model.layers.size() == 2);
  CHECK_FALSE(model.layers[0].has_product());
  CHECK(model.layers[0].norm->gamma.read() == std::vector<float>{0.5f, 0.25f, 0.125f});
  CHECK(model.layers[0].norm->beta.read() == std::vector<float>{-0.5f, -0.5f, -0.375f});
}

TEST_CASE("a mean far from 0 is subtracted first, which keeps digits") {
  OnnxFile file = small_file().floats("mean", {3}, {1000, -5, 3}).floats("std", {3}, {1, 1, 1});
  file.node("Sub", {"x", "mean"}, {"c"}).node("Div", {"c", "std"}, {"n"}).node("Gemm", {"n", "w", "b"}, {"y"});
  const Model model = read(file);
  CHECK(model.layers[0].norm->mean.read() == std::vector<float>{1000, -5, 0});
  CHECK(model.layers[0].norm->beta.read() == std::vector<float>{0, 0, -3});
}

TEST_CASE("Scaler takes integers") {
  OnnxFile file;
  file.opset(13).opset(1, "ai.onnx.ml").input("x", {-1, 2}, onnx_int64).output("y");
  file.node("Scaler", {"x"}, {"y"}, {{"offset", std::vector<float>{1, 2}}, {"scale", std::vector<float>{4}}}, "",
            "ai.onnx.ml");
  CHECK(evaluate(read(file), {2, 3}, 1) == std::vector<double>{4, 4});
}

TEST_CASE("the flatten of PyTorch, computed from the shape of the input, passes") {
  OnnxFile file = small_file();
  OnnxFile flat;
  flat.opset(13).input("x", {-1, 1, 3}).output("y").floats("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  flat.integers("zero", {}, {0}).integers("axes", {1}, {0}).integers("rest", {1}, {-1});
  flat.node("Shape", {"x"}, {"s"}).node("Gather", {"s", "zero"}, {"n"}).node("Unsqueeze", {"n", "axes"}, {"n1"});
  flat.node("Concat", {"n1", "rest"}, {"target"}, {{"axis", int64_t{0}}}).node("Reshape", {"x", "target"}, {"f"});
  flat.node("MatMul", {"f", "w"}, {"y"});
  const Model model = read(flat);
  CHECK(model.features == 3);
  CHECK(model.outputs() == 2);
}

TEST_CASE("a fixed number of rows is read as any number") {
  OnnxFile file;
  file.opset(13)
      .input("x", {1, 1, 3, 1})
      .output("y")
      .floats("w", {3, 2}, {1, 2, 3, 4, 5, 6})
      .integers("to", {2}, {1, 3});
  file.node("Reshape", {"x", "to"}, {"f"}).node("MatMul", {"f", "w"}, {"y"});
  CHECK(read(file).features == 3);
}

TEST_CASE("a transposed constant is the transposed layer, without a copy") {
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}).output("y").floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  file.node("Transpose", {"w"}, {"t"}).node("MatMul", {"x", "t"}, {"y"});
  const Model model = read(file);
  CHECK(model.layers[0].transposed);
  CHECK(evaluate(model, {1, 1, 1}, 1) == std::vector<double>{6, 15});
}

TEST_CASE("a branch that the output does not need may hold anything") {
  OnnxFile file = small_file().node("Conv", {"x"}, {"other"}).node("Gemm", {"x", "w", "b"}, {"y"});
  CHECK(read(file).layers.size() == 1);
}

TEST_CASE("scikit-learn's ending for several classes gives probabilities and names") {
  OnnxFile file;
  file.opset(13).opset(1, "ai.onnx.ml").input("x", {-1, 3}).output("label", onnx_string).output("map", 0);
  file.floats("w", {3, 2}, {1, -2, 0.5f, 3, -1, 0.25f}).texts("classes", {"cat", "dog"});
  file.node("Cast", {"x"}, {"c"}, {{"to", int64_t{1}}}).node("MatMul", {"c", "w"}, {"z"});
  file.node("Softmax", {"z"}, {"p0"}).node("Identity", {"p0"}, {"p"});
  file.node("ArgMax", {"p"}, {"i"}, {{"axis", int64_t{1}}});
  file.node("ArrayFeatureExtractor", {"classes", "i"}, {"label"}, {}, "", "ai.onnx.ml");
  file.node("ZipMap", {"p"}, {"map"}, {{"classlabels_strings", std::vector<std::string>{"cat", "dog"}}}, "",
            "ai.onnx.ml");
  const Model model = read(file);
  CHECK(model.output == 1);
  CHECK(model.class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(model.layers.size() == 1);
}

TEST_CASE("scikit-learn's ending for two classes gives one output and two names") {
  OnnxFile file;
  file.opset(13).opset(1, "ai.onnx.ml").input("x", {-1, 3}).output("label", onnx_int64).output("p");
  file.floats("w", {3, 1}, {1, -2, 0.5f}).floats("unity", {}, {1}).integers("classes", {2}, {3, 7});
  file.node("MatMul", {"x", "w"}, {"z"}).node("Sigmoid", {"z"}, {"s"}).node("Sub", {"unity", "s"}, {"q"});
  file.node("Concat", {"q", "s"}, {"p"}, {{"axis", int64_t{1}}}).node("ArgMax", {"p"}, {"i"}, {{"axis", int64_t{1}}});
  file.node("ArrayFeatureExtractor", {"classes", "i"}, {"l"}, {}, "", "ai.onnx.ml").node("Cast", {"l"}, {"label"});
  const Model model = read(file);
  CHECK(model.outputs() == 1);
  CHECK(model.layers[0].activation == LF_LOGISTIC);
  CHECK(model.class_names == std::vector<std::string>{"3", "7"});
}

TEST_CASE("softmax follows the axis of its opset") {
  for (const int64_t opset : {9, 13}) {
    const Model model = read(small_file(opset).node("Gemm", {"x", "w", "b"}, {"z"}).node("LogSoftmax", {"z"}, {"y"}));
    CHECK(model.output == 2);
  }
}

TEST_CASE("external data are read from the model's folder") {
  const TemporaryFolder folder;
  const float values[] = {0, 1, 2, 3, 4, 5, 6};
  write_file(folder / "weights", {reinterpret_cast<const char *>(values), sizeof values});
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}).output("y");
  file.external("w", {3, 2}, {{"location", "weights"}, {"offset", "4"}, {"length", "24"}});
  file.node("MatMul", {"x", "w"}, {"y"});
  CHECK(read(file.bytes(), folder.path()).layers[0].w.read() == std::vector<float>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a network without layers is one layer that does nothing") {
  OnnxFile file;
  file.opset(13).input("x", {-1, 3}).output("y").node("Softmax", {"x"}, {"y"});
  const Model model = read(file);
  CHECK(model.layers.size() == 1);
  CHECK(model.output == 1);
  CHECK(model.outputs() == 3);
}

TEST_CASE("a constant that is cast to BOOL is 0 or 1") {
  OnnxFile file = small_file().floats("v", {3}, {0, 0.5f, -7}).integers("n", {3}, {0, 1, 9});
  for (const std::string name : {"v", "n"})
    file.node("Cast", {name}, {name + "b"}, {{"to", int64_t{9}}})
        .node("Cast", {name + "b"}, {name + "f"}, {{"to", int64_t{1}}});
  file.node("Add", {"x", "vf"}, {"z"}).node("Add", {"z", "nf"}, {"y"});
  CHECK(evaluate(read(file), {10, 20, 30}, 1) == std::vector<double>{10, 22, 32});
}

namespace {

std::string label_note(const std::string &name) {
  return "The output \"" + name + "\" of the graph is left out, because it chooses labels in another way than by the " +
         "largest value.";
}

// Softmax of x as the output "p", after the output "label", which the test makes.
OnnxFile labelled(int type = onnx_int64) {
  OnnxFile file;
  file.opset(13).opset(1, "ai.onnx.ml").input("x", {-1, 3}).output("label", type).output("p");
  return file.floats("limit", {}, {0.3f}).node("Softmax", {"x"}, {"p"});
}

} // namespace

TEST_CASE("a note names an output that chooses labels in another way than by the largest value") {
  constexpr int boolean = 9;
  const auto only_note = [](const OnnxFile &file) {
    const Model model = read(file);
    CHECK(model.outputs() == 3);
    CHECK(model.notes == std::vector{label_note("label")});
  };
  only_note(labelled(boolean).node("Greater", {"p", "limit"}, {"label"}));
  only_note(labelled(onnx_float).node("Greater", {"p", "limit"}, {"g"}).node("Cast", {"g"}, {"label"}));
  only_note(labelled(onnx_float).node("Binarizer", {"p"}, {"label"}, {{"threshold", 0.3f}}, "", "ai.onnx.ml"));
  only_note(labelled().integers("k", {1}, {1}).node("TopK", {"p", "k"}, {"top", "label"}));
  only_note(labelled().node("ArgMin", {"p"}, {"label"}, {{"axis", int64_t{1}}}));
  only_note(labelled().node("ArgMax", {"p"}, {"label"}));
  for (const int64_t axis : {0, -2}) only_note(labelled().node("ArgMax", {"p"}, {"label"}, {{"axis", axis}}));
  only_note(labelled()
                .integers("classes", {3}, {3, 7, 9})
                .node("ArgMax", {"p"}, {"i"}, {{"axis", int64_t{0}}})
                .node("ArrayFeatureExtractor", {"classes", "i"}, {"label"}, {}, "", "ai.onnx.ml"));
}

TEST_CASE("no note follows a label that is the largest value along the last axis") {
  for (const int64_t axis : {1, -1})
    CHECK(read(labelled().node("ArgMax", {"p"}, {"label"}, {{"axis", axis}})).notes.empty());
  CHECK(read(labelled()
                 .node("ArgMax", {"p"}, {"i"}, {{"axis", int64_t{1}}})
                 .node("LabelEncoder", {"i"}, {"label"}, {}, "", "ai.onnx.ml"))
            .notes.empty());
  CHECK(read(labelled().node("ArgMax", {"x"}, {"label"}, {{"axis", int64_t{-1}}})).notes.empty());
  OnnxFile file;
  file.opset(13).input("x", {-1, 1, 3}).output("label", onnx_int64).output("p").node("Softmax", {"x"}, {"p"});
  OnnxFile other = file;
  CHECK(read(file.node("ArgMax", {"p"}, {"label"}, {{"axis", int64_t{2}}})).notes.empty());
  CHECK(read(other.node("ArgMax", {"p"}, {"label"}, {{"axis", int64_t{1}}})).notes == std::vector{label_note("label")});
}

TEST_CASE("Sum adds any number of inputs") {
  const auto start = [] {
    return small_file().floats("c", {2}, {1, 2}).floats("d", {}, {8}).node("MatMul", {"x", "w"}, {"z"});
  };
  const std::vector<double> x{1, 2, 4}, z = evaluate(read(start().node("Identity", {"z"}, {"y"})), x, 1);
  for (const auto &[inputs, shift] :
       std::vector<std::pair<std::vector<std::string>, std::vector<double>>>{{{"z"}, {0, 0}},
                                                                             {{"z", "c"}, {1, 2}},
                                                                             {{"z", "b", "c"}, {1.5, 1.25}},
                                                                             {{"c", "d", "z"}, {9, 10}},
                                                                             {{"c", "z", "d", "b"}, {9.5, 9.25}}}) {
    const std::vector<double> y = evaluate(read(start().node("Sum", inputs, {"y"})), x, 1);
    for (size_t i = 0; i < 2; ++i) CHECK(y[i] == doctest::Approx(z[i] + shift[i]));
  }
  const std::vector<double> y = evaluate(read(start().node("Sum", {"z", "z", "c", "z"}, {"y"})), x, 1);
  for (size_t i = 0; i < 2; ++i) CHECK(y[i] == doctest::Approx(3 * z[i] + 1 + static_cast<double>(i)));
  CHECK(contains(refusal(start().node("Sum", {"z", "x", "c"}, {"y"})), "combines values of different shapes"));
  CHECK(contains(refusal(small_file().node("Sum", {}, {"y"})), "has no input"));
}

TEST_CASE("batch normalization needs no momentum for inference, and takes epsilon 0") {
  const auto normalized = [](const OnnxAttribute &attribute) {
    OnnxFile file = small_file(9).floats("one", {3}, {1, 1, 1}).floats("var", {3}, {4, 16, 64});
    return read(file.node("BatchNormalization", {"x", "one", "one", "one", "var"}, {"y"}, {attribute}, "bn"));
  };
  for (const auto &[given, expected] : {std::pair(1.5f, 1.0f), std::pair(-0.25f, 0.0f)}) {
    const Model model = normalized({"momentum", given});
    CHECK(model.layers[0].norm->momentum == expected);
    REQUIRE(model.notes.size() == 1);
    CHECK(contains(model.notes[0], "in node \"bn\" (BatchNormalization), because inference does not read it"));
  }
  CHECK(normalized({"momentum", 1.0f}).notes.empty());
  CHECK(normalized({"momentum", std::nanf("")}).layers[0].norm->momentum == 0);
  const Model model = normalized({"epsilon", 0.0f});
  CHECK(model.layers[0].norm->eps == 1e-30f);
  CHECK(evaluate(model, {3, 5, 9}, 1) == std::vector<double>{2, 2, 2});
}

TEST_CASE("a value that is multiplied by 0 for every feature is a constant") {
  const auto start = [] {
    return small_file().floats("zeros", {3}, {0, 0, 0}).floats("c", {3}, {1, 2, 3}).floats("none", {}, {0});
  };
  OnnxFile relu = start().node("Relu", {"x"}, {"r"}).node("Mul", {"r", "zeros"}, {"m"}).node("Add", {"m", "c"}, {"a"});
  OnnxFile only = relu;
  const std::vector<double> of_c{1 + 1 - 3, -2 + 6 + 0.75}, c{1, 2, 3};
  CHECK(evaluate(read(relu.node("MatMul", {"a", "w"}, {"y"})), {7, 8, 9}, 1) == of_c);
  CHECK(evaluate(read(only.node("Identity", {"a"}, {"y"})), {7, 8, 9}, 1) == c);
  OnnxFile line = start().node("Mul", {"x", "none"}, {"m"}).node("Add", {"m", "c"}, {"a"}).node("Relu", {"a"}, {"r"});
  CHECK(evaluate(read(line.node("MatMul", {"r", "w"}, {"y"})), {7, 8, 9}, 1) == of_c);
  OnnxFile erf = start().node("Erf", {"x"}, {"e"}).node("Mul", {"e", "zeros"}, {"m"}).node("Add", {"m", "x"}, {"a"});
  CHECK(evaluate(read(erf.node("Tanh", {"a"}, {"y"})), {0, 0, 0}, 1) == std::vector<double>{0, 0, 0});
}
