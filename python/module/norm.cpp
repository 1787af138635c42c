// Batch normalization alone, and folded into the weights before it.
#include "families.hpp"
#include "layer.hpp"

namespace lanefold::python {
namespace {

py::object batch_norm_forward(const Arguments &given) {
  enum { x_, batch_norm_, training_, out_, context_ };
  const Call call(given, context_);
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  const Matrix x = matrix(memory, Order::rows);
  const bool training = given.flag(training_);
  if (training) need_several_rows(given.call(), x.rows);
  const BatchNorm norm(given.call(), "batch_norm", given[batch_norm_], x.columns, training ? Use::train : Use::infer);
  const Output out(given, out_, x.rows, x.columns);
  auto args = python::args<lf_batch_norm_forward_args>();
  args.flags = training ? LF_TRAINING : 0;
  args.m = x.rows, args.n = x.columns, args.x = x.data, args.ldx = x.stride, args.y = out.data();
  args.ldy = out.view().stride, args.batch_norm = norm.get();
  call.run(10 * volume(args.m, args.n), {{"y", "out"}}, lf_batch_norm_forward, &args);
  return out.object();
}

py::object batch_norm_backward(const Arguments &given) {
  enum { x_, dy_, batch_norm_, dx_, dgamma_, dbeta_, context_ };
  const Call call(given, context_);
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  const Matrix x = matrix(memory, Order::rows);
  need_several_rows(given.call(), x.rows);
  const Memory dy_memory(given.call(), given.name(dy_), given[dy_], float32, Access::read);
  need_shape(dy_memory, x.rows, x.columns);
  const Matrix dy = matrix(dy_memory, Order::rows);
  const BatchNorm norm(given.call(), "batch_norm", given[batch_norm_], x.columns, Use::backward);
  std::optional<Output> dx;
  if (is_wanted(given, dx_)) dx.emplace(given, dx_, x.rows, x.columns);
  const Output dgamma(given, dgamma_, x.columns), dbeta(given, dbeta_, x.columns);
  auto args = python::args<lf_batch_norm_backward_args>();
  args.m = x.rows, args.n = x.columns, args.x = x.data, args.ldx = x.stride, args.dy = dy.data, args.lddy = dy.stride;
  if (dx) args.dx = dx->data(), args.lddx = dx->view().stride;
  args.batch_norm = norm.get(), args.dgamma = dgamma.data(), args.dbeta = dbeta.data();
  call.run(10 * volume(args.m, args.n), {}, lf_batch_norm_backward, &args);
  return result_types.batch_norm_gradients(dx ? dx->object() : py::none(), dgamma.object(), dbeta.object());
}

py::object fold_batch_norm(const Arguments &given) {
  enum { w_, batch_norm_, bias_, largest_x_, out_w_, out_bias_, context_ };
  const Call call(given, context_);
  const Memory memory(given.call(), given.name(w_), given[w_], float32, Access::read);
  const Matrix w = matrix(memory, Order::rows);
  const int64_t k = w.rows, n = w.columns;
  const BatchNorm norm(given.call(), "batch_norm", given[batch_norm_], n, Use::fold);
  const Input bias(given, bias_, n);
  const Output out_w(given, out_w_, k, n), out_bias(given, out_bias_, n);
  auto args = python::args<lf_fold_batch_norm_args>();
  args.n = n, args.k = k, args.w = w.data, args.ldw = w.stride, args.bias = bias.data(), args.batch_norm = norm.get();
  args.folded_w = out_w.data(), args.ldfolded_w = out_w.view().stride, args.folded_bias = out_bias.data();
  py::object error_bound = py::none();
  if (given.is_given(largest_x_)) {
    args.largest_x = static_cast<float>(given.number(largest_x_, 0));
    error_bound = new_array(n);
    args.error_bound = elements(error_bound);
  }
  call.run(10 * volume(k, n), {{"folded_w", "out_w"}, {"folded_bias", "out_bias"}}, lf_fold_batch_norm, &args);
  return result_types.folded(out_w.object(), out_bias.object(), error_bound);
}

} // namespace

void define_norm(py::module_ &module) {
  Function<batch_norm_forward>::define(module,
                                       R"(batch_norm_forward(x, batch_norm, *, training=False, out=None, context=None)
--

Computes out = (x - mu) * (gamma * (1 / sqrt(var + eps))) + beta in each column, and returns out.

With training=True, mu and var are the mean and the biased variance of the column.  They update the running statistics
of the BatchNorm, which also keeps mean and inv_std for batch_norm_backward.  A batch of one row then raises ValueError,
because one sample has no variance.  Otherwise mu and var are the running statistics.

x and out are m x n with rows of adjacent elements; out may be x itself.

Any number of threads may call it at the same time, unless they train the same BatchNorm.

>>> norm = lanefold.BatchNorm(1, eps=1e-12)
>>> lanefold.batch_norm_forward(numpy.array([[1], [3]], numpy.float32), norm, training=True)
array([[-1.],
       [ 1.]], dtype=float32)
)");
  Function<batch_norm_backward>::define(
      module, R"(batch_norm_backward(x, dy, batch_norm, *, dx=None, dgamma=None, dbeta=None, context=None)
--

Computes the gradients of batch_norm_forward with training=True, and returns BatchNormGradients(dx, dgamma, dbeta).

With xhat = (x - mean) * inv_std, where the forward pass left mean and inv_std in the BatchNorm:
    dbeta = sum over the rows of dy;  dgamma = sum over the rows of dy * xhat
    dx = gamma * inv_std * (dy - dbeta / m - xhat * dgamma / m)

dx (m x n; it may be dy itself), dgamma and dbeta (n) are the arrays to write.  None makes a new array, and dx=False
means that dx is not wanted.

>>> norm = lanefold.BatchNorm(1)
>>> x = numpy.array([[1], [3]], numpy.float32)
>>> y = lanefold.batch_norm_forward(x, norm, training=True)
>>> lanefold.batch_norm_backward(x, numpy.ones_like(x), norm).dbeta
array([2.], dtype=float32)
)");
  Function<fold_batch_norm>::define(
      module, R"(fold_batch_norm(w, batch_norm, *, bias=None, largest_x=None, out_w=None, out_bias=None, context=None)
--

Folds a normalization into the layer before it, and returns Folded(w, bias, error_bound).  In each column,
    s = gamma * (1 / sqrt(running_var + eps));  out_w = w * s;  out_bias = beta + (bias - running_mean) * s

w is k x n with rows of adjacent elements; out_w may be w itself, and out_bias may be bias itself.  With largest_x,
error_bound[j] bounds the error of column j of x out_w + out_bias for every x whose elements are at most largest_x in
magnitude.  A column that would lose too many digits raises InvalidArgument, which names the column.

>>> w = numpy.ones((1, 1), numpy.float32)
>>> folded = lanefold.fold_batch_norm(w, lanefold.BatchNorm(1, eps=3))
>>> folded.w, folded.bias
(array([[0.5]], dtype=float32), array([0.], dtype=float32))
)");
}

} // namespace lanefold::python
