// A training step in one call: forward, loss, backward, update.  Each layer takes one forward and one backward call of
// the library.  The order of operations is that of the command `lanefold train`, and so are the bits.
#include "classes.hpp"
#include "families.hpp"
#include "layer.hpp"
#include "optimizer.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace lanefold::python {
namespace {

// The optimizer state of one array of parameters.  Its arrays belong to the trainer.
struct State {
  Parameters::Shape shape;
  py::object m, v; // None if the optimizer has none
  std::string m_name, v_name;
};

// The memory of a State during a step.
struct Moments {
  std::optional<Parameters> m, v;

  Moments(const char *call, const State &state) {
    if (!state.m.is_none()) m.emplace(call, state.m_name.c_str(), state.m.ptr(), Access::write, &state.shape);
    if (!state.v.is_none()) v.emplace(call, state.v_name.c_str(), state.v.ptr(), Access::write, &state.shape);
  }
};

// What a step needs of a layer.  It holds the layer's arrays until the step has ended.
struct StepLayer {
  py::object w_object, bias_object, norm;
  std::string name, w_name, bias_name;
  std::optional<Parameters> w, bias;
  std::optional<BatchNorm> batch_norm;
  Activation activation{};
  int64_t k = 0, n = 0;

  StepLayer(const char *call, size_t i, const py::handle &layer) : name("layers[" + std::to_string(i) + "]") {
    const auto attribute = [&](const char *of) { return attribute_of(call, name, layer, of, "a lanefold.DenseLayer"); };
    w_object = attribute("w"), bias_object = attribute("bias"), norm = attribute("batch_norm");
    w_name = name + ".w", bias_name = name + ".bias";
    w.emplace(call, w_name.c_str(), w_object.ptr(), Access::write);
    w->memory().need_dimensions(2);
    k = w->shape().rows, n = w->shape().columns;
    const Parameters::Shape vector = {1, 1, n};
    if (!bias_object.is_none()) bias.emplace(call, bias_name.c_str(), bias_object.ptr(), Access::write, &vector);
    if (!norm.is_none()) batch_norm.emplace(call, name + ".batch_norm", norm.ptr(), n, Use::everything);
    activation = activation_of(call, name, layer);
  }
};

// What a step reads and writes, apart from x and labels.
struct StepMemory {
  std::deque<StepLayer> layers;
  std::deque<Moments> moments; // four for each layer, as in Trainer::state_

  // Refuses arrays that share memory, because an update of one would change the other.
  void refuse_overlaps(const char *call, const Memory &x) const {
    std::vector<const Memory *> all = {&x};
    for (const StepLayer &layer : layers) {
      all.push_back(&layer.w->memory());
      if (layer.bias) all.push_back(&layer.bias->memory());
      if (layer.batch_norm)
        for (const Memory &memory : layer.batch_norm->arrays()) all.push_back(&memory);
    }
    for (const Moments &moment : moments)
      for (const std::optional<Parameters> *state : {&moment.m, &moment.v})
        if (*state) all.push_back(&(*state)->memory());
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t i, size_t j) { return all[i]->data < all[j]->data; });
    size_t last = order.front(); // of the arrays so far, the one that ends last
    for (const size_t i : order) {
      const char *const begin = all[i]->data, *const end = all[i]->end();
      if (i != last && begin < end && begin < all[last]->end())
        refuse_value(call, std::string(all[std::max(i, last)]->name()) + " overlaps " + all[std::min(i, last)]->name() +
                               "; expected memory of its own");
      if (end > all[last]->end()) last = i;
    }
  }
};

