// The C interface for C++17: views of matrices, layers and networks that own their memory, and exceptions.
//
// Context has a call for each C function, and that function's header has the contract: formula, aliasing, errors and
// thread-safety.  A status other than LF_OK becomes an Error.  To set a field that has no parameter here, pass the C
// struct itself: context.sgemm(args).
#ifndef LANEFOLD_LANEFOLD_HPP
#define LANEFOLD_LANEFOLD_HPP

#include <lanefold/lanefold.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lanefold {

// A call that failed.  what() is the library's message, which names the argument at fault.
class Error : public std::runtime_error {
public:
  Error(lf_status code, const std::string &message) : std::runtime_error(message), status(code) {}
  lf_status status;
};

// A struct of the C interface with struct_size filled in and all other fields 0.
template <class Struct> Struct args() {
  Struct value{};
  value.struct_size = sizeof(Struct);
  return value;
}

// A row-major matrix in memory that somebody else owns.  The stride is the distance from row to row, in elements.
// A default-constructed view is an absent matrix, which stands for NULL.
template <class Element> struct MatrixView {
  Element *data = nullptr;
  int64_t rows = 0, columns = 0, stride = 0;

  MatrixView() = default;
  MatrixView(Element *elements, int64_t row_count, int64_t column_count)
      : MatrixView(elements, row_count, column_count, column_count) {}
  MatrixView(Element *elements, int64_t row_count, int64_t column_count, int64_t row_stride)
      : data(elements), rows(row_count), columns(column_count), stride(row_stride) {}
  // A view of constant elements can be made from a view of mutable elements, but not the reverse.
  template <class Other, class = std::enable_if_t<std::is_convertible_v<Other (*)[], Element (*)[]>>>
  MatrixView(const MatrixView<Other> &other) : MatrixView(other.data, other.rows, other.columns, other.stride) {}

  Element &operator()(int64_t row, int64_t column) const { return data[row * stride + column]; }
  // `count` rows, beginning with row `first`.  The view must have them.
  MatrixView row_range(int64_t first, int64_t count) const {
    return {data == nullptr ? data : data + first * stride, count, columns, stride};
  }
};
using Matrix = MatrixView<float>;
using ConstMatrix = MatrixView<const float>;
using ByteMatrix = MatrixView<const uint8_t>;

// An operand of a product: a matrix as it is stored, or its transpose.
struct Operand {
  ConstMatrix stored;
  bool is_transposed = false;

  Operand(ConstMatrix matrix) : stored(matrix) {}
  Operand(Matrix matrix) : stored(matrix) {}
  Operand(const float *elements, int64_t row_count, int64_t column_count) : stored(elements, row_count, column_count) {}
  Operand(ConstMatrix matrix, bool transposed) : stored(matrix), is_transposed(transposed) {}
  int64_t rows() const { return is_transposed ? stored.columns : stored.rows; }
  int64_t columns() const { return is_transposed ? stored.rows : stored.columns; }
};
inline Operand transpose(ConstMatrix matrix) { return {matrix, true}; }

// LF_ELU and so on, with its alpha.
struct Activation {
  int32_t code = LF_IDENTITY;
  float alpha = 1;
};

// Owns packed weights.
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

// rows * columns as a size.  Throws Error if one of them is negative, or the product too large.
inline size_t count_of(int64_t rows, int64_t columns) {
  constexpr int64_t most = int64_t{1} << 47; // as in the C API
  if (rows < 0 || columns < 0 || (columns > 0 && rows > most / columns))
    throw Error(LF_INVALID_ARGUMENT, "a size is " + std::to_string(rows) + " x " + std::to_string(columns) +
                                         "; expected 0 to 2^47 elements");
  return static_cast<size_t>(rows * columns);
}

// A batch normalization over n columns that owns its arrays: at first gamma and running_var are 1, and beta and
// running_mean are 0.  mean and inv_std are those of the last training batch.
struct BatchNorm {
  float eps = 1e-3f, momentum = 0.9f;
  uint32_t flags = 0; // LF_UNBIASED_RUNNING_VAR
  std::vector<float> gamma, beta, running_mean, running_var, mean, inv_std;

  explicit BatchNorm(int64_t n)
      : gamma(count_of(1, n), 1.0f), beta(gamma.size()), running_mean(gamma.size()), running_var(gamma),
        mean(gamma.size()), inv_std(gamma.size()) {}

  // The C struct, which points to these arrays.
  lf_batch_norm view() {
    auto norm = args<lf_batch_norm>();
    norm.flags = flags, norm.eps = eps, norm.momentum = momentum;
    norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = running_mean.data(), norm.running_var = running_var.data();
    norm.mean = mean.data(), norm.inv_std = inv_std.data();
    return norm;
  }
};

