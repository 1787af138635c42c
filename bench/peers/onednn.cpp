// oneDNN: its matrix products and primitives, each with the layouts that oneDNN prefers.
#include "factories.hpp"
#include "kernels.hpp"
#include "onednn_training.hpp"

#include <lanefold/activation.h>

#include <map>

namespace lanefold::bench {
namespace {

using namespace onednn;

// Row-major, unlike the Fortran function with the same arguments.
using Sgemm = int(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha, const float *a, int64_t lda,
                  const float *b, int64_t ldb, float beta, float *c, int64_t ldc);

class OneDnn : public Peer {
public:
  OneDnn(std::shared_ptr<const Engine> engine, std::string threads)
      : engine_(std::move(engine)), sgemm_(engine_->library().find<Sgemm>("dnnl_sgemm")), threads_(std::move(threads)) {
  }
  std::string name() const override { return "onednn"; }
  std::string version() const override { return engine_->version(); }

  std::string how() const override {
    return "A product is dnnl_sgemm or the matmul primitive on row-major operands, whichever is faster for its shape. "
           "Layers are inner-product primitives with fused activations, in the fastest of three layouts of the "
           "weights: "
           "as given, transposed, and the one that the primitive chooses. BN and activations are primitives on "
           "row-major arrays; BN sees a batch as one image or as many, whichever is faster; in a training step it is "
           "one image. "
           "The loss of a training step and its running statistics are plain C++. Primitives are made and "
           "constant weights are packed before the call. oneDNN compiles its kernels for " +
           engine_->kernels() + ". " + threads_;
  }

  Operation product(const Product &p, const float *a, const float *b, float *c) override {
    return {fastest({p.shape.m, p.shape.n, p.shape.k, p.flags}, product_calls(p, a, b, c)), {}};
  }

  Operation packed_product(const Shape &shape, const float *x, const float *w, float *y) override {
    const Layer layer{shape, LF_IDENTITY, w, nullptr};
    std::vector<std::function<void()>> calls = networks({layer}, shape.m, x, y);
    for (auto &call : product_calls({shape, nn}, x, w, y)) calls.push_back(std::move(call));
    return {fastest({shape.m, shape.n, shape.k, packed}, std::move(calls)), {}};
  }

  Operation folded_network(const std::vector<Dense> &layers, int64_t m, const float *x, float *logits) override {
    std::vector<Layer> all;
    for (const Dense &layer : layers)
      all.push_back({{m, layer.n, layer.k}, layer.activation, layer.w.data(), layer.bias.data()});
    std::vector<std::function<void()>> calls = networks(all, m, x, logits);
    std::vector<int64_t> key = {m};
    for (const Dense &layer : layers) key.insert(key.end(), {layer.n, layer.k, layer.activation});
    return {fastest(key, std::move(calls)), {}};
  }

  Operation elu_forward(int64_t count, const float *x, float *y) override {
    const Layout layout = engine_->vector(count);
    const Primitive elu = engine_->activation(Pass::inference, LF_ELU, layout);
    return operation_of({engine_->call(elu, {{src, engine_->array(layout, x)}, {dst, engine_->array(layout, y)}})});
  }

  Operation elu_backward(int64_t count, const float *y, const float *dy, float *dx) override {
    const Layout layout = engine_->vector(count);
    const Primitive forward = engine_->activation(Pass::training, LF_ELU, layout);
    return operation_of({engine_->call(engine_->activation_gradient(LF_ELU, layout, forward),
                                       {{dst, engine_->array(layout, y)},
                                        {diff_dst, engine_->array(layout, dy)},
                                        {diff_src, engine_->array(layout, dx)}})});
  }

  Operation batch_norm_training(const BatchNorm &norm, float *y) override {
    return fastest_norm(norm, 0, [&](const Layout &images) {
      return operation_of({training_norm(norm, images, engine_->array(images, y)).call}).run;
    });
  }

  Operation batch_norm_inference(const BatchNorm &norm, const float *means, const float *variances, float *y) override {
    const Layout columns = engine_->vector(norm.n);
    return fastest_norm(norm, 1, [&](const Layout &images) {
      return operation_of({engine_->call(engine_->batch_norm(Pass::inference, images, norm.eps),
                                         {{src, engine_->array(images, norm.x)},
                                          {mean, engine_->array(columns, means)},
                                          {variance, engine_->array(columns, variances)},
                                          {scale, engine_->array(columns, norm.gamma)},
                                          {shift, engine_->array(columns, norm.beta)},
                                          {dst, engine_->array(images, y)}})})
          .run;
    });
  }

