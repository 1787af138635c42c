// liblanefold_model through its C calls: files of each format become the same network, and back.
#include "support/files.hpp"
#include "support/reference.hpp"

#include <lanefold/model.h>

#include <cstring>
#include <string>

using namespace lanefold;
using namespace lanefold::test;

namespace {

struct ModelDestroyer {
  void operator()(lf_model *model) const { lf_model_destroy(model); }
};
using ModelPointer = std::unique_ptr<lf_model, ModelDestroyer>;

// A network of two layers: BN and ELU, then logits with a bias.
struct Parts {
  explicit Parts(uint64_t seed, int32_t activation = LF_ELU) : code(activation) {
    Random random(seed);
    for (PaddedMatrix *each : {&w1, &w2, &beta, &mean, &bias}) each->random(random);
    for (PaddedMatrix *each : {&gamma, &var}) each->random(random, 0.5f, 2);
  }

  ModelPointer make(int32_t output = LF_OUTPUT_VALUES) {
    auto norm = args<lf_batch_norm>();
    norm.eps = 1e-3f, norm.momentum = 0.9f, norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = mean.data(), norm.running_var = var.data();
    lf_network_layer layers[2] = {args<lf_network_layer>(), args<lf_network_layer>()};
    layers[0].k = 20, layers[0].n = 7, layers[0].w = w1.data(), layers[0].ldw = 7, layers[0].batch_norm = &norm;
    layers[0].activation = code, layers[0].alpha = 1;
    layers[1].k = 7, layers[1].n = 3, layers[1].w = w2.data(), layers[1].ldw = 3, layers[1].bias = bias.data();
    layers[1].alpha = 1;
    auto network = args<lf_network_args>();
    network.count = 2, network.layers = layers, network.output = output;
    auto create = args<lf_model_create_args>();
    create.network = &network;
    lf_model *model = nullptr;
    REQUIRE(lf_model_create(&create, &model) == LF_OK);
    return ModelPointer(model);
  }

  int32_t code;
  PaddedMatrix w1{20, 7}, w2{7, 3}, gamma{1, 7}, beta{1, 7}, mean{1, 7}, var{1, 7}, bias{1, 3};
};

std::string save(const lf_model *model, const std::string &path, int32_t format = LF_FORMAT_GUESSED,
                 lf_context *context = nullptr) {
  char message[512] = "";
  auto save_args = args<lf_model_save_args>();
  save_args.path = path.c_str(), save_args.format = format, save_args.flags = context != nullptr ? LF_FOLDED : 0;
  save_args.message = message, save_args.message_size = sizeof message;
  lf_model_save(context, model, &save_args);
  return message;
}

struct Opened {
  ModelPointer model;
  lf_status status = LF_OK;
  std::string message;
};
Opened open(const std::string &path, uint32_t flags = 0, const char *network = nullptr) {
  char message[512] = "";
  auto open_args = args<lf_model_open_args>();
  open_args.path = path.c_str(), open_args.flags = flags, open_args.network = network;
  open_args.message = message, open_args.message_size = sizeof message;
  lf_model *model = nullptr;
  const lf_status status = lf_model_open(&open_args, &model);
  return {ModelPointer(model), status, message};
}

PaddedMatrix outputs_of(const Context &context, const lf_model *model, const PaddedMatrix &x) {
  auto info = args<lf_model_info>();
  REQUIRE(lf_model_get_info(model, &info) == LF_OK);
  auto make = args<lf_model_network_args>();
  lf_network *network = nullptr;
  REQUIRE(lf_model_create_network(context.get(), model, &make, &network) == LF_OK);
  const InferenceNetwork owner(network);
  PaddedMatrix y(x.rows(), info.outputs);
  context.network_infer(x, owner, y);
  return y;
}

PaddedMatrix some_rows(int64_t m) {
  Random random(5);
  PaddedMatrix x(m, 20);
  return x.random(random), x;
}

} // namespace

