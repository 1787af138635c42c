// Whole training steps of 784-300-100-10 at batch 200, and its inference with BN folded.  Results must be those of the
// portable plugin on one thread, bit for bit, and those of plain loops in double, nearly.
#include "network.hpp"

#include <map>

namespace lanefold::bench {
namespace {

// The roundings one after the other in a forward pass: a chain over k in each layer, and one over the batch in its BN.
constexpr int64_t chain = 784 + 300 + 100, statistics = 3 * Network::batch;

const Context &portable() {
  static const std::shared_ptr<const Context> context = make_context("portable", 1);
  return *context;
}

class Step : public Case {
public:
  Step(const Context &context, Kind kind) : kind_(kind), network_(context, kind) {
    flops = 2 * network_.step_products();
  }
  void run() override { network_.step(); }
  std::string fault() const override {
    static std::map<std::pair<bool, int32_t>, Floats> known; // the portable plugin takes long
    Floats &expected = known[{kind_.batch_norm, kind_.activation}];
    if (expected.empty()) {
      Network other(portable(), kind_);
      const double loss = other.expected_loss();
      other.step();
      const std::string fault = compare("portable loss", {other.loss()}, {loss}, chain + statistics);
      if (!fault.empty()) return fault;
      expected = other.state();
    }
    return compare_bits("state", network_.state(), expected);
  }

private:
  Kind kind_;
  Network network_;
};

class Inference : public Case {
public:
  Inference(const Context &context, int64_t samples) : samples_(samples), network_(context, kind) {
    network_.step(); // running statistics other than those of a new network
    network_.fold();
    flops = 2 * network_.products() * static_cast<double>(samples);
  }
  void run() override { network_.infer(samples_); }
  std::string fault() const override {
    static Floats expected; // of the whole batch: a row's bits do not depend on the others
    if (expected.empty()) {
      Network other(portable(), kind);
      other.step();
      other.fold();
      other.infer(Network::batch);
      expected = other.logits(Network::batch);
    }
    const Floats logits = network_.logits(samples_);
    const Doubles plain = network_.expected_logits(samples_, false);
    const std::string fault = compare("logits", logits, plain, chain);
    if (!fault.empty()) return fault;
    return compare_bits("logits", logits, Floats(expected.begin(), expected.begin() + samples_ * Network::classes));
  }

private:
  static constexpr Kind kind = {true, LF_ELU};
  int64_t samples_;
  Network network_;
};

} // namespace

void add_step(const std::vector<Subject> &subjects) {
  const std::string size = "m:" + std::to_string(Network::batch);
  for (const Subject &subject : subjects) add_case<Step>("step/bn_elu_sgd", subject, size, Kind{true, LF_ELU});
  for (const Subject &subject : subjects) add_case<Step>("step/relu_sgd", subject, size, Kind{false, LF_RELU});
  for (const int64_t samples : {int64_t{1}, Network::batch})
    for (const Subject &subject : subjects)
      add_case<Inference>("network/infer_folded", subject, "m:" + std::to_string(samples), samples);
}

} // namespace lanefold::bench
