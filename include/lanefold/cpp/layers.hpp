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
#include <type_traits>
#include <utility>
#include <vector>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// Returns a struct of the C interface with struct_size filled in and all other fields 0.
template <class Struct> [[nodiscard]] Struct args() noexcept {
  Struct value{};
  value.struct_size = sizeof(Struct);
  return value;
}

/// An argument that counts something.  It is made from an integer, but not from bool, a floating-point number or a
/// wider integer: Context(true) and Context(4.5) do not compile.
template <class Integer> struct Count {
  Integer value; ///< The number.

  /// A number.
  constexpr Count(Integer number) noexcept : value(number) {}
  /// Refuses bool, floating-point numbers and wider integers.
  template <class Other, std::enable_if_t<std::is_arithmetic_v<Other> &&
                                              (!std::is_integral_v<Other> || std::is_same_v<Other, bool> ||
                                               sizeof(Other) > sizeof(Integer)),
                                          int> = 0>
  Count(Other) = delete;
  /// The number.
  constexpr operator Integer() const noexcept { return value; }
};

/// An activation and its parameter.
struct Activation {
  int32_t code = LF_IDENTITY; ///< LF_ELU, for example.
  float alpha = 1;            ///< Only some activations read it (activation.h).
};

/// An elementwise loss and its parameter (loss.h).
struct Loss {
  int32_t code = LF_SQUARED_ERROR; ///< LF_HUBER_ERROR, for example.
  float delta = 1;                 ///< Above 0; only LF_HUBER_ERROR reads it.
};