// What may not change between steps.
struct LayerShape {
  int64_t k, n;
  bool has_norm;
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
    const Call call("Trainer", context_.is_none() ? nullptr : context_.ptr());
    check(call.context(), rule);
    for (size_t i = 0; i < layers.size(); ++i) {
      StepLayer layer("Trainer", i, layers[i]);
      if (i > 0 && layer.k != shapes_.back().n)
        refuse_value("Trainer", layer.w_name + " has " + std::to_string(layer.k) +
                                    " rows; expected one for each of the " + std::to_string(shapes_.back().n) +
                                    " outputs of the layer before");
      check("Trainer", call.context(), layer);
      const bool has_norm = layer.batch_norm.has_value();
      shapes_.push_back({layer.k, layer.n, has_norm});
      const Parameters::Shape vector = {1, 1, layer.n};
      add_state(i, "w", layer.w->shape(), true);
      add_state(i, "bias", vector, !has_norm);
      add_state(i, "gamma", vector, has_norm);
      add_state(i, "beta", vector, has_norm);
    }
    // A read-only view, because putting another array into it would have no effect.
    state_view_ = py::module_::import("types").attr("MappingProxyType")(all_state_);
  }

  py::object step(const Arguments &given);
  py::object state() const { return state_view_; }
  py::list layers() const { return layer_list("Trainer.layers", layers_); }
  double learning_rate() const { return static_cast<double>(rule_.learning_rate); }
  void set_learning_rate(const py::object &rate) {
    Rule rule = rule_;
    rule.learning_rate = static_cast<float>(number_from("Trainer", "learning_rate", rate.ptr()));
    check(context_of("Trainer", context_.is_none() ? nullptr : context_.ptr())->context, rule);
    rule_ = rule;
  }
  int64_t steps() const { return steps_; }
  void set_steps(const py::object &given) {
    const int64_t steps = whole_from("Trainer", "steps", given.ptr());
    if (steps < 0 || steps > int64_t{1} << 62)
      refuse_value("Trainer", "steps is " + std::to_string(steps) + "; expected 0 to 2^62");
    steps_ = steps;
  }

  // Shows the garbage collector the Python objects that this one holds.
  template <class Visit> void visit(const Visit &visit) const {
    for (const py::object *held : {static_cast<const py::object *>(&layers_), &context_,
                                   static_cast<const py::object *>(&all_state_), &state_view_})
      visit(*held);
    for (const State &state : state_) visit(state.m), visit(state.v);
  }
  void clear() { layers_ = py::list(), context_ = py::none(), all_state_.clear(), state_.clear(); }

private:
  // These refuse, before a step, what the library would refuse in the middle of it.  Their calls have no rows or no
  // elements, so they change nothing.
  static void check(lf_context *context, const Rule &rule) {
    const auto a = optimizer_args(rule, 1);
    if (const lf_status status = lf_optimizer_step(context, &a); status != LF_OK)
      refuse_status(status, "Trainer", lf_last_error(context));
  }
  static void check(const char *call, lf_context *context, StepLayer &layer) {
    Buffers none;
    if (const lf_status status = forward(context, layer, none, nullptr, layer.k, 0); status != LF_OK)
      refuse_status(status, (std::string(call) + ": " + layer.name).c_str(), lf_last_error(context));
  }
  void add_state(size_t i, const char *name, const Parameters::Shape &shape, bool exists) {
    State state{shape, py::none(), py::none(), {}, {}};
    const std::string prefix = "layers." + std::to_string(i) + "." + name;
    const auto zeros = [&](const char *kind, std::string &array_name) {
      const std::string key = prefix + kind;
      array_name = "state['" + key + "']";
      py::object array = py::module_::import("numpy").attr("zeros")(
          shape.dimensions == 2 ? py::make_tuple(shape.rows, shape.columns) : py::make_tuple(shape.columns),
          float32.name);
      all_state_[key.c_str()] = array;
      return array;
    };
    if (exists && rule_.kind != LF_SGD) state.m = zeros(".m", state.m_name);
    if (exists && rule_.kind == LF_ADAM) state.v = zeros(".v", state.v_name);
    state_.push_back(std::move(state));
  }
  // The backward call also updates the weights, by SGD without weight decay.
  static bool updates_in_backward(const Rule &rule) { return rule.kind == LF_SGD && rule.weight_decay == 0; }
  void prepare(int64_t rows);
  lf_status run(const StepCall &call, StepMemory &memory, const float *x, int64_t ldx, const int32_t *labels, int64_t m,
                float &loss, int64_t &correct);
  static lf_status forward(lf_context *context, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m);
  lf_status backward(const StepCall &call, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m,
                     float *dx);
  static lf_optimizer_step_args optimizer_args(const Rule &rule, int64_t step);
  static lf_status update(const StepCall &call, float *parameters, const std::vector<float> &gradient,
                          const Moments &moments, float weight_decay);

  py::list layers_;
  py::object context_;
  Rule rule_;
  std::vector<Buffers> buffers_;
  std::vector<LayerShape> shapes_;
  std::vector<State> state_; // w, bias, gamma, beta of each layer
  py::dict all_state_;
  py::object state_view_;
  int64_t steps_ = 0, rows_ = 0;
  bool stepping_ = false;
};

