// Layers, their gradients, packed weights and networks: as views of memory that somebody else owns, and as owners.
#ifndef LANEFOLD_CPP_LAYERS_HPP
#define LANEFOLD_CPP_LAYERS_HPP

#include <lanefold/cpp/errors.hpp>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/cpp/views.hpp>
#include <lanefold/lanefold.h>

#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// Returns a struct of the C interface with struct_size filled in and all other fields 0.
template <class Struct> Struct args() {
  Struct value{};
  value.struct_size = sizeof(Struct);
  return value;
}

/// An activation and its parameter.
struct Activation {
  int32_t code = LF_IDENTITY; ///< LF_ELU, for example.
  float alpha = 1;            ///< Only some activations read it (activation.h).
};

/// The rule by which an optimizer updates parameters, and its hyperparameters (optimizer.h).
struct UpdateRule {
  int32_t code = LF_SGD;      ///< LF_ADAM, for example.
  float learning_rate = 0.1f; ///< Finite and at least 0.
  float weight_decay = 0;     ///< At least 0.
  float momentum = 0.9f;      ///< In [0, 1): the momentum, or beta1 of Adam.
  float beta2 = 0.999f;       ///< In [0, 1); only LF_ADAM reads it.
  float eps = 1e-8f;          ///< Above 0; only LF_ADAM reads it.
};

/// The parameters of a batch normalization over n columns, in memory that somebody else owns.  Each vector has n
/// elements, and those that a call does not use may be absent (norm.h).
struct BatchNormView {
  uint32_t flags = 0;    ///< LF_UNBIASED_RUNNING_VAR
  float eps = 1e-3f;     ///< Finite and above 0.
  float momentum = 0.9f; ///< In [0, 1]: the part of the running statistics that a batch keeps.
  ConstVector gamma;     ///< The scale.
  ConstVector beta;      ///< The shift.
  Vector running_mean;   ///< The running mean, which training updates.
  Vector running_var;    ///< The running variance, which training updates.
  Vector mean;           ///< The mean of the last batch.
  Vector inv_std;        ///< 1 / sqrt(variance + eps) of the last batch.

  /// A normalization without arrays.
  BatchNormView() = default;
  /// The arrays of a C struct, each of n elements.
  BatchNormView(const lf_batch_norm &norm, int64_t n)
      : flags(norm.flags), eps(norm.eps), momentum(norm.momentum), gamma(norm.gamma, n), beta(norm.beta, n),
        running_mean(norm.running_mean, n), running_var(norm.running_var, n), mean(norm.mean, n),
        inv_std(norm.inv_std, n) {}

  /// The C struct, which points to the same arrays.
  lf_batch_norm c_struct() const {
    auto norm = args<lf_batch_norm>();
    norm.flags = flags, norm.eps = eps, norm.momentum = momentum;
    norm.gamma = gamma.data, norm.beta = beta.data;
    norm.running_mean = running_mean.data, norm.running_var = running_var.data;
    norm.mean = mean.data, norm.inv_std = inv_std.data;
    return norm;
  }
};

/// The parameters of a dense layer, y = act(bn(x w + bias)), in memory that somebody else owns.
struct LayerView {
  Matrix w;                                ///< The weights, k x n.  With packed weights, only its sizes matter.
  ConstVector bias;                        ///< n elements; absent: zeros.
  std::optional<BatchNormView> batch_norm; ///< Over n columns; without a value: no normalization.
  Activation activation;                   ///< Applied last.
  lf_packed_weights *packed = nullptr;     ///< Used in place of w; NULL: w is used.
};

/// Where the gradients of a dense layer go.  A gradient whose place is absent is not computed.
struct GradientView {
  Matrix dw;     ///< As large as w.
  Vector dbias;  ///< n elements.
  Vector dgamma; ///< n elements.
  Vector dbeta;  ///< n elements.
  Matrix dx;     ///< As large as x.
};

