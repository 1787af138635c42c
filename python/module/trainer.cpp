// A training step in one call: forward, loss, backward, update.  Each layer takes one forward and one backward call of
// the library.  The order of operations is that of the command `lanefold train`, and so are the bits.
#include "families.hpp"
#include "layer.hpp"
#include "optimizer.hpp"

#include <cstring>
#include <vector>

namespace lanefold::python {
namespace {

// One array of parameters with its optimizer state, which belongs to the trainer.
struct State {
  py::object m, v; // None if the optimizer has none
};

// What a step needs of a layer.  It holds the layer's arrays until the step has ended.
struct StepLayer {
  py::object w, bias, norm;
  std::string name, w_name, bias_name;
  std::optional<Memory> w_memory, bias_memory;
  std::optional<BatchNorm> batch_norm;
  Activation activation{};
  int64_t k = 0, n = 0, ldw = 0;
  float *w_data = nullptr, *bias_data = nullptr;

  StepLayer(size_t i, const py::handle &layer) : name("layers[" + std::to_string(i) + "]") {
    constexpr const char *call = "Trainer.step";
    for (const char *attribute : {"w", "bias", "batch_norm"})
      if (!py::hasattr(layer, attribute)) refuse_type("Trainer", name, layer.ptr(), "a lanefold.DenseLayer");
    w = layer.attr("w"), bias = layer.attr("bias"), norm = layer.attr("batch_norm");
    w_name = name + ".w", bias_name = name + ".bias";
    w_memory.emplace(call, w_name.c_str(), w.ptr(), float32, Access::write);
    const Matrix matrix = python::matrix(*w_memory, Order::rows);
    k = matrix.rows, n = matrix.columns, ldw = matrix.stride, w_data = matrix.data;
    if (ldw != n && k > 1) w_memory->refuse_layout("rows without gaps between them");
    if (!bias.is_none()) {
      bias_memory.emplace(call, bias_name.c_str(), bias.ptr(), float32, Access::write);
      bias_data = static_cast<float *>(vector(*bias_memory, n));
    }
    if (!norm.is_none()) batch_norm.emplace(call, name + ".batch_norm", norm.ptr(), n, Use::everything);
    activation = activation_of(call, name, layer);
  }
};

// Memory of one layer that lasts from step to step.
struct Buffers {
  std::vector<float> z, y, dy;                 // rows x n
  std::vector<float> dw, dbias, dgamma, dbeta; // dw is empty if the backward call updates the weights
};

struct Rule {
  int32_t kind;
  float learning_rate, momentum, beta2, eps, weight_decay;
};

// What all calls of a step share.  number: the number of the step, from 1.
struct StepCall {
  lf_context *context;
  const Rule &rule;
  int64_t number;
};

class Trainer {
public:
  Trainer(const py::list &layers, const Rule &rule, const py::object &context)
      : layers_(layers), context_(context), rule_(rule), buffers_(layers.size()) {
    for (size_t i = 0; i < layers.size(); ++i) {
      const StepLayer layer(i, layers[i]);
      if (i > 0 && layer.k != shapes_.back().second)
        refuse_value("Trainer", layer.w_name + " has " + std::to_string(layer.k) +
                                    " rows; expected one for each of the " + std::to_string(shapes_.back().second) +
                                    " outputs of the layer before");
      shapes_.emplace_back(layer.k, layer.n);
      const py::object n = py::make_tuple(layer.n);
      add_state(i, "w", py::make_tuple(layer.k, layer.n));
      add_state(i, "bias", layer.batch_norm ? py::none() : n);
      add_state(i, "gamma", layer.batch_norm ? n : py::none());
      add_state(i, "beta", layer.batch_norm ? n : py::none());
    }
  }