// Admits one thread at a time, before it looks at the arguments: reading them may run Python code.
class OneStep {
public:
  OneStep(const char *call, bool &stepping) : stepping_(stepping) {
    if (stepping_)
      refuse_value(
          call,
          "a step of this trainer has not ended, in another thread or before a fork; expected one step at a time");
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
  if (x.view().columns != shapes_.front().k)
    refuse_value(given.call(), "x has " + std::to_string(x.view().columns) + " columns; expected " +
                                   std::to_string(shapes_.front().k) + ", the inputs of the first layer");
  const Integers<int32_t> labels(given, labels_, int32, m);
  if (m == 0) refuse_value(given.call(), "x has no rows; expected at least one");
  // A label that is out of range must be found before the first layer updates its running statistics.
  for (int64_t i = 0; i < m; ++i)
    if (labels.data()[i] < 0 || labels.data()[i] >= shapes_.back().n)
      refuse_value(given.call(), "labels[" + std::to_string(i) + "] is " + std::to_string(labels.data()[i]) +
                                     "; expected 0 to " + std::to_string(shapes_.back().n - 1));
  StepMemory memory;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    StepLayer &layer = memory.layers.emplace_back(given.call(), i, layers_[i]);
    if (layer.k != shapes_[i].k || layer.n != shapes_[i].n)
      refuse_value(given.call(), layer.w_name + " has another shape than when the trainer was made; make a new one");
    if (layer.batch_norm.has_value() != shapes_[i].has_norm)
      refuse_value(given.call(), layer.name + ".batch_norm was " + (shapes_[i].has_norm ? "removed" : "added") +
                                     " after the trainer was made; make a new one");
    if (layer.batch_norm) need_several_rows(given.call(), m);
    check(given.call(), call.context(), layer);
  }
  for (const State &state : state_) memory.moments.emplace_back(given.call(), state);
  memory.refuse_overlaps(given.call(), *x.memory());
  prepare(m);
  float loss = 0;
  int64_t correct = 0;
  // Another thread may set these while the GIL is released.
  const Rule rule = rule_;
  const int64_t number = steps_ + 1;
  call.run(1e9, {}, [&](lf_context *context) {
    return run({context, rule, number}, memory, x.data(), x.view().stride, labels.data(), m, loss, correct);
  });
  steps_ = number;
  return result_types.step(static_cast<double>(loss), correct);
}

void Trainer::prepare(int64_t rows) {
  if (rows <= rows_) return;
  for (size_t i = 0; i < buffers_.size(); ++i) {
    Buffers &b = buffers_[i];
    const auto k = static_cast<size_t>(shapes_[i].k), n = static_cast<size_t>(shapes_[i].n);
    for (auto *matrix : {&b.z, &b.y, &b.dy}) matrix->resize(static_cast<size_t>(rows) * n);
    for (auto *vector : {&b.dbias, &b.dgamma, &b.dbeta}) vector->resize(n);
    if (!updates_in_backward(rule_)) b.dw.resize(k * n);
  }
  rows_ = rows;
}