// The parameters of a dense layer in memory that somebody else owns.
struct LayerView {
  Matrix w;                                // k x n; with packed weights, only its sizes matter
  const float *bias = nullptr;             // n; NULL: zeros
  std::optional<lf_batch_norm> batch_norm; // over n columns
  Activation activation;
  lf_packed_weights *packed = nullptr; // in place of w
};

// A dense layer, y = act(bn(x w + bias)), that owns its parameters.  At first the weights and the bias are 0.
struct DenseLayer {
  int64_t inputs, outputs; // k and n
  Activation activation;
  std::vector<float> w;    // inputs x outputs
  std::vector<float> bias; // outputs; empty: no bias
  std::optional<BatchNorm> batch_norm;

  // Under a batch normalization a bias has no effect, so such a layer has none.
  DenseLayer(int64_t input_count, int64_t output_count, Activation function = {}, bool with_batch_norm = false)
      : inputs(input_count), outputs(output_count), activation(function), w(count_of(input_count, output_count)) {
    if (with_batch_norm) batch_norm.emplace(outputs);
    else bias.resize(count_of(1, outputs));
  }

  Matrix weights() { return {w.data(), inputs, outputs}; }
  ConstMatrix weights() const { return {w.data(), inputs, outputs}; }
  LayerView view() {
    LayerView view{weights(), bias.empty() ? nullptr : bias.data(), {}, activation};
    if (batch_norm) view.batch_norm = batch_norm->view();
    return view;
  }
  operator LayerView() { return view(); }
  // For calls that only read the layer; the C struct of a normalization has no constant form.
  LayerView read_only_view() const { return const_cast<DenseLayer *>(this)->view(); }
};

// Where the gradients of a dense layer go.  A gradient whose place is absent is not computed.
struct GradientView {
  Matrix dw;
  float *dbias = nullptr, *dgamma = nullptr, *dbeta = nullptr; // n
  Matrix dx;
};

// The gradients of a dense layer's parameters, in memory of their own.
struct DenseGradients {
  std::vector<float> dw, dbias, dgamma, dbeta; // as large as the parameters

  explicit DenseGradients(const DenseLayer &layer)
      : dw(layer.w.size()), dbias(layer.bias.size()), dgamma(layer.batch_norm ? layer.batch_norm->gamma.size() : 0),
        dbeta(dgamma.size()), inputs_(layer.inputs), outputs_(layer.outputs) {}

  // dx: the gradient of the layer's input, if it is wanted.
  GradientView view(Matrix dx = {}) {
    const auto pointer = [](std::vector<float> &values) { return values.empty() ? nullptr : values.data(); };
    return {{dw.data(), inputs_, outputs_}, pointer(dbias), pointer(dgamma), pointer(dbeta), dx};
  }
  operator GradientView() { return view(); }

private:
  int64_t inputs_, outputs_;
};

// What a backward pass needs from the forward pass.  z may be absent if the layer has no batch normalization, and y if
// its activation is the identity.
struct ForwardPass {
  ConstMatrix x, z, y;
};

// A network for inference: folded and packed copies of its layers.
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

// Owns an lf_context.  Calls are const and thread-safe, because results and errors belong to the thread that calls.
class Context {
public:
  explicit Context(lf_context_options options = args<lf_context_options>()) {
    lf_context *made = nullptr;
    const lf_status status = lf_context_create(&options, &made);
    if (status != LF_OK) throw Error(status, lf_last_error(nullptr));
    context_.reset(made);
  }

  // Limits the number of tasks that run at once.  0: one for each CPU that the process may use.
  explicit Context(int32_t threads) : Context(options_with(threads)) {}

  lf_context *get() const { return context_.get(); }
  std::string isa() const { return lf_context_isa(get()); }
  std::string isa_reason() const { return lf_context_isa_reason(get()); }
  int threads() const { return lf_context_threads(get()); }

  // C = alpha op(A) op(B) + beta C.  A product with a transpose: sgemm(transpose(a), b, c).
  void sgemm(const Operand &a, const Operand &b, Matrix c, float alpha = 1, float beta = 0) const {
    same("columns of a and rows of b", a.columns(), b.rows());
    same("rows of a and c", a.rows(), c.rows), same("columns of b and c", b.columns(), c.columns);
    auto call = args<lf_sgemm_args>();
    call.flags = (a.is_transposed ? LF_TRANSPOSE_A : 0) | (b.is_transposed ? LF_TRANSPOSE_B : 0);
    call.m = c.rows, call.n = c.columns, call.k = a.columns(), call.alpha = alpha, call.beta = beta;
    put(a.stored, call.a, call.lda), put(b.stored, call.b, call.ldb), put(c, call.c, call.ldc);
    sgemm(call);
  }