/// Which elements dropout drops (activation.h).
struct Dropout {
  float rate = 0;        ///< In [0, 1): the probability that an element is dropped.
  uint64_t seed = 0;     ///< The key of the random numbers.
  uint64_t stream = 0;   ///< Which of the key's streams.
  int64_t first_row = 0; ///< The number of the first row.
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

/// \cond
template <class Element> struct BasicBatchNormView;
namespace detail {
template <class Element> lf_batch_norm c_struct_of(const BasicBatchNormView<Element> &view);
}
/// \endcond

/// The parameters of a batch normalization over n columns, in memory that somebody else owns.  Each vector has n
/// elements, and those that a call does not use may be absent (norm.h).
template <class Element> struct BasicBatchNormView {
  uint32_t flags = 0;               ///< LF_UNBIASED_RUNNING_VAR
  float eps = 1e-3f;                ///< Finite and above 0.
  float momentum = 0.9f;            ///< In [0, 1]: the part of the running statistics that a batch keeps.
  ConstVector gamma;                ///< The scale.
  ConstVector beta;                 ///< The shift.
  VectorView<Element> running_mean; ///< The running mean, which training updates.
  VectorView<Element> running_var;  ///< The running variance, which training updates.
  VectorView<Element> mean;         ///< The mean of the last batch.
  VectorView<Element> inv_std;      ///< 1 / sqrt(variance + eps) of the last batch.

  /// A normalization without arrays.
  BasicBatchNormView() = default;
  /// The arrays of a C struct, each of n elements.
  BasicBatchNormView(const lf_batch_norm &norm, int64_t n) noexcept
      : flags(norm.flags), eps(norm.eps), momentum(norm.momentum), gamma(norm.gamma, n), beta(norm.beta, n),
        running_mean(norm.running_mean, n), running_var(norm.running_var, n), mean(norm.mean, n),
        inv_std(norm.inv_std, n) {}
  /// A constant view from a view that training can update, but not the reverse.
  template <class Other, std::enable_if_t<std::is_same_v<const Other, Element>, int> = 0>
  BasicBatchNormView(const BasicBatchNormView<Other> &other) noexcept
      : flags(other.flags), eps(other.eps), momentum(other.momentum), gamma(other.gamma), beta(other.beta),
        running_mean(other.running_mean), running_var(other.running_var), mean(other.mean), inv_std(other.inv_std) {}

  /// The C struct, which points to the same arrays.  Only a view that training can update has one.
  [[nodiscard]] lf_batch_norm c_struct() const noexcept {
    static_assert(!std::is_const_v<Element>, "a C call could update the statistics of a ConstBatchNormView");
    return detail::c_struct_of(*this);
  }
};

/// A normalization that training can update.
using BatchNormView = BasicBatchNormView<float>;
/// A normalization that a call only reads.
using ConstBatchNormView = BasicBatchNormView<const float>;

/// \cond
namespace detail {

// The C struct has no constant form, so the statistics lose their const.  The calls that take this struct of a constant
// view do not write to them.
template <class Element> lf_batch_norm c_struct_of(const BasicBatchNormView<Element> &view) {
  auto norm = args<lf_batch_norm>();
  norm.flags = view.flags, norm.eps = view.eps, norm.momentum = view.momentum;
  norm.gamma = view.gamma.data, norm.beta = view.beta.data;
  norm.running_mean = const_cast<float *>(view.running_mean.data);
  norm.running_var = const_cast<float *>(view.running_var.data);
  norm.mean = const_cast<float *>(view.mean.data), norm.inv_std = const_cast<float *>(view.inv_std.data);
  return norm;
}

} // namespace detail
/// \endcond

/// The parameters of a dense layer, y = act(bn(x w + bias)), in memory that somebody else owns.
template <class Element> struct BasicLayerView {
  /// What holds packed weights.
  using Packed = std::conditional_t<std::is_const_v<Element>, const lf_packed_weights, lf_packed_weights>;

  MatrixView<Element> w; ///< The weights, k x n.  With packed weights, only its sizes matter.
  ConstVector bias;      ///< n elements; absent: zeros.
  std::optional<BasicBatchNormView<Element>> batch_norm; ///< Over n columns; without a value: no normalization.
  Activation activation;                                 ///< Applied last.
  Packed *packed = nullptr;                              ///< Used in place of w; NULL: w is used.

  /// A constant view from a view that training can update, but not the reverse.
  template <class Other, std::enable_if_t<std::is_same_v<Other, const Element>, int> = 0>
  operator BasicLayerView<Other>() const {
    return {w, bias, batch_norm, activation, packed};
  }
};

/// A layer that training can update.
using LayerView = BasicLayerView<float>;
/// A layer that a call only reads.
using ConstLayerView = BasicLayerView<const float>;

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

// A view of an owner's matrix.  It is absent if somebody has changed the vector or the sizes so that they disagree.
template <class Values, class Element = std::remove_pointer_t<decltype(std::declval<Values &>().data())>>
MatrixView<Element> matrix_of(Values &values, int64_t rows, int64_t columns) {
  const auto count = detail::size_of(values.size());
  const bool whole = columns > 0 ? count % columns == 0 && count / columns == rows : count == 0;
  return {whole ? values.data() : nullptr, rows, columns};
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
  explicit BatchNorm(Count<int64_t> n)
      : gamma(detail::count_of(1, n), 1.0f), beta(gamma.size()), running_mean(gamma.size()), running_var(gamma),
        mean(gamma.size()), inv_std(gamma.size()) {}

  /// A view of the arrays, which is valid until one of them is resized.
  [[nodiscard]] BatchNormView view() & LANEFOLD_LIFETIMEBOUND { return view_of<BatchNormView>(*this); }
  /// A view for calls that only read the normalization.  A temporary's view is valid until the end of the statement.
  [[nodiscard]] ConstBatchNormView view() const &LANEFOLD_LIFETIMEBOUND { return view_of<ConstBatchNormView>(*this); }
  /// The same as view().
  operator BatchNormView() & LANEFOLD_LIFETIMEBOUND { return view(); }
  /// The same as view().
  operator ConstBatchNormView() const &LANEFOLD_LIFETIMEBOUND { return view(); }

private:
  /// \cond
  template <class View, class Owner> static View view_of(Owner &norm) {
    View view;
    view.flags = norm.flags, view.eps = norm.eps, view.momentum = norm.momentum;
    view.gamma = norm.gamma, view.beta = norm.beta;
    view.running_mean = norm.running_mean, view.running_var = norm.running_var;
    view.mean = norm.mean, view.inv_std = norm.inv_std;
    return view;
  }
  /// \endcond
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
  DenseLayer(Count<int64_t> input_count, Count<int64_t> output_count, Activation function = {},
             bool with_batch_norm = false)
      : inputs(input_count), outputs(output_count), activation(function),
        w(detail::count_of(input_count, output_count)) {
    if (with_batch_norm) batch_norm.emplace(outputs);
    else bias.resize(detail::count_of(1, outputs));
  }

  /// A view of the weights.  It is absent if w does not have inputs * outputs elements.
  [[nodiscard]] Matrix weights() & LANEFOLD_LIFETIMEBOUND { return detail::matrix_of(w, inputs, outputs); }
  /// A view of the weights, as above.
  [[nodiscard]] ConstMatrix weights() const &LANEFOLD_LIFETIMEBOUND { return detail::matrix_of(w, inputs, outputs); }
  /// A view of the parameters, which is valid until one of the arrays is resized.
  [[nodiscard]] LayerView view() & LANEFOLD_LIFETIMEBOUND { return view_of<LayerView>(*this); }
  /// A view for calls that only read the layer.  A temporary's view is valid until the end of the statement.
  [[nodiscard]] ConstLayerView view() const &LANEFOLD_LIFETIMEBOUND { return view_of<ConstLayerView>(*this); }
  /// The same as view().
  operator LayerView() & LANEFOLD_LIFETIMEBOUND { return view(); }
  /// The same as view().
  operator ConstLayerView() const &LANEFOLD_LIFETIMEBOUND { return view(); }

private:
  /// \cond
  template <class View, class Owner> static View view_of(Owner &layer) {
    View view{layer.weights(), layer.bias, {}, layer.activation};
    if (layer.batch_norm) view.batch_norm = layer.batch_norm->view();
    return view;
  }
  /// \endcond
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
  [[nodiscard]] GradientView view(Matrix dx = {}) & LANEFOLD_LIFETIMEBOUND {
    return {detail::matrix_of(dw, inputs_, outputs_), dbias, dgamma, dbeta, dx};
  }
  /// The same as view().
  operator GradientView() & LANEFOLD_LIFETIMEBOUND { return view(); }

private:
  int64_t inputs_, outputs_;
};

/// A layer of a network for inference, in memory that somebody else owns.
struct InferenceLayer {
  Operand w;                                    ///< The weights, k x n, stored by rows or by columns.
  ConstVector bias;                             ///< n elements; absent: zeros.
  std::optional<ConstBatchNormView> batch_norm; ///< Folded into w and bias; without a value: no normalization.
  Activation activation;                        ///< Applied last.
  bool has_packed_weights = false; ///< True if the weights are in no matrix; no network can be made of them.
  bool is_elementwise = false;     ///< True if the layer has no product; then only the sizes of w matter.

