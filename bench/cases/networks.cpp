// The whole network 784-300-100-10: the trainer's steps, and the library's inference with BN folded.  Results must have
// the bits of the portable plugin on one thread, and be close to plain loops in double.
#include "cases.hpp"
#include "reference_network.hpp"

#include "trainer/network/inference.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace lanefold::bench {
namespace {

// The longest sequence of roundings in a forward pass: a chain over k in each layer, and one over the batch in its BN.
constexpr int64_t chain = 784 + 300 + 100, statistics = 3 * ReferenceNetwork::batch;
constexpr Kind bn_elu{true, LF_ELU}, relu{false, LF_RELU};
constexpr double multiply_adds_of_a_sample = 784 * 300 + 300 * 100 + 100 * 10;

std::shared_ptr<const Context> portable() {
  static const std::shared_ptr<const Context> context = make_context("portable", 1);
  return context;
}

// -------------------------------------------------------------------------------------------------- training steps

// What a correct first step leaves, computed once, because the portable plugin is slow.
struct ExpectedStep {
  Floats state;
  double second_loss; // shows whether the first step updated everything
};

const ExpectedStep &expected_step(Kind kind) {
  static std::map<bool, ExpectedStep> known;
  const auto [at, is_new] = known.try_emplace(kind.batch_norm);
  if (!is_new) return at->second;
  ReferenceNetwork network(*portable(), kind);
  const double loss = network.expected_loss();
  network.step();
  const std::string mismatch = find_mismatch("portable loss", {network.result.loss}, {loss}, chain + statistics);
  if (!mismatch.empty()) throw std::runtime_error(mismatch);
  at->second = {network.state(), network.expected_loss()};
  return at->second;
}

// A network, and the losses of the peers for it.
struct TrainedNetwork {
  TrainedNetwork(std::shared_ptr<const Context> with, Kind kind) : context(std::move(with)), network(*context, kind) {}
  std::shared_ptr<const Context> context;
  ReferenceNetwork network;
  std::map<std::string, float> losses;
};

void add_step(CaseBuilder &builder, Kind kind, const std::string &label) {
  const auto own = builder.keep<TrainedNetwork>(builder.setting.context, kind);
  // Every instance starts from the same state, so that its first step can be verified.
  builder.add(label, [=] { own->network.step(); },
              {{}, {}, [=] { return find_bit_mismatch("state", own->network.state(), expected_step(kind).state); }});
  for (const auto &peer : builder.setting.peers) {
    float &loss = own->losses[peer->name()];
    const Operation run = peer->training_step(own->network.problem(), &loss);
    const auto mismatch = [=, &loss] {
      loss = NAN;
      run.run();
      // The peer sums in another order, and its own first step came before: twice the roundings of one pass.
      return find_mismatch("second loss", {loss}, {expected_step(kind).second_loss}, 2 * (chain + statistics));
    };
    builder.add_peer(*peer, label, run, {{}, [&loss] { loss = NAN; }, mismatch});
  }
}

Fields network_fields(const std::string &family, const std::string &op, Kind kind, int64_t samples) {
  Fields fields;
  fields.family = family, fields.op = op, fields.m = samples;
  fields.bn = kind.batch_norm, fields.activation = activation_names[kind.activation];
  return fields;
}

void add_steps(List &list, int threads) {
  // Forward and dw of all layers, and dx of all but the first.
  constexpr double batch = ReferenceNetwork::batch, flops = 2 * batch * (3 * multiply_adds_of_a_sample - 784 * 300);
  Case bench_case;
  bench_case.variants = {
      {"bn_elu", network_fields("trainer", "step", bn_elu, ReferenceNetwork::batch), {flops, 0, batch}, ""},
      {"relu", network_fields("trainer", "step", relu, ReferenceNetwork::batch), {flops, 0, batch}, ""}};
  bench_case.extent = Extent::quick;
  bench_case.ratios = {{"of-peak", Ratio::flops_share, "bn_elu", "peak", Sense::at_least, threads == 1 ? 0.88 : 0.82},
                       {"over-relu", Ratio::times, "bn_elu", "relu", Sense::at_most, 1.04},
                       {"against-peers", Ratio::times, "peers", "bn_elu"},
                       {"against-peers", Ratio::times, "relu-peers", "relu"}};
  bench_case.make = [](CaseBuilder &builder) {
    add_step(builder, bn_elu, "bn_elu");
    add_step(builder, relu, "relu");
    builder.add_peak();
  };
  bench_case.with_peers = true;
  bench_case.time_weight = 3;
  list.cases.push_back(bench_case);
}

// ------------------------------------------------------------------------------------------------------- inference

// One step from the initial network, so that the running statistics are not those of a new network.  Made once.
ReferenceNetwork &trained_network() {
  static ReferenceNetwork network(*portable(), bn_elu);
  if (network.result.loss == 0) network.step();
  return network;
}

const std::vector<Dense> &folded_layers() {
  static const std::vector<Dense> layers = dense_layers(trainer::fold(*portable(), trained_network().network));
  return layers;
}

// The library's network with BN folded into its weights.
struct FoldedNetwork {
  FoldedNetwork(std::shared_ptr<const Context> with, Memory memory, int64_t samples)
      : context(std::move(with)),
        network(context->make_network(std::vector<InferenceLayer>(trained_network().network.layers.begin(),
                                                                  trained_network().network.layers.end()))),
        count(samples), x(memory.floats(samples * ReferenceNetwork::features)),
        logits(memory.floats(samples * ReferenceNetwork::classes)), peer_logits(logits) {
    std::copy_n(trained_network().batch_of_samples.x.begin(), x.size(), x.begin());
  }
  void infer() {
    context->network_infer({x.data(), count, ReferenceNetwork::features}, network,
                           {logits.data(), count, ReferenceNetwork::classes});
  }

