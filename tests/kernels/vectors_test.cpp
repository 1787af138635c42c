// Every plugin gives the bits of the golden vectors (docs/golden_vectors.json), which docs/one_chain.py computes from
// docs/numerics.md alone.
#include "support/matrix.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>

using namespace lanefold;
using namespace lanefold::test;
using Json = nlohmann::json;

namespace {

float float_of(const Json &bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(std::stoul(bits.get<std::string>(), nullptr, 16)));
}

PaddedMatrix matrix_of(const Json &array) {
  const auto bits = array.at("bits").get<std::string>();
  PaddedMatrix x(array.at("rows").get<int64_t>(), array.at("columns").get<int64_t>(), 3);
  REQUIRE(static_cast<int64_t>(bits.size()) == 8 * x.rows() * x.columns());
  return x.fill(
      [&](int64_t i, int64_t j) { return float_of(bits.substr(static_cast<size_t>(8 * (i * x.columns() + j)), 8)); });
}

int32_t code_of(const std::string &word) {
  static const std::map<std::string, int32_t> codes = {{"identity", LF_IDENTITY},
                                                       {"relu", LF_RELU},
                                                       {"leaky-relu", LF_LEAKY_RELU},
                                                       {"elu", LF_ELU},
                                                       {"selu", LF_SELU},
                                                       {"tanh", LF_TANH},
                                                       {"logistic", LF_LOGISTIC},
                                                       {"relu6", LF_RELU6},
                                                       {"softplus", LF_SOFTPLUS},
                                                       {"hard-sigmoid", LF_HARD_SIGMOID},
                                                       {"silu", LF_SILU},
                                                       {"hard-swish", LF_HARD_SWISH},
                                                       {"gelu", LF_GELU},
                                                       {"gelu-tanh", LF_GELU_TANH},
                                                       {"sgd", LF_SGD},
                                                       {"momentum", LF_MOMENTUM},
                                                       {"adam", LF_ADAM},
                                                       {"nesterov", LF_NESTEROV}};
  return codes.at(word);
}

// A vector has arguments, and arrays that are found by name.  A result begins as NaN, or as the input of the same name.
class GoldenVector {
public:
  explicit GoldenVector(const Json &json) : args_(json.value("args", Json::object())), out_(json.at("out")) {
    for (const auto &[name, array] : json.at("in").items()) arrays_.emplace(name, matrix_of(array));
    for (const auto &[name, array] : out_.items())
      if (array.is_object() && !has(name))
        arrays_.emplace(name, PaddedMatrix(array["rows"].get<int64_t>(), array["columns"].get<int64_t>(), 5).nan());
  }

  bool has(const std::string &name) const { return arrays_.contains(name); }
  PaddedMatrix &at(const std::string &name) { return arrays_.at(name); }
  float *data(const std::string &name) { return has(name) ? at(name).data() : nullptr; }
  int64_t stride(const std::string &name) { return has(name) ? at(name).stride() : 0; }

  bool flag(const std::string &name) const { return args_.value(name, 0) != 0; }
  bool is_given(const std::string &argument) const { return args_.contains(argument); }
  int64_t batch_rows() const { return args_.value("batch_rows", int64_t{0}); }
  Part part() const { return {number("first_row"), batch_rows()}; }
  int64_t number(const std::string &name) const { return args_.at(name).get<int64_t>(); }
  float real(const std::string &name) const { return args_.contains(name) ? float_of(args_[name]) : 0.0f; }
  int32_t code(const std::string &name) const { return code_of(args_.at(name).get<std::string>()); }
  int32_t loss() const {
    const std::vector<std::string> words = {"squared", "absolute", "huber", "logistic"}; // in the order of the codes
    return static_cast<int32_t>(std::find(words.begin(), words.end(), args_.at("function")) - words.begin());
  }
  std::vector<uint32_t> rows() const { return args_.at("rows").get<std::vector<uint32_t>>(); }
  std::vector<int32_t> labels() const { return args_.at("labels").get<std::vector<int32_t>>(); }