  py::object step(const Arguments &given);
  py::dict state() const { return all_state_; }
  const py::list &layers() const { return layers_; }
  double learning_rate() const { return static_cast<double>(rule_.learning_rate); }
  void set_learning_rate(const py::object &rate) {
    rule_.learning_rate = static_cast<float>(number_from("Trainer", "learning_rate", rate.ptr()));
  }
  int64_t steps() const { return steps_; }
  void set_steps(const py::object &given) {
    const int64_t steps = whole_from("Trainer", "steps", given.ptr());
    if (steps < 0) refuse_value("Trainer", "steps is " + std::to_string(steps) + "; expected 0 or more");
    steps_ = steps;
  }

private:
  // shape: that of the parameters, or None if the layer has none of this name.
  void add_state(size_t i, const char *name, const py::object &shape) {
    State state{py::none(), py::none()};
    const std::string prefix = "layers." + std::to_string(i) + "." + name;
    const auto zeros = [&](const char *kind) {
      py::object array = py::module_::import("numpy").attr("zeros")(shape, float32.name);
      all_state_[(prefix + kind).c_str()] = array;
      return array;
    };
    if (!shape.is_none() && rule_.kind != LF_SGD) state.m = zeros(".m");
    if (!shape.is_none() && rule_.kind == LF_ADAM) state.v = zeros(".v");
    state_.push_back(state);
  }
  // The backward call also updates the weights, by SGD without weight decay.
  bool updates_in_backward() const { return rule_.kind == LF_SGD && rule_.weight_decay == 0; }
  void prepare(int64_t rows);
  lf_status run(const StepCall &call, std::deque<StepLayer> &layers, const float *x, int64_t ldx, const int32_t *labels,
                int64_t m, float &loss, int64_t &correct);
  lf_status forward(lf_context *context, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m);
  lf_status backward(const StepCall &call, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m,
                     float *dx);
  lf_status update(const StepCall &call, float *parameters, const std::vector<float> &gradient, const State &state,
                   float weight_decay);