  /// A layer without normalization.
  InferenceLayer(Operand weights LANEFOLD_LIFETIMEBOUND, ConstVector biases LANEFOLD_LIFETIMEBOUND = {},
                 Activation function = {})
      : w(weights), bias(biases), activation(function) {}
  /// A layer as it was trained.
  template <class Element>
  InferenceLayer(const BasicLayerView<Element> &layer)
      : w(layer.w), bias(layer.bias), batch_norm(layer.batch_norm), activation(layer.activation),
        has_packed_weights(layer.packed != nullptr) {}
  /// A layer as it was trained.
  InferenceLayer(const DenseLayer &layer LANEFOLD_LIFETIMEBOUND) : InferenceLayer(layer.view()) {}
  /// A layer without a product, act(bn(x)) over n columns.
  static InferenceLayer elementwise(Count<int64_t> n, const std::optional<ConstBatchNormView> &norm,
                                    Activation function = {}) {
    InferenceLayer layer(ConstMatrix(nullptr, n, n), {}, function);
    layer.batch_norm = norm, layer.is_elementwise = true;
    return layer;
  }
};

/// Owns packed weights, or NULL.
class [[nodiscard]] PackedWeights {
public:
  /// Takes ownership.
  explicit PackedWeights(lf_packed_weights *packed = nullptr) noexcept : packed_(packed) {}
  /// The packed weights, which a call may read.
  [[nodiscard]] const lf_packed_weights *get() const noexcept { return packed_.get(); }
  /// The packed weights, which a call may update.
  [[nodiscard]] lf_packed_weights *get() noexcept { return packed_.get(); }

private:
  struct Destroy {
    void operator()(lf_packed_weights *packed) const { lf_packed_weights_destroy(packed); }
  };
  std::unique_ptr<lf_packed_weights, Destroy> packed_;
};

/// Owns a network for inference, or NULL.  The network has folded and packed copies of its layers.
class [[nodiscard]] InferenceNetwork {
public:
  /// Takes ownership.
  explicit InferenceNetwork(lf_network *network = nullptr) noexcept : network_(network) {}
  /// The network.
  [[nodiscard]] const lf_network *get() const noexcept { return network_.get(); }

private:
  struct Destroy {
    void operator()(lf_network *network) const { lf_network_destroy(network); }
  };
  std::unique_ptr<lf_network, Destroy> network_;
};

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