  lf_batch_norm batch_norm() {
    auto bn = args<lf_batch_norm>();
    bn.flags = flag("unbiased") ? LF_UNBIASED_RUNNING_VAR : 0;
    bn.eps = args_.contains("eps") ? real("eps") : 1e-3f, bn.momentum = real("momentum");
    bn.gamma = data("gamma"), bn.beta = data("beta");
    bn.running_mean = data("running_mean"), bn.running_var = data("running_var");
    bn.mean = data("mean"), bn.inv_std = data("inv_std");
    return bn;
  }

  void check() {
    for (const auto &item : out_.items()) {
      const std::string &name = item.key();
      const Json &array = item.value();
      if (!array.is_object()) continue;
      CAPTURE(name);
      CHECK(differing(at(name), matrix_of(array)) == 0);
      CHECK(at(name).gaps_untouched());
    }
  }

private:
  Json args_, out_;
  std::map<std::string, PaddedMatrix> arrays_;
};

void sgemm(const Context &context, GoldenVector &v, const Json &) {
  auto a = args<lf_sgemm_args>();
  a.flags = (v.flag("transpose_a") ? LF_TRANSPOSE_A : 0u) | (v.flag("transpose_b") ? LF_TRANSPOSE_B : 0u);
  a.m = v.number("m"), a.n = v.number("n"), a.k = v.number("k"), a.alpha = v.real("alpha"), a.beta = v.real("beta");
  a.a = v.data("a"), a.lda = v.stride("a"), a.b = v.data("b"), a.ldb = v.stride("b");
  a.c = v.data("c"), a.ldc = v.stride("c");
  context.sgemm(a);
}

void activation_forward(const Context &context, GoldenVector &v, const Json &) {
  auto a = args<lf_activation_forward_args>();
  a.m = v.at("x").rows(), a.n = v.at("x").columns(), a.activation = v.code("activation"), a.alpha = v.real("alpha");
  a.x = v.data("x"), a.ldx = v.stride("x"), a.y = v.data("y"), a.ldy = v.stride("y");
  context.activation_forward(a);
}

void activation_backward(const Context &context, GoldenVector &v, const Json &) {
  auto a = args<lf_activation_backward_args>();
  a.m = v.at("dy").rows(), a.n = v.at("dy").columns();
  a.activation = v.code("activation"), a.alpha = v.real("alpha");
  a.y = v.data("y"), a.ldy = v.stride("y"), a.x = v.data("x"), a.ldx = v.stride("x");
  a.dy = v.data("dy"), a.lddy = v.stride("dy"), a.dx = v.data("dx"), a.lddx = v.stride("dx");
  context.activation_backward(a);
}

void batch_norm_forward(const Context &context, GoldenVector &v, const Json &) {
  const lf_batch_norm bn = v.batch_norm();
  auto a = args<lf_batch_norm_forward_args>();
  a.flags = (v.flag("training") ? LF_TRAINING : 0) | (v.flag("of_batch") ? LF_BATCH_STATISTICS : 0);
  a.m = v.at("x").rows(), a.n = v.at("x").columns(), a.batch_norm = &bn;
  a.x = v.data("x"), a.ldx = v.stride("x"), a.y = v.data("y"), a.ldy = v.stride("y");
  if (v.is_given("activation")) a.activation = v.code("activation"), a.alpha = v.real("alpha");
  context.batch_norm_forward(a);
}

void batch_norm_backward(const Context &context, GoldenVector &v, const Json &) {
  const lf_batch_norm bn = v.batch_norm();
  auto a = args<lf_batch_norm_backward_args>();
  a.flags = v.flag("of_batch") ? LF_BATCH_STATISTICS : 0, a.batch_rows = v.batch_rows();
  a.m = v.at("x").rows(), a.n = v.at("x").columns(), a.batch_norm = &bn;
  a.x = v.data("x"), a.ldx = v.stride("x"), a.dy = v.data("dy"), a.lddy = v.stride("dy");
  a.dx = v.data("dx"), a.lddx = v.stride("dx"), a.dgamma = v.data("dgamma"), a.dbeta = v.data("dbeta");
  context.batch_norm_backward(a);
}