  const py::list layers_;
  const py::object context_;
  Rule rule_;
  std::vector<Buffers> buffers_;
  std::vector<std::pair<int64_t, int64_t>> shapes_; // k and n of each layer
  std::vector<State> state_;                        // w, bias, gamma, beta of each layer
  py::dict all_state_;
  int64_t steps_ = 0, rows_ = 0;
  bool stepping_ = false;
};

// Admits one thread at a time, before it looks at the arguments: reading them may run Python code.
class OneStep {
public:
  OneStep(const char *call, bool &stepping) : stepping_(stepping) {
    if (stepping_) refuse_value(call, "another thread is in a step of this trainer; expected one step at a time");
    stepping_ = true;
  }
  ~OneStep() { stepping_ = false; }
  OneStep(const OneStep &) = delete;
  OneStep &operator=(const OneStep &) = delete;

private:
  bool &stepping_;
};

py::object Trainer::step(const Arguments &given) {
  enum { x_, labels_ };
  const Call call(given.call(), context_.is_none() ? nullptr : context_.ptr());
  const OneStep one(given.call(), stepping_);
  const Input x(given, x_);
  const int64_t m = x.view().rows;
  if (x.view().columns != shapes_.front().first)
    refuse_value(given.call(), "x has " + std::to_string(x.view().columns) + " columns; expected " +
                                   std::to_string(shapes_.front().first) + ", the inputs of the first layer");
  const Integers<int32_t> labels(given, labels_, int32, m);
  if (m == 0) refuse_value(given.call(), "x has no rows; expected at least one");
  // A label that is out of range must be found before the first layer updates its running statistics.
  for (int64_t i = 0; i < m; ++i)
    if (labels.data()[i] < 0 || labels.data()[i] >= shapes_.back().second)
      refuse_value(given.call(), "labels[" + std::to_string(i) + "] is " + std::to_string(labels.data()[i]) +
                                     "; expected 0 to " + std::to_string(shapes_.back().second - 1));
  std::deque<StepLayer> layers;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    const StepLayer &layer = layers.emplace_back(i, layers_[i]);
    if (layer.k != shapes_[i].first || layer.n != shapes_[i].second)
      refuse_value(given.call(), layer.w_name + " has another shape than when the trainer was made; make a new one");
    if (layer.batch_norm) need_several_rows(given.call(), m);
  }
  prepare(m);
  float loss = 0;
  int64_t correct = 0;
  // Another thread may set these while the GIL is released.
  const Rule rule = rule_;
  const int64_t number = steps_ + 1;
  call.run(1e9, {}, [&](lf_context *context) {
    return run({context, rule, number}, layers, x.data(), x.view().stride, labels.data(), m, loss, correct);
  });
  steps_ = number;
  static const py::handle type = py::object(py::module_::import("lanefold.results").attr("Step")).release();
  return type(static_cast<double>(loss), correct);
}

void Trainer::prepare(int64_t rows) {
  if (rows <= rows_) return;
  for (size_t i = 0; i < buffers_.size(); ++i) {
    Buffers &b = buffers_[i];
    const auto k = static_cast<size_t>(shapes_[i].first), n = static_cast<size_t>(shapes_[i].second);
    for (auto *matrix : {&b.z, &b.y, &b.dy}) matrix->resize(static_cast<size_t>(rows) * n);
    for (auto *vector : {&b.dbias, &b.dgamma, &b.dbeta}) vector->resize(n);
    if (!updates_in_backward()) b.dw.resize(k * n);
  }
  rows_ = rows;
}

lf_status Trainer::run(const StepCall &call, std::deque<StepLayer> &layers, const float *x, int64_t ldx,
                       const int32_t *labels, int64_t m, float &loss, int64_t &correct) {
  const size_t count = layers.size();
  const auto input = [&](size_t i) { return i == 0 ? x : buffers_[i - 1].y.data(); };
  const auto stride = [&](size_t i) { return i == 0 ? ldx : layers[i].k; };
  lf_status status = LF_OK;
  for (size_t i = 0; i < count && status == LF_OK; ++i)
    status = forward(call.context, layers[i], buffers_[i], input(i), stride(i), m);
  const int64_t n = layers.back().n;
  const float *logits = buffers_.back().y.data();
  if (status == LF_OK) {
    auto a = args<lf_top_k_correct_args>();
    a.m = m, a.n = n, a.k = 1, a.x = logits, a.ldx = n, a.labels = labels, a.correct = &correct;
    status = lf_top_k_correct(call.context, &a);
  }
  if (status == LF_OK) {
    auto a = args<lf_softmax_cross_entropy_args>();
    a.m = m, a.n = n, a.x = logits, a.ldx = n, a.labels = labels, a.loss = &loss;
    a.dx = buffers_.back().dy.data(), a.lddx = n;
    status = lf_softmax_cross_entropy(call.context, &a);
  }
  for (size_t i = count; i-- > 0 && status == LF_OK;)
    status =
        backward(call, layers[i], buffers_[i], input(i), stride(i), m, i == 0 ? nullptr : buffers_[i - 1].dy.data());
  for (size_t i = 0; i < count && status == LF_OK; ++i) {
    StepLayer &layer = layers[i];
    Buffers &b = buffers_[i];
    const State *state = state_.data() + 4 * i;
    if (!updates_in_backward()) status = update(call, layer.w_data, b.dw, state[0], call.rule.weight_decay);
    if (status == LF_OK && layer.bias_data != nullptr && !layer.batch_norm)
      status = update(call, layer.bias_data, b.dbias, state[1], 0);
    if (!layer.batch_norm) continue;
    if (status == LF_OK) status = update(call, layer.batch_norm->gamma(), b.dgamma, state[2], 0);
    if (status == LF_OK) status = update(call, layer.batch_norm->beta(), b.dbeta, state[3], 0);
  }
  return status;
}

lf_status Trainer::forward(lf_context *context, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m) {
  auto a = args<lf_dense_forward_args>();
  a.flags = LF_TRAINING;
  a.m = m, a.n = layer.n, a.k = layer.k, a.x = x, a.ldx = ldx, a.w = layer.w_data, a.ldw = layer.n;
  a.bias = layer.bias_data, a.batch_norm = layer.batch_norm ? layer.batch_norm->get() : nullptr;
  a.activation = layer.activation.code, a.alpha = layer.activation.alpha;
  if (layer.batch_norm) a.z = b.z.data(), a.ldz = layer.n;
  a.y = b.y.data(), a.ldy = layer.n;
  return lf_dense_forward(context, &a);
}

lf_status Trainer::backward(const StepCall &call, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m,
                            float *dx) {
  auto a = args<lf_dense_backward_args>();
  a.m = m, a.n = layer.n, a.k = layer.k, a.x = x, a.ldx = ldx, a.w = layer.w_data, a.ldw = layer.n;
  a.activation = layer.activation.code, a.alpha = layer.activation.alpha;
  a.y = b.y.data(), a.ldy = layer.n, a.dy = b.dy.data(), a.lddy = layer.n, a.dx = dx, a.lddx = layer.k;
  if (layer.batch_norm) {
    a.batch_norm = layer.batch_norm->get(), a.z = b.z.data(), a.ldz = layer.n;
    a.dgamma = b.dgamma.data(), a.dbeta = b.dbeta.data();
  } else {
    a.dbias = b.dbias.data();
  }
  if (updates_in_backward()) a.updated_w = layer.w_data, a.learning_rate = call.rule.learning_rate;
  else a.dw = b.dw.data(), a.lddw = layer.n;
  return lf_dense_backward(call.context, &a);
}

lf_status Trainer::update(const StepCall &call, float *parameters, const std::vector<float> &gradient,
                          const State &state, float weight_decay) {
  auto a = args<lf_optimizer_step_args>();
  a.optimizer = call.rule.kind, a.weight_decay = weight_decay, a.n = static_cast<int64_t>(gradient.size());
  a.w = parameters, a.g = gradient.data();
  a.m = state.m.is_none() ? nullptr : elements(state.m), a.v = state.v.is_none() ? nullptr : elements(state.v);
  a.learning_rate = call.rule.learning_rate, a.momentum = call.rule.momentum, a.beta2 = call.rule.beta2,
  a.eps = call.rule.eps;
  a.step = call.number;
  return lf_optimizer_step(call.context, &a);
}

py::object trainer_step(const Arguments &given) { return py::cast<Trainer &>(py::handle(given.self())).step(given); }

Trainer *make_trainer(const Arguments &given) {
  enum { layers_, optimizer_, learning_rate_, momentum_, beta2_, eps_, weight_decay_, context_ };
  const auto number = [&](size_t i, double otherwise) { return static_cast<float>(given.number(i, otherwise)); };
  const Rule rule = {given.word(optimizer_, optimizer_words, LF_SGD),
                     number(learning_rate_, 0.01),
                     number(momentum_, 0.9),
                     number(beta2_, 0.999),
                     number(eps_, 1e-8),
                     number(weight_decay_, 0)};
  context_of(given.call(), given[context_]); // a context that is closed or none at all is found here
  return new Trainer(layer_list(given.call(), given.object(layers_)), rule, given.object(context_));
}

} // namespace