/// What a backward pass needs from the forward pass.
struct ForwardPass {
  ConstMatrix x; ///< The input, m x k.
  ConstMatrix z; ///< x w + bias, m x n; may be absent if the layer has no batch normalization.
  ConstMatrix y; ///< The output, m x n; may be absent if the activation is the identity.
};

/// \cond
namespace detail {

// rows * columns as a size.
inline size_t count_of(int64_t rows, int64_t columns) {
  constexpr int64_t most = int64_t{1} << 47; // as in the C API
  if (rows < 0 || columns < 0 || (columns > 0 && rows > most / columns)) {
    char text[message_size];
    std::snprintf(text, message_size, "a size is %" PRId64 " x %" PRId64 "; expected 0 to 2^47 elements", rows,
                  columns);
#if defined(__cpp_exceptions)
    throw Error(LF_INVALID_ARGUMENT, text);
#else
    std::fprintf(stderr, "lanefold: %s\n", text);
    std::abort();
#endif
  }
  return static_cast<size_t>(rows * columns);
}

// A view of an owner's matrix, or an absent one if somebody has resized the vector.
inline Matrix matrix_of(std::vector<float> &values, int64_t rows, int64_t columns) {
  return {values.size() == static_cast<size_t>(rows * columns) ? values.data() : nullptr, rows, columns};
}

} // namespace detail
/// \endcond

/// A batch normalization over n columns that owns its arrays.  At first gamma and running_var are 1, and beta and
/// running_mean are 0.
struct BatchNorm {
  float eps = 1e-3f;               ///< Finite and above 0.
  float momentum = 0.9f;           ///< In [0, 1]: the part of the running statistics that a batch keeps.
  uint32_t flags = 0;              ///< LF_UNBIASED_RUNNING_VAR
  std::vector<float> gamma;        ///< The scale, n elements.
  std::vector<float> beta;         ///< The shift, n elements.
  std::vector<float> running_mean; ///< The running mean, n elements.
  std::vector<float> running_var;  ///< The running variance, n elements.
  std::vector<float> mean;         ///< The mean of the last training batch, n elements.
  std::vector<float> inv_std;      ///< 1 / sqrt(variance + eps) of the last training batch, n elements.

  /// Allocates the arrays.  Throws Error if n is not in [0, 2^47]; without exceptions, it ends the program.
  explicit BatchNorm(int64_t n)
      : gamma(detail::count_of(1, n), 1.0f), beta(gamma.size()), running_mean(gamma.size()), running_var(gamma),
        mean(gamma.size()), inv_std(gamma.size()) {}

  /// A view of the arrays, which is valid until one of them is resized.
  BatchNormView view() {
    BatchNormView view;
    view.flags = flags, view.eps = eps, view.momentum = momentum;
    view.gamma = gamma, view.beta = beta, view.running_mean = running_mean, view.running_var = running_var;
    view.mean = mean, view.inv_std = inv_std;
    return view;
  }
  /// The same as view().
  operator BatchNormView() { return view(); }
};

/// A dense layer, y = act(bn(x w + bias)), that owns its parameters.  At first the weights and the bias are 0.
struct DenseLayer {
  int64_t inputs;                      ///< The columns of x, k.
  int64_t outputs;                     ///< The columns of y, n.
  Activation activation;               ///< Applied last.
  std::vector<float> w;                ///< The weights, inputs x outputs.
  std::vector<float> bias;             ///< One for each output; empty: no bias.
  std::optional<BatchNorm> batch_norm; ///< Over the outputs.

  /// A layer without inputs and outputs.
  DenseLayer() : DenseLayer(0, 0) {}
  /// Allocates the parameters.  Before a batch normalization a bias has no effect, so such a layer has none.  Throws
  /// Error if a size is negative or too large; without exceptions, it ends the program.
  DenseLayer(int64_t input_count, int64_t output_count, Activation function = {}, bool with_batch_norm = false)
      : inputs(input_count), outputs(output_count), activation(function),
        w(detail::count_of(input_count, output_count)) {
    if (with_batch_norm) batch_norm.emplace(outputs);
    else bias.resize(detail::count_of(1, outputs));
  }

