// model.hpp: owners of models, options as structs, and errors that are thrown.
#include "support/files.hpp"

#include <lanefold/model.hpp>

#include <doctest/doctest.h>

#include <fstream>

using namespace lanefold;

namespace {

DenseLayer filled(int64_t k, int64_t n, bool batch_norm) {
  DenseLayer layer(k, n, {LF_ELU, 0.5f}, batch_norm);
  for (size_t i = 0; i < layer.w.size(); ++i) layer.w[i] = static_cast<float>(i % 7) - 3;
  for (size_t i = 0; i < layer.bias.size(); ++i) layer.bias[i] = static_cast<float>(i);
  if (batch_norm) layer.batch_norm->running_mean.assign(static_cast<size_t>(n), 0.5f);
  return layer;
}

template <class Body> std::string message_of(const Body &body) {
  try {
    body();
  } catch (const Error &error) {
    return error.what();
  }
  return "nothing thrown";
}

} // namespace

TEST_CASE("a model is made of layers, written, opened and run") {
  const test::TemporaryFolder folder;
  const Context context(1);
  const std::vector<DenseLayer> layers = {filled(6, 5, true), filled(5, 2, false)};
  Model model = Model::of(layers, {LF_OUTPUT_SOFTMAX, {"a", "b", "c", "d", "e", "f"}, {"no", "yes"}});
  model.set_text("training", "{\"epochs\": 3}");
  model.set_tensor("layers.0.w.m", {6, 5}, std::vector<float>(30, 2.0f));
  model.save(folder / "m.safetensors");
  model.save(folder / "m.onnx", {LF_FORMAT_GUESSED, context.get()});
  const Model own = Model::open(folder / "m.safetensors"), onnx = Model::open(folder / "m.onnx");
  const std::vector<const Model *> all = {&model, &own, &onnx};
  for (const Model *each : all) {
    const lf_model_info info = each->info();
    CHECK(info.features == 6);
    CHECK(info.outputs == 2);
    CHECK(info.output == LF_OUTPUT_SOFTMAX);
    CHECK(std::string(info.class_names[1]) == "yes");
  }
  CHECK(own.info().format == LF_FORMAT_SAFETENSORS);
  CHECK(std::string(own.info().feature_names[5]) == "f");
  CHECK(onnx.info().format == LF_FORMAT_ONNX);
  CHECK(own.text("training") == "{\"epochs\": 3}");
  CHECK_FALSE(own.text("other"));
  CHECK(own.tensor("layers.0.w.m") == std::vector<float>(30, 2.0f));
  CHECK_FALSE(own.tensor("layers.0.w.v"));
  CHECK(own.describe().find("\"epochs\"") != std::string::npos);
  const DenseLayer back = own.layer(0).trainable();
  CHECK(back.w == layers[0].w);
  CHECK(back.bias.empty());
  CHECK(back.batch_norm->running_mean == layers[0].batch_norm->running_mean);
  CHECK(back.activation.alpha == 0.5f);
  CHECK_FALSE(onnx.layer(0).batch_norm); // folded
  const std::vector<float> x = {1, -2, 3, -4, 5, -6};
  std::vector<float> y(2), logits(2), expected(2);
  context.network_infer(ConstMatrix(x.data(), 1, 6), context.make_network({layers[0], layers[1]}, LF_OUTPUT_SOFTMAX),
                        Matrix(expected.data(), 1, 2));
  for (const Model *each : all) {
    context.network_infer(ConstMatrix(x.data(), 1, 6), each->make_network(context.get()), Matrix(y.data(), 1, 2));
    CHECK(y == expected);
    context.network_infer(ConstMatrix(x.data(), 1, 6), each->make_network(context.get(), LF_LOGITS),
                          Matrix(logits.data(), 1, 2));
    CHECK(logits != y);
  }
  std::ifstream file(folder / "m.onnx", std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)), {});
  CHECK(Model::open(content.data(), content.size()).info().features == 6);
}

TEST_CASE("a tensor of any name comes back, with and without a training") {
  const test::TemporaryFolder folder;
  for (const bool has_training : {false, true}) {
    Model model = Model::of({filled(2, 3, false)});
    if (has_training) model.set_text("training", "{}");
    for (const char *name : {"my.extra", "layers.0.w.m", "layers.0.bias.v"}) model.set_tensor(name, {2}, {3, 4});
    model.save(folder / "m.safetensors");
    const Model back = Model::open(folder / "m.safetensors");
    for (const char *name : {"my.extra", "layers.0.w.m", "layers.0.bias.v"})
      CHECK(back.tensor(name) == std::vector<float>{3, 4});
    back.save(folder / "again.safetensors");
    CHECK(Model::open(folder / "again.safetensors").tensor("my.extra") == std::vector<float>{3, 4});
  }
}

