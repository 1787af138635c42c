// The calls of a context: with views, and with the structs of the C interface.
#ifndef LANEFOLD_CPP_CALLS_HPP
#define LANEFOLD_CPP_CALLS_HPP

#include <lanefold/cpp/check.hpp>
#include <lanefold/cpp/errors.hpp>
#include <lanefold/cpp/layers.hpp>
#include <lanefold/cpp/macros.hpp>
#include <lanefold/cpp/norm_calls.hpp>
#include <lanefold/cpp/operations.hpp>
#include <lanefold/cpp/views.hpp>
#include <lanefold/lanefold.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace lanefold {
inline namespace LANEFOLD_NAMESPACE {

/// \cond
namespace detail {

// Calls write(text, size, &needed) until the text has the needed size.
template <class Errors, class Write>
typename Errors::template Returned<std::string> text_of(lf_context *context, const Write &write) {
  std::string text(255, '\0');
  for (;;) {
    uint64_t needed = 0; // with the 0 at the end
    const lf_status status = write(text.data(), text.size() + 1, &needed);
    const bool whole = status != LF_OK || needed <= text.size() + 1;
    text.resize(status != LF_OK || needed == 0 ? 0 : static_cast<size_t>(needed - 1));
    if (whole) return Errors::finish(status, context, std::move(text));
  }
}

} // namespace detail

template <class Errors> class ContextCalls;
template <class Errors> class BasicContext;
/// \endcond

/// A context that somebody else owns and keeps alive.  It has the calls of ContextCalls.
template <class Errors> class BasicContextView : public ContextCalls<Errors> {
public:
  /// A view of a context of the C interface.
  explicit BasicContextView(lf_context *context) noexcept : ContextCalls<Errors>(context) {}
  /// A view of the context of an owner.
  BasicContextView(const BasicContext<Errors> &owner LANEFOLD_LIFETIMEBOUND) noexcept
      : ContextCalls<Errors>(owner.get()) {}
};

/// The calls on a context.  Each call is named after a C function, whose header has the contract: formula, aliasing,
/// errors and thread-safety.  A call takes either views, whose sizes it compares, or the struct of the C interface with
/// all its fields.  Errors is ThrowErrors or ReturnErrors: it says what a failed call does, and what calls return.  Calls
/// are thread-safe, because results and errors belong to the thread that calls.
template <class Errors> class ContextCalls : public NormCalls<Errors> {
  using Base = NormCalls<Errors>;
  using Base::finish;
  using Base::put;
  template <class Value> [[gnu::always_inline]] static auto refuse(const detail::Check &check) {
    return Base::template refuse<Value>(check);
  }

public:
  /// What a call returns if its result is a Value.
  template <class Value> using Returned = typename Errors::template Returned<Value>;

  /// The context of the C interface.
  [[nodiscard]] lf_context *get() const noexcept { return context_; }
  /// The name of the chosen plugin, such as "avx512".
  [[nodiscard]] std::string isa() const { return lf_context_isa(get()); }
  /// Why this plugin was chosen.
  [[nodiscard]] std::string isa_reason() const { return lf_context_isa_reason(get()); }
  /// The maximum number of tasks of a call that run at once.
  [[nodiscard]] int threads() const noexcept { return lf_context_threads(get()); }
  /// The message of the last call that failed in this thread on this context, or "".
  [[nodiscard]] const char *last_error() const noexcept { return lf_last_error(get()); }
  /// The same context, with calls that return their errors.
  [[nodiscard]] BasicContextView<ReturnErrors> nothrow() const noexcept {
    return BasicContextView<ReturnErrors>(get());
  }

  /// C = alpha op(A) op(B) + beta C.  A product with a transpose is sgemm(transpose(a), b, c).
  [[gnu::always_inline]] Returned<void> sgemm(const Operand &a, const Operand &b, Matrix c, float alpha = 1,
                                              float beta = 0) const {
    detail::Check check;
    check.same("columns of a and rows of b", a.columns(), b.rows());
    check.same("rows of a and c", a.rows(), c.rows), check.same("columns of b and c", b.columns(), c.columns);
    check.dense("a", a.stored), check.dense("b", b.stored), check.dense("c", c);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_sgemm_args>();
    call.flags = (a.is_transposed ? LF_TRANSPOSE_A : 0) | (b.is_transposed ? LF_TRANSPOSE_B : 0);
    call.m = c.rows, call.n = c.columns, call.k = a.columns(), call.alpha = alpha, call.beta = beta;
    put(a.stored, call.a, call.lda), put(b.stored, call.b, call.ldb), put(c, call.c, call.ldc);
    return sgemm(call);
  }
  /// Calls lf_sgemm().
  Returned<void> sgemm(const lf_sgemm_args &a) const { return finish(lf_sgemm(get(), &a)); }

  /// Packs w, k x n, for the plugin of this context.
  Returned<PackedWeights> pack_weights(const Operand &w) const {
    detail::Check check;
    check.dense("w", w.stored);
    if (check.failed()) return refuse<PackedWeights>(check);
    auto call = args<lf_pack_weights_args>();
    call.flags = w.is_transposed ? LF_TRANSPOSE_B : 0;
    call.n = w.columns(), call.k = w.rows();
    put(w.stored, call.w, call.ldw);
    return pack_weights(call);
  }
  /// Calls lf_pack_weights().
  Returned<PackedWeights> pack_weights(const lf_pack_weights_args &a) const {
    lf_packed_weights *packed = nullptr;
    const lf_status status = lf_pack_weights(get(), &a, &packed);
    return finish(status, PackedWeights(packed));
  }
  /// Copies packed weights back to w, k x n, bit for bit.
  [[gnu::always_inline]] Returned<void> unpack_weights(const PackedWeights &packed, Matrix w) const {
    detail::Check check;
    check.dense("w", w);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_unpack_weights_args>();
    call.flags = 0, call.n = w.columns, call.k = w.rows;
    put(w, call.w, call.ldw);
    return unpack_weights(call, packed);
  }
  /// Calls lf_unpack_weights().
  Returned<void> unpack_weights(const lf_unpack_weights_args &a, const PackedWeights &packed) const {
    return finish(lf_unpack_weights(get(), &a, packed.get()));
  }

  /// y = act(x w + bias) with packed weights.  bias may be absent.
  [[gnu::always_inline]] Returned<void> dense_infer(ConstMatrix x, const PackedWeights &packed, ConstVector bias,
                                                    Activation activation, Matrix y) const {
    detail::Check check;
    check.same("rows of x and y", x.rows, y.rows);
    check.vector("bias", "elements of bias and columns of y", bias, y.columns);
    check.dense("x", x), check.dense("y", y);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_dense_infer_args>();
    call.flags = 0, call.m = y.rows, call.n = y.columns, call.k = x.columns;
    put(x, call.x, call.ldx);
    call.bias = bias.data, call.activation = activation.code, call.alpha = activation.alpha;
    put(y, call.y, call.ldy);
    return dense_infer(call, packed);
  }
  /// Calls lf_dense_infer().
  Returned<void> dense_infer(const lf_dense_infer_args &a, const PackedWeights &packed) const {
    return finish(lf_dense_infer(get(), &a, packed.get()));
  }

  /// y = act(bn(x w + bias)), where the normalization uses the running statistics.
  [[gnu::always_inline]] Returned<void> dense_forward(ConstMatrix x, const ConstLayerView &layer, Matrix y) const {
    return forward_pass(x, layer, y, {}, 0);
  }
  /// y = act(bn(x w + bias)).  With LF_TRAINING it normalizes by the batch and updates the running statistics.  z, if it is
  /// present, keeps x w + bias for the backward pass.
  [[gnu::always_inline]] Returned<void> dense_forward(ConstMatrix x, const LayerView &layer, Matrix y, Matrix z,
                                                      uint32_t flags = 0) const {
    return forward_pass(x, layer, y, z, flags);
  }
  /// Calls lf_dense_forward().
  Returned<void> dense_forward(const lf_dense_forward_args &a) const { return finish(lf_dense_forward(get(), &a)); }

  /// Computes the gradients of a layer from dy, m x n.
  [[gnu::always_inline]] Returned<void> dense_backward(const ForwardPass &forward, const ConstLayerView &layer,
                                                       ConstMatrix dy, const GradientView &gradients) const {
    return backward_pass(forward, layer, dy, gradients, 0, nullptr, 0);
  }
  /// Computes the gradients of a layer, and updates its weights by plain SGD in the same call.  It updates the packed
  /// weights if the layer has them, else w itself.
  [[gnu::always_inline]] Returned<void> dense_backward_and_update(const ForwardPass &forward, const LayerView &layer,
                                                                  ConstMatrix dy, const GradientView &gradients,
                                                                  float learning_rate) const {
    const bool packed = layer.packed != nullptr;
    return backward_pass(forward, layer, dy, gradients, packed ? LF_UPDATE_PACKED : 0, packed ? nullptr : layer.w.data,
                         learning_rate);
  }
  /// Calls lf_dense_backward().
  Returned<void> dense_backward(const lf_dense_backward_args &a) const { return finish(lf_dense_backward(get(), &a)); }

  /// Returns an equivalent layer, with its normalization folded into w and bias.
  [[nodiscard]] Returned<DenseLayer> fold(const DenseLayer &layer) const {
    if (!layer.batch_norm) return finish(LF_OK, DenseLayer(layer));
    DenseLayer folded(layer);
    folded.batch_norm.reset(), folded.bias.resize(layer.batch_norm->gamma.size());
    const ConstLayerView from = layer.view();
    const Result<void> done =
        nothrow().fold_batch_norm(from.w, from.bias, *from.batch_norm, folded.weights(), folded.bias);
    if (!done) return Errors::template refuse<DenseLayer>(done.status(), done.message());
    return finish(LF_OK, std::move(folded));
  }

  /// y = act(x).  y may be x itself.
  [[gnu::always_inline]] Returned<void> activation_forward(Activation activation, ConstMatrix x, Matrix y) const {
    detail::Check check;
    check.same_shape("x and y", x, y), check.dense("x", x), check.dense("y", y);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_activation_forward_args>();
    call.flags = 0, call.m = y.rows, call.n = y.columns, call.activation = activation.code,
    call.alpha = activation.alpha;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    return activation_forward(call);
  }
  /// Calls lf_activation_forward().
  Returned<void> activation_forward(const lf_activation_forward_args &a) const {
    return finish(lf_activation_forward(get(), &a));
  }
  /// dx = dy * act'(x), from the output y or from the input x; the one that the activation does not need may be absent
  /// (activation.h).  dx may be dy itself.
  [[gnu::always_inline]] Returned<void> activation_backward(Activation activation, ConstMatrix y, ConstMatrix dy,
                                                            Matrix dx, ConstMatrix x = {}) const {
    detail::Check check;
    if (y.data != nullptr) check.same_shape("y and dy", y, dy);
    if (x.data != nullptr) check.same_shape("x and dy", x, dy);
    check.same_shape("dy and dx", dy, dx);
    check.dense("y", y), check.dense("dy", dy), check.dense("dx", dx), check.dense("x", x);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_activation_backward_args>();
    call.flags = 0, call.m = dy.rows, call.n = dy.columns, call.activation = activation.code,
    call.alpha = activation.alpha;
    put(y, call.y, call.ldy), put(dy, call.dy, call.lddy), put(dx, call.dx, call.lddx), put(x, call.x, call.ldx);
    return activation_backward(call);
  }
  /// Calls lf_activation_backward().
  Returned<void> activation_backward(const lf_activation_backward_args &a) const {
    return finish(lf_activation_backward(get(), &a));
  }

  /// y = x with elements dropped at random and the others scaled (activation.h).  y may be x itself.
  [[gnu::always_inline]] Returned<void> dropout(const Dropout &dropout, ConstMatrix x, Matrix y) const {
    detail::Check check;
    check.same_shape("x and y", x, y), check.dense("x", x), check.dense("y", y);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_dropout_args>();
    call.flags = 0, call.m = y.rows, call.n = y.columns;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    call.rate = dropout.rate, call.reserved = 0;
    call.seed = dropout.seed, call.stream = dropout.stream, call.first_row = dropout.first_row;
    return this->dropout(call);
  }
  /// Calls lf_dropout().
  Returned<void> dropout(const lf_dropout_args &a) const { return finish(lf_dropout(get(), &a)); }

  /// y = softmax(x) in each row, or its logarithm.  y may be x itself.
  [[gnu::always_inline]] Returned<void> softmax(ConstMatrix x, Matrix y, bool logarithm = false) const {
    detail::Check check;
    check.same_shape("x and y", x, y), check.dense("x", x), check.dense("y", y);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_softmax_args>();
    call.flags = logarithm ? LF_LOGARITHM : 0, call.m = y.rows, call.n = y.columns;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    return softmax(call);
  }
  /// Calls lf_softmax().
  Returned<void> softmax(const lf_softmax_args &a) const { return finish(lf_softmax(get(), &a)); }

  /// Returns the mean loss over the rows of x, the logits.  dx, if it is present, receives the gradient, and may be x
  /// itself.  labels has one class for each row, and weights, if it is present, one weight.  In a part of a batch, losses
  /// receives that of each row, and the gradient is that of a mean over batch_rows rows; 0: x is the whole batch.
  [[gnu::always_inline]] Returned<float> softmax_cross_entropy(ConstMatrix x, Labels labels, Matrix dx = {},
                                                               ConstVector weights = {}, Vector losses = {},
                                                               Count<int64_t> batch_rows = 0) const {
    detail::Check check;
    check.vector("labels", "elements of labels and rows of x", labels, x.rows);
    check.vector("weights", "elements of weights and rows of x", weights, x.rows);
    check.vector("losses", "elements of losses and rows of x", losses, x.rows);
    if (dx.data != nullptr) check.same_shape("x and dx", x, dx);
    check.dense("x", x), check.dense("dx", dx);
    if (check.failed()) return refuse<float>(check);
    float loss = 0;
    auto call = args<lf_softmax_cross_entropy_args>();
    call.flags = 0, call.m = x.rows, call.n = x.columns;
    put(x, call.x, call.ldx);
    call.labels = labels.data, call.loss = &loss;
    put(dx, call.dx, call.lddx);
    call.weights = weights.data, call.batch_rows = batch_rows, call.losses = losses.data;
    const lf_status status = lf_softmax_cross_entropy(get(), &call);
    return finish(status, std::move(loss));
  }
  /// Calls lf_softmax_cross_entropy().
  Returned<void> softmax_cross_entropy(const lf_softmax_cross_entropy_args &a) const {
    return finish(lf_softmax_cross_entropy(get(), &a));
  }
  /// Returns the mean loss over the elements of x, the predictions.  targets has the shape of x.  dx, if it is present,
  /// receives the gradient, and may be x itself.  weights, if it is present, has one weight for each row.  losses and
  /// batch_rows are as in softmax_cross_entropy().
  [[gnu::always_inline]] Returned<float> elementwise_loss(Loss function, ConstMatrix x, ConstMatrix targets,
                                                          Matrix dx = {}, ConstVector weights = {}, Vector losses = {},
                                                          Count<int64_t> batch_rows = 0) const {
    detail::Check check;
    check.same_shape("x and targets", x, targets);
    check.vector("weights", "elements of weights and rows of x", weights, x.rows);
    check.vector("losses", "elements of losses and rows of x", losses, x.rows);
    if (dx.data != nullptr) check.same_shape("x and dx", x, dx);
    check.dense("x", x), check.dense("targets", targets), check.dense("dx", dx);
    if (check.failed()) return refuse<float>(check);
    float loss = 0;
    auto call = args<lf_elementwise_loss_args>();
    call.flags = 0, call.function = function.code, call.delta = function.delta, call.m = x.rows, call.n = x.columns;
    put(x, call.x, call.ldx), put(targets, call.targets, call.ldtargets);
    call.weights = weights.data, call.loss = &loss;
    put(dx, call.dx, call.lddx);
    call.batch_rows = batch_rows, call.losses = losses.data;
    const lf_status status = lf_elementwise_loss(get(), &call);
    return finish(status, std::move(loss));
  }
  /// Calls lf_elementwise_loss().
  Returned<void> elementwise_loss(const lf_elementwise_loss_args &a) const {
    return finish(lf_elementwise_loss(get(), &a));
  }
  /// Returns how many rows of x have their label among the k outputs that rank highest.
  [[nodiscard, gnu::always_inline]] Returned<int64_t> top_k_correct(ConstMatrix x, Labels labels, int64_t k = 1) const {
    detail::Check check;
    check.vector("labels", "elements of labels and rows of x", labels, x.rows), check.dense("x", x);
    if (check.failed()) return refuse<int64_t>(check);
    int64_t correct = 0;
    auto call = args<lf_top_k_correct_args>();
    call.flags = 0, call.m = x.rows, call.n = x.columns, call.k = k;
    put(x, call.x, call.ldx);
    call.labels = labels.data, call.correct = &correct;
    const lf_status status = lf_top_k_correct(get(), &call);
    return finish(status, std::move(correct));
  }
  /// Calls lf_top_k_correct().
  Returned<void> top_k_correct(const lf_top_k_correct_args &a) const { return finish(lf_top_k_correct(get(), &a)); }

  /// Takes one step: updates the parameters w by their gradient g.  m and v are the optimizer state, as large as w.  step
  /// is 1 for the first step.  What the optimizer does not use may be absent (optimizer.h).
  [[gnu::always_inline]] Returned<void> optimizer_step(const UpdateRule &rule, Vector w, ConstVector g, Vector m = {},
                                                       Vector v = {}, int64_t step = 1) const {
    detail::Check check;
    check.vector("g", "elements of g and w", g, w.size), check.vector("m", "elements of m and w", m, w.size);
    check.vector("v", "elements of v and w", v, w.size), check.dense("w", w);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_optimizer_step_args>();
    call.flags = 0, call.optimizer = rule.code, call.weight_decay = rule.weight_decay, call.n = w.size;
    call.w = w.data, call.g = g.data, call.m = m.data, call.v = v.data;
    call.learning_rate = rule.learning_rate, call.momentum = rule.momentum, call.beta2 = rule.beta2;
    call.eps = rule.eps, call.step = step;
    return optimizer_step(call);
  }
  /// Calls lf_optimizer_step().
  Returned<void> optimizer_step(const lf_optimizer_step_args &a) const { return finish(lf_optimizer_step(get(), &a)); }

  /// y[i][j] = x[rows[i]][j] / divisor.  If rows is absent, the call takes the first rows of x.
  [[gnu::always_inline]] Returned<void> gather(ByteMatrix x, RowIndices rows, float divisor, Matrix y) const {
    detail::Check check;
    check.same("columns of x and y", x.columns, y.columns);
    check.vector("rows", "elements of rows and rows of y", rows, y.rows);
    check.dense("x", x), check.dense("y", y);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_gather_args>();
    call.flags = 0, call.m = y.rows, call.n = y.columns, call.count = x.rows;
    put(x, call.x, call.ldx);
    call.rows = rows.data, call.divisor = divisor, call.reserved = 0;
    put(y, call.y, call.ldy);
    return gather(call);
  }
  /// Calls lf_gather().
  Returned<void> gather(const lf_gather_args &a) const { return finish(lf_gather(get(), &a)); }

  /// Folds and packs the layers, first to last.  output says what follows them, such as LF_OUTPUT_SOFTMAX.  Layers with
  /// packed weights fail with LF_UNSUPPORTED: unpack the weights first.
  Returned<InferenceNetwork> make_network(VectorView<const InferenceLayer> layers,
                                          int32_t output = LF_OUTPUT_VALUES) const {
    const auto count = layers.data != nullptr && layers.size > 0 ? static_cast<size_t>(layers.size) : 0;
    const std::unique_ptr<lf_network_layer[]> made(new (std::nothrow) lf_network_layer[count]);
    const std::unique_ptr<lf_batch_norm[]> norms(new (std::nothrow) lf_batch_norm[count]);
    if (!made || !norms)
      return Errors::template refuse<InferenceNetwork>(LF_OUT_OF_MEMORY, "out of memory for the layers");
    for (size_t i = 0; i < count; ++i) {
      const InferenceLayer &from = layers[static_cast<int64_t>(i)];
      if (from.has_packed_weights) {
        char text[detail::message_size];
        std::snprintf(text, sizeof text, "layer %zu has packed weights; unpack them first", i);
        return Errors::template refuse<InferenceNetwork>(LF_UNSUPPORTED, text);
      }
      detail::Check check;
      check.vector("bias", "elements of bias and columns of w", from.bias, from.w.columns());
      check.batch_norm(from.batch_norm, from.w.columns()), check.dense("w", from.w.stored);
      if (check.failed()) return check.refusal_of_layer<Errors, InferenceNetwork>(i);
      lf_network_layer &layer = made[i] = args<lf_network_layer>();
      layer.flags = (from.w.is_transposed ? LF_TRANSPOSE_B : 0) | (from.is_elementwise ? LF_ELEMENTWISE : 0);
      layer.n = from.w.columns(), layer.k = from.w.rows(), layer.bias = from.bias.data;
      if (from.batch_norm) norms[i] = detail::c_struct_of(*from.batch_norm), layer.batch_norm = &norms[i];
      layer.activation = from.activation.code, layer.alpha = from.activation.alpha;
      put(from.w.stored, layer.w, layer.ldw);
    }
    auto call = args<lf_network_args>();
    call.count = layers.size, call.layers = count > 0 ? made.get() : nullptr, call.output = output;
    return make_network(call);
  }
  /// Folds and packs the layers, as above.
  Returned<InferenceNetwork> make_network(std::initializer_list<InferenceLayer> layers,
                                          int32_t output = LF_OUTPUT_VALUES) const {
    return make_network(VectorView<const InferenceLayer>(layers.begin(), static_cast<int64_t>(layers.size())), output);
  }
  /// Calls lf_network_create().
  Returned<InferenceNetwork> make_network(const lf_network_args &a) const {
    lf_network *network = nullptr;
    const lf_status status = lf_network_create(get(), &a, &network);
    return finish(status, InferenceNetwork(network));
  }
  /// Prepares this context for `calls` calls of network_infer() at the same time.
  Returned<void> network_reserve(const InferenceNetwork &network, Count<int32_t> calls = 1) const {
    return finish(lf_network_reserve(get(), network.get(), calls));
  }
  /// Passes x through all layers of a network, into y.
  [[gnu::always_inline]] Returned<void> network_infer(ConstMatrix x, const InferenceNetwork &network, Matrix y) const {
    detail::Check check;
    check.same("rows of x and y", x.rows, y.rows), check.dense("x", x), check.dense("y", y);
    if (check.failed()) return refuse<void>(check);
    auto call = args<lf_network_infer_args>();
    call.flags = 0, call.m = y.rows;
    put(x, call.x, call.ldx), put(y, call.y, call.ldy);
    return network_infer(call, network);
  }
  /// Calls lf_network_infer().
  Returned<void> network_infer(const lf_network_infer_args &a, const InferenceNetwork &network) const {
    return finish(lf_network_infer(get(), &a, network.get()));
  }

  /// Returns one line that says what a call with this struct would use, and why.  Pointers in it may be NULL.
  template <class Args> [[nodiscard]] Returned<std::string> explain(const Args &a) const {
    static_assert(detail::op_of<Args> >= 0, "explain takes the struct of an operation, such as lf_sgemm_args");
    return explain(detail::op_of<Args>, &a);
  }
  /// Returns the same for the code of an operation, such as LF_OP_SGEMM, and a pointer to its struct.
  [[nodiscard]] Returned<std::string> explain(int32_t op, const void *a) const {
    return detail::text_of<Errors>(get(), [&](char *text, uint64_t size, uint64_t *needed) {
      return lf_explain(get(), op, a, text, size, needed);
    });
  }

protected:
  /// \cond
  using Base::context_;
  explicit ContextCalls(lf_context *context) noexcept : Base(context) {}
  ContextCalls(const ContextCalls &) = default;
  ContextCalls &operator=(const ContextCalls &) = default;
  ~ContextCalls() = default;

private:
  // The C call updates the statistics of the layer only with LF_TRAINING, which comes only with a LayerView.
  template <class Element>
  [[gnu::always_inline]] Returned<void> forward_pass(ConstMatrix x, const BasicLayerView<Element> &layer, Matrix y,
                                                     Matrix z, uint32_t flags) const {
    detail::Check check;
    check.same("columns of x and rows of w", x.columns, layer.w.rows);
    check.same("rows of x and y", x.rows, y.rows), check.same("columns of w and y", layer.w.columns, y.columns);
    if (z.data != nullptr) check.same_shape("z and y", z, y);
    check.vector("bias", "elements of bias and columns of y", layer.bias, y.columns);
    check.batch_norm(layer.batch_norm, y.columns);
    check.dense("x", x), check.dense("w", layer.w), check.dense("y", y), check.dense("z", z);
    if (check.failed()) return refuse<void>(check);
    lf_batch_norm norm;
    if (layer.batch_norm) norm = detail::c_struct_of(*layer.batch_norm);
    auto call = args<lf_dense_forward_args>();
    call.flags = flags, call.m = y.rows, call.n = y.columns, call.k = x.columns;
    put(x, call.x, call.ldx), put(layer.w, call.w, call.ldw);
    call.packed = layer.packed, call.bias = layer.bias.data, call.batch_norm = layer.batch_norm ? &norm : nullptr;
    call.activation = layer.activation.code, call.alpha = layer.activation.alpha;
    put(z, call.z, call.ldz), put(y, call.y, call.ldy);
    return dense_forward(call);
  }
  // The C call updates the packed weights only with LF_UPDATE_PACKED, which comes only with a LayerView.
  template <class Element>
  [[gnu::always_inline]] Returned<void> backward_pass(const ForwardPass &forward, const BasicLayerView<Element> &layer,
                                                      ConstMatrix dy, const GradientView &gradients, uint32_t flags,
                                                      float *updated_w, float learning_rate) const {
    const auto &[x, z, y] = forward;
    const int64_t n = dy.columns;
    detail::Check check;
    check.same("rows of x and dy", x.rows, dy.rows), check.same("columns of w and dy", layer.w.columns, n);
    check.same("columns of x and rows of w", x.columns, layer.w.rows);
    if (z.data != nullptr) check.same_shape("z and dy", z, dy);
    if (y.data != nullptr) check.same_shape("y and dy", y, dy);
    if (gradients.dw.data != nullptr) check.same_shape("w and dw", layer.w, gradients.dw);
    if (gradients.dx.data != nullptr) check.same_shape("x and dx", x, gradients.dx);
    check.batch_norm(layer.batch_norm, n);
    check.vector("dbias", "elements of dbias and columns of dy", gradients.dbias, n);
    check.vector("dgamma", "elements of dgamma and columns of dy", gradients.dgamma, n);
    check.vector("dbeta", "elements of dbeta and columns of dy", gradients.dbeta, n);
    check.dense("x", x), check.dense("w", layer.w), check.dense("z", z), check.dense("y", y), check.dense("dy", dy);
    check.dense("dw", gradients.dw), check.dense("dx", gradients.dx);
    if (check.failed()) return refuse<void>(check);
    lf_batch_norm norm;
    if (layer.batch_norm) norm = detail::c_struct_of(*layer.batch_norm);
    auto call = args<lf_dense_backward_args>();
    call.flags = flags;
    call.m = dy.rows, call.n = n, call.k = x.columns;
    put(x, call.x, call.ldx), put(layer.w, call.w, call.ldw);
    call.packed = const_cast<lf_packed_weights *>(layer.packed);
    call.batch_norm = layer.batch_norm ? &norm : nullptr;
    call.activation = layer.activation.code, call.alpha = layer.activation.alpha;
    put(z, call.z, call.ldz), put(y, call.y, call.ldy), put(dy, call.dy, call.lddy);
    put(gradients.dw, call.dw, call.lddw);
    call.dbias = gradients.dbias.data;
    put(gradients.dx, call.dx, call.lddx);
    call.dgamma = gradients.dgamma.data, call.dbeta = gradients.dbeta.data;
    call.updated_w = updated_w;
    call.learning_rate = learning_rate, call.reserved = 0;
    return dense_backward(call);
  }
  /// \endcond
};

/// The calls on a context that somebody else owns; they return their errors.
using NothrowContextView = BasicContextView<ReturnErrors>;
#if defined(__cpp_exceptions)
/// The calls on a context that somebody else owns; they throw their errors.
using ContextView = BasicContextView<ThrowErrors>;
#endif

} // namespace LANEFOLD_NAMESPACE
} // namespace lanefold

#endif