  // Computes the statistics of x once, when the operation is made.
  Operation batch_norm_backward(const BatchNorm &norm, const float *dy, float *dx, float *dgamma,
                                float *dbeta) override {
    const Layout columns = engine_->vector(norm.n);
    return fastest_norm(norm, 2, [&](const Layout &images) {
      const TrainingNorm forward = training_norm(norm, images, engine_->array(images));
      engine_->run({forward.call});
      return operation_of({engine_->call(engine_->batch_norm_gradient(images, norm.eps, forward.call.primitive),
                                         {{src, engine_->array(images, norm.x)},
                                          {mean, forward.mean},
                                          {variance, forward.variance},
                                          {scale, engine_->array(columns, norm.gamma)},
                                          {shift, engine_->read_by_gradient(engine_->array(columns, norm.beta))},
                                          {diff_dst, engine_->array(images, dy)},
                                          {diff_src, engine_->array(images, dx)},
                                          {diff_scale, engine_->array(columns, dgamma)},
                                          {diff_shift, engine_->array(columns, dbeta)}})})
          .run;
    });
  }

  Operation training_step(const TrainingProblem &problem, float *loss) override {
    const auto make = [&](Weights way) { return make_training_step(engine_, problem, way); };
    const std::array ways = {Weights::as_given, Weights::transposed, Weights::chosen};
    const std::vector<int64_t> key = {problem.batch_norm};
    if (!fastest_.count(key)) {
      std::vector<std::function<void()>> trials;
      for (const Weights way : ways) trials.push_back([step = make(way)] { step->run(); });
      fastest_[key] = fastest_of(trials);
    }
    return {[loss, step = make(ways[fastest_[key]])] { *loss = step->run(); }, {}};
  }

private:
  struct Layer {
    Shape shape;
    int32_t activation;
    const float *w, *bias; // bias: NULL if there is none
  };
  struct TrainingNorm {
    Call call;
    Array mean, variance;
  };

  static constexpr int64_t packed = -1; // in place of the flags of a product

  // Finds the fastest of the ways to do something once for each key, because a trial takes a while.
  std::function<void()> fastest(const std::vector<int64_t> &key, std::vector<std::function<void()>> ways) {
    if (!fastest_.count(key)) fastest_[key] = fastest_of(ways);
    return std::move(ways[fastest_[key]]);
  }

  std::vector<std::function<void()>> product_calls(const Product &p, const float *a, const float *b, float *c) const {
    return {sgemm_call(p, a, b, c), primitive_call(p, a, b, c)};
  }

  std::function<void()> sgemm_call(const Product &p, const float *a, const float *b, float *c) const {
    const char ta = p.flags & LF_TRANSPOSE_A ? 'T' : 'N', tb = p.flags & LF_TRANSPOSE_B ? 'T' : 'N';
    const int64_t lda = stride_of_a(p), ldb = stride_of_b(p);
    return [=, s = p.shape, call = sgemm_] {
      if (call(ta, tb, s.m, s.n, s.k, 1.0f, a, lda, b, ldb, 0.0f, c, s.n) != 0)
        throw std::runtime_error("dnnl_sgemm failed");
    };
  }

  std::function<void()> primitive_call(const Product &p, const float *a, const float *b, float *c) const {
    const auto [m, n, k] = p.shape;
    const Layout of_a = p.flags & LF_TRANSPOSE_A ? engine_->columns(m, k) : engine_->rows(m, k);
    const Layout of_b = p.flags & LF_TRANSPOSE_B ? engine_->columns(k, n) : engine_->rows(k, n);
    const Layout of_c = engine_->rows(m, n);
    const Primitive product = engine_->matrix_product(of_a, of_b, of_c);
    return operation_of({engine_->call(product, {{src, engine_->array(of_a, a)},
                                                 {weights, engine_->array(of_b, b)},
                                                 {dst, engine_->array(of_c, c)}})})
        .run;
  }