void batch_norm_moments(const Context &context, GoldenVector &v, const Json &) {
  const Vector moments(v.data("moments"), v.at("moments").columns());
  context.batch_norm_moments(v.part(), v.at("x"), moments, v.flag("second_pass"));
}

void batch_norm_merge(const Context &context, GoldenVector &v, const Json &) {
  const lf_batch_norm bn = v.batch_norm();
  auto a = args<lf_batch_norm_merge_args>();
  a.n = v.at("merged").columns() / 3, a.first_block = v.number("first_block"), a.blocks = v.number("blocks");
  a.batch_rows = v.batch_rows(), a.moments = v.data("moments"), a.merged = v.data("merged");
  a.batch_norm = v.has("mean") ? &bn : nullptr;
  context.batch_norm_merge(a);
}

void column_sums(const Context &context, GoldenVector &v, const Json &) {
  const lf_batch_norm bn = v.batch_norm();
  auto a = args<lf_column_sums_args>();
  a.m = v.at("dy").rows(), a.n = v.at("dy").columns();
  a.first_row = v.number("first_row"), a.batch_rows = v.batch_rows();
  a.dy = v.data("dy"), a.lddy = v.stride("dy"), a.x = v.data("x"), a.ldx = v.stride("x"), a.sums = v.data("sums");
  a.batch_norm = v.has("mean") ? &bn : nullptr;
  context.column_sums(a);
}

void fold_batch_norm(const Context &context, GoldenVector &v, const Json &) {
  const lf_batch_norm bn = v.batch_norm();
  auto a = args<lf_fold_batch_norm_args>();
  a.k = v.at("w").rows(), a.n = v.at("w").columns(), a.batch_norm = &bn, a.largest_x = v.real("largest_x");
  a.w = v.data("w"), a.ldw = v.stride("w"), a.bias = v.data("bias");
  a.folded_w = v.data("folded_w"), a.ldfolded_w = v.stride("folded_w");
  a.folded_bias = v.data("folded_bias"), a.error_bound = v.data("error_bound");
  context.fold_batch_norm(a);
}

void dense_forward(const Context &context, GoldenVector &v, const Json &json) {
  const lf_batch_norm bn = v.batch_norm();
  auto a = args<lf_dense_forward_args>();
  a.flags = v.flag("training") ? LF_TRAINING : 0;
  a.m = v.at("x").rows(), a.k = v.at("x").columns(), a.n = v.at("w").columns();
  a.x = v.data("x"), a.ldx = v.stride("x"), a.w = v.data("w"), a.ldw = v.stride("w"), a.bias = v.data("bias");
  a.batch_norm = v.has("gamma") ? &bn : nullptr;
  a.activation = v.code("activation"), a.alpha = v.real("alpha");
  a.z = v.data("z"), a.ldz = v.stride("z"), a.y = v.data("y"), a.ldy = v.stride("y");
  context.dense_forward(a);
  if (v.has("gamma")) return;
  // The same layer again, by inference on packed weights and as a network of one layer.
  auto pack = args<lf_pack_weights_args>();
  pack.n = a.n, pack.k = a.k, pack.w = a.w, pack.ldw = a.ldw;
  PaddedMatrix y(a.m, a.n), network_y(a.m, a.n);
  auto infer = args<lf_dense_infer_args>();
  infer.m = a.m, infer.n = a.n, infer.k = a.k, infer.x = a.x, infer.ldx = a.ldx, infer.bias = a.bias;
  infer.activation = a.activation, infer.alpha = a.alpha, infer.y = y.data(), infer.ldy = y.stride();
  context.dense_infer(infer, context.pack_weights(pack));
  CHECK(differing(y, matrix_of(json["out"]["y"])) == 0);
  auto layer = args<lf_network_layer>();
  layer.n = a.n, layer.k = a.k, layer.w = a.w, layer.ldw = a.ldw, layer.bias = a.bias;
  layer.activation = a.activation, layer.alpha = a.alpha;
  auto network = args<lf_network_args>();
  network.count = 1, network.layers = &layer;
  auto whole = args<lf_network_infer_args>();
  whole.m = a.m, whole.x = a.x, whole.ldx = a.ldx, whole.y = network_y.data(), whole.ldy = network_y.stride();
  context.network_infer(whole, context.make_network(network));
  CHECK(differing(network_y, matrix_of(json["out"]["y"])) == 0);
}