  PackedWeights pack_weights(const Operand &w) const {
    auto call = args<lf_pack_weights_args>();
    call.flags = w.is_transposed ? LF_TRANSPOSE_B : 0;
    call.n = w.columns(), call.k = w.rows();
    put(w.stored, call.w, call.ldw);
    return pack_weights(call);
  }
  void unpack_weights(const PackedWeights &packed, Matrix w) const {
    auto call = args<lf_unpack_weights_args>();
    call.n = w.columns, call.k = w.rows;
    put(w, call.w, call.ldw);
    unpack_weights(call, packed);
  }

  // y = act(x w + bias) with packed w; bias may be NULL.
  void dense_infer(ConstMatrix x, const PackedWeights &packed, const float *bias, Activation activation,
                   Matrix y) const {
    same("rows of x and y", x.rows, y.rows);
    auto call = args<lf_dense_infer_args>();
    call.m = y.rows, call.n = y.columns, call.k = x.columns, call.bias = bias;
    call.activation = activation.code, call.alpha = activation.alpha;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    dense_infer(call, packed);
  }

  // Normalizes by the running statistics.
  void dense_forward(ConstMatrix x, const DenseLayer &layer, Matrix y) const {
    dense_forward(x, layer.read_only_view(), y);
  }
  // With LF_TRAINING it normalizes by the batch and updates the running statistics.  z keeps x w + bias.
  void dense_forward(ConstMatrix x, const LayerView &layer, Matrix y, Matrix z = {}, uint32_t flags = 0) const {
    same("columns of x and rows of w", x.columns, layer.w.rows);
    same("rows of x and y", x.rows, y.rows), same("columns of w and y", layer.w.columns, y.columns);
    if (z.data != nullptr) same_shape("z and y", z, y);
    auto call = args<lf_dense_forward_args>();
    call.flags = flags, call.m = y.rows, call.n = y.columns, call.k = x.columns;
    call.bias = layer.bias;
    put(layer, call), put(x, call.x, call.ldx), put(z, call.z, call.ldz), put(y, call.y, call.ldy);
    dense_forward(call);
  }

  void dense_backward(const ForwardPass &forward, const LayerView &layer, ConstMatrix dy,
                      const GradientView &gradients) const {
    dense_backward(backward_args(forward, layer, dy, gradients));
  }
  // Also updates the weights by plain SGD in the same call: the packed weights if the layer has them, else w itself.
  void dense_backward_and_update(const ForwardPass &forward, const LayerView &layer, ConstMatrix dy,
                                 const GradientView &gradients, float learning_rate) const {
    auto call = backward_args(forward, layer, dy, gradients);
    if (layer.packed != nullptr) call.flags = LF_UPDATE_PACKED;
    else call.updated_w = layer.w.data;
    call.learning_rate = learning_rate;
    dense_backward(call);
  }

  void batch_norm_forward(ConstMatrix x, const lf_batch_norm &norm, Matrix y, uint32_t flags = 0) const {
    same_shape("x and y", x, y);
    auto call = args<lf_batch_norm_forward_args>();
    call.flags = flags, call.m = y.rows, call.n = y.columns, call.batch_norm = &norm;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    batch_norm_forward(call);
  }
  void batch_norm_backward(ConstMatrix x, const lf_batch_norm &norm, ConstMatrix dy, Matrix dx, float *dgamma,
                           float *dbeta) const {
    same_shape("x and dy", x, dy);
    if (dx.data != nullptr) same_shape("x and dx", x, dx);
    auto call = args<lf_batch_norm_backward_args>();
    call.m = x.rows, call.n = x.columns, call.batch_norm = &norm, call.dgamma = dgamma, call.dbeta = dbeta;
    put(x, call.x, call.ldx), put(dy, call.dy, call.lddy), put(dx, call.dx, call.lddx);
    batch_norm_backward(call);
  }
  // Returns an equivalent layer, with its normalization folded into w and bias.
  DenseLayer fold(const DenseLayer &layer) const {
    if (!layer.batch_norm) return layer;
    DenseLayer folded(layer.inputs, layer.outputs, layer.activation);
    const LayerView from = layer.read_only_view();
    fold_batch_norm(from.w, from.bias, *from.batch_norm, folded.weights(), folded.bias.data());
    return folded;
  }
  void fold_batch_norm(ConstMatrix w, const float *bias, const lf_batch_norm &norm, Matrix folded_w,
                       float *folded_bias) const {
    same_shape("w and folded_w", w, folded_w);
    auto call = args<lf_fold_batch_norm_args>();
    call.n = w.columns, call.k = w.rows, call.bias = bias, call.batch_norm = &norm, call.folded_bias = folded_bias;
    put(w, call.w, call.ldw), put(folded_w, call.folded_w, call.ldfolded_w);
    fold_batch_norm(call);
  }

