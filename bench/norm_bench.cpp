// Batch normalization alone, on 200 x 300 (what layer 1 of 784-300-100-10 puts out): forward in training and inference,
// and backward.
#include "reference.hpp"
#include "suites.hpp"

namespace lanefold::bench {
namespace {

constexpr int64_t rows = 200, columns = 300;
constexpr float eps = 1e-3f;

// Input, parameters, and the struct that points to them.
struct Data {
  Data() {
    norm.eps = eps, norm.momentum = 0.9f;
    norm.gamma = gamma.data(), norm.beta = beta.data();
    norm.running_mean = running_mean.data(), norm.running_var = running_var.data();
    norm.mean = mean.data(), norm.inv_std = inv_std.data();
  }
  Data(const Data &) = delete;
  Norm reference() const { return {eps, widened(gamma), widened(beta), widened(running_mean), widened(running_var)}; }
  void forward(const Context &context, uint32_t flags) {
    auto a = args<lf_batch_norm_forward_args>();
    a.flags = flags;
    a.m = rows, a.n = columns;
    a.x = x.data(), a.ldx = columns, a.y = y.data(), a.ldy = columns;
    a.batch_norm = &norm;
    context.batch_norm_forward(a);
  }

  Floats x = random_floats(rows * columns, 1, -1, 3), y = x;
  Floats gamma = random_floats(columns, 2, 0.5f, 1.5f), beta = random_floats(columns, 3);
  Floats running_mean = random_floats(columns, 4), running_var = random_floats(columns, 5, 1, 2);
  Floats mean = Floats(columns), inv_std = mean;
  lf_batch_norm norm = args<lf_batch_norm>();
};

class Forward : public Case {
public:
  Forward(const Context &context, uint32_t flags) : context_(context), flags_(flags) {
    elements = static_cast<double>(rows * columns);
  }
  void run() override { data_.forward(context_, flags_); }
  // In training the running statistics have moved, but the result does not depend on them.
  std::string fault() const override {
    return compare("y", data_.y, data_.reference().forward(widened(data_.x), flags_ & LF_TRAINING), rows);
  }

private:
  const Context &context_;
  uint32_t flags_;
  Data data_;
};

class Backward : public Case {
public:
  explicit Backward(const Context &context) : context_(context) {
    data_.forward(context, LF_TRAINING);
    args_.m = rows, args_.n = columns;
    args_.x = data_.x.data(), args_.ldx = columns;
    args_.dy = dy_.data(), args_.lddy = columns;
    args_.dx = dx_.data(), args_.lddx = columns;
    args_.batch_norm = &data_.norm;
    args_.dgamma = dgamma_.data(), args_.dbeta = dbeta_.data();
    elements = static_cast<double>(rows * columns);
  }
  void run() override { context_.batch_norm_backward(args_); }
  std::string fault() const override {
    Norm norm = data_.reference();
    norm.forward(widened(data_.x), true);
    Doubles dgamma, dbeta;
    const Doubles dx = norm.backward(widened(data_.x), widened(dy_), dgamma, dbeta);
    std::string fault = compare("dx", dx_, dx, rows);
    if (fault.empty()) fault = compare("dgamma", dgamma_, dgamma, rows);
    return fault.empty() ? compare("dbeta", dbeta_, dbeta, rows) : fault;
  }

private:
  const Context &context_;
  Data data_;
  Floats dy_ = random_floats(rows * columns, 6), dx_ = dy_, dgamma_ = Floats(columns), dbeta_ = dgamma_;
  lf_batch_norm_backward_args args_ = args<lf_batch_norm_backward_args>();
};

} // namespace

void add_norm(const std::vector<Subject> &subjects) {
  const std::string size = sizes(rows, columns);
  for (const Subject &subject : subjects)
    add_case<Forward>("norm/forward_training", subject, size, uint32_t{LF_TRAINING});
  for (const Subject &subject : subjects) add_case<Forward>("norm/forward_inference", subject, size, uint32_t{0});
  for (const Subject &subject : subjects) add_case<Backward>("norm/backward", subject, size);
}

} // namespace lanefold::bench