  Operation operation_of(std::vector<Call> calls) const {
    return {[engine = engine_, calls = std::move(calls)] { engine->run(calls); }, {}};
  }

  // pass: a number for each pass, which only tells the trials apart.
  Operation fastest_norm(const BatchNorm &norm, int64_t pass,
                         const std::function<std::function<void()>(const Layout &images)> &call) {
    std::vector<std::function<void()>> ways;
    for (const Images way : {Images::one, Images::many}) ways.push_back(call(engine_->images(norm.m, norm.n, way)));
    return {fastest({norm.m, norm.n, pass}, std::move(ways)), {}};
  }

  TrainingNorm training_norm(const BatchNorm &norm, const Layout &images, const Array &y) const {
    const Layout columns = engine_->vector(norm.n);
    TrainingNorm made{{}, engine_->array(columns), engine_->array(columns)};
    made.call = engine_->call(engine_->batch_norm(Pass::training, images, norm.eps),
                              {{src, engine_->array(images, norm.x)},
                               {mean, made.mean},
                               {variance, made.variance},
                               {scale, engine_->array(columns, norm.gamma)},
                               {shift, engine_->array(columns, norm.beta)},
                               {dst, y}});
    return made;
  }

  std::vector<std::function<void()>> networks(const std::vector<Layer> &layers, int64_t m, const float *x,
                                              float *y) const {
    std::vector<std::function<void()>> calls;
    for (const Weights way : {Weights::chosen, Weights::as_given, Weights::transposed})
      calls.push_back(network(layers, m, x, y, way).run);
    return calls;
  }

  // Copies weights and biases.  The arrays between layers have the layouts that the primitives choose.
  Operation network(const std::vector<Layer> &layers, int64_t m, const float *x, float *y, Weights way) const {
    std::vector<Call> calls;
    Array from = engine_->array(engine_->rows(m, layers.front().shape.k), x);
    for (const Layer &layer : layers) {
      const auto [rows, n, k] = layer.shape;
      const bool last = &layer == &layers.back();
      const Layout to = last ? engine_->rows(rows, n) : engine_->any(rows, n);
      const Layout columns = layer.bias ? engine_->vector(n) : Layout{};
      const Primitive product = engine_->inner_product(Pass::inference, from.layout, layout_of(*engine_, n, k, way),
                                                       columns, to, layer.activation);
      const Array result = last ? engine_->array(to, y) : engine_->array(engine_->chosen(product, dst_layout));
      const Array packed =
          copied(engine_->array(engine_->columns(n, k), layer.w), engine_->chosen(product, weights_layout));
      const Array biases = layer.bias ? copied(engine_->array(columns, layer.bias), columns) : Array{};
      calls.push_back(engine_->call(product, {{src, from}, {weights, packed}, {bias, biases}, {dst, result}}));
      from = result;
    }
    return operation_of(calls);
  }

  Array copied(const Array &array, const Layout &layout) const {
    const Array copy = engine_->array(layout);
    engine_->run({engine_->call(engine_->reorder(array.layout, layout), {{src, array}, {dst, copy}})});
    return copy;
  }

  const std::shared_ptr<const Engine> engine_;
  Sgemm *const sgemm_;
  const std::string threads_; // a sentence
  std::map<std::vector<int64_t>, size_t> fastest_;
};

} // namespace

std::unique_ptr<Peer> open_onednn(const PeerOptions &options) {
  // In Debian the name of version 3 changes with each release, so the name of the development package comes first.
  std::vector<std::string> names = {"libdnnl.so", "libdnnl.so.3"};
  for (int minor = 12; minor >= 0; --minor) names.push_back("libdnnl.so.3." + std::to_string(minor));
  names.push_back("libdnnl.so.2");
  const Library library(names);
  library.check_fresh();
  const auto set_threads = library.find_linked<void(int)>("omp_set_num_threads");
  if (!set_threads) throw std::runtime_error("oneDNN was built without OpenMP, so its threads cannot be set");
  set_threads(options.threads);
  const auto engine = std::make_shared<const Engine>(library);
  check_kernels("oneDNN", options.isa, engine->kernels());
  return std::make_unique<OneDnn>(engine, threads_of(options, "OpenMP"));
}

} // namespace lanefold::bench