void dense_backward(const Context &context, GoldenVector &v, const Json &) {
  const lf_batch_norm bn = v.batch_norm();
  auto a = args<lf_dense_backward_args>();
  a.m = v.at("x").rows(), a.k = v.at("x").columns(), a.n = v.at("w").columns();
  PaddedMatrix updated = v.at("w");
  a.x = v.data("x"), a.ldx = v.stride("x"), a.w = v.data("w"), a.ldw = v.stride("w");
  a.z = v.data("z"), a.ldz = v.stride("z"), a.y = v.data("y"), a.ldy = v.stride("y");
  a.dy = v.data("dy"), a.lddy = v.stride("dy"), a.dw = v.data("dw"), a.lddw = v.stride("dw");
  a.dx = v.data("dx"), a.lddx = v.stride("dx"), a.dbias = v.data("dbias");
  if (v.has("gamma")) a.batch_norm = &bn, a.dgamma = v.data("dgamma"), a.dbeta = v.data("dbeta");
  a.activation = v.code("activation"), a.alpha = v.real("alpha");
  a.updated_w = updated.data(), a.learning_rate = v.real("learning_rate");
  context.dense_backward(a);
  v.at("updated_w").fill([&](int64_t i, int64_t j) { return updated(i, j); });
}

void softmax(const Context &context, GoldenVector &v, const Json &) {
  context.softmax(v.at("x"), v.at("y"), v.flag("logarithm"));
}

void softmax_cross_entropy(const Context &context, GoldenVector &v, const Json &) {
  const auto labels = v.labels();
  auto a = args<lf_softmax_cross_entropy_args>();
  a.m = v.at("x").rows(), a.n = v.at("x").columns(), a.labels = labels.data();
  a.x = v.data("x"), a.ldx = v.stride("x"), a.loss = v.data("loss"), a.dx = v.data("dx"), a.lddx = v.stride("dx");
  a.weights = v.data("weights"), a.batch_rows = v.batch_rows(), a.losses = v.data("losses");
  context.softmax_cross_entropy(a);
}

void elementwise_loss(const Context &context, GoldenVector &v, const Json &) {
  auto a = args<lf_elementwise_loss_args>();
  a.function = v.loss(), a.delta = v.real("delta"), a.m = v.at("x").rows(), a.n = v.at("x").columns();
  a.x = v.data("x"), a.ldx = v.stride("x"), a.targets = v.data("targets"), a.ldtargets = v.stride("targets");
  a.weights = v.data("weights"), a.loss = v.data("loss"), a.dx = v.data("dx"), a.lddx = v.stride("dx");
  a.batch_rows = v.batch_rows(), a.losses = v.data("losses");
  context.elementwise_loss(a);
}

void dropout(const Context &context, GoldenVector &v, const Json &) {
  auto a = args<lf_dropout_args>();
  a.m = v.at("x").rows(), a.n = v.at("x").columns(), a.rate = v.real("rate"), a.first_row = v.number("first_row");
  a.seed = static_cast<uint64_t>(v.number("seed")), a.stream = static_cast<uint64_t>(v.number("stream"));
  a.x = v.data("x"), a.ldx = v.stride("x"), a.y = v.data("y"), a.ldy = v.stride("y");
  context.dropout(a);
}