  void activation_forward(Activation activation, ConstMatrix x, Matrix y) const {
    same_shape("x and y", x, y);
    auto call = args<lf_activation_forward_args>();
    call.m = y.rows, call.n = y.columns, call.activation = activation.code, call.alpha = activation.alpha;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    activation_forward(call);
  }
  void activation_backward(Activation activation, ConstMatrix y, ConstMatrix dy, Matrix dx) const {
    same_shape("y and dy", y, dy), same_shape("y and dx", y, dx);
    auto call = args<lf_activation_backward_args>();
    call.m = y.rows, call.n = y.columns, call.activation = activation.code, call.alpha = activation.alpha;
    put(y, call.y, call.ldy), put(dy, call.dy, call.lddy), put(dx, call.dx, call.lddx);
    activation_backward(call);
  }

  // Returns the loss; dx, if present, gets its gradient.  labels: one for each row of x.
  float softmax_cross_entropy(ConstMatrix x, const int32_t *labels, Matrix dx = {}) const {
    if (dx.data != nullptr) same_shape("x and dx", x, dx);
    float loss = 0;
    auto call = args<lf_softmax_cross_entropy_args>();
    call.m = x.rows, call.n = x.columns, call.labels = labels, call.loss = &loss;
    put(x, call.x, call.ldx), put(dx, call.dx, call.lddx);
    softmax_cross_entropy(call);
    return loss;
  }
  // Returns how many rows have their label among the k that rank highest.
  int64_t top_k_correct(ConstMatrix x, const int32_t *labels, int64_t k = 1) const {
    int64_t correct = 0;
    auto call = args<lf_top_k_correct_args>();
    call.m = x.rows, call.n = x.columns, call.k = k, call.labels = labels, call.correct = &correct;
    put(x, call.x, call.ldx);
    top_k_correct(call);
    return correct;
  }

  // y[i][j] = x[rows[i]][j] / divisor; rows may be NULL, which takes the first rows of x.
  void gather(ByteMatrix x, const uint32_t *rows, float divisor, Matrix y) const {
    same("columns of x and y", x.columns, y.columns);
    auto call = args<lf_gather_args>();
    call.m = y.rows, call.n = y.columns, call.count = x.rows, call.rows = rows, call.divisor = divisor;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    gather(call);
  }

  // Folds and packs the layers, first to last.  Throws Error (LF_UNSUPPORTED) for a layer with packed weights: unpack them
  // first.
  InferenceNetwork make_network(const std::vector<LayerView> &layers) const {
    std::vector<lf_network_layer> views;
    for (const LayerView &layer : layers) {
      if (layer.packed)
        throw Error(LF_UNSUPPORTED, "layer " + std::to_string(views.size()) + " has packed weights; unpack them first");
      auto &view = views.emplace_back(args<lf_network_layer>());
      view.n = layer.w.columns, view.k = layer.w.rows, view.bias = layer.bias;
      view.batch_norm = layer.batch_norm ? &*layer.batch_norm : nullptr;
      view.activation = layer.activation.code, view.alpha = layer.activation.alpha;
      put(layer.w, view.w, view.ldw);
    }
    auto call = args<lf_network_args>();
    call.count = static_cast<int64_t>(views.size()), call.layers = views.data();
    return make_network(call);
  }
  // Prepares this context for `calls` calls of network_infer at the same time.
  void network_reserve(const InferenceNetwork &network, int32_t calls = 1) const {
    check(lf_network_reserve(get(), network.get(), calls));
  }
  void network_infer(ConstMatrix x, const InferenceNetwork &network, Matrix y) const {
    same("rows of x and y", x.rows, y.rows);
    auto call = args<lf_network_infer_args>();
    call.m = y.rows;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    network_infer(call, network);
  }

  // The calls of the C interface.
  void sgemm(const lf_sgemm_args &a) const { check(lf_sgemm(get(), &a)); }
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
  void optimizer_step(const lf_optimizer_step_args &a) const { check(lf_optimizer_step(get(), &a)); }
  void gather(const lf_gather_args &a) const { check(lf_gather(get(), &a)); }
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