void define_trainer(py::module_ &module) {
  constexpr const char *documentation =
      R"(Trainer(layers, *, optimizer='sgd', learning_rate=0.01, momentum=0.9, beta2=0.999, eps=1e-08, weight_decay=0.0, context=None)
--

Trains layers by steps of forward, loss, backward and update.

layers     DenseLayers from the first to the last.  Each step updates their arrays in place.
optimizer  'sgd', 'momentum', 'nesterov' or 'adam'; optimizer_step has the formulas.  Only weights decay.
context    a Context, or None for the default one

The loss is the softmax cross-entropy of the last layer's output.  The steps have the bits of `lanefold train`.

>>> layers = lanefold.dense_layers([2, 3, 2], 'elu', batch_norm=True, seed=1)
>>> trainer = lanefold.Trainer(layers, learning_rate=0.1)
>>> x, labels = numpy.eye(2, dtype=numpy.float32), numpy.array([0, 1], numpy.int32)
>>> losses = [trainer.step(x, labels).loss for i in range(100)]
>>> losses[-1] < 0.1 < losses[0]
True
)";
  py::class_<Trainer> type(module, "Trainer", documentation);
  type.attr("__module__") = "lanefold";
  define_constructor<make_trainer>(type, documentation);
  Function<trainer_step>::define(type, R"(step($self, x, labels)
--

Makes one step, and returns Step(loss, correct): the mean loss and the number of correct predictions before the update.

x       m x inputs with rows of adjacent elements.  With batch normalization, m is at least 2.
labels  m classes as int32

The step releases the GIL.  One thread at a time may make a step of a trainer.)");
  type.def_property("learning_rate", &Trainer::learning_rate, &Trainer::set_learning_rate,
                    "The learning rate of later steps, as a float32.");
  type.def_property("steps", &Trainer::steps, &Trainer::set_steps,
                    "How many steps were made.  To continue a training run, set it and the optimizer state.");
  type.def_property_readonly("state", &Trainer::state,
                             "The optimizer state: a dict of arrays by name, such as 'layers.0.w.m'.");
  type.def_property_readonly("layers", &Trainer::layers, "The list of layers.");
}

} // namespace lanefold::python
