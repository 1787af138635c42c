// Softmax, softmax cross-entropy, the elementwise losses, and correct predictions.
#include "call.hpp"
#include "families.hpp"

namespace lanefold::python {
namespace {

py::object softmax(const Arguments &given) {
  enum { x_, logarithm_, out_, context_ };
  const Call call(given, context_);
  const Input x(given, x_);
  const int64_t m = x.view().rows, n = x.view().columns;
  const Output out(given, out_, m, n);
  auto args = python::args<lf_softmax_args>();
  args.flags = given.flag(logarithm_) ? LF_LOGARITHM : 0;
  args.m = m, args.n = n, args.x = x.data(), args.ldx = x.view().stride, args.y = out.data(),
  args.ldy = out.view().stride;
  call.run(20 * volume(m, n), {{"y", "out"}}, lf_softmax, &args);
  return out.object();
}

// What a loss has for a part of a batch.
template <class Args> void put_part(const Arguments &given, size_t batch_rows, float *losses, Args &args) {
  if (given.is_given(batch_rows)) {
    args.batch_rows = given.whole(batch_rows, 0);
    // In C, 0 means that there is no larger batch.
    if (args.batch_rows == 0) refuse_value(given.call(), "batch_rows is 0; expected at least the rows of x");
  }
  args.losses = losses;
}

py::object softmax_cross_entropy(const Arguments &given) {
  enum { x_, labels_, weights_, dx_, batch_rows_, losses_, context_ };
  const Call call(given, context_);
  const Input x(given, x_);
  const int64_t m = x.view().rows, n = x.view().columns;
  const Integers<int32_t> labels(given, labels_, int32, m);
  const Input weights(given, weights_, m);
  const Input dx(given, dx_, m, n, Order::rows, Access::write);
  const Input losses(given, losses_, m, Access::write);
  float loss = 0;
  auto args = python::args<lf_softmax_cross_entropy_args>();
  args.m = m, args.n = n, args.x = x.data(), args.ldx = x.view().stride, args.labels = labels.data();
  args.loss = &loss, args.dx = dx.data(), args.lddx = dx.view().stride, args.weights = weights.data();
  put_part(given, batch_rows_, losses.data(), args);
  call.run(20 * volume(m, n), {}, lf_softmax_cross_entropy, &args);
  return py::float_(static_cast<double>(loss));
}

const char *const loss_words[] = {"squared", "absolute", "huber", "logistic", nullptr};

py::object elementwise_loss(const Arguments &given) {
  enum { x_, targets_, function_, delta_, weights_, dx_, batch_rows_, losses_, context_ };
  const Call call(given, context_);
  auto args = python::args<lf_elementwise_loss_args>();
  args.function = given.word(function_, loss_words, LF_SQUARED_ERROR);
  args.delta = static_cast<float>(given.number(delta_, 1));
  const Input x(given, x_);
  const int64_t m = x.view().rows, n = x.view().columns;
  const Input targets(given, targets_, m, n);
  const Input weights(given, weights_, m);
  const Input dx(given, dx_, m, n, Order::rows, Access::write);
  const Input losses(given, losses_, m, Access::write);
  float loss = 0;
  args.m = m, args.n = n, args.x = x.data(), args.ldx = x.view().stride;
  args.targets = targets.data(), args.ldtargets = targets.view().stride, args.weights = weights.data();
  args.loss = &loss, args.dx = dx.data(), args.lddx = dx.view().stride;
  put_part(given, batch_rows_, losses.data(), args);
  call.run(8 * volume(m, n), {}, lf_elementwise_loss, &args);
  return py::float_(static_cast<double>(loss));
}

py::object top_k_correct(const Arguments &given) {
  enum { x_, labels_, k_, context_ };
  const Call call(given, context_);
  const Input x(given, x_);
  const int64_t m = x.view().rows, n = x.view().columns;
  const Integers<int32_t> labels(given, labels_, int32, m);
  int64_t correct = 0;
  auto args = python::args<lf_top_k_correct_args>();
  args.m = m, args.n = n, args.k = given.whole(k_, 1), args.x = x.data(), args.ldx = x.view().stride;
  args.labels = labels.data(), args.correct = &correct;
  call.run(4 * volume(m, n), {}, lf_top_k_correct, &args);
  return py::int_(correct);
}

} // namespace

void define_loss(py::module_ &module) {
  Function<softmax>::define(module, R"(softmax(x, *, logarithm=False, out=None, context=None)
--

Computes exp(x - max) / sum(exp(x - max)) in each row, or its logarithm, into out, and returns out.

x and out are m x n with rows of adjacent elements.  out may be x itself.

>>> lanefold.softmax(numpy.zeros((1, 4), numpy.float32))
array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
)");
  Function<softmax_cross_entropy>::define(
      module,
      R"(softmax_cross_entropy(x, labels, *, weights=None, dx=None, batch_rows=None, losses=None, context=None)
--

Returns the mean over the rows of -weight * log(p[label]), where p = softmax(x) in each row.

x        m x n logits with rows of adjacent elements
labels   m classes as int32, each in [0, n)
weights  m: the weight of each row; None: each is 1.  The mean divides by m, not by the sum of the weights.
dx       m x n: receives the gradient weight * (p - [j == label]) / m, and may be x itself; None: it is not wanted

For a part of a batch of batch_rows rows, the gradient divides by batch_rows in place of m.  losses (m) receives the loss
of each row.  Their sum over the batch, from column_sums, divided by batch_rows is the loss of the batch.

>>> lanefold.softmax_cross_entropy(numpy.zeros((1, 2), numpy.float32), numpy.array([1], numpy.int32))
0.6931471824645996
)");
  Function<elementwise_loss>::define(
      module,
      R"(elementwise_loss(x, targets, *, function='squared', delta=1.0, weights=None, dx=None, batch_rows=None, losses=None, context=None)
--

Returns the mean over all elements of weight * l(x, t), where t is the target of the prediction x.

function    l(x, t), where d = x - t
'squared'   d^2
'absolute'  |d|
'huber'     d^2 / 2 if |d| <= delta, else delta * (|d| - delta / 2)
'logistic'  log(1 + exp(x)) - t * x: the cross-entropy of the probabilities t and 1 / (1 + exp(-x)) of one of two classes

x        m x n predictions, or logits, with rows of adjacent elements
targets  m x n, with rows of adjacent elements
delta    more than 0; only 'huber' reads it
weights  m: the weight of each row; None: each is 1.  The mean divides by m * n, not by the sum of the weights.
dx       m x n: receives the gradient of the mean, and may be x itself; None: the gradient is not wanted

For a part of a batch of batch_rows rows, the gradient is that of a mean over batch_rows * n elements.  losses (m) receives
the sum of each row.  Their sum over the batch, from column_sums, divided by batch_rows * n is the loss of the batch.

A NaN gives NaN.  Raises TypeError and ValueError as sgemm does.  Any number of threads may call it at the same time.

>>> x, targets = numpy.array([[1, 2]], numpy.float32), numpy.array([[1, 5]], numpy.float32)
>>> lanefold.elementwise_loss(x, targets)
4.5
>>> lanefold.elementwise_loss(x, targets, function='huber', delta=2)
2.0
)");
  Function<top_k_correct>::define(module, R"(top_k_correct(x, labels, k=1, *, context=None)
--

Returns how many rows of x have their label among their k largest elements.  A tie goes to the lower index, and a NaN
ranks below every number.

x is m x n with rows of adjacent elements.  labels holds m classes as int32, each in [0, n).

>>> lanefold.top_k_correct(numpy.array([[0, 1], [1, 0]], numpy.float32), numpy.array([1, 1], numpy.int32))
1
)");
}

} // namespace lanefold::python
