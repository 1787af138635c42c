// The reader recognizes activations that exporters write as many nodes.
#include "onnx_support.hpp"

#include <algorithm>
#include <cmath>

using namespace lanefold::test;
using lanefold::model::Model;

namespace {

// Reads a file whose only layer is the function of x [N, 3] that the nodes make, and checks the activation.
Model check_pattern(const OnnxFile &file, int32_t activation) {
  const Model model = read(file);
  REQUIRE(model.layers.size() == 1);
  CHECK(model.layers[0].activation == activation);
  CHECK_FALSE(model.layers[0].norm);
  return model;
}

OnnxFile start(int64_t opset = 13) {
  OnnxFile file;
  file.opset(opset).input("x", {-1, 3}).output("y").floats("one", {}, {1}).floats("half", {}, {0.5f});
  file.floats("root", {1}, {1.4142135f}).floats("inverse_root", {}, {0.70710677f}).floats("cubic", {}, {0.044715f});
  file.floats("factor", {}, {0.7978846f}).floats("three", {}, {3}).floats("six", {}, {6}).floats("zero", {}, {0});
  return file;
}

} // namespace

TEST_CASE("GELU is recognized in every order of its factors") {
  for (const bool divides : {true, false})
    for (const char *order : {"half first", "half last", "half on gate"}) {
      OnnxFile file = start();
      file.node(divides ? "Div" : "Mul", {"x", divides ? "root" : "inverse_root"}, {"r"}).node("Erf", {"r"}, {"e"});
      file.node("Add", {"one", "e"}, {"g"});
      const std::string which = order;
      if (which == "half first") file.node("Mul", {"half", "x"}, {"h"}).node("Mul", {"h", "g"}, {"y"});
      if (which == "half last") file.node("Mul", {"g", "x"}, {"h"}).node("Mul", {"h", "half"}, {"y"});
      if (which == "half on gate") file.node("Mul", {"g", "half"}, {"h"}).node("Mul", {"x", "h"}, {"y"});
      check_pattern(file, LF_GELU);
    }
}

TEST_CASE("GELU after a bias, a scale and another activation is recognized") {
  OnnxFile file = start().floats("w", {3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}).floats("b", {3}, {1, 2, 3});
  file.floats("scale", {3}, {0.5f, 2, 3}).node("MatMul", {"x", "w"}, {"z"}).node("Tanh", {"z"}, {"t"});
  file.node("Mul", {"t", "scale"}, {"s"}).node("Add", {"s", "b"}, {"u"}).node("Div", {"u", "root"}, {"r"});
  file.node("Erf", {"r"}, {"e"}).node("Add", {"e", "one"}, {"g"}).node("Mul", {"u", "g"}, {"h"});
  file.node("Mul", {"h", "half"}, {"y"});
  const Model model = read(file);
  REQUIRE(model.layers.size() == 2);
  CHECK(model.layers[0].activation == LF_TANH);
  CHECK(model.layers[1].activation == LF_GELU);
  CHECK(model.layers[1].norm->gamma.read() == std::vector<float>{0.5f, 2, 3});
}

TEST_CASE("the tanh form of GELU is recognized with a power and with products") {
  for (const bool has_power : {true, false}) {
    OnnxFile file = start();
    if (has_power) file.node("Pow", {"x", "three"}, {"c"});
    else file.node("Mul", {"x", "x"}, {"s"}).node("Mul", {"x", "s"}, {"c"});
    file.node("Mul", {"cubic", "c"}, {"k"}).node("Add", {"x", "k"}, {"a"}).node("Mul", {"a", "factor"}, {"r"});
    file.node("Tanh", {"r"}, {"t"}).node("Add", {"t", "one"}, {"g"}).node("Mul", {"x", "half"}, {"h"});
    file.node("Mul", {"h", "g"}, {"y"});
    check_pattern(file, LF_GELU_TANH);
  }
}