lf_status Trainer::run(const StepCall &call, StepMemory &memory, const float *x, int64_t ldx, const int32_t *labels,
                       int64_t m, float &loss, int64_t &correct) {
  std::deque<StepLayer> &layers = memory.layers;
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
    const auto moments = memory.moments.begin() + static_cast<std::ptrdiff_t>(4 * i);
    if (!updates_in_backward(call.rule))
      status = update(call, layer.w->data(), b.dw, moments[0], call.rule.weight_decay);
    if (status == LF_OK && layer.bias && !layer.batch_norm)
      status = update(call, layer.bias->data(), b.dbias, moments[1], 0);
    if (!layer.batch_norm) continue;
    if (status == LF_OK) status = update(call, layer.batch_norm->gamma(), b.dgamma, moments[2], 0);
    if (status == LF_OK) status = update(call, layer.batch_norm->beta(), b.dbeta, moments[3], 0);
  }
  return status;
}

namespace {

// Whether the backward pass needs x w + bias.
bool needs_z(const StepLayer &layer) { return layer.batch_norm || LF_DERIVES_FROM_INPUT(layer.activation.code); }

} // namespace

lf_status Trainer::forward(lf_context *context, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m) {
  auto a = args<lf_dense_forward_args>();
  a.flags = LF_TRAINING;
  a.m = m, a.n = layer.n, a.k = layer.k, a.x = x, a.ldx = ldx, a.w = layer.w->data(), a.ldw = layer.n;
  a.bias = layer.bias ? layer.bias->data() : nullptr,
  a.batch_norm = layer.batch_norm ? layer.batch_norm->get() : nullptr;
  a.activation = layer.activation.code, a.alpha = layer.activation.alpha;
  if (needs_z(layer)) a.z = b.z.data(), a.ldz = layer.n;
  a.y = b.y.data(), a.ldy = layer.n;
  return lf_dense_forward(context, &a);
}

lf_status Trainer::backward(const StepCall &call, StepLayer &layer, Buffers &b, const float *x, int64_t ldx, int64_t m,
                            float *dx) {
  auto a = args<lf_dense_backward_args>();
  a.m = m, a.n = layer.n, a.k = layer.k, a.x = x, a.ldx = ldx, a.w = layer.w->data(), a.ldw = layer.n;
  a.activation = layer.activation.code, a.alpha = layer.activation.alpha;
  a.y = b.y.data(), a.ldy = layer.n, a.dy = b.dy.data(), a.lddy = layer.n, a.dx = dx, a.lddx = layer.k;
  if (needs_z(layer)) a.z = b.z.data(), a.ldz = layer.n;
  if (layer.batch_norm) {
    a.batch_norm = layer.batch_norm->get();
    a.dgamma = b.dgamma.data(), a.dbeta = b.dbeta.data();
  } else {
    a.dbias = b.dbias.data();
  }
  if (updates_in_backward(call.rule)) a.updated_w = layer.w->data(), a.learning_rate = call.rule.learning_rate;
  else a.dw = b.dw.data(), a.lddw = layer.n;
  return lf_dense_backward(call.context, &a);
}

lf_optimizer_step_args Trainer::optimizer_args(const Rule &rule, int64_t step) {
  auto a = args<lf_optimizer_step_args>();
  a.optimizer = rule.kind, a.weight_decay = rule.weight_decay, a.learning_rate = rule.learning_rate;
  a.momentum = rule.momentum, a.beta2 = rule.beta2, a.eps = rule.eps, a.step = step;
  return a;
}

lf_status Trainer::update(const StepCall &call, float *parameters, const std::vector<float> &gradient,
                          const Moments &moments, float weight_decay) {
  auto a = optimizer_args(call.rule, call.number);
  a.weight_decay = weight_decay, a.n = static_cast<int64_t>(gradient.size());
  a.w = parameters, a.g = gradient.data();
  a.m = moments.m ? moments.m->data() : nullptr, a.v = moments.v ? moments.v->data() : nullptr;
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
  py::class_<Trainer> type(module, "Trainer", documentation, py::is_final(), collected<Trainer>());
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
                             "The optimizer state: a read-only mapping of names, such as 'layers.0.w.m', to arrays.");
  type.def_property_readonly("layers", &Trainer::layers, "A list of the layers.");
}

} // namespace lanefold::python