TEST_CASE("a model in safetensors and in ONNX, as it was trained or folded, gives the same bits") {
  const TemporaryFolder folder;
  const Context context(1);
  const PaddedMatrix x = some_rows(33);
  for (int32_t code = 0; code < LF_ACTIVATION_COUNT; ++code)
    for (const int32_t output : {LF_OUTPUT_VALUES, LF_OUTPUT_SOFTMAX, LF_OUTPUT_LOG_SOFTMAX}) {
      CAPTURE(activation_name(code));
      Parts parts(11, code);
      const ModelPointer model = parts.make(output);
      const PaddedMatrix expected = outputs_of(context, model.get(), x);
      for (const char *name : {"a.safetensors", "a.onnx"})
        for (const bool folds : {false, true}) {
          CAPTURE(name);
          CAPTURE(folds);
          CHECK(save(model.get(), folder / name, LF_FORMAT_GUESSED, folds ? context.get() : nullptr) == "");
          const Opened back = open(folder / name);
          CHECK(back.message == "");
          if (back.model) CHECK(differing(outputs_of(context, back.model.get(), x), expected) == 0);
        }
    }
}

TEST_CASE("a state_dict comes back with every bit, whatever PyTorch calls its modules") {
  const TemporaryFolder folder;
  const Context context(1);
  Parts parts(12);
  const ModelPointer model = parts.make();
  CHECK(save(model.get(), folder / "w.safetensors", LF_FORMAT_STATE_DICT) == "");
  const Opened described = open(folder / "w.safetensors"); // by its metadata
  REQUIRE(described.model);
  const Opened back = open(folder / "w.safetensors", 0,
                           R"({"layers": [{"units": 7, "batch_norm": "on", "bn_eps": 0.001},
                                          {"units": 3, "batch_norm": "off"}]})");
  CHECK(back.message == "");
  REQUIRE(back.model);
  const PaddedMatrix x = some_rows(9);
  CHECK(differing(outputs_of(context, back.model.get(), x), outputs_of(context, model.get(), x)) == 0);
  CHECK(differing(outputs_of(context, described.model.get(), x), outputs_of(context, model.get(), x)) == 0);
  const Opened wrong = open(folder / "w.safetensors", 0, R"({"layers": [{"units": 8}, {"units": 3}]})");
  CHECK(wrong.message.find("0.weight is 7 x 20, but layer 0 of the description has 8 units") != std::string::npos);
}

TEST_CASE("texts and tensors are stored beside the network") {
  const TemporaryFolder folder;
  Parts parts(13);
  const ModelPointer model = parts.make();
  const float state[7] = {1, 2, 3, 4, 5, 6, 7};
  auto tensor = args<lf_model_tensor>();
  tensor.rank = 1, tensor.name = "layers.0.gamma.m", tensor.rows = 7, tensor.columns = 1, tensor.values = state;
  CHECK(lf_model_set_tensor(model.get(), &tensor) == LF_OK);
  CHECK(lf_model_set_text(model.get(), "training", "{}") == LF_OK);
  CHECK(lf_model_set_text(model.get(), "format", "mine") == LF_INVALID_ARGUMENT);
  CHECK(save(model.get(), folder / "a.safetensors") == "");
  const Opened back = open(folder / "a.safetensors");
  REQUIRE(back.model);
  CHECK(std::string(lf_model_get_text(back.model.get(), "training")) == "{}");
  auto found = args<lf_model_tensor>();
  REQUIRE(lf_model_get_tensor(back.model.get(), "layers.0.gamma.m", &found) == LF_OK);
  CHECK(std::memcmp(found.values, state, sizeof state) == 0);
  CHECK(lf_model_get_tensor(back.model.get(), "nothing", &found) == LF_INVALID_ARGUMENT);
}

TEST_CASE("bad files get a message that names the file and the place") {
  const TemporaryFolder folder;
  CHECK(open(folder / "none.onnx").message == (folder / "none.onnx") + ": no such file");
  CHECK(open(folder.path()).message == folder.path() + ": is a folder; expected a file");
  Parts parts(14);
  parts.w2(1, 1) = NAN;
  lf_network_layer layer = args<lf_network_layer>();
  layer.k = 7, layer.n = 3, layer.w = parts.w2.data(), layer.ldw = 3, layer.alpha = 1;
  auto network = args<lf_network_args>();
  network.count = 1, network.layers = &layer;
  char message[200] = "";
  auto create = args<lf_model_create_args>();
  create.network = &network, create.message = message, create.message_size = sizeof message;
  lf_model *model = nullptr;
  CHECK(lf_model_create(&create, &model) == LF_INVALID_ARGUMENT);
  CHECK(model == nullptr);
  CHECK(std::string(message).find("layers.0.w holds the value ") != std::string::npos);
}
