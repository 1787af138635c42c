// Batch normalization alone, and folded into the weights before it.
#include "families.hpp"
#include "layer.hpp"

namespace lanefold::python {
namespace {

py::object batch_norm_forward(const Arguments &given) {
  enum { x_, batch_norm_, training_, batch_statistics_, activation_, alpha_, out_, context_ };
  const Call call(given, context_);
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  const Matrix x = matrix(memory, Order::rows);
  const bool training = given.flag(training_), of_batch = given.flag(batch_statistics_);
  if (training && of_batch)
    refuse_value(given.call(), "training and batch_statistics are both True; expected one of them at most");
  if (training) need_several_rows(given.call(), x.rows);
  const Activation activation = activation_of(given, activation_, alpha_);
  const BatchNorm norm(given.call(), "batch_norm", given[batch_norm_], x.columns,
                       training   ? Use::train
                       : of_batch ? Use::of_batch
                                  : Use::infer);
  const Output out(given, out_, x.rows, x.columns);
  auto args = python::args<lf_batch_norm_forward_args>();
  args.flags = training ? LF_TRAINING : of_batch ? LF_BATCH_STATISTICS : 0;
  args.activation = activation.code, args.alpha = activation.alpha;
  args.m = x.rows, args.n = x.columns, args.x = x.data, args.ldx = x.stride, args.y = out.data();
  args.ldy = out.view().stride, args.batch_norm = norm.get();
  call.run(10 * volume(args.m, args.n), {{"y", "out"}}, lf_batch_norm_forward, &args);
  return out.object();
}

// The last part of batch_norm_backward, where dgamma and dbeta are only read.
py::object gradient_of_part(const Arguments &given, const Call &call, const Matrix &x, const Matrix &dy,
                            const BatchNorm &norm, const std::optional<Output> &dx) {
  enum { x_, dy_, batch_norm_, batch_rows_, dx_, dgamma_, dbeta_, context_ };
  if (!dx) refuse_value(given.call(), "dx is False, but with batch_rows it is the only result");
  const Input dgamma(given, dgamma_, x.columns), dbeta(given, dbeta_, x.columns);
  auto args = python::args<lf_batch_norm_backward_args>();
  args.flags = LF_BATCH_STATISTICS, args.batch_rows = given.whole(batch_rows_, 0);
  args.m = x.rows, args.n = x.columns, args.x = x.data, args.ldx = x.stride, args.dy = dy.data, args.lddy = dy.stride;
  args.dx = dx->data(), args.lddx = dx->view().stride;
  args.batch_norm = norm.get(), args.dgamma = dgamma.data(), args.dbeta = dbeta.data();
  call.run(10 * volume(args.m, args.n), {}, lf_batch_norm_backward, &args);
  const auto as_given = [&given](size_t i) { return py::reinterpret_borrow<py::object>(given[i]); };
  return result_types.batch_norm_gradients(dx->object(), as_given(dgamma_), as_given(dbeta_));
}

py::object batch_norm_backward(const Arguments &given) {
  enum { x_, dy_, batch_norm_, batch_rows_, dx_, dgamma_, dbeta_, context_ };
  const Call call(given, context_);
  const Memory memory(given.call(), given.name(x_), given[x_], float32, Access::read);
  const Matrix x = matrix(memory, Order::rows);
  const bool of_batch = given.is_given(batch_rows_);
  if (!of_batch) need_several_rows(given.call(), x.rows);
  for (const size_t sum : {size_t{dgamma_}, size_t{dbeta_}})
    if (of_batch && !given.is_given(sum))
      refuse_value(given.call(), std::string(given.name(sum)) +
                                     " is missing; with batch_rows it is the sum over the batch, from column_sums");
  const Memory dy_memory(given.call(), given.name(dy_), given[dy_], float32, Access::read);
  need_shape(dy_memory, x.rows, x.columns);
  const Matrix dy = matrix(dy_memory, Order::rows);
  const BatchNorm norm(given.call(), "batch_norm", given[batch_norm_], x.columns, Use::backward);
  std::optional<Output> dx;
  if (is_wanted(given, dx_)) dx.emplace(given, dx_, x.rows, x.columns);
  if (of_batch) return gradient_of_part(given, call, x, dy, norm, dx);
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
  Function<batch_norm_forward>::define(
      module,
      R"(batch_norm_forward(x, batch_norm, *, training=False, batch_statistics=False, activation='identity', alpha=None, out=None, context=None)
--

Computes out = f((x - mu) * (gamma * (1 / sqrt(var + eps))) + beta) in each column, and returns out.  f is the activation,
and alpha its parameter; activation_forward lists both.

With training=True, mu and var are the mean and the biased variance of the column.  They update the running statistics
of the BatchNorm, which also keeps mean and inv_std for batch_norm_backward.  A batch of one row then raises ValueError,
because one sample has no variance.  With batch_statistics=True, mu and 1 / sqrt(var + eps) are mean and inv_std of the
BatchNorm, which batch_norm_merge computes for a batch in parts.  Otherwise mu and var are the running statistics.

x and out are m x n with rows of adjacent elements; out may be x itself.

Any number of threads may call it at the same time, unless they train the same BatchNorm.

>>> norm = lanefold.BatchNorm(1, eps=1e-12)
>>> lanefold.batch_norm_forward(numpy.array([[1], [3]], numpy.float32), norm, training=True)
array([[-1.],
       [ 1.]], dtype=float32)
)");
  Function<batch_norm_backward>::define(
      module,
      R"(batch_norm_backward(x, dy, batch_norm, *, batch_rows=None, dx=None, dgamma=None, dbeta=None, context=None)
--

Computes the gradients of batch_norm_forward with training=True, and returns BatchNormGradients(dx, dgamma, dbeta).

With xhat = (x - mean) * inv_std, where the forward pass left mean and inv_std in the BatchNorm:
    dbeta = sum over the rows of dy;  dgamma = sum over the rows of dy * xhat
    dx = gamma * inv_std * (dy - dbeta / m - xhat * dgamma / m)

dx (m x n; it may be dy itself), dgamma and dbeta (n) are the arrays to write.  None makes a new array, and dx=False
means that dx is not wanted.

With batch_rows, x is a part of a batch of so many rows.  dgamma and dbeta then are the sums over the batch, from
column_sums, and are only read.  The m of the formula is batch_rows.

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
