// One step of an optimizer on one array of parameters.
#include "optimizer.hpp"

#include "families.hpp"

namespace lanefold::python {
namespace {

// All elements of an array whose rows are adjacent, as one vector.
class Parameters {
public:
  Parameters(const Arguments &given, size_t i, Access access, const Parameters *like) {
    if (!given.is_given(i)) return;
    memory_.emplace(given.call(), given.name(i), given[i], float32, access);
    const bool is_matrix = memory_->dimensions == 2;
    if (like != nullptr && is_matrix) need_shape(*memory_, like->rows_, like->columns_);
    rows_ = is_matrix ? memory_->shape[0] : 1, columns_ = memory_->shape[is_matrix ? 1 : 0];
    if (!is_matrix) {
      data = static_cast<float *>(vector(*memory_, like != nullptr ? like->n : columns_));
      n = columns_;
      return;
    }
    const Matrix view = matrix(*memory_, Order::rows);
    if (view.stride != std::max<int64_t>(columns_, 1) && rows_ > 1)
      memory_->refuse_layout("rows without gaps between them");
    data = view.data, n = rows_ * columns_;
  }
  float *data = nullptr;
  int64_t n = 0;

private:
  std::optional<Memory> memory_;
  int64_t rows_ = 0, columns_ = 0;
};

py::object optimizer_step(const Arguments &given) {
  enum { w_, g_, optimizer_, learning_rate_, m_, v_, momentum_, beta2_, eps_, weight_decay_, step_, context_ };
  const Call call(given, context_);
  auto args = python::args<lf_optimizer_step_args>();
  args.optimizer = given.word(optimizer_, optimizer_words, LF_SGD);
  const Parameters w(given, w_, Access::write, nullptr), g(given, g_, Access::read, &w);
  const Parameters m(given, m_, Access::write, &w), v(given, v_, Access::write, &w);
  if (args.optimizer != LF_SGD && m.data == nullptr && w.n > 0)
    refuse_value(given.call(), "m is missing; expected the momentum, zeros before the first step, as large as w");
  if (args.optimizer == LF_ADAM && v.data == nullptr && w.n > 0)
    refuse_value(given.call(), "v is missing; expected the second moment, zeros before the first step, as large as w");
  args.n = w.n, args.w = w.data, args.g = g.data, args.m = m.data, args.v = v.data;
  const auto number = [&](size_t i, double otherwise) { return static_cast<float>(given.number(i, otherwise)); };
  args.learning_rate = number(learning_rate_, 0), args.momentum = number(momentum_, 0.9);
  args.beta2 = number(beta2_, 0.999), args.eps = number(eps_, 1e-8), args.weight_decay = number(weight_decay_, 0);
  args.step = given.whole(step_, 1);
  call.run(8.0 * static_cast<double>(w.n), {}, lf_optimizer_step, &args);
  return py::none();
}

} // namespace

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
