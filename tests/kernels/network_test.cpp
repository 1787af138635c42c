// A whole network in one call gives the bits of one call for each layer, for any batch and any number of threads.
#include "support/dense.hpp"

#include <memory>

using namespace lanefold;
using namespace lanefold::test;

namespace {

// A network, and the same layers for one call each.
class Chain {
public:
  Chain(const std::vector<int64_t> &widths, bool with_norm, Random &random) : widths_(widths) {
    for (size_t i = 0; i + 1 < widths.size(); ++i) {
      layers_.push_back(std::make_unique<Layer>(1, widths[i + 1], widths[i], random, static_cast<int64_t>(i)));
      Layer &layer = *layers_.back();
      layer.with_bias = i % 2 == 0;
      layer.with_norm = with_norm;
      layer.activation = static_cast<int32_t>((i + 3) % LF_ACTIVATION_COUNT);
      layer.alpha = 0.75f;
      transposed_.emplace_back(layer.w.columns(), layer.w.rows(), 2);
      transposed_.back().fill([&](int64_t r, int64_t c) { return layer.w(c, r); });
    }
  }

  InferenceNetwork make(const Context &context, bool transpose) {
    std::vector<lf_network_layer> descriptions;
    for (size_t i = 0; i < layers_.size(); ++i) {
      Layer &from = *layers_[i];
      auto &to = descriptions.emplace_back(args<lf_network_layer>());
      const PaddedMatrix &w = transpose ? transposed_[i] : from.w;
      to.flags = transpose ? LF_TRANSPOSE_B : 0;
      to.n = widths_[i + 1], to.k = widths_[i];
      to.w = w.data(), to.ldw = w.stride();
      to.bias = from.with_bias ? from.bias.data() : nullptr;
      to.batch_norm = from.with_norm ? &from.norm() : nullptr;
      to.activation = from.activation, to.alpha = from.alpha;
    }
    auto a = args<lf_network_args>();
    a.count = static_cast<int64_t>(descriptions.size()), a.layers = descriptions.data();
    return context.make_network(a);
  }

  // One call for each layer, after calls that fold and pack its weights.
  PaddedMatrix one_by_one(const Context &context, const PaddedMatrix &x) {
    PaddedMatrix input = x;
    for (const auto &layer : layers_) {
      Layer folded = *layer;
      folded.x = input, folded.y = PaddedMatrix(input.rows(), layer->w.columns());
      if (layer->with_norm) {
        context.fold_batch_norm(layer->w, layer->optional_bias(), layer->norm_view(), folded.w, folded.bias.vector());
        folded.with_bias = true;
      }
      folded.infer(context, pack(context, folded.w, false));
      input = folded.y;
    }
    return input;
  }

private:
  std::vector<int64_t> widths_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<PaddedMatrix> transposed_;
};

} // namespace

TEST_CASE("a network gives the bits of its layers, for any batch, number of threads, depth and layout of the weights") {
  const Context one = context(1), three = context(3);
  Random random(71);
  for (const auto &widths : std::vector<std::vector<int64_t>>{
           {784, 300, 100, 10}, {5, 7}, {1, 1, 1}, {33, 17, 64, 3, 20}, {40, 1024, 31}, {20, 30, 1030, 4}})
    for (const bool with_norm : {false, true}) {
      Chain chain(widths, with_norm, random);
      const InferenceNetwork plain = chain.make(one, false), transposed = chain.make(three, true);
      for (const int64_t m : {1, 2, 31, 64, 127, 128, 129, 200, 515}) {
        if ((m > 200 && widths[0] > 100) || passed_over()) continue;
        PaddedMatrix x(m, widths.front(), 3);
        x.random(random);
        const PaddedMatrix expected = chain.one_by_one(one, x);
        for (const Context *context : {&one, &three})
          for (const InferenceNetwork *network : {&plain, &transposed}) {
            PaddedMatrix y(m, widths.back(), 2);
            y.nan();
            context->network_infer(x, *network, y);
            CAPTURE(m);
            CAPTURE(widths.size());
            CHECK(differing(y, expected) == 0);
            CHECK(y.gaps_untouched());
          }
      }
    }
}

TEST_CASE("a network keeps copies of the weights, and accepts an empty batch") {
  const Context one = context(1);
  Random random(72);
  PaddedMatrix x(3, 5), expected(3, 4), y(3, 4);
  x.random(random);
  auto chain = std::make_unique<Chain>(std::vector<int64_t>{5, 6, 4}, true, random);
  const InferenceNetwork network = chain->make(one, false);
  one.network_infer(x, network, expected);
  chain.reset();
  one.network_infer(x, network, y);
  CHECK(differing(y, expected) == 0);
  const PaddedMatrix none(0, 5);
  PaddedMatrix nothing(0, 4);
  one.network_infer(none, network, nothing);
  CHECK(nothing.gaps_untouched());
}