  std::shared_ptr<const Context> context;
  InferenceNetwork network;
  int64_t count;
  Floats x, logits, peer_logits;
};

// The logits of the whole batch.  The result of a row does not depend on other rows.
struct ExpectedLogits {
  Doubles plain;
  Floats exact;
};

const ExpectedLogits &expected_logits() {
  static const ExpectedLogits known = [] {
    FoldedNetwork folded(portable(), {}, ReferenceNetwork::batch);
    folded.infer();
    return ExpectedLogits{trained_network().expected_logits(ReferenceNetwork::batch, false), folded.logits};
  }();
  return known;
}

std::string mismatch_of_logits(const Floats &logits, bool exact_bits) {
  const ExpectedLogits &expected = expected_logits();
  const auto count = static_cast<std::ptrdiff_t>(logits.size());
  const std::string mismatch =
      find_mismatch("logits", logits, Doubles(expected.plain.begin(), expected.plain.begin() + count), chain);
  if (!mismatch.empty() || !exact_bits) return mismatch;
  return find_bit_mismatch("logits", logits, Floats(expected.exact.begin(), expected.exact.begin() + count));
}

void make_inference(CaseBuilder &builder) {
  const Fields &fields = builder.of.fields();
  const auto own = builder.keep<FoldedNetwork>(builder.setting.context, builder.memory, fields.m);
  builder.add("lanefold", [=] { own->infer(); },
              {{&own->logits}, {}, [=] { return mismatch_of_logits(own->logits, true); }});
  for (const auto &peer : builder.setting.peers) {
    Operation run = peer->folded_network(folded_layers(), fields.m, own->x.data(), own->peer_logits.data());
    if (fields.cold && run.time_calls) continue; // evict_caches() does not reach the caches of another process
    builder.add_peer(*peer, "lanefold", std::move(run),
                     {{&own->peer_logits}, {}, [=] { return mismatch_of_logits(own->peer_logits, false); }});
  }
  if (!fields.cold) builder.add_peak();
}

Case inference_of(int64_t samples, bool cold) {
  const double count = static_cast<double>(samples);
  Fields fields = network_fields("network", "infer", bn_elu, samples);
  fields.form = "folded", fields.cold = cold;
  Case bench_case;
  bench_case.variants = {
      {"lanefold",
       fields,
       {2 * multiply_adds_of_a_sample * count, 4 * (multiply_adds_of_a_sample + count * (784 + 300 + 100 + 10)), count},
       ""}};
  bench_case.make = make_inference;
  return bench_case;
}

void add_inference(List &list, int threads, int64_t samples, bool cold) {
  Case bench_case = inference_of(samples, cold);
  bench_case.ratios = {{"against-peers", Ratio::times, "peers", "lanefold"}};
  if (!cold)
    bench_case.ratios.push_back({"of-peak", Ratio::flops_share, "lanefold", "peak",
                                 samples == ReferenceNetwork::batch ? Sense::at_least : Sense::none, 0.93});
  if (!cold && samples == 1 && threads == 1) {
    bench_case.ratios.push_back({"microseconds", Ratio::time, "lanefold", "", Sense::at_most, 13, 1e6});
    bench_case.ratios.push_back(
        {"over-onnxruntime", Ratio::times, "lanefold", "peers:onnxruntime", Sense::at_most, 0.5});
  }
  const bool quick = !cold && (samples == 1 || samples == ReferenceNetwork::batch || (threads == 1 && samples < 100));
  bench_case.extent = quick ? Extent::quick : Extent::full;
  bench_case.with_peers = true;
  list.cases.push_back(bench_case);
}

} // namespace

void add_networks(List &list, int threads) {
  add_steps(list, threads);
  for (const int64_t samples : {1, 4, 16, 64, 200}) add_inference(list, threads, samples, false);
  if (threads == 1) add_inference(list, threads, 1, true);
}

void add_network_costs(List &list) {
  list.cases.push_back(inference_of(1, false));
  list.cases.back().extent = Extent::costs;
}

} // namespace lanefold::bench
