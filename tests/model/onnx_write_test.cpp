// What the writer writes, the reader reads back bit for bit.
#include "onnx_support.hpp"

#include <lanefold/model.h>

#include <numeric>

using namespace lanefold::test;
using lanefold::model::Layer;
using lanefold::model::Model;
using lanefold::model::Norm;
using lanefold::model::Tensor;

namespace {

Tensor numbers(int64_t count, float first) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = first + 0.1f * static_cast<float>(i % 7);
  return Tensor({count}, values);
}

Norm norm_of(int64_t n, float first) {
  Norm norm;
  norm.eps = 0.003f, norm.momentum = 0.95f, norm.unbiased = true;
  norm.gamma = numbers(n, first), norm.beta = numbers(n, first + 1);
  norm.mean = numbers(n, first + 2), norm.var = numbers(n, first + 3);
  return norm;
}

Layer layer_of(int64_t k, int64_t n, int32_t activation) {
  Layer layer;
  layer.name = "layer";
  layer.k = k, layer.n = n;
  layer.w = numbers(k * n, -0.3f);
  layer.activation = activation;
  return layer;
}

void check_same(const Tensor &a, const Tensor &b) { CHECK(a.read() == b.read()); }

void check_same(const Model &a, const Model &b) {
  REQUIRE(a.layers.size() == b.layers.size());
  for (size_t i = 0; i < a.layers.size(); ++i) {
    const Layer &x = a.layers[i], &y = b.layers[i];
    CHECK(x.k == y.k);
    CHECK(x.n == y.n);
    CHECK(x.transposed == y.transposed);
    CHECK(x.activation == y.activation);
    CHECK(x.alpha == y.alpha);
    check_same(x.w, y.w), check_same(x.bias, y.bias);
    REQUIRE(x.norm.has_value() == y.norm.has_value());
    if (!x.norm) continue;
    CHECK(x.norm->eps == y.norm->eps);
    CHECK(x.norm->momentum == y.norm->momentum);
    CHECK(x.norm->unbiased == y.norm->unbiased);
    check_same(x.norm->gamma, y.norm->gamma), check_same(x.norm->beta, y.norm->beta);
    check_same(x.norm->mean, y.norm->mean), check_same(x.norm->var, y.norm->var);
  }
  CHECK(a.output == b.output);
  CHECK(a.feature_names == b.feature_names);
  CHECK(a.class_names == b.class_names);
}

} // namespace

TEST_CASE("a network with every activation comes back bit for bit") {
  Model model;
  model.features = 5;
  Layer scaling;
  scaling.name = "scaling";
  scaling.k = scaling.n = 5;
  scaling.norm = lanefold::model::affine({1, 2, 3, 4, 5}, {5, -4000.3, 3, 200.7, 1});
  model.layers.push_back(scaling);
  for (int32_t activation = 0; activation < LF_ACTIVATION_COUNT; ++activation) {
    Layer layer = layer_of(activation % 2 ? 3 : 5, activation % 2 ? 5 : 3, activation);
    layer.transposed = activation % 3 == 0;
    if (activation % 3 != 1) layer.bias = numbers(layer.n, 0.7f);
    if (activation % 4 < 2) layer.norm = norm_of(layer.n, 0.2f);
    const bool has_alpha = activation == LF_LEAKY_RELU || activation == LF_ELU || activation == LF_HARD_SIGMOID;
    if (has_alpha) layer.alpha = 0.17f;
    model.layers.push_back(layer);
  }
  model.feature_names = {"a", "b\"", "c", "d", "\xc3\xa4"};
  model.class_names = {"1", "2", "3", "4", "5"};
  model.output = 2;
  model.class_names.resize(static_cast<size_t>(model.outputs()));
  const Model back = read(lanefold::model::write_onnx(model));
  check_same(model, back);
  CHECK(back.producer == "lanefold 0.1.0");
}

TEST_CASE("a tiny scale after a GELU comes back") {
  Model model;
  model.features = 3;
  model.layers.push_back(layer_of(3, 4, LF_GELU));
  Layer scaling;
  scaling.name = "scaling";
  scaling.k = scaling.n = 4;
  scaling.norm = lanefold::model::affine(std::vector<double>(4, 1.9e-38), std::vector<double>(4));
  model.layers.push_back(scaling);
  model.layers.push_back(layer_of(4, 2, LF_IDENTITY));
  check_same(model, read(lanefold::model::write_onnx(model)));
}

TEST_CASE("a layer that does nothing comes back") {
  Model model;
  model.features = 4;
  Layer layer;
  layer.k = layer.n = 4;
  model.layers.push_back(layer);
  for (const int32_t output : {0, 1}) {
    model.output = output;
    check_same(model, read(lanefold::model::write_onnx(model)));
  }
}

TEST_CASE("two classes on one output come back") {
  Model model;
  model.features = 2;
  model.layers.push_back(layer_of(2, 1, LF_LOGISTIC));
  model.class_names = {"no", "yes"};
  check_same(model, read(lanefold::model::write_onnx(model)));
}

TEST_CASE("the unbiased variance stays with its batch normalization when the reader merges layers") {
  Model model;
  model.features = 5;
  model.layers.push_back(layer_of(5, 3, LF_IDENTITY));
  for (const bool unbiased : {true, false, true}) {
    Layer scaling;
    scaling.k = scaling.n = 3;
    scaling.norm = norm_of(3, 0.2f);
    scaling.norm->unbiased = unbiased;
    model.layers.push_back(scaling);
  }
  const Model back = read(lanefold::model::write_onnx(model));
  REQUIRE(back.layers.size() == 3);
  CHECK(back.layers[0].norm->unbiased);
  CHECK_FALSE(back.layers[1].norm->unbiased);
  CHECK(back.layers[2].norm->unbiased);
}

TEST_CASE("a flag of another program is ignored, whatever it is") {
  for (const std::string text : {"[0]", "[\"\"]", "[\"bm\", 3]", "{\"bn\": 1}", "bn", "[\"bn\""}) {
    OnnxFile file = small_file().floats("one", {3}, {1, 1, 1}).metadata("unbiased_variance", text);
    file.node("BatchNormalization", {"x", "one", "one", "one", "one"}, {"n"}, {}, "bn");
    file.node("BatchNormalization", {"n", "one", "one", "one", "one"}, {"y"});
    const Model model = read(file);
    for (const Layer &layer : model.layers) CHECK_FALSE(layer.norm->unbiased);
  }
}