void top_k_correct(const Context &context, GoldenVector &v, const Json &json) {
  const auto labels = v.labels();
  int64_t correct = -1;
  auto a = args<lf_top_k_correct_args>();
  a.m = v.at("x").rows(), a.n = v.at("x").columns(), a.k = v.number("k"), a.labels = labels.data(),
  a.correct = &correct;
  a.x = v.data("x"), a.ldx = v.stride("x");
  context.top_k_correct(a);
  CHECK(correct == json["out"]["correct"].get<int64_t>());
}

void optimizer_step(const Context &context, GoldenVector &v, const Json &) {
  auto a = args<lf_optimizer_step_args>();
  a.optimizer = v.code("optimizer"), a.n = v.at("w").columns(), a.step = v.number("step");
  a.learning_rate = v.real("learning_rate"), a.momentum = v.real("momentum");
  a.beta2 = v.real("beta2"), a.eps = v.real("eps"), a.weight_decay = v.real("weight_decay");
  a.w = v.data("w"), a.g = v.data("g"), a.m = v.data("m"), a.v = v.data("v");
  context.optimizer_step(a);
}

void gather(const Context &context, GoldenVector &v, const Json &) {
  PaddedMatrix &x = v.at("x"), &y = v.at("y");
  std::vector<uint8_t> bytes(static_cast<size_t>(x.rows() * x.columns()));
  for (int64_t i = 0; i < x.rows(); ++i)
    for (int64_t j = 0; j < x.columns(); ++j)
      bytes[static_cast<size_t>(i * x.columns() + j)] = static_cast<uint8_t>(x(i, j));
  const std::vector<uint32_t> rows = v.rows();
  auto a = args<lf_gather_args>();
  a.m = y.rows(), a.n = y.columns(), a.count = x.rows(), a.x = bytes.data(), a.ldx = x.columns();
  a.rows = rows.data(), a.divisor = v.real("divisor"), a.y = y.data(), a.ldy = y.stride();
  context.gather(a);
}

const std::map<std::string, void (*)(const Context &, GoldenVector &, const Json &)> operations = {
    {"sgemm", sgemm},
    {"activation_forward", activation_forward},
    {"activation_backward", activation_backward},
    {"batch_norm_forward", batch_norm_forward},
    {"batch_norm_backward", batch_norm_backward},
    {"fold_batch_norm", fold_batch_norm},
    {"dense_forward", dense_forward},
    {"dense_backward", dense_backward},
    {"softmax_cross_entropy", softmax_cross_entropy},
    {"top_k_correct", top_k_correct},
    {"optimizer_step", optimizer_step},
    {"gather", gather},
    {"softmax", softmax},
    {"elementwise_loss", elementwise_loss},
    {"dropout", dropout},
    {"batch_norm_moments", batch_norm_moments},
    {"batch_norm_merge", batch_norm_merge},
    {"column_sums", column_sums}};

} // namespace

TEST_CASE("every golden vector is computed to the bit") {
  const Json file = Json::parse(std::ifstream(LANEFOLD_GOLDEN_VECTORS));
  REQUIRE(file.at("format") == "lanefold-vectors-2");
  std::map<std::string, int> seen;
  for (const int threads : {1, 3}) {
    const Context context = lanefold::test::context(threads);
    int number = 0;
    for (const Json &json : file.at("cases")) {
      const auto op = json.at("op").get<std::string>();
      CAPTURE(op);
      CAPTURE(number);
      CAPTURE(json.value("args", Json()).dump());
      GoldenVector vector(json);
      operations.at(op)(context, vector, json);
      vector.check();
      ++seen[op];
      ++number;
    }
  }
  for (const auto &operation : operations) {
    CAPTURE(operation.first);
    CHECK(seen[operation.first] > 0);
  }
}
