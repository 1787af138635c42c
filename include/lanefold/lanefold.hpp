// The C API with owners and exceptions: handles free themselves, a status that is not LF_OK throws.
#ifndef LANEFOLD_LANEFOLD_HPP
#define LANEFOLD_LANEFOLD_HPP

#include <lanefold/lanefold.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace lanefold {

// A call that failed: what() is the library's message.
class Error : public std::runtime_error {
public:
  Error(lf_status code, const std::string &message) : std::runtime_error(message), status(code) {}
  lf_status status;
};

// An argument struct with its size filled in and all else 0.
template <class Args> Args args() {
  Args value{};
  value.struct_size = sizeof(Args);
  return value;
}

class PackedWeights {
public:
  explicit PackedWeights(lf_packed_weights *packed) : packed_(packed) {}
  const lf_packed_weights *get() const { return packed_.get(); }
  lf_packed_weights *get() { return packed_.get(); }

private:
  struct Destroy {
    void operator()(lf_packed_weights *packed) const { lf_packed_weights_destroy(packed); }
  };
  std::unique_ptr<lf_packed_weights, Destroy> packed_;
};

class InferenceNetwork {
public:
  explicit InferenceNetwork(lf_network *network) : network_(network) {}
  const lf_network *get() const { return network_.get(); }

private:
  struct Destroy {
    void operator()(lf_network *network) const { lf_network_destroy(network); }
  };
  std::unique_ptr<lf_network, Destroy> network_;
};

// An lf_context.  Each call is the C function of that name (its header has the contract), and throws Error.
class Context {
public:
  explicit Context(lf_context_options options = args<lf_context_options>()) {
    lf_context *made = nullptr;
    const lf_status status = lf_context_create(&options, &made);
    if (status != LF_OK) throw Error(status, lf_last_error(nullptr));
    context_.reset(made);
  }

  lf_context *get() const { return context_.get(); }
  std::string isa() const { return lf_context_isa(get()); }
  int threads() const { return lf_context_threads(get()); }

  void sgemm(const lf_sgemm_args &a) const { check(lf_sgemm(get(), &a)); }
  void dense_forward(const lf_dense_forward_args &a) const { check(lf_dense_forward(get(), &a)); }
  void dense_backward(const lf_dense_backward_args &a) const { check(lf_dense_backward(get(), &a)); }
  void batch_norm_forward(const lf_batch_norm_forward_args &a) const { check(lf_batch_norm_forward(get(), &a)); }
  void batch_norm_backward(const lf_batch_norm_backward_args &a) const { check(lf_batch_norm_backward(get(), &a)); }
  void fold_batch_norm(const lf_fold_batch_norm_args &a) const { check(lf_fold_batch_norm(get(), &a)); }
  void activation_forward(const lf_activation_forward_args &a) const { check(lf_activation_forward(get(), &a)); }
  void activation_backward(const lf_activation_backward_args &a) const { check(lf_activation_backward(get(), &a)); }
  void softmax_cross_entropy(const lf_softmax_cross_entropy_args &a) const {
    check(lf_softmax_cross_entropy(get(), &a));
  }
  void top_k_correct(const lf_top_k_correct_args &a) const { check(lf_top_k_correct(get(), &a)); }
  void gather(const lf_gather_args &a) const { check(lf_gather(get(), &a)); }
  void optimizer_step(const lf_optimizer_step_args &a) const { check(lf_optimizer_step(get(), &a)); }

  PackedWeights pack_weights(const lf_pack_weights_args &a) const {
    lf_packed_weights *packed = nullptr;
    check(lf_pack_weights(get(), &a, &packed));
    return PackedWeights(packed);
  }
  void unpack_weights(const lf_unpack_weights_args &a, const PackedWeights &packed) const {
    check(lf_unpack_weights(get(), &a, packed.get()));
  }
  void dense_infer(const lf_dense_infer_args &a, const PackedWeights &packed) const {
    check(lf_dense_infer(get(), &a, packed.get()));
  }

  InferenceNetwork make_network(const lf_network_args &a) const {
    lf_network *network = nullptr;
    check(lf_network_create(get(), &a, &network));
    return InferenceNetwork(network);
  }
  void network_infer(const lf_network_infer_args &a, const InferenceNetwork &network) const {
    check(lf_network_infer(get(), &a, network.get()));
  }

private:
  struct Destroy {
    void operator()(lf_context *context) const { lf_context_destroy(context); }
  };
  void check(lf_status status) const {
    if (status != LF_OK) throw Error(status, lf_last_error(get()));
  }
  std::unique_ptr<lf_context, Destroy> context_;
};

// Names of the plugins that this machine can use, the best first.  Throws Error where LANEFOLD_ISA asks for what is not
// there.
inline std::vector<std::string> usable_plugins() {
  std::vector<std::string> names;
  const auto note = [](void *self, const lf_plugin_candidate *candidate) {
    auto &known = *static_cast<std::vector<std::string> *>(self);
    if (candidate->usable && std::find(known.begin(), known.end(), candidate->name) == known.end())
      known.emplace_back(candidate->name);
  };
  const auto options = args<lf_context_options>();
  const lf_status status = lf_enumerate_plugins(&options, note, &names);
  if (status != LF_OK) throw Error(status, lf_last_error(nullptr));
  return names;
}

} // namespace lanefold

#endif
