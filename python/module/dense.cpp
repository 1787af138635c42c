// A whole dense layer, forward and backward.
#include "families.hpp"
#include "layer.hpp"
#include "weights.hpp"

namespace lanefold::python {
namespace {

py::object dense_forward(const Arguments &given) {
  enum { x_, w_, bias_, batch_norm_, activation_, alpha_, training_, z_, out_, context_ };
  const Call call(given, context_);
  const Weights weights(given, w_, Access::read);
  auto args = python::args<lf_dense_forward_args>();
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  args.m = memory.shape[0], args.n = weights.n, args.k = weights.k;
  need_shape(memory, args.m, args.k);
  const Matrix x = matrix(memory, Order::rows);
  const bool training = given.flag(training_);
  args.flags = training ? LF_TRAINING : 0;
  const Input bias(given, bias_, args.n);
  std::optional<BatchNorm> batch_norm;
  if (training && given.is_given(batch_norm_)) need_several_rows(given.call(), args.m);
  if (given.is_given(batch_norm_))
    batch_norm.emplace(given.call(), "batch_norm", given[batch_norm_], args.n, training ? Use::train : Use::infer);
  const Activation activation = activation_of(given, activation_, alpha_);
  const Input z(given, z_, args.m, args.n, Order::rows, Access::write);
  const Output out(given, out_, args.m, args.n);
  args.x = x.data, args.ldx = x.stride, args.w = weights.w, args.ldw = weights.stride;
  args.packed = weights.packed.get(), args.bias = bias.data();
  args.batch_norm = batch_norm ? batch_norm->get() : nullptr;
  args.activation = activation.code, args.alpha = activation.alpha, args.z = z.data(), args.ldz = z.view().stride;
  args.y = out.data(), args.ldy = out.view().stride;
  call.run(2 * volume(args.m, args.n, args.k), {{"y", "out"}}, lf_dense_forward, &args);
  return out.object();
}

py::object dense_backward(const Arguments &given) {
  enum {
    x_,
    w_,
    dy_,
    y_,
    z_,
    batch_norm_,
    activation_,
    alpha_,
    learning_rate_,
    dw_,
    dbias_,
    dx_,
    dgamma_,
    dbeta_,
    context_
  };
  const Call call(given, context_);
  const bool update = given.is_given(learning_rate_), normalized = given.is_given(batch_norm_);
  const Weights weights(given, w_, update ? Access::write : Access::read);
  auto args = python::args<lf_dense_backward_args>();
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  const int64_t m = memory.shape[0], n = weights.n, k = weights.k;
  need_shape(memory, m, k);
  const Matrix x = matrix(memory, Order::rows);
  const Activation activation = activation_of(given, activation_, alpha_);
  const auto required = [&](size_t i, const char *by) {
    if (!given.is_given(i)) refuse_value(given.call(), std::string(given.name(i)) + " is missing; " + by + " needs it");
  };
  const bool from_input = LF_DERIVES_FROM_INPUT(activation.code);
  if (from_input) required(z_, "the derivative of the activation");
  else if (activation.code != LF_IDENTITY) required(y_, "the derivative of the activation");
  if (normalized) required(z_, "the batch normalization");
  for (const size_t i : {dgamma_, dbeta_})
    if (!normalized && given.is_given(i) && is_wanted(given, i))
      refuse_value(given.call(), std::string(given.name(i)) + " is given without batch_norm; expected both or neither");
  if (!update && !is_wanted(given, dw_))
    refuse_value(given.call(), "dw is False, but learning_rate is missing; expected dw, an update of w, or both");
  std::optional<BatchNorm> batch_norm;
  if (normalized)
    batch_norm.emplace(given.call(), "batch_norm", given[batch_norm_], n,
                       from_input ? Use::backward_from_input : Use::backward);
  const Input y(given, y_, m, n), z(given, z_, m, n), dy(given, dy_, m, n);
  std::optional<Output> dw, dbias, dx, dgamma, dbeta;
  if (is_wanted(given, dw_) && (!update || given.is_given(dw_))) dw.emplace(given, dw_, k, n);
  if (is_wanted(given, dbias_) && (!normalized || given.is_given(dbias_))) dbias.emplace(given, dbias_, n);
  if (is_wanted(given, dx_)) dx.emplace(given, dx_, m, k);
  if (normalized) dgamma.emplace(given, dgamma_, n), dbeta.emplace(given, dbeta_, n);
  args.m = m, args.n = n, args.k = k, args.x = x.data, args.ldx = x.stride;
  args.w = weights.w, args.ldw = weights.stride, args.packed = weights.packed.get();
  args.batch_norm = batch_norm ? batch_norm->get() : nullptr;
  args.activation = activation.code, args.alpha = activation.alpha;
  args.z = z.data(), args.ldz = z.view().stride, args.y = y.data(), args.ldy = y.view().stride;
  args.dy = dy.data(), args.lddy = dy.view().stride;
  if (dw) args.dw = dw->data(), args.lddw = dw->view().stride;
  if (dx) args.dx = dx->data(), args.lddx = dx->view().stride;
  const auto pointer = [](const std::optional<Output> &output) { return output ? output->data() : nullptr; };
  args.dbias = pointer(dbias), args.dgamma = pointer(dgamma), args.dbeta = pointer(dbeta);
  if (update) {
    args.learning_rate = static_cast<float>(given.number(learning_rate_, 0));
    if (weights.packed) args.flags = LF_UPDATE_PACKED;
    else args.updated_w = weights.w;
  }
  call.run(4 * volume(m, n, k), {}, lf_dense_backward, &args);
  const auto object = [](const std::optional<Output> &output) { return output ? output->object() : py::none(); };
  return result_types.dense_gradients(object(dw), object(dbias), object(dx), object(dgamma), object(dbeta));
}

} // namespace

void define_dense(py::module_ &module) {
  Function<dense_forward>::define(
      module,
      R"(dense_forward(x, w, *, bias=None, batch_norm=None, activation='identity', alpha=None, training=False, z=None, out=None, context=None)
--

Computes z = x w + bias and out = f(bn(z)) in one call, and returns out.

x           m x k; rows of adjacent elements, as in all matrices here
w           k x n, or PackedWeights
bias        n floats; None stands for zeros
batch_norm  a BatchNorm over n columns, or None.  With training=True it normalizes by the statistics of the batch,
            updates the running ones, and keeps mean and inv_std for dense_backward.  Otherwise it normalizes by
            the running statistics.
activation  f, and its alpha: activation_forward lists them
z           m x n: receives x w + bias, which dense_backward needs for a normalization and for 'silu', 'hard-swish',
            'gelu' and 'gelu-tanh'; None does not keep it
out         m x n; None makes a new array

Outputs overlap no other argument.  Results have the same bits on every CPU.  They are the bits that sgemm,
batch_norm_forward and activation_forward give, called one after the other.

Raises TypeError and ValueError as sgemm does.  Any number of threads may call it at the same time, unless they train
the same BatchNorm.

>>> x = numpy.array([[1, 2]], numpy.float32)
>>> w = numpy.array([[1, -1], [1, -1]], numpy.float32)
>>> lanefold.dense_forward(x, w, activation='relu')
array([[3., 0.]], dtype=float32)
)");
  Function<dense_backward>::define(
      module,
      R"(dense_backward(x, w, dy, *, y=None, z=None, batch_norm=None, activation='identity', alpha=None, learning_rate=None, dw=None, dbias=None, dx=None, dgamma=None, dbeta=None, context=None)
--

Computes the gradients of dense_forward, and returns them as DenseGradients(dw, dbias, dx, dgamma, dbeta).

x, w        as in the forward pass
dy          m x n: the gradient of the loss with respect to the output
y           m x n: the output.  'identity', and the activations that need z, do not need it.
z           m x n, as dense_forward kept it.  A normalization and 'silu', 'hard-swish', 'gelu' and 'gelu-tanh' need it.
batch_norm  with mean and inv_std as dense_forward left them

    dt = dy * f';  dz = the gradient of the normalization, or dt
    dw = x^T dz;  dbias = sum of the rows of dz;  dx = dz w^T

dw (k x n), dbias (n), dx (m x k), dgamma and dbeta (n) are the arrays to write.  None makes a new array.  For dw, dbias
and dx, False means that the gradient is not wanted, which saves its time.  With a normalization, dbias is computed only
if it is given.

With learning_rate, w -= learning_rate * dw follows in the same call, after dx has been computed.  dw is then only
stored if it is given.

Raises TypeError and ValueError as sgemm does.  Any number of threads may call it at the same time, unless one updates
weights that another one uses.

>>> x, w, dy = (numpy.ones(shape, numpy.float32) for shape in [(1, 2), (2, 1), (1, 1)])
>>> lanefold.dense_backward(x, w, dy, dx=False).dw
array([[1.],
       [1.]], dtype=float32)
)");
}

} // namespace lanefold::python
