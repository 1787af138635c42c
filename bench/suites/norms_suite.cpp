// Batch normalization (BN) alone, forward in training and in inference, and backward.  The sizes are 200 x 300, the
// output of layer 1 of 784-300-100-10, and one with many rows.
#include "suites.hpp"

namespace lanefold::bench {
namespace {

constexpr float eps = 1e-3f;

// Input, parameters, results, and the struct that points to them.
struct Data {
  Data(int64_t rows, int64_t columns)
      : m(rows), n(columns), x(random_floats(m * n, 1, -1, 3)), dy(random_floats(m * n, 6)), y(x.size()), peer_y(y),
        gamma(random_floats(n, 2, 0.5f, 1.5f)), beta(random_floats(n, 3)), running_mean(random_floats(n, 4)),
        running_var(random_floats(n, 5, 1, 2)), mean(gamma.size()), inv_std(mean), dgamma(mean), dbeta(mean),
        peer_dgamma(mean), peer_dbeta(mean) {
    norm.eps = eps, norm.momentum = 1; // keeps the running statistics, so that all calls do the same
    norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = running_mean.data(), norm.running_var = running_var.data();
    norm.mean = mean.data(), norm.inv_std = inv_std.data();
  }
  Data(const Data &) = delete;
  Norm reference() const { return {eps, widened(gamma), widened(beta), widened(running_mean), widened(running_var)}; }
  void forward(const Context &context, uint32_t flags) {
    auto call = args<lf_batch_norm_forward_args>();
    call.flags = flags;
    call.m = m, call.n = n, call.batch_norm = &norm;
    call.x = x.data(), call.ldx = n, call.y = y.data(), call.ldy = n;
    context.batch_norm_forward(call);
  }
  void backward(const Context &context) {
    auto call = args<lf_batch_norm_backward_args>();
    call.m = m, call.n = n, call.batch_norm = &norm;
    call.x = x.data(), call.ldx = n, call.dy = dy.data(), call.lddy = n, call.dx = y.data(), call.lddx = n;
    call.dgamma = dgamma.data(), call.dbeta = dbeta.data();
    context.batch_norm_backward(call);
  }
  std::string mismatch_forward(const Floats &values, bool training) const {
    return find_mismatch("y", values, reference().forward(widened(x), training), m);
  }
  std::string mismatch_backward(const Floats &dx, const Floats &computed_dgamma, const Floats &computed_dbeta) const {
    Norm of = reference();
    of.forward(widened(x), true);
    Doubles expected_dgamma, expected_dbeta;
    std::string mismatch =
        find_mismatch("dx", dx, of.backward(widened(x), widened(dy), expected_dgamma, expected_dbeta), m);
    if (mismatch.empty()) mismatch = find_mismatch("dgamma", computed_dgamma, expected_dgamma, m);
    return mismatch.empty() ? find_mismatch("dbeta", computed_dbeta, expected_dbeta, m) : mismatch;
  }
  Peer::BatchNorm for_peer() const { return {m, n, eps, x.data(), gamma.data(), beta.data()}; }

  int64_t m, n;
  Floats x, dy, y, peer_y, gamma, beta, running_mean, running_var, mean, inv_std, dgamma, dbeta, peer_dgamma,
      peer_dbeta;
  lf_batch_norm norm = args<lf_batch_norm>();
};

enum class NormMode { training, inference, backward };
constexpr const char *names[] = {"forward_training", "forward_inference", "backward"};

Operation of_peer(Peer &peer, const std::shared_ptr<Data> &d, NormMode mode) {
  float *const y = d->peer_y.data();
  switch (mode) {
  case NormMode::training: return peer.batch_norm_training(d->for_peer(), y);
  case NormMode::inference:
    return peer.batch_norm_inference(d->for_peer(), d->running_mean.data(), d->running_var.data(), y);
  default: return peer.batch_norm_backward(d->for_peer(), d->dy.data(), y, d->peer_dgamma.data(), d->peer_dbeta.data());
  }
}

CaseInstance make(const Setting &setting, int64_t m, int64_t n, NormMode mode) {
  const auto d = std::make_shared<Data>(m, n);
  CaseBuilder builder(setting, d);
  const std::string operation = std::string("norm/") + names[static_cast<int>(mode)], size = sizes(m, n);
  const double count = static_cast<double>(m * n);
  // Each operand counts once, as if all others stayed in cache.
  const Work work{0, (mode == NormMode::backward ? 12 : 8) * count, count};
  const auto context = setting.context;
  if (mode == NormMode::backward) {
    d->forward(*context, LF_TRAINING);
    builder.add(
        "lanefold", operation, size, work, [=] { d->backward(*context); },
        verification({&d->y, &d->dgamma, &d->dbeta}, [=] { return d->mismatch_backward(d->y, d->dgamma, d->dbeta); }));
  } else {
    const bool training = mode == NormMode::training;
    builder.add(
        "lanefold", operation, size, work, [=] { d->forward(*context, training ? LF_TRAINING : 0); },
        verification({&d->y}, [=] { return d->mismatch_forward(d->y, training); }));
  }
  for (const auto &peer : setting.peers)
    builder.add_peer(*peer, operation, size, work, of_peer(*peer, d, mode),
                     verification({&d->peer_y, &d->peer_dgamma, &d->peer_dbeta}, [=] {
                       if (mode == NormMode::backward)
                         return d->mismatch_backward(d->peer_y, d->peer_dgamma, d->peer_dbeta);
                       return d->mismatch_forward(d->peer_y, mode == NormMode::training);
                     }));
  builder.add_copies(m * n / 128 * 128);
  return builder.take();
}

} // namespace

void add_norms(List &list, int threads) {
  for (const auto &[m, n] : {std::pair<int64_t, int64_t>{200, 300}, {4096, 512}})
    for (const NormMode mode : {NormMode::training, NormMode::inference, NormMode::backward}) {
      const std::string name = names[static_cast<int>(mode)];
      const std::string tail = name + "/" + std::to_string(m) + "x" + std::to_string(n) + suffix(threads);
      list.cases.push_back({"norm/" + name,
                            sizes(m, n),
                            threads == 1 && m == 200 ? Extent::quick : Extent::full,
                            {{"norm/over-copy/" + tail, Ratio::times, "lanefold", "copies"},
                             {"norm/against-peers/" + tail, Ratio::times, "peers", "lanefold"}},
                            [=, m = m, n = n](const Setting &setting) { return make(setting, m, n, mode); },
                            false,
                            4,
                            1,
                            {},
                            true});
    }
}

void add_norm_costs(List &list) {
  constexpr int64_t m = 32, n = 48;
  for (const NormMode mode : {NormMode::training, NormMode::inference, NormMode::backward})
    list.cases.push_back({std::string("norm/") + names[static_cast<int>(mode)],
                          sizes(m, n),
                          Extent::costs,
                          {},
                          [=](const Setting &setting) { return make(setting, m, n, mode); }});
}

} // namespace lanefold::bench