  template <class Element, class Pointer>
  static void put(const MatrixView<Element> &matrix, Pointer &pointer, int64_t &stride) {
    pointer = matrix.data, stride = matrix.stride;
  }
  template <class Args> static void put(const LayerView &layer, Args &call) {
    put(layer.w, call.w, call.ldw);
    call.batch_norm = layer.batch_norm ? &*layer.batch_norm : nullptr;
    call.packed = layer.packed;
    call.activation = layer.activation.code, call.alpha = layer.activation.alpha;
  }
  static lf_context_options options_with(int32_t threads) {
    auto options = args<lf_context_options>();
    options.threads = threads;
    return options;
  }
  static lf_dense_backward_args backward_args(const ForwardPass &forward, const LayerView &layer, ConstMatrix dy,
                                              const GradientView &gradients) {
    same("rows of x and dy", forward.x.rows, dy.rows), same("columns of w and dy", layer.w.columns, dy.columns);
    same("columns of x and rows of w", forward.x.columns, layer.w.rows);
    if (forward.z.data != nullptr) same_shape("z and dy", forward.z, dy);
    if (forward.y.data != nullptr) same_shape("y and dy", forward.y, dy);
    if (gradients.dw.data != nullptr) same_shape("w and dw", layer.w, gradients.dw);
    if (gradients.dx.data != nullptr) same_shape("x and dx", forward.x, gradients.dx);
    auto call = args<lf_dense_backward_args>();
    call.m = dy.rows, call.n = dy.columns, call.k = forward.x.columns;
    put(layer, call), put(forward.x, call.x, call.ldx), put(forward.z, call.z, call.ldz);
    put(forward.y, call.y, call.ldy), put(dy, call.dy, call.lddy);
    put(gradients.dw, call.dw, call.lddw), put(gradients.dx, call.dx, call.lddx);
    call.dbias = gradients.dbias, call.dgamma = gradients.dgamma, call.dbeta = gradients.dbeta;
    return call;
  }

  // The C structs state each size once; views repeat it, so they must agree.
  static void same(const char *what, int64_t one, int64_t other) {
    if (one != other) throw difference(what, one, other);
  }
  template <class A, class B> static void same_shape(const char *what, const A &a, const B &b) {
    if (a.rows != b.rows) throw difference(std::string("rows of ") + what, a.rows, b.rows);
    if (a.columns != b.columns) throw difference(std::string("columns of ") + what, a.columns, b.columns);
  }
  static Error difference(const std::string &what, int64_t one, int64_t other) {
    return {LF_INVALID_ARGUMENT, what + " differ: " + std::to_string(one) + " and " + std::to_string(other)};
  }

  std::unique_ptr<lf_context, Destroy> context_;
};

// Builds a network layer by layer.  It owns the layers, so that they can be filled or trained before `build`.
class NetworkBuilder {
public:
  explicit NetworkBuilder(int64_t inputs) : inputs_(inputs) {}

  // Appends y = activation(x w + bias).
  NetworkBuilder &dense(int64_t outputs, Activation activation = {}) {
    return append(DenseLayer(next_inputs(), outputs, activation));
  }
  // Appends y = activation(bn(x w)).
  NetworkBuilder &normalized(int64_t outputs, Activation activation = {}) {
    return append(DenseLayer(next_inputs(), outputs, activation, true));
  }
  // Throws Error if the layer does not take the outputs of the one before it.
  NetworkBuilder &append(DenseLayer layer) {
    if (layer.inputs != next_inputs())
      throw Error(LF_INVALID_ARGUMENT, "the layer takes " + std::to_string(layer.inputs) + " inputs; expected " +
                                           std::to_string(next_inputs()));
    layers_.push_back(std::move(layer));
    return *this;
  }

  // Appending a layer ends the validity of references to layers.
  std::vector<DenseLayer> &layers() { return layers_; }
  const std::vector<DenseLayer> &layers() const { return layers_; }

  // Folds and packs copies of the layers.
  InferenceNetwork build(const Context &context) const {
    std::vector<LayerView> views;
    for (const DenseLayer &layer : layers_) views.push_back(layer.read_only_view());
    return context.make_network(views);
  }

private:
  int64_t next_inputs() const { return layers_.empty() ? inputs_ : layers_.back().outputs; }

  int64_t inputs_; // of the first layer
  std::vector<DenseLayer> layers_;
};

// Returns the names of the plugins that this machine can use, the best first.  Throws Error if LANEFOLD_ISA names a
// plugin that does not exist.
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
