// Matrix products: the shapes of 784-300-100-10 at batch 200, few samples, small, square, tall, wide and odd ones; and
// the same products with packed weights, where only the second operand may be transposed.
#include "products.hpp"
#include "reference.hpp"
#include "suites.hpp"

namespace lanefold::bench {
namespace {

// Operands of one product.  Their plain product is made once, for all subjects, when the first one asks.
class Problem {
public:
  explicit Problem(const Product &product)
      : shape(product.shape), flags(product.flags), a(random_floats(shape.m * shape.k, 1)),
        b(random_floats(shape.k * shape.n, 2)) {}

  std::string fault(const Floats &c) {
    if (expected_.empty())
      expected_ =
          product(widened(a), flags & LF_TRANSPOSE_A, widened(b), flags & LF_TRANSPOSE_B, shape.m, shape.n, shape.k);
    return compare("c", c, expected_, shape.k + 1);
  }
  double flops() const { return 2.0 * static_cast<double>(shape.m * shape.n * shape.k); }

  Shape shape;
  uint32_t flags;
  Floats a, b;

private:
  Doubles expected_;
};

class Plain : public Case {
public:
  Plain(const Context &context, std::shared_ptr<Problem> problem)
      : context_(context), problem_(problem), c_(static_cast<size_t>(problem->shape.m * problem->shape.n)) {
    const auto [m, n, k] = problem->shape;
    args_.flags = problem->flags;
    args_.m = m, args_.n = n, args_.k = k, args_.alpha = 1;
    args_.a = problem->a.data(), args_.lda = problem->flags & LF_TRANSPOSE_A ? m : k;
    args_.b = problem->b.data(), args_.ldb = problem->flags & LF_TRANSPOSE_B ? k : n;
    args_.c = c_.data(), args_.ldc = n;
    flops = problem->flops();
  }
  void run() override { context_.sgemm(args_); }
  std::string fault() const override { return problem_->fault(c_); }

private:
  const Context &context_;
  std::shared_ptr<Problem> problem_;
  Floats c_;
  lf_sgemm_args args_ = args<lf_sgemm_args>();
};

class Packed : public Case {
public:
  Packed(const Context &context, std::shared_ptr<Problem> problem)
      : context_(context), problem_(problem), c_(static_cast<size_t>(problem->shape.m * problem->shape.n)),
        packed_(pack(context, *problem)) {
    const auto [m, n, k] = problem->shape;
    args_.m = m, args_.n = n, args_.k = k;
    args_.x = problem->a.data(), args_.ldx = k;
    args_.y = c_.data(), args_.ldy = n;
    flops = problem->flops();
  }
  void run() override { context_.dense_infer(args_, packed_); }
  std::string fault() const override { return problem_->fault(c_); }

private:
  static PackedWeights pack(const Context &context, const Problem &problem) {
    auto a = args<lf_pack_weights_args>();
    a.flags = problem.flags;
    a.n = problem.shape.n, a.k = problem.shape.k;
    a.w = problem.b.data(), a.ldw = problem.flags & LF_TRANSPOSE_B ? a.k : a.n;
    return context.pack_weights(a);
  }

  const Context &context_;
  std::shared_ptr<Problem> problem_;
  Floats c_;
  PackedWeights packed_;
  lf_dense_infer_args args_ = args<lf_dense_infer_args>();
};

} // namespace

void add_gemm(const std::vector<Subject> &subjects) {
  for (const Product &product : products) {
    // Made when first run: listing costs nothing.
    const auto problem = std::make_shared<std::shared_ptr<Problem>>();
    const auto shared = [=] {
      if (!*problem) *problem = std::make_shared<Problem>(product);
      return *problem;
    };
    const std::string name = transposes[product.flags], size = sizes(product.shape);
    for (const Subject &subject : subjects)
      add("gemm/" + name, subject, size, [=] { return std::make_unique<Plain>(*subject.context, shared()); });
    if (product.flags & LF_TRANSPOSE_A) continue;
    for (const Subject &subject : subjects)
      add("gemm/packed_" + name, subject, size, [=] { return std::make_unique<Packed>(*subject.context, shared()); });
  }
}

} // namespace lanefold::bench
