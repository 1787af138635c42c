// One step of an optimizer on one array of parameters.
#include "optimizer.hpp"

#include "call.hpp"
#include "families.hpp"

namespace lanefold::python {
namespace {

py::object optimizer_step(const Arguments &given) {
  enum { w_, g_, optimizer_, learning_rate_, m_, v_, momentum_, beta2_, eps_, weight_decay_, step_, context_ };
  const Call call(given, context_);
  auto args = python::args<lf_optimizer_step_args>();
  args.optimizer = given.word(optimizer_, optimizer_words, LF_SGD);
  const Parameters w(given.call(), given.name(w_), given[w_], Access::write);
  const Parameters g(given.call(), given.name(g_), given[g_], Access::read, &w.shape());
  const auto read = [&](std::optional<Parameters> &parameters, size_t i, const char *missing) {
    if (given.is_given(i))
      return parameters.emplace(given.call(), given.name(i), given[i], Access::write, &w.shape()).data();
    if (missing != nullptr && w.size() > 0)
      refuse_value(given.call(), std::string(given.name(i)) + " is missing; expected the " + missing +
                                     ", zeros before the first step, as large as w");
    return static_cast<float *>(nullptr);
  };
  std::optional<Parameters> m, v;
  args.n = w.size(), args.w = w.data(), args.g = g.data();
  args.m = read(m, m_, args.optimizer != LF_SGD ? "momentum" : nullptr);
  args.v = read(v, v_, args.optimizer == LF_ADAM ? "second moment" : nullptr);
  const auto number = [&](size_t i, double otherwise) { return static_cast<float>(given.number(i, otherwise)); };
  args.learning_rate = number(learning_rate_, 0), args.momentum = number(momentum_, 0.9);
  args.beta2 = number(beta2_, 0.999), args.eps = number(eps_, 1e-8), args.weight_decay = number(weight_decay_, 0);
  args.step = given.whole(step_, 1);
  call.run(8.0 * static_cast<double>(w.size()), {}, lf_optimizer_step, &args);
  return py::none();
}

} // namespace

Parameters::Parameters(const char *call, const char *name, PyObject *object, Access access, const Shape *expected)
    : memory_(call, name, object, float32, access) {
  if (expected != nullptr) memory_.need_dimensions(expected->dimensions);
  if (memory_.dimensions != 2) {
    shape_ = {1, 1, expected != nullptr ? expected->columns : memory_.shape[0]};
    vector(memory_, shape_.columns);
    return;
  }
  if (expected != nullptr) need_shape(memory_, expected->rows, expected->columns);
  const Matrix view = matrix(memory_, Order::rows);
  if (view.stride != std::max<int64_t>(view.columns, 1)) memory_.refuse_layout("rows without gaps between them");
  shape_ = {2, view.rows, view.columns};
}

const char *const optimizer_words[] = {"sgd", "momentum", "nesterov", "adam", nullptr};

void define_optimizer(py::module_ &module) {
  Function<optimizer_step>::define(
      module,
      R"(optimizer_step(w, g, optimizer='sgd', *, learning_rate, m=None, v=None, momentum=0.9, beta2=0.999, eps=1e-08, weight_decay=0.0, step=1, context=None)
--

Updates the parameters w in place by their gradient g.

'sgd'        w -= learning_rate * g
'momentum'   m = momentum * m + g;  w -= learning_rate * m
'nesterov'   m = momentum * m + g;  w -= learning_rate * (g + momentum * m)
'adam'       m = momentum * m + (1 - momentum) * g;  v = beta2 * v + (1 - beta2) * g^2
             w -= learning_rate * (m / (1 - momentum^step)) / (sqrt(v / (1 - beta2^step)) + eps)

Each step first decays the parameters: w *= 1 - learning_rate * weight_decay.  m and v are arrays like w that hold zeros
before the first step.  step is 1 for the first step.  w, g, m and v are contiguous, have the same shape of one or two
dimensions, and do not overlap.

>>> w, g = numpy.ones(2, numpy.float32), numpy.array([1, 2], numpy.float32)
>>> lanefold.optimizer_step(w, g, learning_rate=0.5)
>>> w
array([0.5, 0. ], dtype=float32)
)");
}

} // namespace lanefold::python