  /// A view of the weights.  It is absent if w does not have inputs * outputs elements.
  Matrix weights() { return detail::matrix_of(w, inputs, outputs); }
  /// A view of the weights, as above.
  ConstMatrix weights() const { return const_cast<DenseLayer *>(this)->weights(); }
  /// A view of the parameters, which is valid until one of the arrays is resized.
  LayerView view() {
    LayerView view{weights(), bias, {}, activation};
    if (batch_norm) view.batch_norm = batch_norm->view();
    return view;
  }
  /// The same as view().
  operator LayerView() { return view(); }
  /// A view for calls that only read the layer.  The C struct of a normalization has no constant form.
  LayerView read_only_view() const { return const_cast<DenseLayer *>(this)->view(); }
};

/// The gradients of a dense layer's parameters, in memory of their own.
struct DenseGradients {
  std::vector<float> dw;     ///< As large as w.
  std::vector<float> dbias;  ///< As large as bias.
  std::vector<float> dgamma; ///< As large as gamma.
  std::vector<float> dbeta;  ///< As large as beta.

  /// Allocates the gradients of a layer.
  explicit DenseGradients(const DenseLayer &layer)
      : dw(layer.w.size()), dbias(layer.bias.size()), dgamma(layer.batch_norm ? layer.batch_norm->gamma.size() : 0),
        dbeta(dgamma.size()), inputs_(layer.inputs), outputs_(layer.outputs) {}

  /// A view of the gradients.  dx: the place for the gradient of the layer's input, if it is wanted.
  GradientView view(Matrix dx = {}) { return {detail::matrix_of(dw, inputs_, outputs_), dbias, dgamma, dbeta, dx}; }
  /// The same as view().
  operator GradientView() { return view(); }

private:
  int64_t inputs_, outputs_;
};

/// A layer of a network for inference, in memory that somebody else owns.
struct InferenceLayer {
  Operand w;                               ///< The weights, k x n, stored by rows or by columns.
  ConstVector bias;                        ///< n elements; absent: zeros.
  std::optional<BatchNormView> batch_norm; ///< Folded into w and bias; without a value: no normalization.
  Activation activation;                   ///< Applied last.
  bool has_packed_weights = false;         ///< True if the weights are in no matrix; no network can be made of them.

  /// A layer without normalization.
  InferenceLayer(Operand weights, ConstVector biases = {}, Activation function = {})
      : w(weights), bias(biases), activation(function) {}
  /// A layer as it was trained.
  InferenceLayer(const LayerView &layer)
      : w(layer.w), bias(layer.bias), batch_norm(layer.batch_norm), activation(layer.activation),
        has_packed_weights(layer.packed != nullptr) {}
  /// A layer as it was trained.
  InferenceLayer(const DenseLayer &layer) : InferenceLayer(layer.read_only_view()) {}
};

/// Owns packed weights, or NULL.
class PackedWeights {
public:
  /// Takes ownership.
  explicit PackedWeights(lf_packed_weights *packed = nullptr) : packed_(packed) {}
  /// The packed weights, which a call may read.
  const lf_packed_weights *get() const { return packed_.get(); }
  /// The packed weights, which a call may update.
  lf_packed_weights *get() { return packed_.get(); }

private:
  struct Destroy {
    void operator()(lf_packed_weights *packed) const { lf_packed_weights_destroy(packed); }
  };
  std::unique_ptr<lf_packed_weights, Destroy> packed_;
};

/// Owns a network for inference, or NULL.  The network has folded and packed copies of its layers.
class InferenceNetwork {
public:
  /// Takes ownership.
  explicit InferenceNetwork(lf_network *network = nullptr) : network_(network) {}
  /// The network.
  const lf_network *get() const { return network_.get(); }

private:
  struct Destroy {
    void operator()(lf_network *network) const { lf_network_destroy(network); }
  };
  std::unique_ptr<lf_network, Destroy> network_;
};

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
