// Softmax, softmax cross-entropy, and correct predictions.
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

py::object softmax_cross_entropy(const Arguments &given) {
  enum { x_, labels_, dx_, context_ };
  const Call call(given, context_);
  const Input x(given, x_);
  const int64_t m = x.view().rows, n = x.view().columns;
  const Integers<int32_t> labels(given, labels_, int32, m);
  const Input dx(given, dx_, m, n, Order::rows, Access::write);
  float loss = 0;
  auto args = python::args<lf_softmax_cross_entropy_args>();
  args.m = m, args.n = n, args.x = x.data(), args.ldx = x.view().stride, args.labels = labels.data();
  args.loss = &loss, args.dx = dx.data(), args.lddx = dx.view().stride;
  call.run(20 * volume(m, n), {}, lf_softmax_cross_entropy, &args);
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
  Function<softmax_cross_entropy>::define(module, R"(softmax_cross_entropy(x, labels, *, dx=None, context=None)
--

Returns the mean over the rows of -log(p[label]), where p = softmax(x) in each row.

x       m x n logits with rows of adjacent elements
labels  m classes as int32, each in [0, n)
dx      m x n: receives the gradient (p - [j == label]) / m, and may be x itself; None: the gradient is not wanted

>>> lanefold.softmax_cross_entropy(numpy.zeros((1, 2), numpy.float32), numpy.array([1], numpy.int32))
0.6931471824645996
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