TEST_CASE("an error names the layer that is invalid or does not fit the layer before") {
  const Context one = context(1);
  const float w[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  float y[12] = {};
  lf_network_layer layers[2] = {args<lf_network_layer>(), args<lf_network_layer>()};
  for (lf_network_layer &layer : layers) layer.n = 3, layer.k = 3, layer.w = w, layer.ldw = 3, layer.alpha = 1;
  auto a = args<lf_network_args>();
  a.count = 2, a.layers = layers;
  const auto message = [&](const auto &change) {
    const lf_network_layer before[2] = {layers[0], layers[1]};
    const lf_network_args good = a;
    change();
    lf_network *network = reinterpret_cast<lf_network *>(y);
    const lf_status status = lf_network_create(one.get(), &a, &network);
    CHECK(network == nullptr);
    layers[0] = before[0], layers[1] = before[1], a = good;
    return std::string(lf_status_name(status)) + ": " + lf_last_error(one.get());
  };
  CHECK(message([&] { layers[1].k = 4; }).find("layer 1: k is 4, but the layer before has 3 columns") !=
        std::string::npos);
  CHECK(message([&] { layers[0].w = nullptr; }).find("layer 0: w is NULL") != std::string::npos);
  CHECK(message([&] { layers[1].ldw = 2; }).find("layer 1: ldw is 2") != std::string::npos);
  CHECK(message([&] { layers[1].activation = 99; }).find("layer 1: activation is 99") != std::string::npos);
  CHECK(message([&] { layers[0].n = 0; }).find("layer 0: n is 0") != std::string::npos);
  CHECK(message([&] { layers[1].flags = 1u << 30; }).find("layer 1: flags") != std::string::npos);
  CHECK(message([&] { layers[1].struct_size = 4; }).find("layer 1: struct_size is 4, but that of layer 0 is") !=
        std::string::npos);
  CHECK(message([&] { a.count = 0; }).find("count is 0") != std::string::npos);
  CHECK(message([&] { a.layers = nullptr; }).find("layers is NULL") != std::string::npos);
  const InferenceNetwork network = one.make_network(a);
  auto i = args<lf_network_infer_args>();
  i.m = 2, i.x = w, i.ldx = 3, i.y = y, i.ldy = 3;
  i.ldx = 2;
  CHECK(lf_network_infer(one.get(), &i, network.get()) == LF_INVALID_ARGUMENT);
  i.ldx = 3, i.y = const_cast<float *>(w) + 3;
  CHECK(lf_network_infer(one.get(), &i, network.get()) == LF_INVALID_ARGUMENT);
  CHECK(std::string(lf_last_error(one.get())).find("y overlaps x") != std::string::npos);
  i.y = y;
  CHECK(lf_network_infer(one.get(), &i, nullptr) == LF_INVALID_ARGUMENT);
  CHECK(lf_network_infer(one.get(), &i, network.get()) == LF_OK);
}

TEST_CASE("layers without a product, and softmax, give the bits of separate calls") {
  const Context one = context(1), three = context(3);
  Random random(72);
  for (const int64_t n : {1, 7, 33, 300, 1024})
    for (const int64_t m : {1, 5, 200, 515})
      for (const bool logarithm : {false, true}) {
        Layer first(m, n, n, random, 0), dense(m, 10, n, random, 0);
        first.with_norm = dense.with_bias = true;
        const lf_batch_norm norm = first.norm();
        const ConstBatchNormView view(norm, n);
        const InferenceLayer elementwise = InferenceLayer::elementwise(n, view, {LF_TANH});
        const InferenceLayer activation = InferenceLayer::elementwise(n, {}, {LF_SILU});
        const InferenceLayer product(dense.w, dense.bias.vector());
        const int32_t output = logarithm ? LF_OUTPUT_LOG_SOFTMAX : LF_OUTPUT_SOFTMAX;
        PaddedMatrix expected(m, n), logits(m, 10);
        one.batch_norm_forward(first.x, view, expected);
        one.activation_forward({LF_TANH}, expected, expected);
        one.activation_forward({LF_SILU}, expected, expected);
        dense.x = expected, dense.infer(one, pack(one, dense.w, false));
        dense.activation = LF_IDENTITY, dense.infer(one, pack(one, dense.w, false));
        one.softmax(dense.y, logits, logarithm);
        for (const Context *context : {&one, &three}) {
          const InferenceNetwork network = context->make_network({elementwise, activation, product}, output);
          PaddedMatrix y(m, 10, 3);
          context->network_infer(first.x, network, y);
          CHECK(differing(y, logits) == 0);
          CHECK(y.gaps_untouched());
          const InferenceNetwork ends =
              context->make_network({product, InferenceLayer::elementwise(10, {}, {LF_ELU, 1})});
          PaddedMatrix last(m, 10), elu(m, 10);
          context->network_infer(expected, ends, last);
          one.activation_forward({LF_ELU, 1}, dense.y, elu);
          CHECK(differing(last, elu) == 0);
        }
      }
}

TEST_CASE("a layer without a product has as many inputs as outputs, no weights and no bias") {
  const Context one = context(1);
  const float values[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  InferenceLayer layer = InferenceLayer::elementwise(3, {});
  layer.w = ConstMatrix(nullptr, 2, 3);
  CHECK_THROWS_WITH((void)one.make_network({layer}),
                    "lf_network_create, layer 0: k is 2 and n is 3, but with LF_ELEMENTWISE they are equal");
  layer.w = ConstMatrix(values, 3, 3);
  CHECK_THROWS_WITH((void)one.make_network({layer}),
                    "lf_network_create, layer 0: w is given, but LF_ELEMENTWISE means that there is none");
  layer = InferenceLayer::elementwise(3, {});
  layer.bias = {values, 3};
  CHECK_THROWS_WITH((void)one.make_network({layer}),
                    "lf_network_create, layer 0: bias is given, but LF_ELEMENTWISE means that there is none");
}
