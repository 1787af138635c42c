// Every activation, forward and backward, on 4096 floats, which stay in the first-level cache.
#include "reference.hpp"
#include "suites.hpp"

namespace lanefold::bench {
namespace {

constexpr int64_t count = 4096;
constexpr const char *names[LF_ACTIVATION_COUNT] = {"identity", "relu", "leaky_relu", "elu",
                                                    "selu",     "tanh", "logistic"};
// Worst case of docs/numerics.md is 2 ulp of a result up to the largest one.
constexpr int64_t roundings = 4;

float alpha_of(int32_t activation) { return activation == LF_LEAKY_RELU ? 0.01f : 1.0f; }

class Forward : public Case {
public:
  Forward(const Context &context, int32_t activation)
      : context_(context), x_(random_floats(count, 1, -4, 4)), y_(x_.size()) {
    args_.m = 1, args_.n = count;
    args_.activation = activation, args_.alpha = alpha_of(activation);
    args_.x = x_.data(), args_.ldx = count;
    args_.y = y_.data(), args_.ldy = count;
    elements = count;
  }
  void run() override { context_.activation_forward(args_); }
  std::string fault() const override {
    Doubles expected = widened(x_);
    for (double &value : expected) value = activate(args_.activation, args_.alpha, value);
    return compare("y", y_, expected, roundings);
  }

private:
  const Context &context_;
  Floats x_, y_;
  lf_activation_forward_args args_ = args<lf_activation_forward_args>();
};

class Backward : public Case {
public:
  Backward(const Context &context, int32_t activation)
      : context_(context), y_(random_floats(count, 1)), dy_(random_floats(count, 2)), dx_(y_.size()) {
    args_.m = 1, args_.n = count;
    args_.activation = activation, args_.alpha = alpha_of(activation);
    args_.y = y_.data(), args_.ldy = count;
    args_.dy = dy_.data(), args_.lddy = count;
    args_.dx = dx_.data(), args_.lddx = count;
    elements = count;
  }
  void run() override { context_.activation_backward(args_); }
  std::string fault() const override {
    Doubles expected = widened(dy_);
    for (size_t i = 0; i < expected.size(); ++i) expected[i] *= slope(args_.activation, args_.alpha, y_[i]);
    return compare("dx", dx_, expected, roundings);
  }

private:
  const Context &context_;
  Floats y_, dy_, dx_;
  lf_activation_backward_args args_ = args<lf_activation_backward_args>();
};

} // namespace

void add_activation(const std::vector<Subject> &subjects) {
  for (int32_t activation = 0; activation < LF_ACTIVATION_COUNT; ++activation) {
    const std::string name = std::string("activation/") + names[activation];
    for (const Subject &subject : subjects) add_case<Forward>(name + "_forward", subject, sizes(1, count), activation);
    for (const Subject &subject : subjects)
      add_case<Backward>(name + "_backward", subject, sizes(1, count), activation);
  }
}

} // namespace lanefold::bench
