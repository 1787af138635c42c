// The whole network 784-300-100-10: training steps, and inference with BN folded.  Results must have the bits of the
// portable plugin on one thread, and be close to plain loops in double.
#include "suites.hpp"

#include "../network.hpp"

#include <cmath>
#include <map>

namespace lanefold::bench {
namespace {

// The longest sequence of roundings in a forward pass: a chain over k in each layer, and one over the batch in its BN.
constexpr int64_t chain = 784 + 300 + 100, statistics = 3 * Network::batch;
constexpr Kind bn_elu{true, LF_ELU}, relu{false, LF_RELU};

std::shared_ptr<const Context> portable() {
  static const std::shared_ptr<const Context> context = make_context("portable", 1);
  return context;
}

// A network, and the results of the peers for it.
struct Pair {
  Pair(const Setting &setting, Kind kind) : context(setting.context), network(*context, kind) {}
  std::shared_ptr<const Context> context;
  Network network;
  Floats peer_logits;
  std::map<std::string, float> losses;
};

std::string mismatch_of_step(const Network &network, Kind kind) {
  static std::map<std::pair<bool, int32_t>, Floats> known; // computed once, because the portable plugin is slow
  Floats &expected = known[{kind.batch_norm, kind.activation}];
  if (expected.empty()) {
    Network other(*portable(), kind);
    const double loss = other.expected_loss();
    other.step();
    const std::string mismatch = find_mismatch("portable loss", {other.loss()}, {loss}, chain + statistics);
    if (!mismatch.empty()) return mismatch;
    expected = other.state();
  }
  return find_bit_mismatch("state", network.state(), expected);
}

// The loss of the second step shows whether the first step updated everything.
double second_loss(Kind kind) {
  static std::map<std::pair<bool, int32_t>, double> known;
  const auto [at, fresh] = known.try_emplace({kind.batch_norm, kind.activation}, 0);
  if (fresh) {
    Network network(*portable(), kind);
    network.step();
    at->second = network.expected_loss();
  }
  return at->second;
}

void add_step(CaseBuilder &builder, const Setting &setting, const std::shared_ptr<Pair> &pair, Kind kind,
              const std::string &label) {
  const std::string operation = "step/" + label + "_sgd", size = "m:" + std::to_string(Network::batch);
  const Work work{2 * pair->network.step_multiply_adds(), 2 * pair->network.bytes(Network::batch),
                  static_cast<double>(Network::batch)};
  // Every placement starts from the same state, so that its first step can be verified.
  builder.add(label, operation, size, work, [=] { pair->network.step(); },
              {{}, [=] { return mismatch_of_step(pair->network, kind); }});
  for (const auto &peer : setting.peers) {
    float &loss = pair->losses[peer->name()];
    Operation run = peer->training_step(pair->network.problem(), &loss);
    const auto mismatch = [=, &loss] {
      loss = NAN;
      run.run();
      // The peer sums in another order, and its own first step came before: twice the roundings of one pass.
      return find_mismatch("second loss", {loss}, {second_loss(kind)}, 2 * (chain + statistics));
    };
    builder.add_peer(*peer, operation, size, work, run, {[&loss] { loss = NAN; }, mismatch}, label + "-peers");
  }
}

CaseInstance make_steps(const Setting &setting) {
  using Pairs = std::pair<std::shared_ptr<Pair>, std::shared_ptr<Pair>>;
  const auto both =
      std::make_shared<Pairs>(std::make_shared<Pair>(setting, bn_elu), std::make_shared<Pair>(setting, relu));
  CaseBuilder builder(setting, both);
  add_step(builder, setting, both->first, bn_elu, "bn_elu");
  add_step(builder, setting, both->second, relu, "relu");
  builder.add_peak();
  return builder.take();
}

// The reference is computed once for all placements, because the result of a row does not depend on other rows.
std::string mismatch_of_logits(const Floats &logits, int64_t samples, bool exact_bits) {
  static Doubles plain;
  static Floats exact;
  if (plain.empty()) {
    Network other(*portable(), bn_elu);
    other.step();
    other.fold();
    plain = other.expected_logits(Network::batch, false);
    other.infer(Network::batch);
    exact = other.logits(Network::batch);
  }
  const auto count = static_cast<size_t>(std::min(samples, Network::batch) * Network::classes);
  const Floats first(logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(count));
  const std::string mismatch =
      find_mismatch("logits", first, Doubles(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(count)), chain);
  if (!mismatch.empty() || !exact_bits) return mismatch;
  return find_bit_mismatch("logits", first, Floats(exact.begin(), exact.begin() + static_cast<std::ptrdiff_t>(count)));
}

CaseInstance make_inference(const Setting &setting, int64_t samples, bool cold) {
  const auto pair = std::make_shared<Pair>(setting, bn_elu);
  Network &network = pair->network;
  network.step(); // so that the running statistics are not those of a new network
  network.fold();
  CaseBuilder builder(setting, pair);
  const std::string operation = cold ? "network/infer_folded_cold" : "network/infer_folded",
                    size = "m:" + std::to_string(samples);
  const Work work{2 * network.multiply_adds() * static_cast<double>(samples), network.bytes(samples),
                  static_cast<double>(samples)};
  builder.add("lanefold", operation, size, work, [=] { pair->network.infer(samples); },
              {[=] { pair->network.clear_logits(); },
               [=] { return mismatch_of_logits(pair->network.logits(samples), samples, true); }});
  pair->peer_logits.resize(static_cast<size_t>(samples * Network::classes));
  for (const auto &peer : setting.peers) {
    Operation run =
        peer->folded_network(network.folded_layers(), samples, network.samples().data(), pair->peer_logits.data());
    if (cold && run.seconds) continue; // evict_caches() does not reach the caches of another process
    builder.add_peer(*peer, operation, size, work, std::move(run), verification({&pair->peer_logits}, [=] {
      return mismatch_of_logits(pair->peer_logits, samples, false);
    }));
  }
  if (!cold) builder.add_peak();
  return builder.take();
}

void add_steps(List &list, int threads) {
  const std::string tail = suffix(threads);
  list.cases.push_back({"step/bn_elu_sgd",
                        "m:200",
                        Extent::quick,
                        {{"step/bn_elu_sgd-over-peak" + tail, Ratio::flops_share, "bn_elu", "peak", Sense::at_least,
                          threads == 1 ? 0.88 : 0.82},
                         {"step/bn_elu_sgd-over-relu_sgd" + tail, Ratio::times, "bn_elu", "relu", Sense::at_most, 1.04},
                         {"step/bn_elu_sgd-against-peers" + tail, Ratio::times, "bn_elu-peers", "bn_elu"},
                         {"step/relu_sgd-against-peers" + tail, Ratio::times, "relu-peers", "relu"}},
                        make_steps,
                        false,
                        4,
                        3,
                        {"step/relu_sgd"},
                        true});
}

void add_inference(List &list, int threads, int64_t samples, bool cold) {
  const std::string tail = "/m:" + std::to_string(samples) + suffix(threads);
  std::vector<Ratio> ratios{
      {std::string("network/") + (cold ? "cold-" : "") + "against-peers" + tail, Ratio::times, "peers", "lanefold"}};
  if (!cold) {
    const bool gated = samples == Network::batch;
    ratios.push_back({"network/folded-over-peak" + tail, Ratio::flops_share, "lanefold", "peak",
                      gated ? Sense::at_least : Sense::none, 0.93});
    if (samples == 1 && threads == 1) {
      ratios.push_back({"network/folded-us" + tail, Ratio::time, "lanefold", "", Sense::at_most, 13, 1e6});
      ratios.push_back({"network/folded-over-onnxruntime" + tail, Ratio::times, "lanefold", "peers:onnxruntime",
                        Sense::at_most, 0.5});
    }
  }
  const bool quick = !cold && (samples == 1 || samples == Network::batch || (threads == 1 && samples < 100));
  Case bench_case{cold ? "network/infer_folded_cold" : "network/infer_folded", "m:" + std::to_string(samples),
                  quick ? Extent::quick : Extent::full, ratios,
                  [=](const Setting &setting) { return make_inference(setting, samples, cold); }};
  bench_case.cold = cold;
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
  list.cases.push_back({"network/infer_folded", "m:1", Extent::costs, {}, [](const Setting &setting) {
                          return make_inference(setting, 1, false);
                        }});
}

} // namespace lanefold::bench