TEST_CASE("SiLU, hard swish and ReLU6 are recognized") {
  check_pattern(start().node("Sigmoid", {"x"}, {"s"}).node("Mul", {"x", "s"}, {"y"}), LF_SILU);
  check_pattern(start(14).node("HardSwish", {"x"}, {"y"}), LF_HARD_SWISH);
  check_pattern(start().node("HardSigmoid", {"x"}, {"s"}, {{"alpha", 0.16666667f}}).node("Mul", {"s", "x"}, {"y"}),
                LF_HARD_SWISH);
  check_pattern(start()
                    .node("Add", {"x", "three"}, {"a"})
                    .node("Clip", {"a", "zero", "six"}, {"c"})
                    .node("Mul", {"x", "c"}, {"m"})
                    .node("Div", {"m", "six"}, {"y"}),
                LF_HARD_SWISH);
  check_pattern(start()
                    .node("Add", {"x", "three"}, {"a"})
                    .node("Clip", {"a", "zero", "six"}, {"c"})
                    .node("Div", {"c", "six"}, {"m"})
                    .node("Mul", {"m", "x"}, {"y"}),
                LF_HARD_SWISH);
  check_pattern(start().node("Clip", {"x", "zero", "six"}, {"y"}), LF_RELU6);
  check_pattern(start(9).node("Clip", {"x"}, {"y"}, {{"min", 0.0f}, {"max", 6.0f}}), LF_RELU6);
  check_pattern(start().node("Relu", {"x"}, {"r"}).node("Min", {"r", "six"}, {"m"}).node("Identity", {"r"}, {"y"}),
                LF_RELU);
}

TEST_CASE("Gelu of opset 20 has two forms") {
  check_pattern(start(20).node("Gelu", {"x"}, {"y"}), LF_GELU);
  check_pattern(start(20).node("Gelu", {"x"}, {"y"}, {{"approximate", std::string("tanh")}}), LF_GELU_TANH);
}

TEST_CASE("clips with other bounds are computed by ReLU and ReLU6") {
  const std::vector<double> x{-5, 0.5, 7};
  for (const auto &[low, high] : std::vector<std::pair<double, double>>{{-1, 2}, {0, 1}, {-1e39, 2}, {0.25, 1e39}}) {
    OnnxFile file = start(9);
    std::vector<OnnxAttribute> bounds;
    if (low > -1e38) bounds.emplace_back("min", static_cast<float>(low));
    if (high < 1e38) bounds.emplace_back("max", static_cast<float>(high));
    const std::vector<double> y = evaluate(read(file.node("Clip", {"x"}, {"y"}, bounds)), x, 1);
    for (size_t i = 0; i < 3; ++i) CHECK(y[i] == doctest::Approx(std::clamp(x[i], low, high)));
  }
}

TEST_CASE("a hard sigmoid with another shift is computed") {
  OnnxFile file = start().node("HardSigmoid", {"x"}, {"y"}, {{"alpha", 0.25f}, {"beta", 0.75f}});
  const std::vector<double> y = evaluate(read(file), {-1, 0.5, 9}, 1);
  CHECK(y[0] == doctest::Approx(0.5));
  CHECK(y[1] == doctest::Approx(0.875));
  CHECK(y[2] == 1);
}

TEST_CASE("a hard swish after one output without a bias is recognized") {
  OnnxFile file =
      start().floats("w", {3, 1}, {1, 2, 3}).node("MatMul", {"x", "w"}, {"u"}).node("Add", {"u", "three"}, {"a"});
  file.node("Clip", {"a", "zero", "six"}, {"c"}).node("Mul", {"u", "c"}, {"m"}).node("Div", {"m", "six"}, {"y"});
  const Model model = read(file);
  REQUIRE(model.layers.size() == 1);
  CHECK(model.layers[0].activation == LF_HARD_SWISH);
  CHECK(model.layers[0].bias.empty());
}

TEST_CASE("a GELU of a GELU is recognized, though its input is spelled twice") {
  OnnxFile file = start().floats("scale", {}, {-0.66f}).node("Mul", {"x", "scale"}, {"u0"});
  for (const std::string i : {"0", "1"}) {
    file.node("Div", {"u" + i, "root"}, {"r" + i})
        .node("Erf", {"r" + i}, {"e" + i})
        .node("Add", {"e" + i, "one"}, {"g" + i});
    file.node("Mul", {"u" + i, "g" + i}, {"h" + i}).node("Mul", {"h" + i, "half"}, {i == "0" ? "u1" : "y"});
  }
  const Model model = read(file);
  REQUIRE(model.layers.size() == 2);
  for (const auto &layer : model.layers) CHECK(layer.activation == LF_GELU);
}

TEST_CASE("a function that is not an activation is refused by the name of its node") {
  const std::string erf = refusal(start().node("Erf", {"x"}, {"y"}, {}, "the erf"));
  CHECK(contains(erf, "the erf"));
  CHECK(contains(erf, "(Erf)"));
  const std::string mish = refusal(
      start().node("Softplus", {"x"}, {"s"}).node("Tanh", {"s"}, {"t"}).node("Mul", {"x", "t"}, {"y"}, {}, "mish"));
  CHECK(contains(mish, "node \"mish\" (Mul)"));
  const std::string square = refusal(start().node("Mul", {"x", "x"}, {"y"}, {}, "square"));
  CHECK(contains(square, "node \"square\" (Mul)"));
}
