// Batch normalization (BN) alone, forward in training and in inference, and backward.  The sizes are 200 x 300, the
// output of layer 1 of 784-300-100-10, and one with many rows.
#include "cases.hpp"

namespace lanefold::bench {
namespace {

constexpr float eps = 1e-3f;

// Input, parameters, results, and the struct that points to them.
struct Data {
  Data(int64_t rows, int64_t columns, Memory memory)
      : m(rows), n(columns), x(memory.random(m * n, 1, -1, 3)), dy(memory.random(m * n, 6)), y(memory.floats(m * n)),
        peer_y(y), gamma(memory.random(n, 2, 0.5f, 1.5f)), beta(memory.random(n, 3)), running_mean(memory.random(n, 4)),
        running_var(memory.random(n, 5, 1, 2)), mean(memory.floats(n)), inv_std(mean), dgamma(mean), dbeta(mean),
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

Operation of_peer(Peer &peer, const std::shared_ptr<Data> &d, const std::string &pass) {
  float *const y = d->peer_y.data();
  if (pass == "training") return peer.batch_norm_training(d->for_peer(), y);
  if (pass == "inference")
    return peer.batch_norm_inference(d->for_peer(), d->running_mean.data(), d->running_var.data(), y);
  return peer.batch_norm_backward(d->for_peer(), d->dy.data(), y, d->peer_dgamma.data(), d->peer_dbeta.data());
}

void make_norm(CaseBuilder &builder, int64_t m, int64_t n, const std::string &pass) {
  const auto d = builder.keep<Data>(m, n, builder.memory);
  const auto context = builder.setting.context;
  const bool training = pass == "training";
  if (pass == "backward") {
    d->forward(*context, LF_TRAINING);
    builder.add("lanefold", [=] { d->backward(*context); },
                {{&d->y, &d->dgamma, &d->dbeta}, {}, [=] { return d->mismatch_backward(d->y, d->dgamma, d->dbeta); }});
  } else {
    builder.add("lanefold", [=] { d->forward(*context, training ? LF_TRAINING : 0); },
                {{&d->y}, {}, [=] { return d->mismatch_forward(d->y, training); }});
  }
  const auto mismatch_of_peer = [=] {
    return pass == "backward" ? d->mismatch_backward(d->peer_y, d->peer_dgamma, d->peer_dbeta)
                              : d->mismatch_forward(d->peer_y, training);
  };
  for (const auto &peer : builder.setting.peers)
    if (builder.of.with_peers)
      builder.add_peer(*peer, "lanefold", of_peer(*peer, d, pass),
                       {{&d->peer_y, &d->peer_dgamma, &d->peer_dbeta}, {}, mismatch_of_peer});
  builder.add_copies(m * n / 128 * 128);
}

Case norm_case(int64_t m, int64_t n, const std::string &pass) {
  const double count = static_cast<double>(m * n);
  Fields fields;
  fields.family = "norm", fields.op = "batch_norm", fields.pass = pass, fields.m = m, fields.n = n;
  Case bench_case;
  // Each operand counts once, as if all others stayed in cache.
  bench_case.variants = {{"lanefold", fields, {0, (pass == "backward" ? 12 : 8) * count, count}, ""}};
  bench_case.make = [=](CaseBuilder &builder) { make_norm(builder, m, n, pass); };
  return bench_case;
}

constexpr const char *passes[] = {"training", "inference", "backward"};

} // namespace

void add_norms(List &list, int threads) {
  for (const auto &[m, n] : {std::pair<int64_t, int64_t>{200, 300}, {4096, 512}})
    for (const char *pass : passes) {
      Case bench_case = norm_case(m, n, pass);
      bench_case.extent = threads == 1 && m == 200 ? Extent::quick : Extent::full;
      bench_case.ratios = {{"over-copy", Ratio::times, "lanefold", "copies"},
                           {"against-peers", Ratio::times, "peers", "lanefold"}};
      bench_case.with_peers = true;
      list.cases.push_back(bench_case);
    }
}

void add_norm_costs(List &list, int64_t m, int64_t n) {
  for (const char *pass : passes) {
    list.cases.push_back(norm_case(m, n, pass));
    list.cases.back().extent = Extent::costs;
  }
}

} // namespace lanefold::bench