TEST_CASE("structs of the C interface are checked before they are used") {
  const std::vector<float> w(6, 1.0f), zeros(3, 0.0f), ones(3, 1.0f);
  auto layer = args<lf_network_layer>();
  layer.k = 2, layer.n = 3, layer.w = w.data(), layer.ldw = 3;
  auto network = args<lf_network_args>();
  network.count = 1, network.layers = &layer;
  char message[400] = "";
  auto call = args<lf_model_create_args>();
  call.network = &network, call.message = message, call.message_size = sizeof message;
  const auto refused = [&](const char *what) {
    lf_model *model = nullptr;
    const lf_status status = lf_model_create(&call, &model);
    CAPTURE(message);
    CHECK(status != LF_OK);
    CHECK(model == nullptr);
    CHECK(std::string(message).find(what) != std::string::npos);
    lf_model_destroy(model);
  };
  const lf_network_layer good = layer;
  layer.flags = 0x8000u;
  refused("layers.0: flags has bits");
  layer = good, layer.flags = LF_ELEMENTWISE, layer.k = 3, layer.w = nullptr, layer.bias = zeros.data();
  refused("layers.0: bias is given; expected NULL with LF_ELEMENTWISE");
  layer = good, layer.ldw = 2;
  refused("layers.0: ldw is 2; expected at least 3");
  layer = good, layer.w = nullptr;
  refused("layers.0: w is NULL; expected weights");
  layer = good, layer.n = 0;
  refused("layers.0 has k = 2 and n = 0");
  layer = good;
  auto norm = args<lf_batch_norm>();
  norm.eps = 1, norm.gamma = ones.data(), norm.beta = zeros.data();
  norm.running_mean = const_cast<float *>(zeros.data());
  layer.batch_norm = &norm;
  refused("batch_norm.running_var is NULL");
  norm.struct_size = 8;
  refused("batch_norm.struct_size is too small");
  layer.batch_norm = nullptr, network.flags = 1;
  refused("network.flags has bits");
  network.flags = 0, network.output = 9;
  refused("network.output is 9; expected 0 to 2");
  network.output = 0;
  const char *const names[] = {"a", nullptr, "c"};
  call.class_names = names, call.classes = -1;
  refused("has -1 names of classes, but 3 outputs");
  call.classes = 3;
  refused("class_names[1] is NULL");
}

TEST_CASE("what goes wrong is thrown, with the name of the file or the argument") {
  const test::TemporaryFolder folder;
  const std::string missing = folder / "none";
  CHECK(message_of([&] { (void)Model::open(missing); }) == missing + ": no such file");
  CHECK(message_of([&] { (void)Model::open("x", 1); }).find("the model in memory: ") == 0);
  CHECK(message_of([&] { (void)Model::of({}); }) == "network has no layers");
  const std::vector<DenseLayer> layers = {filled(2, 3, false)};
  CHECK(message_of([&] {
          (void)Model::of(layers, {LF_OUTPUT_VALUES, {"a"}, {}});
        }) == "feature_names has 1 names; expected one for each feature");
  CHECK(message_of([&] {
          (void)Model::of({filled(2, 3, false), filled(4, 1, false)});
        }) == "layers.1 has 4 inputs, but what comes before it has 3 outputs");
  for (const int changed : {0, 1, 2, 3}) {
    DenseLayer layer = filled(4, 3, changed > 1);
    if (changed == 0) layer.w.pop_back();
    if (changed == 1) layer.bias.push_back(1);
    if (changed == 2) layer.batch_norm->running_var.clear();
    if (changed == 3) layer.outputs = 4;
    CHECK(message_of([&] { (void)Model::of({layer}); }) == "layers.0 has an array of another size than its layer");
  }
  Model model = Model::of(layers);
  CHECK(message_of([&] { model.set_text("format", "mine"); }).find("lf_model_set_text") == 0);
  CHECK(message_of([&] {
          model.set_tensor("a", {2, 3}, {1, 2});
        }) == "a: the shape needs another number of values than 2");
  CHECK(message_of([&] { model.save(missing + "/m.onnx"); }).find(missing + "/m.onnx: cannot be written: ") == 0);
  CHECK(message_of([&] { (void)model.layer(1); }).find("lf_model_get_layer") == 0);
  CHECK(message_of([&] { model.set_tensor("layers.0.bias", {3}, {1, 2, 3}); }).find("lf_model_set_tensor") == 0);
  model.set_text("network", "{\"features\": 2, \"layers\": [{\"units\": 4}]}");
  CHECK(message_of([&] { model.save(folder / "m.safetensors"); }).find("describes other layers") != std::string::npos);
  CHECK(folder.entries() == 0);
}

TEST_CASE("a normalization of the features is part of a model, and must have their number") {
  DenseLayer layer(2, 1);
  layer.w = {1, 10};
  BatchNorm norm(2);
  norm.running_mean = {1, 2};
  MakeOptions options;
  options.input_norm = &norm;
  const Model model = Model::of({layer}, options);
  CHECK(model.info().layers == 2);
  CHECK(model.layer(0).batch_norm.value().running_mean[1] == 2);
  norm.beta.resize(1);
  CHECK(message_of([&] { (void)Model::of({layer}, options); }) ==
        "input_norm has an array of another size than the features");
}

TEST_CASE("a model keeps a normalization of its outputs, folds it, and refuses one of another size") {
  DenseLayer layer(2, 1);
  layer.w = {1, 10}, layer.bias = {0.5f};
  BatchNorm norm(1);
  norm.gamma = {3}, norm.beta = {100}, norm.eps = 1e-30f;
  MakeOptions options;
  options.output_norm = &norm;
  const Model model = Model::of({layer}, options);
  CHECK(model.info().layers == 2);
  CHECK((model.layer(1).layer.flags & LF_ELEMENTWISE) != 0);
  const Context context;
  const float x[] = {1, 2};
  float y = 0;
  context.network_infer({x, 1, 2}, model.make_network(context.get()), {&y, 1, 1});
  CHECK(y == doctest::Approx(100 + 3 * 21.5).epsilon(1e-6));
  const test::TemporaryFolder folder;
  model.save(folder / "m.safetensors", {LF_FORMAT_GUESSED, context.get()});
  const Model folded = Model::open(folder / "m.safetensors");
  CHECK(folded.info().layers == 1);
  CHECK(folded.layer(0).trainable().w == std::vector<float>{3, 30});
  CHECK(folded.layer(0).trainable().bias == std::vector<float>{101.5f});
  norm.beta.resize(2);
  CHECK(message_of([&] { (void)Model::of({layer}, options); }) ==
        "output_norm has an array of another size than the outputs");
}
