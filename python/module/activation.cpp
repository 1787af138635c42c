// Activations, element by element, and dropout.  Activations take a column-major matrix as its transpose.
#include "families.hpp"
#include "layer.hpp"

namespace lanefold::python {
namespace {

py::object activation_forward(const Arguments &given) {
  enum { x_, activation_, alpha_, out_, context_ };
  const Call call(given, context_);
  auto args = python::args<lf_activation_forward_args>();
  const Activation activation = activation_of(given, activation_, alpha_);
  args.activation = activation.code, args.alpha = activation.alpha;
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  const Matrix x = matrix(memory, Order::any);
  const Output out(given, out_, memory.shape[0], memory.shape[1], x.transposed ? Order::columns : Order::rows);
  args.m = x.rows, args.n = x.columns, args.x = x.data, args.ldx = x.stride;
  args.y = out.data(), args.ldy = out.view().stride;
  call.run(8 * volume(args.m, args.n), {{"y", "out"}}, lf_activation_forward, &args);
  return out.object();
}

py::object activation_backward(const Arguments &given) {
  enum { y_, dy_, activation_, x_, alpha_, out_, context_ };
  const Call call(given, context_);
  auto args = python::args<lf_activation_backward_args>();
  const Activation activation = activation_of(given, activation_, alpha_);
  args.activation = activation.code, args.alpha = activation.alpha;
  const Memory y_memory(given.call(), given.name(y_), given[y_], float32, Access::read);
  const Matrix y = matrix(y_memory, Order::any);
  const Order order = y.transposed ? Order::columns : Order::rows;
  const Memory dy_memory(given.call(), given.name(dy_), given[dy_], float32, Access::read);
  need_shape(dy_memory, y_memory.shape[0], y_memory.shape[1]);
  const Matrix dy = matrix(dy_memory, order);
  if (LF_DERIVES_FROM_INPUT(activation.code) && !given.is_given(x_))
    refuse_value(given.call(), "x is missing; the derivative of the activation needs it");
  const Input x(given, x_, y_memory.shape[0], y_memory.shape[1], order);
  args.x = x.data(), args.ldx = x.view().stride;
  const Output out(given, out_, y_memory.shape[0], y_memory.shape[1], order);
  args.m = y.rows, args.n = y.columns, args.y = y.data, args.ldy = y.stride, args.dy = dy.data, args.lddy = dy.stride;
  args.dx = out.data(), args.lddx = out.view().stride;
  call.run(8 * volume(args.m, args.n), {{"dx", "out"}}, lf_activation_backward, &args);
  return out.object();
}

py::object dropout(const Arguments &given) {
  enum { x_, rate_, seed_, stream_, first_row_, out_, context_ };
  const Call call(given, context_);
  const Input x(given, x_);
  const int64_t m = x.view().rows, n = x.view().columns;
  auto args = python::args<lf_dropout_args>();
  args.rate = static_cast<float>(given.number(rate_, 0));
  args.seed = given.bits(seed_, 0), args.stream = given.bits(stream_, 0), args.first_row = given.whole(first_row_, 0);
  const Output out(given, out_, m, n);
  args.m = m, args.n = n, args.x = x.data(), args.ldx = x.view().stride, args.y = out.data(),
  args.ldy = out.view().stride;
  call.run(16 * volume(m, n), {{"y", "out"}}, lf_dropout, &args);
  return out.object();
}

} // namespace

void define_activation(py::module_ &module) {
  Function<activation_forward>::define(module,
                                       R"(activation_forward(x, activation, *, alpha=None, out=None, context=None)
--

Computes out = f(x), element by element, and returns out.

activation     f(x)                                           alpha
'identity'     x
'relu'         x > 0 ? x : 0
'leaky-relu'   x > 0 ? x : alpha * x                          0.01
'elu'          x > 0 ? x : alpha * expm1(x)                   1
'selu'         1.0507.. * (x > 0 ? x : 1.6732.. * expm1(x))
'tanh'         tanh(x)
'logistic'     1 / (1 + exp(-x))
'relu6'        min(max(x, 0), 6)
'softplus'     log(1 + exp(x))
'hard-sigmoid' min(max(alpha * x + 1/2, 0), 1)                1/6
'silu'         x / (1 + exp(-x))
'hard-swish'   x * min(max(x + 3, 0), 6) / 6
'gelu'         x * Phi(x), where Phi is the normal distribution
'gelu-tanh'    the approximation of GELU by tanh

x is m x n with rows or columns of adjacent elements.  out has the same shape and order, and may be x itself.  The
error is at most 1 ulp for ELU with alpha 1, 4 ulp for GELU and 2 ulp for the others, and NaN gives NaN.

Raises TypeError and ValueError as sgemm does.  Any number of threads may call it at the same time.

>>> lanefold.activation_forward(numpy.array([[-1, 0, 2]], numpy.float32), 'relu')
array([[0., 0., 2.]], dtype=float32)
)");
  Function<activation_backward>::define(
      module,
      R"(activation_backward(y, dy, activation, *, x=None, alpha=None, out=None, context=None)
--

Computes out = dy * f'(x), and returns out.

f'(x) follows from y = f(x), the output of activation_forward.  Only 'silu', 'hard-swish', 'gelu' and 'gelu-tanh' need
x.  All matrices are m x n, all with rows of adjacent elements, or all with columns.  out may be dy itself.

Raises TypeError and ValueError as sgemm does.  Any number of threads may call it at the same time.

>>> y = lanefold.activation_forward(numpy.array([[-1, 2]], numpy.float32), 'relu')
>>> lanefold.activation_backward(y, numpy.array([[5, 7]], numpy.float32), 'relu')
array([[0., 7.]], dtype=float32)
)");
  Function<dropout>::define(module, R"(dropout(x, *, rate, seed, stream=0, first_row=0, out=None, context=None)
--

Drops elements of x at random and divides the others by 1 - rate, into out, and returns out.

rate       the probability that an element is dropped, in [0, 1)
seed       the key of the random numbers, a whole number below 2^64
stream     which of the key's streams, below 2^64: a number for each layer and step, for example
first_row  the number of the first row.  A part of a batch drops what the whole batch drops there.

A second call with the same rate, seed, stream and rows drops the same elements, so it is also the backward pass: give it
the gradient.  Neither threads nor the CPU change what is dropped.  x is m x n with rows of adjacent elements.  out has
the same shape, and may be x itself.

Raises TypeError and ValueError as sgemm does.  Any number of threads may call it at the same time.

>>> lanefold.dropout(numpy.ones((1, 8), numpy.float32), rate=0.5, seed=1)
array([[2., 2., 0., 2., 0., 0., 0., 0.]], dtype=float32)
)");
}

} // namespace lanefold::python
